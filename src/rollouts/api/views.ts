/** Converts rows to entities, so that no column leaks. */
import { TargetPhase as TargetPhases } from '../../generated/prisma/enums.ts';
import type { TargetPhase } from '../../generated/prisma/enums.ts';
import { graceSeconds } from '../../workloads/core/strategy.ts';
import type { Strategy } from '../../workloads/core/strategy.ts';
import { readCondition } from '../core/condition-types.ts';
import { causeIn, differencesIn, presentFailure, readFailure } from '../core/failure.ts';
import type { StoredFailure } from '../core/failure.ts';
import { conditionsOf } from '../core/hindrance.ts';
import { takesOver } from '../core/kinds.ts';
import { isTerminal } from '../core/phases.ts';
import { sentenceOf } from '../core/reasons.ts';
import type { Detail } from '../core/reasons.ts';
import { stepOf } from '../core/stages/stage.ts';
import { stepsOf } from '../core/strategies/compile.ts';
import type { Rollout, RolloutStrategy, Wave } from './rollout.model.ts';
import { tables } from '../store/columns.ts';
import type { RolloutRow, TargetRow, WaveRow } from '../store/rollout.repository.ts';
import type { Failure, Target, TargetCounts, TargetPods, TargetStep } from './target.model.ts';

type PhaseCounts = Partial<Record<TargetPhase, number>>;

const phases = Object.keys(TargetPhases) as TargetPhase[];

const targetCounts = (counts: PhaseCounts): TargetCounts =>
  Object.fromEntries(phases.map((phase) => [phase, counts[phase] ?? 0])) as Record<TargetPhase, number>;

/** Share of the targets that are done, 0..1; 1 if there are none. */
function doneShare(counts: PhaseCounts): number {
  const all = phases.reduce((sum, phase) => sum + (counts[phase] ?? 0), 0);
  const done = phases.filter(isTerminal).reduce((sum, phase) => sum + (counts[phase] ?? 0), 0);
  return all === 0 ? 1 : Math.round((done / all) * 1000) / 1000;
}

const strategyView = (strategy: Strategy): RolloutStrategy => ({
  ...strategy,
  maxSurge: String(strategy.maxSurge),
  maxUnavailable: String(strategy.maxUnavailable),
  batches: strategy.batches ?? [],
  failureGraceSeconds: graceSeconds(strategy),
});

/** The reason of a phase as data and as a sentence. */
function phaseView(detail: Detail | null): Pick<Target, 'phaseReason' | 'phaseDetail'> {
  if (detail === null) return { phaseReason: null, phaseDetail: null };
  const message = sentenceOf(detail);
  return { phaseReason: message, phaseDetail: { code: detail.code, message, since: detail.since, data: detail.data } };
}

function failureView(stored: unknown): Failure | null {
  const failure = readFailure(stored as StoredFailure | null);
  if (failure === null) return null;
  const { differences, differenceCount } = differencesIn(failure);
  const shown = presentFailure(failure);
  return { ...shown, data: causeIn(failure).data, differences: [...differences], differenceCount };
}

function conditionViews(row: Pick<TargetRow, 'condition' | 'hindrance'>): Pick<Target, 'condition' | 'conditions'> {
  const condition = readCondition(row.condition);
  const shown = conditionsOf({ condition, hindrance: row.hindrance });
  const [first] = shown.map(({ type, message, advice, since }) => ({ type, message, advice, since }));
  return {
    condition: first ?? null,
    conditions: shown.map(({ type: code, message, advice, since, data }) => ({ code, message, advice, since, data })),
  };
}

export const rolloutOf = (row: RolloutRow, counts: PhaseCounts): Rollout => ({
  id: row.id,
  kind: row.kind,
  workload: row.workload,
  release: row.release,
  previousRelease: row.previousRelease,
  strategy: strategyView(tables.read('rollouts', 'strategy', row.strategy)),
  values: row.values as Record<string, unknown>,
  reason: row.reason,
  retryOf: row.retryOfId,
  takeOver: takesOver(row),
  onFailure: row.onFailure,
  onUnreachable: row.onUnreachable,
  phase: row.phase,
  pauseReason: row.pauseReason,
  ...phaseView(tables.read('rollouts', 'phase_detail', row.phaseDetail)),
  progress: doneShare(counts),
  createdBy: tables.read('rollouts', 'created_by', row.createdBy),
  failure: failureView(row.failure),
  targetCounts: targetCounts(counts),
  startedAt: row.startedAt,
  settledAt: row.settledAt,
  version: row.version,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
});

export const waveOf = ({ id, name, phase, maxConcurrent, maxFailed, evidence, targets }: WaveRow): Wave => ({
  id,
  name,
  phase,
  maxConcurrent,
  maxFailed,
  evidence: evidence as Record<string, unknown>[] | null,
  targets,
});

function targetStep(row: TargetRow, pods: TargetPods | null): TargetStep {
  const all = pods ? pods.old + pods.new : 0;
  const weight = pods && all > 0 ? Math.round((100 * pods.new) / all) : null;
  const { surge, unavailable } = row.gate ?? { surge: null, unavailable: null };
  return { index: stepOf(row), of: stepsOf(row.strategy), weight, surge, unavailable };
}

export function targetOf(row: TargetRow): Target {
  const pods = row.pods && { desired: row.pods.desired, old: row.pods.old, new: row.pods.new, ready: row.pods.ready };
  return {
    id: row.id,
    cluster: row.cluster,
    region: row.region,
    namespace: row.namespace,
    phase: row.phase,
    ...phaseView(row.phaseDetail),
    step: targetStep(row, pods),
    pods,
    ...conditionViews(row),
    failure: failureView(row.failure),
  };
}
