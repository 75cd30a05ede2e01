import { z } from 'zod';
import { Enum, JsonObject, listOf, ordinal, reference, resource, time } from '../common/model/fields.ts';
import { Arguments, exactlyOne, Input, Model, Output, Shape } from '../common/model/model.ts';
import { pageArguments, pageQuery } from '../common/page.ts';
import { CreatedBy, Reference } from '../common/reference.model.ts';
import {
  OnFailure as OnFailures,
  OnUnreachable as OnUnreachables,
  PauseReason as PauseReasons,
  RolloutKind as RolloutKinds,
  RolloutPhase as RolloutPhases,
  StrategyType as StrategyTypes,
  WavePhase as WavePhases,
} from '../generated/prisma/enums.ts';
import { ReleaseReference } from '../workloads/release.model.ts';
import { Failure, PhaseDetail, Target, TargetCounts } from './target.model.ts';

export const RolloutKind = Enum('RolloutKind', RolloutKinds, 'The purpose of a rollout.');
export const RolloutPhase = Enum('RolloutPhase', RolloutPhases, 'The phase of a rollout.');
export const PauseReason = Enum('PauseReason', PauseReasons, 'Why a rollout is paused.');
export const OnFailure = Enum(
  'OnFailure',
  OnFailures,
  'What is rolled back when one target fails: everything, its wave, the target, or nothing until a person decides.',
);
export const OnUnreachable = Enum('OnUnreachable', OnUnreachables, 'The effect of an unreachable cluster on the rollout.');
export const WavePhase = Enum('WavePhase', WavePhases, 'The phase of a wave.');
export const StrategyType = Enum('StrategyType', StrategyTypes, 'How pods are replaced.');
export const Concurrency = Enum(
  'Concurrency',
  { REJECT: 'REJECT', SUPERSEDE: 'SUPERSEDE' } as const,
  'If a rollout is active: the new one is refused, or the active one is superseded.',
);

const count = z.union([
  z.int().min(0).max(10_000),
  z.string().regex(/^(100|[0-9]{1,2})%$/, 'must be a number of pods or a percentage such as 25%'),
]);

const batchSize = z.int().min(1).max(10_000);

@Shape('One step of a canary: exactly one of its fields.', { isOneOf: true })
export class Step extends Model(
  {
    weight: z.int().min(1).max(100).optional().describe('Per cent of the pods that run the new release.'),
    pauseSeconds: z.int().min(1).max(604_800).optional().describe('Seconds to hold once the pods are healthy.'),
    pause: z.literal(true).optional().describe('Holds until promoted.'),
  },
  exactlyOne,
) {}

@Input("The strategy of this rollout. Omitted fields are those of the revision's strategy.")
export class StrategyInput extends Model({
  type: StrategyType,
  maxSurge: count.optional(),
  maxUnavailable: count.optional(),
  steps: z.array(Step.schema).min(1).max(50).optional().describe('For CANARY.'),
  batches: z
    .array(batchSize)
    .min(1)
    .max(50)
    .optional()
    .describe('For BATCHES: pods of each batch; the last size repeats until all pods are new.'),
  batchSize: batchSize.optional().describe('For BATCHES: the same as `batches` with this one size.'),
  progressDeadlineSeconds: z.int().min(1).max(86_400).optional(),
}) {}

@Output('How pods are replaced.')
export class RolloutStrategy extends Model({
  type: StrategyType,
  maxSurge: z.string().describe('A number of pods or a percentage.'),
  maxUnavailable: z.string().describe('A number of pods or a percentage.'),
  steps: z.array(Step.schema),
  batches: z.array(z.int()).describe('For BATCHES: pods of each batch; the last size repeats.'),
  minReadySeconds: z.int(),
  progressDeadlineSeconds: z.int(),
}) {}

@Input('A group of targets. This version supports one wave with all targets.')
export class WaveInput extends Model({
  name: z.string().min(1).max(63).optional(),
  maxConcurrent: z.int().min(1).max(10_000).nullish().describe('Targets that may move at once; null = all.'),
  maxFailed: z.int().min(0).max(10_000).optional().describe('Failed targets tolerated.'),
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

const strategy = StrategyInput.schema.optional();
const reason = z.string().max(1000).optional().describe('The reason, as free text; shown in the timeline.');
const concurrency = Concurrency.optional();

@Input('A rollout. Everything is optional: the newest revision to every placement, in one wave, all or nothing.')
export class CreateRollout extends Model({
  revision: ordinal.optional().describe("Number of the template's revision."),
  values: JsonObject.optional().describe("Merged into the workload's values, and stored there when the rollout succeeds."),
  strategy,
  waves: z.array(WaveInput.schema).max(1).optional(),
  onFailure: OnFailure.optional(),
  onUnreachable: OnUnreachable.optional(),
  concurrency,
  reason,
}) {}

@Input('A rollback. The active rollout is superseded.')
export class RollbackInput extends Model({
  toRelease: ordinal.optional().describe('Number of a good release; default: the newest good one before the current.'),
  reason,
}) {}

@Input('A restart: new pods of the same release.')
export class RestartInput extends Model({ concurrency, reason }) {}

@Input('A new number of pods.')
export class ScaleInput extends Model({
  replicas: z.int().min(0).max(10_000),
  cluster: reference('a cluster').optional().describe('Id or name of a cluster; default: every placement.'),
  reason,
}) {}

@Input('Ends a pause.')
export class PromoteInput extends Model({ full: z.boolean().optional().describe('Skips all remaining pauses, but no health checks.') }) {}

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
