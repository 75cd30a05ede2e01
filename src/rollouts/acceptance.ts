import { Injectable } from '@nestjs/common';
import { author } from '../common/context.ts';
import { newId } from '../common/id.ts';
import { Nudges } from '../common/nudges.ts';
import { Problem } from '../common/problem.ts';
import { EventLog } from '../events/event-log.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import type { OnFailure, OnUnreachable, RolloutKind } from '../generated/prisma/enums.ts';
import type { Strategy } from '../workloads/core/strategy.ts';
import type { ReleaseRow } from '../workloads/release.repository.ts';
import type { PlacementRow, WorkloadRow } from '../workloads/workload.repository.ts';
import type { Side } from './core/observation.ts';
import { RolloutRepository } from './rollout.repository.ts';
import type { RolloutRow } from './rollout.repository.ts';

/** What one placement is to run; `to` null = nothing (it is taken away), both null for SCALE, which writes no template. */
export interface Aim {
  placement: PlacementRow;
  to: Side | null;
}

/** Everything that an accepted request asks of the engine. */
export interface Order {
  kind: RolloutKind;
  workload: WorkloadRow;
  release: ReleaseRow | null;
  aims: readonly Aim[];
  strategy: Strategy;
  values?: Record<string, unknown>;
  reason: string | null;
  retryOfId?: string;
  onFailure: OnFailure;
  onUnreachable: OnUnreachable;
  wave: { name: string; maxConcurrent: number | null; maxFailed: number };
}

/** What makes way for a new rollout does so in the new one's transaction. */
export type MakeWay = 'REJECT' | 'SUPERSEDE';

/** Writes an accepted order down: rollout, wave, targets and event in the caller's transaction, and a nudge after its commit. */
@Injectable()
export class Acceptance {
  constructor(
    private readonly rollouts: RolloutRepository,
    private readonly events: EventLog,
    private readonly nudges: Nudges,
  ) {}

  /** Refuses (409 ROLLOUT_ACTIVE), or ends what is active; answers what each placement ran before it. The workload's row is locked by the caller. */
  async makeWay(workload: WorkloadRow, way: MakeWay, because: string): Promise<RolloutRow | null> {
    const active = await this.rollouts.lockActive(workload.id);
    if (!active) return null;
    if (way === 'REJECT') {
      throw new Problem(
        'ROLLOUT_ACTIVE',
        `Rollout ${active.id} of ${workload.name} is ${active.phase}. Wait for it, abort it, or send "concurrency": "SUPERSEDE".`,
      );
    }
    const reason = `Superseded: ${because}.`;
    await this.rollouts.change(active.id, { phase: 'SUPERSEDED', pauseReason: null, phaseReason: reason, settledAt: new Date() });
    await this.rollouts.endTargets(active.id, reason);
    this.events.append([
      { type: 'rollout.superseded', workloadId: workload.id, rolloutId: active.id, message: `The rollout was superseded: ${because}.`, data: {} },
    ]);
    return active;
  }

  /** @returns the new rollout's id */
  async accept(order: Order, superseded: RolloutRow | null): Promise<string> {
    const id = newId();
    const waveId = newId();
    await this.rollouts.create({
      id,
      workloadId: order.workload.id,
      kind: order.kind,
      releaseId: order.release?.id ?? null,
      previousReleaseId: order.workload.currentRelease?.id ?? null,
      strategy: json(order.strategy),
      values: json(order.values ?? {}),
      reason: order.reason,
      retryOfId: order.retryOfId ?? null,
      onFailure: order.onFailure,
      onUnreachable: order.onUnreachable,
      createdBy: { ...author() },
      dueAt: new Date(),
    });
    await this.rollouts.createWave({ id: waveId, rolloutId: id, position: 0, ...order.wave });
    const before = await this.before(superseded);
    await this.rollouts.createTargets(
      order.aims.map(({ placement, to }) => {
        const old = before.get(placement.id);
        const from = order.kind === 'SCALE' ? null : old ? old.from : placement.applied;
        return {
          id: newId(),
          rolloutId: id,
          waveId,
          placementId: placement.id,
          ...(from === null ? {} : { from: from as Prisma.InputJsonObject }),
          ...(to === null ? {} : { to: json(to) }),
          replicasBefore: old?.replicasBefore ?? null,
        };
      }),
    );
    this.events.append([{ type: 'rollout.created', workloadId: order.workload.id, rolloutId: id, message: sentence(order), data: { kind: order.kind } }]);
    this.nudges.rollout(id);
    return id;
  }

  /** Where a superseded rollout has written, what ran before *it*: an abandoned canary is never gone back to. */
  private async before(superseded: RolloutRow | null): Promise<Map<string, { from: Prisma.JsonValue; replicasBefore: number | null }>> {
    if (!superseded) return new Map();
    const targets = await this.rollouts.targets(superseded.id);
    return new Map(targets.filter((target) => target.written).map((target) => [target.placementId, { from: target.from, replicasBefore: target.replicasBefore }]));
  }
}

const json = (value: object): Prisma.InputJsonObject => value as Prisma.InputJsonObject;

function sentence({ kind, workload, release, aims }: Order): string {
  const where = `${aims.length} ${aims.length === 1 ? 'target' : 'targets'}`;
  switch (kind) {
    case 'DEPLOY':
      return `Release ${release?.number} of ${workload.name} is to be rolled out to ${where}.`;
    case 'ROLLBACK':
      return `${workload.name} is to go back to release ${release?.number} on ${where}.`;
    case 'RESTART':
      return `The pods of ${workload.name} are to be restarted on ${where}.`;
    case 'SCALE':
      return `${workload.name} is to be scaled on ${where}.`;
    case 'DELETE':
      return `${workload.name} is to be removed from ${where}.`;
  }
}
