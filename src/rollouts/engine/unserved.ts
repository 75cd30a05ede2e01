import type { Database } from '../../platform/db/database.ts';
import type { Work } from '../../runtime/work.ts';
import type { EventLog } from '../../events/event-log.ts';
import { reduceTarget } from '../core/targets/reduce-target.ts';
import { eventOf } from '../store/rollout.events.ts';
import type { UnservedRepository } from '../store/unserved.repository.ts';

const FIRST = '00000000-0000-0000-0000-000000000000';
/** Ticks between two looks. */
const EVERY_TICKS = 5;

/** Reports regions without a worker. The workers of other regions do it, by a condition on the targets that wait there. */
export class Unserved {
  private ticks = 0;
  private after = FIRST;

  constructor(
    private readonly database: Database,
    private readonly unserved: UnservedRepository,
    private readonly events: EventLog,
    private readonly work: Work,
    private readonly report: (error: unknown) => void,
  ) {}

  /** Once a second. `served`: ids of this worker's regions. */
  async tick(served: readonly string[]): Promise<void> {
    this.ticks += 1;
    if (this.ticks % EVERY_TICKS !== 0) return;
    const { byTenant, next } = await this.unserved.find(served, this.after);
    this.after = next ?? FIRST;
    // An error in one tenant's rows must not delay other tenants.
    for (const [tenantId, placementIds] of byTenant) {
      await this.database.as({ tenantId }, () => this.database.transaction(() => this.mark(placementIds))).catch(this.report);
    }
  }

  /** Sets the condition on each target there that has none, and wakes its rollout. */
  private async mark(placementIds: readonly string[]): Promise<void> {
    const targets = await this.unserved.lock(placementIds);
    if (targets.length === 0) return;
    const reduced = targets.map(({ now, since, workloadId, rollout, target }) => {
      const { target: state, event } = reduceTarget({ now, rollout, target: target.state }, { kind: 'NO_WORKER', since });
      return { ids: { workloadId, rolloutId: rollout.id }, event, target: { ...target, state } };
    });
    this.unserved.save(reduced.map(({ target }) => target));
    this.events.append(reduced.flatMap(({ ids, event, target }) => (event ? [eventOf(ids, event, target)] : [])));
    this.work.due(
      'rollouts',
      targets.map(({ rollout }) => rollout),
    );
  }
}
