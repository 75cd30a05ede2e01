import type { SystemQueries } from '../platform/db/database.ts';
import type { DatabaseClock } from './clock.ts';
import { DUE } from './leases.ts';

const EVERY_MILLISECONDS = 1_000;

export interface SweepListener {
  /** Called with the kinds of which rows are due that this worker may claim. */
  onDue(kinds: readonly string[]): void;
  /** Called once a second, even if nothing is due. */
  onTick(): Promise<void>;
  onError(error: unknown): void;
}

/** What a sweep looks for. */
export interface Swept {
  /** Of all regions. */
  any: readonly string[];
  /** Of the served regions. */
  regional: readonly string[];
  regions: readonly string[];
}

/** Finds due rows once a second, with one statement, so that a lost nudge costs at most a second. The same statement reads the database's time. */
export class Sweep {
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private closed = false;

  constructor(
    private readonly system: SystemQueries,
    private readonly clock: DatabaseClock,
    private readonly swept: () => Swept,
    private readonly listener: SweepListener,
  ) {}

  /** Sweeps for the first time, and then once a second. */
  async start(): Promise<void> {
    await this.sweep();
    this.plan();
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.timer) clearTimeout(this.timer);
    await this.running;
  }

  private plan(): void {
    if (this.closed) return;
    this.timer = setTimeout(() => {
      this.running = Promise.all([this.sweep(), this.listener.onTick()])
        .then(
          () => undefined,
          (error: unknown) => this.listener.onError(error),
        )
        .finally(() => this.plan());
    }, EVERY_MILLISECONDS);
  }

  private async sweep(): Promise<void> {
    const { any, regional, regions } = this.swept();
    const [row] = await this.system.query<{ now: Date; kinds: string[] }>(SWEEP, [any, regional, regions]);
    if (!row) return;
    this.clock.record(row.now);
    if (row.kinds.length > 0) this.listener.onDue(row.kinds);
  }
}

const SWEEP = `
  SELECT now() AS now, ARRAY(
    SELECT k.kind FROM unnest($1::text[]) AS k (kind) WHERE EXISTS (SELECT 1 FROM work w WHERE w.kind = k.kind AND ${DUE})
    UNION ALL
    SELECT k.kind FROM unnest($2::text[]) AS k (kind) WHERE EXISTS (SELECT 1 FROM work w WHERE w.kind = k.kind AND ${DUE} AND w.region_id = ANY($3::uuid[]))
  ) AS kinds`;
