import { z } from 'zod';
import { Enum, JsonObject, listOf, reference, resource, time } from '../../platform/model/fields.ts';
import { Arguments, Model, Output } from '../../platform/model/model.ts';
import { pageArguments, pageQuery } from '../../platform/api/page.ts';
import { CreatedBy, Reference } from '../../platform/model/reference.model.ts';
import {
  PauseReason as PauseReasons,
  RolloutKind as RolloutKinds,
  RolloutPhase as RolloutPhases,
  WavePhase as WavePhases,
} from '../../generated/prisma/enums.ts';
import { ReleaseReference } from '../../workloads/release.model.ts';
import { OnFailure, OnUnreachable, Step, StrategyType } from '../acceptance/request.model.ts';
import { Failure, PhaseDetail, Target, TargetCounts } from './target.model.ts';

export const RolloutKind = Enum('RolloutKind', RolloutKinds, 'The purpose of a rollout.');
export const RolloutPhase = Enum('RolloutPhase', RolloutPhases, 'The phase of a rollout.');
export const PauseReason = Enum('PauseReason', PauseReasons, 'Why a rollout is paused.');
export const WavePhase = Enum('WavePhase', WavePhases, 'The phase of a wave.');
@Output('How pods are replaced.')
export class RolloutStrategy extends Model({
  type: StrategyType,
  maxSurge: z.string().describe('A number of pods or a percentage.'),
  maxUnavailable: z.string().describe('A number of pods or a percentage.'),
  steps: z.array(Step.schema),
  batches: z.array(z.int()).describe('For BATCHES: pods of each batch; the last size repeats.'),
  minReadySeconds: z.int(),
  progressDeadlineSeconds: z.int(),
  failureGraceSeconds: z
    .int()
    .describe('Seconds that a cause which may pass by itself (TRANSIENT) has to last without a break to fail a target.'),
}) {}

@Output('A group of targets that start together.')
export class Wave extends Model({
  id: z.uuid(),
  name: z.string(),
  phase: WavePhase,
  maxConcurrent: z.int().nullable(),
  maxFailed: z.int(),
  evidence: z.array(JsonObject).nullable().describe('Status of the previous wave when this one opened.'),
  targets: z.array(z.uuid()),
}) {}

@Output('A rollout: one change to a workload on all its clusters.')
export class Rollout extends Model({
  ...resource,
  kind: RolloutKind,
  workload: Reference.schema,
  release: ReleaseReference.schema.nullable(),
  previousRelease: ReleaseReference.schema.nullable().describe('The release on which the workload had settled before.'),
  strategy: RolloutStrategy.schema,
  values: JsonObject,
  reason: z.string().nullable(),
  retryOf: z.uuid().nullable(),
  takeOver: z
    .boolean()
    .describe(
      'What other field managers have changed before its first write to a cluster is overwritten, and is no failure; a rollback always does that.',
    ),
  onFailure: OnFailure,
  onUnreachable: OnUnreachable,
  phase: RolloutPhase,
  pauseReason: PauseReason.nullable(),
  phaseReason: z.string().nullable(),
  phaseDetail: PhaseDetail.schema.nullable(),
  progress: z.number().min(0).max(1).describe('Share of the targets that are done.'),
  createdBy: CreatedBy.schema,
  failure: Failure.schema.nullable().describe('The failure that decided the rollout.'),
  targetCounts: TargetCounts.schema,
  startedAt: time.nullable(),
  settledAt: time.nullable(),
}) {}

@Output('A rollout with its waves and up to 200 of its targets, failed ones first.')
export class RolloutDetail extends Model({ ...Rollout.schema.shape, waves: z.array(Wave.schema), targets: z.array(Target.schema) }) {}

const filters = {
  workload: listOf(reference('a workload'), 'Ids or names of workloads: any of them.').optional(),
  cluster: listOf(reference('a cluster'), 'Ids or names of clusters, removed ones too: any of them.').optional(),
  phase: listOf(RolloutPhase, 'Any of these phases.').optional(),
  kind: listOf(RolloutKind, 'Any of these kinds.').optional(),
};

/** `?limit=&cursor=&workload=&cluster=&phase=&kind=` */
@Arguments()
export class RolloutQuery extends Model({ ...pageQuery, ...filters }) {}

@Arguments()
export class RolloutArguments extends Model({ ...pageArguments, ...filters }) {}
