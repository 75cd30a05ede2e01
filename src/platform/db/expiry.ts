import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';

const EVERY_MILLISECONDS = 10 * 60 * 1000;

/** Deletes what has expired of one table. */
type Clean = () => Promise<unknown>;

/**
 * Deletes expired rows every 10 minutes. Whoever owns a table adds its deletion at start. It runs as the system role, and the table's policy defines the same
 * age and does not let this role delete younger rows.
 */
@Injectable()
export class Expiry implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger('expiry');
  private readonly cleans = new Map<string, Clean>();
  private timer: NodeJS.Timeout | null = null;

  /** `what`: the rows' name in the log. */
  add(what: string, clean: Clean): void {
    if (this.cleans.has(what)) throw new Error(`${what} expire twice`);
    this.cleans.set(what, clean);
  }

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.clean(), EVERY_MILLISECONDS).unref();
  }

  onApplicationShutdown(): void {
    if (this.timer) clearInterval(this.timer);
  }

  /** Runs every deletion. One that fails is logged and tried again the next time; the others run. */
  async clean(): Promise<void> {
    for (const [what, clean] of this.cleans) {
      try {
        await clean();
      } catch (error) {
        this.log.warn({ message: `expired ${what} were not deleted`, error });
      }
    }
  }
}
