import { Injectable } from '@nestjs/common';
import { author } from '../../platform/db/context.ts';
import { json } from '../../platform/db/statements.ts';
import { newId } from '../../platform/id.ts';
import { Work } from '../../runtime/work.ts';
import { Problem } from '../../platform/problem.ts';
import { EventLog } from '../../events/event-log.ts';
import type { RolloutKind } from '../../generated/prisma/enums.ts';
import type { PlacementRow, WorkloadRow } from '../../workloads/workload.repository.ts';
import { because } from '../core/reasons.ts';
import { reduceRollout } from '../core/rollout/reduce-rollout.ts';
import { startOf } from '../core/rollout/start.ts';
import { compile } from '../core/strategies/compile.ts';
import { LockedRolloutRepository } from '../store/locked-rollout.repository.ts';
import { appliedOf } from './order.ts';
import type { Order } from './order.ts';
import { eventOf, eventsOf } from '../store/rollout.events.ts';
import { RolloutRepository } from '../store/rollout.repository.ts';
import type { RolloutRow } from '../store/rollout.repository.ts';

/** What happens to the active rollout when a new one is accepted, in the same transaction. */
export type MakeWay = 'REJECT' | 'SUPERSEDE';

/** Writes an accepted order down: rollout, wave, targets and event in the caller's transaction, and a nudge after its commit. */
@Injectable()
export class Acceptance {
  constructor(
    private readonly rollouts: RolloutRepository,
    private readonly rows: LockedRolloutRepository,
    private readonly events: EventLog,
    private readonly work: Work,
  ) {}

  /**
   * Refuses (409 ROLLOUT_ACTIVE) or supersedes the active rollout, and returns it. `way`: null where the request cannot ask for the latter. `by`: the kind that is
   * asked for. The workload's row is locked by the caller.
   */
  async makeWay(workload: WorkloadRow, way: MakeWay | null, by: RolloutKind): Promise<RolloutRow | null> {
    const active = await this.rollouts.lockActive(workload.id);
    if (!active) return null;
    if (way !== 'SUPERSEDE') throw isActive(active, workload, way !== null);
    await this.end(active.id, by);
    return active;
  }

  /** Active rollouts bring these placements to the number of pods that they have here from now on. To be called before anything of the placements is changed. */
  rescale(placements: readonly PlacementRow[]): void {
    this.rollouts.renumber(placements);
    this.work.due('placements', placements);
  }

  /** Supersedes the rollouts that run beside the active one. */
  async endBeside(workload: WorkloadRow, by: RolloutKind): Promise<void> {
    for (const id of await this.rollouts.lockBeside(workload.id)) await this.end(id, by);
  }

  /** @returns the new rollout's id */
  async accept(order: Order, superseded: RolloutRow | null): Promise<string> {
    const id = newId();
    const before = await this.rollouts.writtenBy(superseded);
    this.rollouts.create({
      rollout: {
        id,
        workload_id: order.workload.id,
        kind: order.kind,
        release_id: order.release?.id ?? null,
        previous_release_id: order.workload.currentRelease?.id ?? null,
        strategy: json(order.strategy),
        values: json(order.values),
        reason: order.reason,
        retry_of_id: order.retryOfId,
        take_over: order.takeOver,
        on_failure: order.onFailure,
        on_unreachable: order.onUnreachable,
        created_by: json(author()),
      },
      wave: { id: newId(), position: 0, name: order.wave.name, max_concurrent: order.wave.maxConcurrent, max_failed: order.wave.maxFailed },
      targets: order.aims.map(({ placement, to }) => {
        const start = startOf(order.kind, appliedOf(placement), before.get(placement.id) ?? null);
        const stages = compile({ kind: order.kind, strategy: order.strategy, from: start.from, to });
        return { ...start, id: newId(), placementId: placement.id, to, stages, replicas: placement.replicas };
      }),
    });
    const data = { kind: order.kind, release: order.release?.number ?? null, targets: order.aims.length };
    const reason = because('ACCEPTED', { ...data, workload: order.workload.name });
    this.events.append([eventOf({ workloadId: order.workload.id, rolloutId: id }, { type: 'rollout.created', reason, data })]);
    this.work.due('rollouts', [{ id }]);
    return id;
  }

  private async end(id: string, by: RolloutKind): Promise<void> {
    const locked = await this.rows.lock(id, { lease: null, targets: true });
    if (!locked) throw new Error(`rollout ${id} has disappeared while it was locked`);
    const reduction = reduceRollout(locked, { kind: 'SUPERSEDE', by });
    await this.rows.save(locked, reduction, 'PRODUCT');
    this.events.append(eventsOf(locked, reduction.events));
  }
}

function isActive({ id, phase }: RolloutRow, workload: WorkloadRow, canSupersede: boolean): Problem {
  const finish = phase === 'PAUSED' ? 'Let it go on (promote, resume or retry it)' : 'Wait for it';
  const ways = canSupersede ? `${finish}, abort it, or send "concurrency": "SUPERSEDE"` : `${finish}, or abort it`;
  return new Problem('ROLLOUT_ACTIVE', `Rollout ${id} of ${workload.name} is ${phase}. ${ways}.`);
}
