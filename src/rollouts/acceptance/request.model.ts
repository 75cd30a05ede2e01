/** What requests for rollouts and their verbs say. */
import { z } from 'zod';
import { OnFailure as OnFailures, OnUnreachable as OnUnreachables } from '../../generated/prisma/enums.ts';
import { Enum, JsonObject, ordinal, reference } from '../../platform/model/fields.ts';
import { STRATEGY_TYPES } from '../../templates/core/document.ts';
import { PERCENT } from '../../templates/core/amounts.ts';
import type { Strategy } from '../../workloads/core/strategy.ts';
import { exactlyOne, Input, Model, Shape } from '../../platform/model/model.ts';

export const OnFailure = Enum(
  'OnFailure',
  OnFailures,
  'What is rolled back when one target fails: everything, its wave, the target, or nothing until a person decides.',
);
export const OnUnreachable = Enum('OnUnreachable', OnUnreachables, 'The effect of an unreachable cluster on the rollout.');
export const StrategyType = Enum(
  'StrategyType',
  Object.fromEntries(STRATEGY_TYPES.map((type) => [type, type])) as { [T in Strategy['type']]: T },
  'How pods are replaced.',
);
export const Concurrency = Enum(
  'Concurrency',
  { REJECT: 'REJECT', SUPERSEDE: 'SUPERSEDE' } as const,
  'If a rollout is active: the new one is refused, or the active one is superseded.',
);

const count = (percent: RegExp) =>
  z.union([z.int().min(0).max(10_000), z.string().regex(percent, 'must be a number of pods or a percentage such as 25%')]);

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
  maxSurge: count(PERCENT.surge).optional(),
  maxUnavailable: count(PERCENT.unavailable).optional(),
  steps: z.array(Step.schema).min(1).max(50).optional().describe('For CANARY.'),
  batches: z
    .array(batchSize)
    .min(1)
    .max(50)
    .optional()
    .describe('For BATCHES: pods of each batch; the last size repeats until all pods are new.'),
  batchSize: batchSize.optional().describe('For BATCHES: the same as `batches` with this one size.'),
  progressDeadlineSeconds: z.int().min(1).max(86_400).optional(),
  failureGraceSeconds: z
    .int()
    .min(0)
    .max(86_400)
    .optional()
    .describe('Seconds that a cause which may pass by itself (TRANSIENT) has to last without a break to fail a target.'),
}) {}

@Input('A group of targets. This version supports one wave with all targets.')
export class WaveInput extends Model({
  name: z.string().min(1).max(63).optional(),
  maxConcurrent: z.int().min(1).max(10_000).nullish().describe('Targets that may move at once; null = all.'),
  maxFailed: z.int().min(0).max(10_000).optional().describe('Failed targets tolerated.'),
}) {}

const strategy = StrategyInput.schema.optional();
const reason = z.string().max(1000).optional().describe('The reason, as free text; shown in the timeline.');
const concurrency = Concurrency.optional();
const takeOver = z
  .boolean()
  .optional()
  .describe(
    'Overwrites what other field managers have changed before its first write to a cluster, instead of failing (EDITED): the pod template becomes exactly ours, and so do the objects around it, but for labels and annotations of others. Objects without the id of this workload are never changed. Default false.',
  );

@Input('A rollout. Everything is optional: the newest revision to every placement, in one wave, all or nothing.')
export class CreateRollout extends Model({
  revision: ordinal.optional().describe("Number of the template's revision."),
  values: JsonObject.optional().describe("Merged into the workload's values, and stored there when the rollout succeeds."),
  strategy,
  waves: z.array(WaveInput.schema).max(1).optional(),
  onFailure: OnFailure.optional(),
  onUnreachable: OnUnreachable.optional(),
  concurrency,
  takeOver,
  reason,
}) {}

@Input('A rollback. The active rollout is superseded.')
export class RollbackInput extends Model({
  toRelease: ordinal
    .optional()
    .describe(
      'Number of a good release; default: the good one that ran before what runs now, and over an active rollout the one that ran before it.',
    ),
  reason,
}) {}

@Input('A restart: new pods of the same release.')
export class RestartInput extends Model({ concurrency, takeOver, reason }) {}

@Input('A retry.')
export class RetryInput extends Model({ takeOver }) {}

@Input('A new number of pods.')
export class ScaleInput extends Model({
  replicas: z.int().min(0).max(10_000),
  cluster: reference('a cluster').optional().describe('Id or name of a cluster; default: every placement.'),
  reason,
}) {}

@Input('Ends a pause.')
export class PromoteInput extends Model({ full: z.boolean().optional().describe('Skips all remaining pauses, but no health checks.') }) {}
