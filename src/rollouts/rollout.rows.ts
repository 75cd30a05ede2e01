/** Rows to entities: no column leaks. */
import type { Prisma } from '../generated/prisma/client.ts';
import { TargetPhase as TargetPhases } from '../generated/prisma/enums.ts';
import type { TargetPhase } from '../generated/prisma/enums.ts';
import type { CreatedBy } from '../common/reference.model.ts';
import type { Strategy } from '../workloads/core/strategy.ts';
import { isTerminal } from './core/phases.ts';
import type { Rollout, RolloutStrategy, Wave } from './rollout.model.ts';
import type { RolloutRow, TargetRow } from './rollout.repository.ts';
import type { Condition, Failure, Target, TargetCounts, TargetPods, TargetStep } from './target.model.ts';

type Counts = Partial<Record<TargetPhase, number>>;

const phases = Object.keys(TargetPhases) as TargetPhase[];

const countsOf = (counts: Counts): TargetCounts =>
  Object.fromEntries(phases.map((phase) => [phase, counts[phase] ?? 0])) as unknown as TargetCounts;

/** Share of the targets that are done, 0..1; 1 where there are none. */
function progressOf(counts: Counts): number {
  const all = phases.reduce((sum, phase) => sum + (counts[phase] ?? 0), 0);
  const done = phases.filter(isTerminal).reduce((sum, phase) => sum + (counts[phase] ?? 0), 0);
  return all === 0 ? 1 : Math.round((done / all) * 1000) / 1000;
}

const strategyOf = (strategy: Strategy): RolloutStrategy => ({
  ...strategy,
  maxSurge: String(strategy.maxSurge),
  maxUnavailable: String(strategy.maxUnavailable),
});

export const rolloutOf = (row: RolloutRow, counts: Counts): Rollout => ({
  id: row.id,
  kind: row.kind,
  workload: row.workload,
  release: row.release,
  previousRelease: row.previousRelease,
  strategy: strategyOf(row.strategy as unknown as Strategy),
  values: row.values as Record<string, unknown>,
  reason: row.reason,
  retryOf: row.retryOfId,
  onFailure: row.onFailure,
  onUnreachable: row.onUnreachable,
  phase: row.phase,
  pauseReason: row.pauseReason,
  phaseReason: row.phaseReason,
  progress: progressOf(counts),
  createdBy: row.createdBy as unknown as CreatedBy,
  failure: row.failure as unknown as Failure | null,
  targetCounts: countsOf(counts),
  startedAt: row.startedAt,
  settledAt: row.settledAt,
  version: row.version,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
});

export const waveOf = (row: Prisma.WaveGetPayload<object>, targets: string[]): Wave => ({
  id: row.id,
  name: row.name,
  phase: row.phase,
  maxConcurrent: row.maxConcurrent,
  maxFailed: row.maxFailed,
  evidence: row.evidence as Record<string, unknown>[] | null,
  targets,
});

/** What the holder of a placement last saw there. */
interface Observed {
  desired: number;
  old: number;
  new: number;
  ready: number;
}

function stepOf(row: TargetRow, rollout: RolloutRow, pods: TargetPods | null): TargetStep {
  const { steps } = rollout.strategy as unknown as Strategy;
  const all = pods ? pods.old + pods.new : 0;
  return {
    index: row.step,
    of: steps.length,
    weight: pods && all > 0 ? Math.round((100 * pods.new) / all) : null,
    surge: row.surge,
    unavailable: row.unavailable,
  };
}

export function targetOf(row: TargetRow, rollout: RolloutRow): Target {
  const { placement } = row;
  const observed = placement.observed as unknown as Observed | null;
  const pods = observed && { desired: observed.desired, old: observed.old, new: observed.new, ready: observed.ready };
  return {
    id: row.id,
    cluster: { id: placement.cluster.id, name: placement.cluster.name },
    region: placement.cluster.region,
    namespace: placement.namespace,
    phase: row.phase,
    phaseReason: row.phaseReason,
    step: stepOf(row, rollout, pods),
    pods,
    condition: row.condition as unknown as Condition | null,
    failure: row.failure as unknown as Failure | null,
  };
}
