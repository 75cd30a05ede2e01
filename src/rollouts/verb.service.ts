import { Injectable } from '@nestjs/common';
import { authorize } from '../auth/actions.ts';
import { currentContext } from '../common/context.ts';
import { Database } from '../common/database.ts';
import { Nudges } from '../common/nudges.ts';
import { notFound, Problem } from '../common/problem.ts';
import { EventLog } from '../events/event-log.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import type { VerbDecision } from './core/decision.ts';
import { decideVerb } from './core/verbs.ts';
import type { Verb } from './core/verbs.ts';
import { detailOf, plain } from './core/reasons.ts';
import type { LockedRollout } from './locked-rollout.ts';
import { RolloutReader } from './rollout.reader.ts';
import { RolloutRepository } from './rollout.repository.ts';
import { RolloutService } from './rollout.service.ts';
import { VerbRepository } from './verb.repository.ts';

type Change = Extract<VerbDecision, { kind: 'CHANGE' }>;

/** The verbs of a rollout. Each commits an intent, which the loops carry out. */
@Injectable()
export class VerbService {
  constructor(
    private readonly database: Database,
    private readonly rows: VerbRepository,
    private readonly rollouts: RolloutRepository,
    private readonly service: RolloutService,
    private readonly reader: RolloutReader,
    private readonly events: EventLog,
    private readonly nudges: Nudges,
  ) {}

  /**
   * @returns the id of the rollout that carries it out, which for a retry may be a new one
   * @throws Problem WRONG_PHASE with the phase, or FORBIDDEN
   */
  async perform(id: string, verb: Verb): Promise<string> {
    return this.database.transaction(async () => {
      const locked = await this.rows.lock(id);
      if (!locked) throw notFound('Rollout', id);
      // A caller who may not remove a workload must not do so by retrying a removal.
      if (verb.kind === 'RETRY' && locked.rollout.kind === 'DELETE') authorize(currentContext(), 'workloads.delete');
      const decision = decideVerb(verb, { ...locked, targets: locked.targets.map(({ state }) => state) });
      switch (decision.kind) {
        case 'DONE':
          return id;
        case 'WRONG_PHASE':
          throw new Problem('WRONG_PHASE', decision.detail);
        case 'NEW_ROLLOUT':
          return this.service.again(await this.reader.find(id));
        case 'CHANGE':
          await this.change(locked, decision);
          return id;
      }
    });
  }

  private async change(locked: LockedRollout, { rollout, waves, targets, event }: Change): Promise<void> {
    const { id } = locked.rollout;
    await this.rollouts.change(id, {
      ...rollout,
      phaseDetail: { ...detailOf(plain(event.message), locked.phaseDetail, locked.now) } as Prisma.InputJsonObject,
      dueAt: locked.now,
    });
    for (const { waveId, promotedStep } of waves) await this.rows.promote(waveId, promotedStep);
    await this.rows.changeTargets(locked, targets);
    const placements = await this.rollouts.makePlacementsDue(locked.targets.map(({ state }) => state.placementId));
    const { phase, pauseReason } = { ...locked.rollout, ...rollout };
    this.events.append([{ ...event, workloadId: locked.workloadId, rolloutId: id, data: { phase, pauseReason } }]);
    this.nudges.rollout(id);
    this.nudges.placements(placements);
  }
}
