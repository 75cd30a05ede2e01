import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from './database.ts';

const EVERY_MILLISECONDS = 10 * 60 * 1000;

/** Takes away what is no longer kept. The policies of the tables say what that is, and let this role delete nothing younger. */
@Injectable()
export class Expiry implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly log = new Logger('expiry');
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly database: Database) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.clean().catch((error: unknown) => this.log.warn(error)), EVERY_MILLISECONDS).unref();
  }

  onApplicationShutdown(): void {
    if (this.timer) clearInterval(this.timer);
  }

  /** Idempotency keys after 24 hours, events after 30 days. */
  async clean(): Promise<void> {
    await this.database.system.query("DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'");
    await this.database.system.query("DELETE FROM events WHERE time < now() - interval '30 days'");
  }
}
