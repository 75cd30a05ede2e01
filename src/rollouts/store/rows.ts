/** The rows of rollouts as the core's states: how each is read, and what of it is written. */
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import type { JsonRow, RecordsText } from '../../platform/db/statements.ts';
import { readCondition } from '../core/condition-types.ts';
import type { SideCounts } from '../core/counts.ts';
import { presentFailure, readFailure } from '../core/failure.ts';
import { conditionsOf } from '../core/hindrance.ts';
import { readSide } from '../core/observation.ts';
import type { RolloutState, TargetState, WaveState } from '../core/observation.ts';
import type { TargetFields, TargetStart } from '../core/rollout/start.ts';
import { stepOf } from '../core/stages/stage.ts';
import { tables } from './columns.ts';
import type { RolloutTables } from './columns.ts';

type Row<T extends keyof RolloutTables> = JsonRow<RolloutTables[T]>;

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
  const [condition = null] = conditionsOf(state);
  return { cluster, region, namespace, phase, step: stepOf(state), surge, unavailable, failure, condition };
}

const date = (text: string | null): Date | null => (text === null ? null : new Date(text));

export const rolloutState = (row: Row<'rollouts'>): RolloutState => ({
  id: row.id,
  kind: row.kind,
  takeOver: row.take_over,
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

/** What a reduction may change of a rollout. */
export const rolloutChanges = tables.recordsOf<RolloutState>().into('rollouts', {
  take_over: (state) => state.takeOver,
  phase: (state) => state.phase,
  pause_reason: (state) => state.pauseReason,
  intent: (state) => state.intent,
  phase_detail: (state) => state.phaseDetail,
  failure: (state) => state.failure,
  started_at: (state) => state.startedAt,
  settled_at: (state) => state.settledAt,
});

export const waveState = (row: Row<'waves'>): WaveState => ({
  id: row.id,
  position: row.position,
  phase: row.phase,
  promotedStep: row.promoted_step,
  maxConcurrent: row.max_concurrent,
  maxFailed: row.max_failed,
  evidence: row.evidence,
});

/** What a reduction may change of a wave, with its id. */
export const waveChanges = tables.recordsOf<WaveState>().into('waves', {
  id: (state) => state.id,
  phase: (state) => state.phase,
  promoted_step: (state) => state.promotedStep,
  evidence: (state) => state.evidence,
});

export const targetFields = (row: Row<'targets'>): TargetFields => ({
  id: row.id,
  waveId: row.wave_id,
  placementId: row.placement_id,
  phase: row.phase,
  phaseDetail: row.phase_detail,
  from: readSide(row.from),
  to: readSide(row.to),
  superseded: readSide(row.superseded),
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
  settlingSince: date(row.settling_since),
  stoppedAt: date(row.stopped_at),
  condition: readCondition(row.condition),
  hindrance: row.hindrance,
  failure: readFailure(row.failure),
});

export const placedTarget = (row: Row<'targets'>, place: Place): PlacedTarget => {
  const { cluster, region, namespace } = place;
  return { place, version: row.version, state: { ...targetFields(row), cluster, region, namespace } };
};

/** What a target begins with and the engine changes afterwards. */
type Begun = TargetStart & Pick<TargetState, 'stages'>;
const begun = {
  from: (state: Begun) => state.from,
  superseded: (state: Begun) => state.superseded,
  stages: (state: Begun) => state.stages,
  written: (state: Begun) => state.written,
  uid: (state: Begun) => state.uid,
  made: (state: Begun) => state.made,
  replicas_before: (state: Begun) => state.replicasBefore,
  replicas_after: (state: Begun) => state.replicasAfter,
};

/** A target as a rollout is accepted with it. */
export interface NewTarget extends Begun, Pick<TargetState, 'id' | 'placementId' | 'to'> {
  /** The placement's own number of pods; null = the release's. */
  replicas: number | null;
}

/** The other columns have the table's defaults. */
export const newTargets = tables.recordsOf<NewTarget>().into('targets', {
  ...begun,
  id: (target) => target.id,
  placement_id: (target) => target.placementId,
  to: (target) => target.to,
  replicas: (target) => target.replicas,
});

/** A target as it is to be saved. */
interface TargetChange extends TargetState {
  /** At the decision. */
  version: number;
  /** As last observed; null = not observed, unchanged. */
  pods: SideCounts | null;
}

const targetChanges = tables.recordsOf<TargetChange>().into('targets', {
  ...begun,
  id: (state) => state.id,
  version: (state) => state.version,
  pods: (state) => state.pods,
  to: (state) => state.to,
  phase: (state) => state.phase,
  phase_detail: (state) => state.phaseDetail,
  undoing: (state) => state.undoing,
  stage: (state) => state.stage,
  progress: (state) => state.progress,
  gate: (state) => state.gate,
  entered_at: (state) => state.enteredAt,
  retried_at: (state) => state.retriedAt,
  settling_since: (state) => state.settlingSince,
  stopped_at: (state) => state.stoppedAt,
  condition: (state) => state.condition,
  hindrance: (state) => state.hindrance,
  failure: (state) => state.failure,
});

export type TargetChanges = RecordsText<TargetChange>;

/** Targets as the parameter of `saveTargets`. */
export const changed = (targets: readonly Pick<PlacedTarget, 'state' | 'version'>[], pods: SideCounts | null = null): TargetChanges =>
  targetChanges.text(targets.map(({ state, version }) => ({ ...state, version, pods })));

/** Saves changed targets if their version has not changed since the decision. The result lacks the targets that were not saved. */
export const saveTargets = (tenant: RawBuilder<string>, changes: RawBuilder<TargetChanges>) =>
  tables
    .updateTable('targets as t')
    .from(targetChanges.in(changes).as('n'))
    .set({
      ...targetChanges.set('n', ['id', 'version', 'pods']),
      pods: sql`coalesce(n.pods, t.pods)`,
      version: sql`t.version + 1`,
      updated_at: sql`now()`,
    })
    .where('t.tenant_id', '=', tenant)
    .whereRef('t.id', '=', 'n.id')
    .whereRef('t.version', '=', 'n.version')
    .returning(['t.id', 't.version']);
