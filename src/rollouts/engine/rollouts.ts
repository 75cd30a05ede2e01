import type { Announce } from '../../common/announce.ts';
import type { Database } from '../../common/database.ts';
import { failpoint } from '../../common/failpoint.ts';
import type { Nudges } from '../../common/nudges.ts';
import type { EventLog } from '../../events/event-log.ts';
import { decideRollout } from '../core/rollout/decide.ts';
import { undecidableRollout } from '../core/undecidable.ts';
import { Claims } from './claims.ts';
import type { DatabaseClock } from './clock.ts';
import type { Lease } from './lease.ts';
import type { Leases } from './leases.ts';
import { Stale } from './placement-work.ts';
import { RolloutDraft } from './rollout-draft.ts';
import type { HeldRolloutRepository } from './rollout.repository.ts';

/** Number of rollouts that are decided on concurrently. */
const CAPACITY = 20;
/** How often a decision is repeated if rows changed in the meantime. */
const TRIES = 5;
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
    private readonly rollouts: HeldRolloutRepository,
    private readonly events: EventLog,
    private readonly nudges: Nudges,
    private readonly announce: Announce,
    private readonly clock: DatabaseClock,
    private readonly report: (error: unknown) => void,
  ) {
    this.claims = new Claims({
      claim: (limit) => leases.claim('rollouts', null, limit),
      lookAfter: (lease) => this.lookAfter(lease),
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

  private async lookAfter(lease: Lease): Promise<void> {
    failpoint('rollout-claimed');
    try {
      await this.decideWhile(lease);
      failpoint('rollout-after-commit');
      lease.lose();
    } catch (error) {
      this.report(error);
      await lease.release(new Date(this.clock.now().getTime() + RETRY_MILLISECONDS)).catch(this.report);
    }
  }

  private async decideWhile(lease: Lease): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.database.as({ tenantId: lease.tenantId }, () => this.database.transaction(() => this.decide(lease)));
      } catch (error) {
        if (!(error instanceof Stale) || attempt === TRIES || !lease.stillOurs()) throw error;
      }
    }
  }

  private async decide(lease: Lease): Promise<void> {
    const rows = await this.rollouts.load(lease);
    if (!rows) return;
    this.clock.hear(rows.now);
    const draft = new RolloutDraft(rows);
    const lookAt = this.takeAll(draft);
    if (lookAt) this.database.afterCommit(() => this.wakeAt(lookAt));
    if (!draft.changed) {
      this.rollouts.release(lease.id, lookAt);
      return;
    }
    const woken = draft.toWake().map(({ state, place }) => ({ id: state.placementId, regionId: place.regionId }));
    const numbers = draft.numbersBefore();
    if (numbers.length > 0) this.rollouts.keepNumbers(numbers);
    const saved = await this.rollouts.save(
      draft,
      lookAt,
      woken.map((placement) => placement.id),
    );
    if (!saved) throw new Stale('a target has changed');
    if (draft.settled === 'SUCCEEDED') this.rollouts.succeed(draft);
    this.events.append(draft.events);
    failpoint(draft.settled === null ? 'rollout-before-commit' : 'settle-before-commit');
    this.nudges.placements(woken);
    this.database.afterCommit(() => this.announce.publish({ kind: 'rollout', tenantId: lease.tenantId, id: lease.id }));
  }

  /** Decides until nothing is left to decide. Returns when the rollout is due again. */
  private takeAll(draft: RolloutDraft): Date | null {
    try {
      while (draft.settled === null) {
        const decision = decideRollout(draft.observation());
        draft.take(decision);
        if (decision.kind === 'WAIT') return decision.lookAt;
      }
    } catch (error) {
      this.report(error);
      draft.take(undecidableRollout(draft.observation()));
    }
    return null;
  }
}
