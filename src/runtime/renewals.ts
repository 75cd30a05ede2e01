import pg from 'pg';
import { withSettings } from '../platform/db/database.ts';
import { outliveConnections } from '../platform/db/pool.ts';
import { LeaseRows } from './work-rows.ts';

const TIMEOUT_MILLISECONDS = 3_000;

/** A separate connection for renewing leases, so that renewals never wait for an exhausted pool. It is opened at the first renewal. */
export class Renewals implements Pick<LeaseRows, 'renew'> {
  private readonly pool: pg.Pool;
  private readonly rows: LeaseRows;

  constructor(databaseUrl: string, onError: (error: Error) => void) {
    this.pool = new pg.Pool({
      connectionString: withSettings(databaseUrl, { role: 'slipway_system' }),
      application_name: 'slipway leases',
      max: 1,
      connectionTimeoutMillis: TIMEOUT_MILLISECONDS,
      query_timeout: TIMEOUT_MILLISECONDS,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
    });
    outliveConnections(this.pool, onError);
    this.rows = new LeaseRows({ query: async <T>(text: string, values?: unknown[]) => (await this.pool.query(text, values)).rows as T[] });
  }

  renew(tokens: readonly string[]): Promise<Map<string, boolean>> {
    return this.rows.renew(tokens);
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}
