import { z } from 'zod';
import { Enum, JsonObject } from '../../platform/model/fields.ts';
import { Model, Output } from '../../platform/model/model.ts';
import { Reference } from '../../platform/model/reference.model.ts';
import { TargetPhase as TargetPhases } from '../../generated/prisma/enums.ts';

export const TargetPhase = Enum('TargetPhase', TargetPhases, 'The phase of a target.');

export const FailureSeverity = Enum(
  'FailureSeverity',
  { FATAL: 'FATAL', TRANSIENT: 'TRANSIENT', SLOW: 'SLOW' } as const,
  'When a cause fails a target: at once, once it has stood for a while, or at the progress deadline.',
);

export const Blames = Enum(
  'Blames',
  { RELEASE: 'RELEASE', CLUSTER: 'CLUSTER', PLATFORM: 'PLATFORM' } as const,
  'Who has to act: the author of the release, the owner of the cluster, or the operator of the platform.',
);

@Output('A field in which a cluster differs from ours.')
export class FieldDifference extends Model({
  path: z.string().describe('As Kubernetes writes it: `.spec.template.spec.containers[name="web"].image`.'),
  manager: z.string().nullable().describe('The field manager that owns the live value; null where nobody does, as where it was removed.'),
  live: z
    .string()
    .nullable()
    .describe(
      'The live value as text, JSON where it is none, cut at 200 characters; null = it is not there. What may hold a secret (variables, arguments, headers, ' +
        'paths of probes, annotations, any other free text) reads "(hidden)".',
    ),
  ours: z.string().nullable().describe('The value that we would write, likewise.'),
}) {}

@Output('Why a target failed: what happened, where, and what to do.')
export class Failure extends Model({
  reason: z.string().describe("Kubernetes' own reason if there is one (ImagePullBackOff)."),
  message: z.string(),
  cluster: z.string(),
  pod: z.string().nullable(),
  container: z.string().nullable(),
  exitCode: z.int().nullable(),
  logTail: z.string().nullable().describe('Last log lines of the container.'),
  advice: z.string().describe('What to do.'),
  code: z.string().describe('The same as `reason`; LEGACY for failures that are older than the codes. All codes: docs/codes.md.'),
  data: JsonObject.describe('What the message is made of, besides `differences`.'),
  differences: z
    .array(FieldDifference.schema)
    .describe(
      'Of EDITED: what others have set otherwise, the first 50 by path; of IMMUTABLE: what stays although it would be ours. Else empty.',
    ),
  differenceCount: z.int().describe('How many differences there are in all.'),
  severity: FailureSeverity,
  blames: Blames,
}) {}

@Output('What a target waits for: its cluster, its owner, or a cause that may fail it.')
export class Condition extends Model({
  type: z.string(),
  message: z.string(),
  advice: z.string(),
  since: z.string().describe('RFC 3339.'),
}) {}

@Output(
  'What a target waits for: a condition, or the cause that stands in its way now. A code that does not change between versions, with its data.',
)
export class TargetCondition extends Model({
  code: z.string().describe('For example `UNREACHABLE`, or the code of a cause: `ImagePullBackOff`. All codes: docs/codes.md.'),
  message: z.string(),
  advice: z.string().describe('What to do.'),
  since: z.string().describe('RFC 3339.'),
  data: JsonObject.describe('What the message is made of; of a cause also `severity`, `blames`, `pod` and `container`.'),
}) {}

@Output('Why a phase stands: a code that does not change between versions, with its data.')
export class PhaseDetail extends Model({
  code: z.string().describe('For example `PODS_READY`; LEGACY for rows that are older than the codes.'),
  message: z.string().describe('The same as a sentence, as in `phaseReason`.'),
  since: z.string().describe('RFC 3339: since when it has this code.'),
  data: JsonObject.describe('What the sentence is made of.'),
}) {}

@Output('The current step of a target.')
export class TargetStep extends Model({
  index: z.int(),
  of: z.int(),
  weight: z.int().nullable().describe('Per cent of the pods that run the new release, as last observed.'),
  surge: z.string().nullable(),
  unavailable: z.string().nullable(),
}) {}

@Output('Pods of a target, as last observed during the rollout.')
export class TargetPods extends Model({ desired: z.int(), old: z.int(), new: z.int(), ready: z.int() }) {}

@Output('A rollout on one placement.')
export class Target extends Model({
  id: z.uuid(),
  cluster: Reference.schema,
  region: Reference.schema,
  namespace: z.string(),
  phase: TargetPhase,
  phaseReason: z.string().nullable(),
  phaseDetail: PhaseDetail.schema.nullable(),
  step: TargetStep.schema,
  pods: TargetPods.schema.nullable().describe('null until the placement has been observed.'),
  condition: Condition.schema.nullable(),
  conditions: z
    .array(TargetCondition.schema)
    .describe('Everything that it waits for, `condition` first, with codes and data; empty where there is none.'),
  failure: Failure.schema.nullable(),
}) {}

@Output('Number of targets in each phase.')
export class TargetCounts extends Model(
  Object.fromEntries(Object.keys(TargetPhases).map((phase) => [phase, z.int()])) as Record<keyof typeof TargetPhases, z.ZodInt>,
) {}
