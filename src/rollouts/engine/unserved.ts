import type { Database } from '../../common/database.ts';
import type { Nudges } from '../../common/nudges.ts';
import type { EventLog } from '../../events/event-log.ts';
import { presentCondition } from '../core/condition-types.ts';
import type { UnservedRepository } from './unserved.repository.ts';

const FIRST = '00000000-0000-0000-0000-000000000000';
/** Ticks between two looks. */
const EVERY_TICKS = 5;

/** A region that nobody serves cannot tell so itself: the workers of other regions do, on the targets that wait there. */
export class Unserved {
  private ticks = 0;
  private after = FIRST;

  constructor(
    private readonly database: Database,
    private readonly unserved: UnservedRepository,
    private readonly events: EventLog,
    private readonly nudges: Nudges,
    private readonly report: (error: unknown) => void,
  ) {}

  /** Once a second. `served`: ids of this worker's regions. */
  async tick(served: readonly string[]): Promise<void> {
    this.ticks += 1;
    if (this.ticks % EVERY_TICKS !== 0) return;
    const { byTenant, next } = await this.unserved.find(served, this.after);
    this.after = next ?? FIRST;
    // What one tenant's rows refuse holds up nobody else's.
    for (const [tenantId, placementIds] of byTenant) {
      await this.database.as({ tenantId }, () => this.database.transaction(() => this.mark(placementIds))).catch(this.report);
    }
  }

  private async mark(placementIds: readonly string[]): Promise<void> {
    const targets = await this.unserved.mark(placementIds);
    for (const { id, rolloutId, workloadId, clusterId, cluster, regionId, condition } of targets) {
      const { message } = presentCondition(condition);
      const event = {
        type: 'target.unreachable' as const,
        reason: { code: condition.type, data: condition.data },
        message: `${cluster}: ${message}`,
        data: { cluster: clusterId, region: regionId },
      };
      this.events.append([{ ...event, workloadId, rolloutId, targetId: id }]);
    }
    for (const rolloutId of new Set(targets.map((target) => target.rolloutId))) this.nudges.rollout(rolloutId);
  }
}
