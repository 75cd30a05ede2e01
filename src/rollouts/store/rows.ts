/** Rows in the format of Postgres' `to_jsonb`, and their conversion to the core's states. */
import type {
  OnFailure,
  OnUnreachable,
  PauseReason,
  RolloutIntent,
  RolloutKind,
  RolloutPhase,
  TargetPhase,
  WavePhase,
} from '../../generated/prisma/enums.ts';
import type { Strategy } from '../../workloads/core/strategy.ts';
import { presentCondition, readCondition } from '../core/condition-types.ts';
import type { StoredCondition } from '../core/condition-types.ts';
import { presentFailure, readFailure } from '../core/failure.ts';
import type { StoredFailure } from '../core/failure.ts';
import type { AnyStage, StageProgress, RolloutState, Side, TargetState, WaveEvidence, WaveState } from '../core/observation.ts';
import type { Detail } from '../core/reasons.ts';
import { stepOf } from '../core/stages/stage.ts';
import { ACTIVE } from './phase-lists.ts';

export interface RolloutJson {
  id: string;
  workload_id: string;
  kind: RolloutKind;
  release_id: string | null;
  phase: RolloutPhase;
  pause_reason: PauseReason | null;
  intent: RolloutIntent | null;
  on_failure: OnFailure;
  on_unreachable: OnUnreachable;
  strategy: Strategy;
  phase_detail: Detail | null;
  failure: StoredFailure | null;
  started_at: string | null;
  settled_at: string | null;
}

export interface WaveJson {
  id: string;
  position: number;
  name: string;
  phase: WavePhase;
  promoted_step: number;
  max_concurrent: number | null;
  max_failed: number;
  evidence: WaveEvidence[] | null;
}

export interface TargetJson {
  id: string;
  rollout_id: string;
  wave_id: string;
  placement_id: string;
  phase: TargetPhase;
  phase_detail: Detail | null;
  from: Side | null;
  to: Side | null;
  superseded: Side | null;
  written: boolean;
  undoing: boolean;
  uid: string | null;
  replicas: number | null;
  made: boolean;
  replicas_before: number | null;
  replicas_after: number | null;
  stages: AnyStage[];
  stage: number;
  progress: StageProgress | null;
  gate: TargetState['gate'];
  entered_at: string | null;
  retried_at: string | null;
  stopped_at: string | null;
  condition: StoredCondition | null;
  failure: StoredFailure | null;
  version: number;
}

/** A target's place: ids for events and nudges, names for sentences and failures. */
export interface Place {
  clusterId: string;
  cluster: string;
  regionId: string;
  region: string;
  namespace: string;
}

/** A target and its version, to which its next change is compared. */
export interface PlacedTarget {
  place: Place;
  state: TargetState;
  version: number;
}

/** The data of an event about a target. References are ids, as everywhere in events. */
export function targetData({ place, state }: Pick<PlacedTarget, 'place' | 'state'>): object {
  const { clusterId: cluster, regionId: region, namespace } = place;
  const { phase, gate } = state;
  const { surge, unavailable } = gate ?? { surge: null, unavailable: null };
  const failure = state.failure && presentFailure(state.failure);
  const condition = state.condition && presentCondition(state.condition);
  return { cluster, region, namespace, phase, step: stepOf(state), surge, unavailable, failure, condition };
}

const date = (text: string | null): Date | null => (text === null ? null : new Date(text));

export const rolloutState = (row: RolloutJson): RolloutState => ({
  id: row.id,
  kind: row.kind,
  phase: row.phase,
  pauseReason: row.pause_reason,
  intent: row.intent,
  onFailure: row.on_failure,
  onUnreachable: row.on_unreachable,
  strategy: row.strategy,
  phaseDetail: row.phase_detail,
  failure: readFailure(row.failure),
  startedAt: date(row.started_at),
  settledAt: date(row.settled_at),
});

export const waveState = (row: WaveJson): WaveState => ({
  id: row.id,
  position: row.position,
  phase: row.phase,
  promotedStep: row.promoted_step,
  maxConcurrent: row.max_concurrent,
  maxFailed: row.max_failed,
  evidence: row.evidence,
});

export const placedTarget = (row: TargetJson, place: Place): PlacedTarget => ({
  place,
  version: row.version,
  state: {
    id: row.id,
    waveId: row.wave_id,
    placementId: row.placement_id,
    cluster: place.cluster,
    region: place.region,
    namespace: place.namespace,
    phase: row.phase,
    phaseDetail: row.phase_detail,
    from: row.from,
    to: row.to,
    superseded: row.superseded,
    written: row.written,
    undoing: row.undoing,
    uid: row.uid,
    made: row.made,
    replicasBefore: row.replicas_before,
    replicasAfter: row.replicas_after,
    stages: row.stages,
    stage: row.stage,
    progress: row.progress,
    gate: row.gate,
    enteredAt: date(row.entered_at),
    retriedAt: date(row.retried_at),
    stoppedAt: date(row.stopped_at),
    condition: readCondition(row.condition),
    failure: readFailure(row.failure),
  },
});

/** A target's changeable columns, for `saveTargets`. `pods`: as last observed; null = not observed, unchanged. */
export const targetChange = (
  { state, version }: Pick<PlacedTarget, 'state' | 'version'>,
  pods: object | null = null,
): Record<string, unknown> => ({
  id: state.id,
  version,
  phase: state.phase,
  phase_detail: state.phaseDetail,
  written: state.written,
  undoing: state.undoing,
  uid: state.uid,
  made: state.made,
  replicas_before: state.replicasBefore,
  replicas_after: state.replicasAfter,
  stages: state.stages,
  stage: state.stage,
  progress: state.progress,
  gate: state.gate,
  entered_at: state.enteredAt,
  retried_at: state.retriedAt,
  stopped_at: state.stoppedAt,
  condition: state.condition,
  failure: state.failure,
  pods,
});

const CHANGED: Record<string, string> = {
  phase_detail: 'jsonb',
  written: 'boolean',
  undoing: 'boolean',
  uid: 'text',
  made: 'boolean',
  replicas_before: 'int',
  replicas_after: 'int',
  stages: 'jsonb',
  stage: 'int',
  progress: 'jsonb',
  gate: 'jsonb',
  entered_at: 'timestamptz',
  retried_at: 'timestamptz',
  stopped_at: 'timestamptz',
  condition: 'jsonb',
  failure: 'jsonb',
};

/** The columns of the record set of `targetChange`. */
const RECORD = [
  'id uuid',
  'version int',
  'phase text',
  'pods jsonb',
  ...Object.entries(CHANGED).map(([name, type]) => `${name} ${type}`),
].join(', ');
const SET = [
  'phase = n.phase::"TargetPhase"',
  'pods = coalesce(n.pods, t.pods)',
  ...Object.keys(CHANGED).map((name) => `${name} = n.${name}`),
].join(', ');

/**
 * Saves changed targets if their version has not changed since the decision. `tenant` and `changes` are the numbers of the parameters. The result lacks the
 * targets that were not saved.
 */
export const saveTargets = (tenant: string, changes: string, condition = 'true'): string => `
  UPDATE targets t SET ${SET}, version = t.version + 1, updated_at = now()
  FROM jsonb_to_recordset(${changes}::jsonb) AS n(${RECORD})
  WHERE t.tenant_id = ${tenant}::uuid AND t.id = n.id AND t.version = n.version AND ${condition}
  RETURNING t.id, t.version`;

/** Gives the targets of active rollouts other numbers of pods. $1: the tenant; $2: `[{id, replicas}]`, by placement. `condition` on the rollouts, `r`. */
export const renumberTargets = (condition = 'true'): string => `
  UPDATE targets t SET replicas = n.replicas, version = t.version + 1
  FROM jsonb_to_recordset($2::jsonb) AS n(id uuid, replicas int), rollouts r
  WHERE t.tenant_id = $1::uuid AND t.placement_id = n.id AND r.tenant_id = t.tenant_id AND r.id = t.rollout_id AND r.phase IN ${ACTIVE} AND ${condition}`;
