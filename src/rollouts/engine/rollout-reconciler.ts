import type { EventLog } from '../../events/event-log.ts';
import type { Database } from '../../platform/db/database.ts';
import { failpoint } from '../../platform/failpoint.ts';
import type { DatabaseClock } from '../../runtime/clock.ts';
import type { Lease } from '../../runtime/lease.ts';
import type { Reconciler } from '../../runtime/reconciler.ts';
import type { Work } from '../../runtime/work.ts';
import { isSettled } from '../core/phases.ts';
import { advanceRollout } from '../core/rollout/reduce-rollout.ts';
import type { LockedRollout, LockedRolloutRepository } from '../store/locked-rollout.repository.ts';
import { eventsOf } from '../store/rollout.events.ts';

/** Number of rollouts that are decided on concurrently. */
const SLOTS = 20;

/** Reconciles a rollout: makes all decisions about it that are due in one transaction, which also releases it. It uses Postgres only. */
export class RolloutReconciler implements Reconciler {
  readonly kind = 'rollouts';
  readonly scope = 'ANY';
  readonly slots = SLOTS;
  readonly held = SLOTS;
  readonly batch = SLOTS;
  readonly share = { tenant: null, cluster: null, held: null };

  constructor(
    private readonly database: Pick<Database, 'as' | 'transaction'>,
    private readonly rollouts: Pick<LockedRolloutRepository, 'lock' | 'save' | 'succeed'>,
    private readonly events: Pick<EventLog, 'append'>,
    private readonly work: Pick<Work, 'release'>,
    private readonly clock: DatabaseClock,
    private readonly report: (error: unknown) => void,
  ) {}

  async run(lease: Lease): Promise<Date | null> {
    failpoint('rollout-claimed');
    const again = await this.database.as({ tenantId: lease.tenantId }, () => this.database.transaction(() => this.decide(lease)));
    failpoint('rollout-after-commit');
    return again;
  }

  /** Takes all decisions that are due and saves them with their events. The transaction is repeated if a target has changed in the meantime. */
  private async decide(lease: Lease): Promise<Date | null> {
    const locked = await this.rollouts.lock(lease.id, { lease, targets: false });
    const lookAt = locked && (await this.advance(locked));
    this.work.release(lease, lookAt);
    return lookAt;
  }

  /** @returns when the rollout is due next; null = not before something changes */
  private async advance(locked: LockedRollout): Promise<Date | null> {
    this.clock.record(locked.now);
    const { lookAt, error, ...reduction } = advanceRollout(locked);
    if (error !== null) this.report(error);
    if (reduction.rows === locked) return lookAt;
    await this.rollouts.save(locked, reduction, 'PRODUCT');
    const { phase } = reduction.rows.rollout;
    if (phase === 'SUCCEEDED') this.rollouts.succeed(reduction.rows);
    this.events.append(eventsOf(reduction.rows, reduction.events));
    failpoint(isSettled(phase) ? 'settle-before-commit' : 'rollout-before-commit');
    return lookAt;
  }
}
