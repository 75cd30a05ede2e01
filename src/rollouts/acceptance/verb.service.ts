import { Injectable } from '@nestjs/common';
import { authorize } from '../../auth/actions.ts';
import { currentContext } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import { Work } from '../../runtime/work.ts';
import { invalid, notFound, Problem } from '../../platform/problem.ts';
import { EventLog } from '../../events/event-log.ts';
import type { VerbChange } from '../core/decision.ts';
import { kinds } from '../core/kinds.ts';
import type { RolloutState } from '../core/observation.ts';
import { reduceRollout } from '../core/rollout/reduce-rollout.ts';
import { decideVerb } from '../core/rollout/verbs.ts';
import type { Verb } from '../core/rollout/verbs.ts';
import { LockedRolloutRepository } from '../store/locked-rollout.repository.ts';
import type { LockedRollout } from '../store/locked-rollout.repository.ts';
import { eventsOf } from '../store/rollout.events.ts';
import { RolloutService } from './rollout.service.ts';

/** The verbs of a rollout. Each commits an intent, which the loops carry out. */
@Injectable()
export class VerbService {
  constructor(
    private readonly database: Database,
    private readonly rows: LockedRolloutRepository,
    private readonly service: RolloutService,
    private readonly events: EventLog,
    private readonly work: Work,
  ) {}

  /**
   * @returns the id of the rollout that carries it out, which for a retry may be a new one
   * @throws Problem WRONG_PHASE with the phase, or FORBIDDEN
   */
  async perform(id: string, verb: Verb): Promise<string> {
    return this.database.transaction(async () => {
      const locked = await this.rows.lock(id, { lease: null, targets: false });
      if (!locked) throw notFound('Rollout', id);
      // A caller who may not remove a workload must not do so by retrying a removal.
      if (verb.kind === 'RETRY' && kinds[locked.rollout.kind].writes === 'NOTHING') authorize(currentContext(), 'workloads.delete');
      if (verb.kind === 'RETRY' && verb.takeOver && kinds[locked.rollout.kind].writes !== 'TEMPLATE')
        throw nothingToTakeOver(locked.rollout);
      const decision = decideVerb(verb, locked);
      switch (decision.kind) {
        case 'DONE':
          return id;
        case 'WRONG_PHASE':
          throw new Problem('WRONG_PHASE', decision.detail);
        case 'NEW_ROLLOUT':
          return this.service.retry(id, verb.kind === 'RETRY' && verb.takeOver);
        case 'CHANGE':
          await this.change(locked, decision);
          return id;
      }
    });
  }

  private async change(locked: LockedRollout, change: VerbChange): Promise<void> {
    const reduction = reduceRollout(locked, change);
    await this.rows.save(locked, reduction, 'CLIENT');
    this.events.append(eventsOf(locked, reduction.events));
    this.work.due('rollouts', [locked.rollout]);
  }
}

const nothingToTakeOver = ({ kind }: RolloutState): Problem =>
  invalid({ pointer: '/takeOver', detail: `a rollout of kind ${kind} writes no pod template: there is nothing to take over` });
