import { z } from 'zod';
import { Enum, JsonObject, listOf, reference, resource, time } from '../common/model/fields.ts';
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
import { Failure, Target, TargetCounts } from './target.model.ts';

export const RolloutKind = Enum('RolloutKind', RolloutKinds, 'What a rollout is for.');
export const RolloutPhase = Enum('RolloutPhase', RolloutPhases, 'Where a rollout stands.');
export const PauseReason = Enum('PauseReason', PauseReasons, 'What a paused rollout waits for.');
export const OnFailure = Enum(
  'OnFailure',
  OnFailures,
  'What one failed target takes back: everything, its wave, itself, or nothing until a person decides.',
);
export const OnUnreachable = Enum('OnUnreachable', OnUnreachables, 'What an unreachable cluster does to the rollout.');
export const WavePhase = Enum('WavePhase', WavePhases, 'Where a wave stands.');
export const StrategyType = Enum('StrategyType', StrategyTypes, 'How pods are replaced.');
export const Concurrency = Enum(
  'Concurrency',
  { REJECT: 'REJECT', SUPERSEDE: 'SUPERSEDE' } as const,
  'What becomes of the active rollout: the new one is refused, or the active one makes way.',
);

const count = z.union([
  z.int().min(0).max(10_000),
  z.string().regex(/^(100|[0-9]{1,2})%$/, 'must be a number of pods or a percentage such as 25%'),
]);

@Shape('One step of a canary: exactly one of its fields.', { isOneOf: true })
export class Step extends Model(
  {
    weight: z.int().min(1).max(100).optional().describe('Per cent of the pods that run the new release.'),
    pauseSeconds: z.int().min(1).max(604_800).optional().describe('Seconds to stay, once the pods are healthy.'),
    pause: z.literal(true).optional().describe('Stay until promoted.'),
  },
  exactlyOne,
) {}

@Input("How this rollout replaces pods, instead of the revision's own strategy; what is left out stays.")
export class StrategyInput extends Model({
  type: StrategyType,
  maxSurge: count.optional(),
  maxUnavailable: count.optional(),
  steps: z.array(Step.schema).min(1).max(50).optional().describe('For CANARY.'),
  progressDeadlineSeconds: z.int().min(1).max(86_400).optional(),
}) {}

@Output('How pods are replaced.')
export class RolloutStrategy extends Model({
  type: StrategyType,
  maxSurge: z.string().describe('A number of pods or a percentage.'),
  maxUnavailable: z.string().describe('A number of pods or a percentage.'),
  steps: z.array(Step.schema),
  minReadySeconds: z.int(),
  progressDeadlineSeconds: z.int(),
}) {}

@Input('A group of targets. This version knows one wave, which holds them all.')
export class WaveInput extends Model({
  name: z.string().min(1).max(63).optional(),
  maxConcurrent: z.int().min(1).max(10_000).nullish().describe('Targets that may move at once; null = all.'),
  maxFailed: z.int().min(0).max(10_000).optional().describe('Failed targets that the wave puts up with.'),
}) {}

@Output('A group of targets that opens as one.')
export class Wave extends Model({
  id: z.uuid(),
  name: z.string(),
  phase: WavePhase,
  maxConcurrent: z.int().nullable(),
  maxFailed: z.int(),
  evidence: z.array(JsonObject).nullable().describe('On what it was opened.'),
  targets: z.array(z.uuid()),
}) {}

const strategy = StrategyInput.schema.optional();
const reason = z.string().max(1000).optional().describe('Why, in your words; shown in the timeline.');
const concurrency = Concurrency.optional();

@Input('A rollout. Everything is optional: the newest revision to every placement, in one wave, all or nothing.')
export class CreateRollout extends Model({
  revision: z.int().min(1).optional().describe("Number of the template's revision."),
  values: JsonObject.optional().describe("Merged over the workload's values; they become the workload's when the rollout succeeds."),
  strategy,
  waves: z.array(WaveInput.schema).max(1).optional(),
  onFailure: OnFailure.optional(),
  onUnreachable: OnUnreachable.optional(),
  concurrency,
  reason,
}) {}

@Input('Going back. Whatever is active makes way.')
export class RollbackInput extends Model({
  toRelease: z.int().min(1).optional().describe('Number of a good release; default: the newest good one before the current.'),
  reason,
}) {}

@Input('New pods of what runs already.')
export class RestartInput extends Model({ concurrency, reason }) {}

@Input('Another number of pods.')
export class ScaleInput extends Model({
  replicas: z.int().min(0).max(10_000),
  cluster: reference('a cluster').optional().describe('Id or name of a cluster; default: every placement.'),
  reason,
}) {}

@Input('Goes on from a pause.')
export class PromoteInput extends Model({ full: z.boolean().optional().describe('Skips every pause to the end, never health.') }) {}

@Output('A change of what runs, from the request to the last pod on the last cluster.')
export class Rollout extends Model({
  ...resource,
  kind: RolloutKind,
  workload: Reference.schema,
  release: ReleaseReference.schema.nullable(),
  previousRelease: ReleaseReference.schema.nullable().describe('What the workload had settled on before.'),
  strategy: RolloutStrategy.schema,
  values: JsonObject,
  reason: z.string().nullable(),
  retryOf: z.uuid().nullable(),
  onFailure: OnFailure,
  onUnreachable: OnUnreachable,
  phase: RolloutPhase,
  pauseReason: PauseReason.nullable(),
  phaseReason: z.string().nullable(),
  progress: z.number().min(0).max(1).describe('Share of the targets that are done.'),
  createdBy: CreatedBy.schema,
  failure: Failure.schema.nullable().describe('Of the target that decided the rollout.'),
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
