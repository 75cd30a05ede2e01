import type { Announce } from '../../platform/queue/announce.ts';
import type { Database } from '../../platform/db/database.ts';
import { failpoint } from '../../platform/failpoint.ts';
import type { Nudges } from '../../runtime/nudges.ts';
import type { EventLog } from '../../events/event-log.ts';
import { isSettled } from '../core/phases.ts';
import { advanceRollout } from '../core/rollout/reduce-rollout.ts';
import { placementsOf } from '../store/locked-rollout.repository.ts';
import type { LockedRolloutRepository } from '../store/locked-rollout.repository.ts';
import { eventsOf } from '../store/rollout.events.ts';
import { Claims } from '../../runtime/claims.ts';
import type { DatabaseClock } from '../../runtime/clock.ts';
import type { Lease } from '../../runtime/lease.ts';
import type { Leases } from '../../runtime/leases.ts';

/** Number of rollouts that are decided on concurrently. */
const CAPACITY = 20;
/** Rollouts due later than this are left to the sweep. */
const LONGEST_TIMER_MILLISECONDS = 3_600_000;
/** Delay after a failed decision. */
const RETRY_MILLISECONDS = 3_000;

/** The loop of all rollouts. It claims due ones and makes all decisions about each in one transaction. It uses Postgres only. */
export class Rollouts {
  private readonly claims: Claims;
  private readonly timers = new Set<NodeJS.Timeout>();

  constructor(
    leases: Leases,
    private readonly database: Database,
    private readonly rollouts: LockedRolloutRepository,
    private readonly events: EventLog,
    private readonly nudges: Nudges,
    private readonly announce: Announce,
    private readonly clock: DatabaseClock,
    private readonly report: (error: unknown) => void,
  ) {
    this.claims = new Claims({
      claim: (limit) => leases.claim('rollouts', null, limit),
      serve: (lease) => this.run(lease),
      capacity: CAPACITY,
      batch: CAPACITY,
      report,
    });
  }

  wake(): Promise<void> {
    return this.claims.wake();
  }

  ended(): Promise<void> {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
    return this.claims.ended();
  }

  /** Wakes when the row is due, so that the end of a pause need not wait for the next sweep. */
  private wakeAt(time: Date): void {
    const wait = Math.max(0, time.getTime() - this.clock.now().getTime());
    if (wait > LONGEST_TIMER_MILLISECONDS) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      void this.wake().catch(this.report);
    }, wait);
    this.timers.add(timer.unref());
  }

  private async run(lease: Lease): Promise<void> {
    failpoint('rollout-claimed');
    try {
      await this.database.as({ tenantId: lease.tenantId }, () => this.database.transaction(() => this.decide(lease)));
      failpoint('rollout-after-commit');
      lease.lose();
    } catch (error) {
      this.report(error);
      await lease.release(new Date(this.clock.now().getTime() + RETRY_MILLISECONDS)).catch(this.report);
    }
  }

  /** Takes all decisions that are due and saves them with their events in one transaction, which is repeated if a target has changed in the meantime. */
  private async decide(lease: Lease): Promise<void> {
    const locked = await this.rollouts.lock(lease.id, { token: lease.token, targets: false });
    if (!locked) return;
    this.clock.record(locked.now);
    const { lookAt, error, ...reduction } = advanceRollout(locked);
    if (error !== null) this.report(error);
    if (lookAt) this.database.afterCommit(() => this.wakeAt(lookAt));
    if (reduction.rows === locked) {
      this.rollouts.release(lease.id, lookAt);
      return;
    }
    await this.rollouts.save(locked, reduction, { dueAt: lookAt, release: true, client: false });
    const { phase } = reduction.rows.rollout;
    if (phase === 'SUCCEEDED') this.rollouts.succeed(reduction.rows);
    this.events.append(eventsOf(reduction.rows, reduction.events));
    failpoint(isSettled(phase) ? 'settle-before-commit' : 'rollout-before-commit');
    this.nudges.placements(placementsOf(locked, reduction.wake));
    this.database.afterCommit(() => this.announce.publish({ kind: 'rollout', tenantId: lease.tenantId, id: lease.id }));
  }
}
