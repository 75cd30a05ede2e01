import type { Database } from '../../platform/db/database.ts';
import type { DatabaseClock } from '../../runtime/clock.ts';
import type { Lease } from '../../runtime/lease.ts';
import type { Reconciler } from '../../runtime/reconciler.ts';
import type { ClusterCheck } from './cluster-check.ts';

/** How many clusters one worker checks at once, how many of one tenant, and how many it claims in one statement. */
const SLOTS = 200;
const SHARE = { tenant: 50, cluster: null, held: null };
const BATCH = 20;
/** Interval of checks. It varies randomly by up to a fifth, so that clusters registered together are not always checked together. */
const INTERVAL_MILLISECONDS = 300_000;
const JITTER = 0.2;

/** Checks each cluster of the served regions every five minutes, and at once when it is new or has new credentials. */
export class ClusterCheckReconciler implements Reconciler {
  readonly kind = 'clusters';
  readonly scope = 'REGION';
  readonly slots = SLOTS;
  readonly held = SLOTS;
  readonly batch = BATCH;
  readonly share = SHARE;

  constructor(
    private readonly database: Database,
    private readonly check: ClusterCheck,
    private readonly clock: DatabaseClock,
    private readonly report: (error: unknown) => void,
  ) {}

  /** After an error of ours too, the next check is due at its usual time. */
  async run(lease: Lease): Promise<Date> {
    await this.database.as({ tenantId: lease.tenantId }, () => this.check.run(lease.id, lease)).catch(this.report);
    const spread = 1 + JITTER * (2 * Math.random() - 1);
    return new Date(this.clock.now().getTime() + INTERVAL_MILLISECONDS * spread);
  }
}
