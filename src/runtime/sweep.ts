import type { SystemQueries } from '../platform/db/database.ts';
import type { DatabaseClock } from './clock.ts';
import { DUE } from './leases.ts';

const EVERY_MILLISECONDS = 1_000;

export interface Region {
  id: string;
  name: string;
}

/** Which kinds of rows are due without a lease. */
export interface Due {
  rollouts: boolean;
  placements: boolean;
  clusters: boolean;
}

export interface SweepListener {
  /** Called with the regions that this worker serves, at the first sweep and at each change. */
  onRegions(regions: readonly Region[]): void;
  onDue(due: Due): void;
  /** Called once a second, even if nothing is due. */
  onTick(): Promise<void>;
  onError(error: unknown): void;
}

/**
 * Finds due rows once a second, with one statement, so that a lost nudge costs at most a second. The same statement reads the database's time and finds new
 * regions.
 */
export class Sweep {
  /** null before the first sweep. */
  private regions: Region[] | null = null;
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<void> | null = null;
  private closed = false;

  constructor(
    private readonly system: SystemQueries,
    private readonly clock: DatabaseClock,
    /** Names of the regions to serve; null = all. */
    private readonly wanted: readonly string[] | null,
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
    const ids = this.regions?.map((region) => region.id) ?? [];
    const [row] = await this.system.query<Due & { now: Date; regions: Region[] }>(SWEEP, [ids]);
    if (!row) return;
    this.clock.record(row.now);
    this.see(row.regions);
    if (row.rollouts || row.placements || row.clusters) this.listener.onDue(row);
  }

  private see(all: Region[]): void {
    const served = all.filter((region) => this.wanted === null || this.wanted.includes(region.name));
    if (served.map((region) => region.id).join() === this.regions?.map((region) => region.id).join()) return;
    this.regions = served;
    this.listener.onRegions(served);
  }
}

const SWEEP = `
  SELECT now() AS now,
    EXISTS (SELECT 1 FROM rollouts WHERE ${DUE}) AS rollouts,
    EXISTS (SELECT 1 FROM placements WHERE ${DUE} AND region_id = ANY($1::uuid[])) AS placements,
    EXISTS (SELECT 1 FROM clusters WHERE ${DUE} AND region_id = ANY($1::uuid[])) AS clusters,
    (SELECT coalesce(json_agg(json_build_object('id', id, 'name', name) ORDER BY id), '[]') FROM regions) AS regions`;
