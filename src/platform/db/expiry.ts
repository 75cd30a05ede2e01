import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Database } from './database.ts';

const EVERY_MILLISECONDS = 10 * 60 * 1000;

/** Deletes expired rows. The tables' policies define the same ages and do not let this role delete younger rows. */
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

  /** Deletes idempotency keys after 24 hours and events after 30 days. */
  async clean(): Promise<void> {
    await this.database.system.query("DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'");
    await this.database.system.query("DELETE FROM events WHERE time < now() - interval '30 days'");
  }
}
