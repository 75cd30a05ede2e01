import { z } from 'zod';
import type { JsonObject } from './json.ts';
import { isLabelValue, isQualifiedName } from './names.ts';
import { PARAMETER_NAME, parameterSchema, type Parameters, type ParameterType } from './parameters.ts';
import { isMountPoint } from './paths.ts';
import { Hole } from './placeholders.ts';
import { PERCENT } from './amounts.ts';
import { detailOf } from './zod-faults.ts';

/**
 * The content of a revision, as posted and stored: a pod and everything that belongs to it. Strings may contain placeholders `${{ params.name }}`, and such
 * strings may replace numbers. For the document without placeholders see ResolvedDocument.
 */
export interface TemplateDocument {
  parameters?: Parameters;
  /** A native PodTemplateSpec. */
  pod: JsonObject;
  sidecars?: JsonObject[];
  config?: JsonObject[];
  replicas?: number | string;
  minReadySeconds?: number | string;
  selector?: Record<string, string>;
  /** A native ServiceSpec without a selector. */
  service?: JsonObject;
  strategy?: JsonObject;
}

const INT32 = 2_147_483_647;
/** Maximum of `minReadySeconds`: a larger one holds a Deployment. */
const MAX_READY_SECONDS = INT32 - 2;

type Kind = Exclude<ParameterType, 'secretRef'>;
const allows = (kinds: readonly Kind[], kind: Kind): boolean => kinds.includes(kind) || (kind === 'integer' && kinds.includes('number'));

/** A field that may be a placeholder of one of these types. The known values of its parameter must also fit the field. */
const open = <T>(inner: z.ZodType<T>, ...kinds: Kind[]): z.ZodType<T> =>
  z.custom<T>().superRefine((value: unknown, context) => {
    if (!(value instanceof Hole)) {
      const result = inner.safeParse(value);
      for (const issue of result.error?.issues ?? []) context.addIssue({ ...issue });
      return;
    }
    if (!allows(kinds, value.type)) {
      context.addIssue({ code: 'custom', message: `must be of type ${kinds.join(' or ')}, but ${value.source} is of type ${value.type}` });
      return;
    }
    const refused = value.candidates.find((candidate) => !inner.safeParse(candidate).success);
    if (refused === undefined) return;
    const issue = inner.safeParse(refused).error?.issues[0];
    context.addIssue({
      code: 'custom',
      message: `${issue ? detailOf(issue, refused) : 'does not fit'}, but ${value.source} may be ${JSON.stringify(refused)}`,
    });
  });

const text = (maximum: number) => z.string().min(1).max(maximum);
const integer = (minimum: number, maximum: number) => z.int('must be an integer').min(minimum).max(maximum);
const label = (maximum: number) =>
  text(maximum).regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    'must consist of lower-case letters, digits and "-", and begin and end with a letter or digit',
  );

const path = text(4096).refine(isMountPoint, {
  error: 'must be an absolute path other than "/", without ":", ".." and control characters',
});
const image = text(1000).regex(/^\S+$/, 'must not contain white space');
const container = text(63);

const withVolume = {
  image: open(image, 'string'),
  container,
  path: open(path, 'string'),
  readOnly: open(z.boolean(), 'boolean').optional(),
};
const sidecarSchema = z.discriminatedUnion(
  'pattern',
  [
    z.strictObject({ pattern: z.literal('logging'), ...withVolume }),
    z.strictObject({ pattern: z.literal('configUpdater'), ...withVolume }),
    z.strictObject({ pattern: z.literal('contentSync'), ...withVolume }),
    z.strictObject({
      pattern: z.literal('monitoring'),
      image: open(image, 'string'),
      container,
      port: open(integer(1, 65_535), 'integer'),
    }),
  ],
  { error: ({ code }) => (code === 'invalid_union' ? 'must be one of logging, configUpdater, contentSync, monitoring' : undefined) },
);

const fileName = text(253).regex(/^(?!\.\.)(?!\.$)[-._a-zA-Z0-9]+$/, 'must be a file name of letters, digits, "-", "_" and "."');
const configSchema = z.strictObject({
  name: label(40),
  files: z
    .record(fileName, open(z.string(), 'string'))
    .refine((files) => Object.keys(files).length > 0, { error: 'must contain at least one file' }),
  container,
  path: open(path, 'string'),
});

const amount = (percent: RegExp, most: string) =>
  z.custom<number | string>(
    (value) => (typeof value === 'number' ? Number.isInteger(value) && value >= 0 && value <= INT32 : typeof value === 'string' && percent.test(value)),
    { error: `must be a number of pods or a percentage${most}` },
  ); // prettier-ignore
const seconds = (minimum: number, maximum = INT32) => integer(minimum, maximum);

const stepSchema = z
  .strictObject({
    weight: open(integer(1, 100), 'integer').optional(),
    pauseSeconds: open(seconds(1), 'integer').optional(),
    pause: z.literal(true).optional(),
  })
  .refine((step) => Object.keys(step).length === 1, { error: 'must have exactly one of weight, pauseSeconds and pause' });

/** How pods can be replaced. */
export const STRATEGY_TYPES = ['ROLLING', 'CANARY', 'BATCHES'] as const;

const strategySchema = z.strictObject({
  type: z.enum(STRATEGY_TYPES).optional(),
  maxSurge: open(amount(PERCENT.surge, ' such as 25%'), 'string', 'integer').optional(),
  maxUnavailable: open(amount(PERCENT.unavailable, ' from 0% to 100%'), 'string', 'integer').optional(),
  steps: z.array(stepSchema).max(50).optional(),
  batches: z
    .array(open(integer(1, 10_000), 'integer'))
    .min(1)
    .max(50)
    .optional(),
  batchSize: open(integer(1, 10_000), 'integer').optional(),
  progressDeadlineSeconds: open(seconds(1), 'integer').optional(),
  failureGraceSeconds: open(seconds(0), 'integer').optional(),
});

const selectorSchema = z.record(z.string().refine(isQualifiedName, { error: 'must be the name of a label' }), z.string().refine(isLabelValue, { error: 'must be the value of a label' }))
  .refine((selector) => Object.keys(selector).length > 0, { error: 'must name at least one label' }); // prettier-ignore

const objectSchema = z.record(z.string(), z.unknown());

/** The schema of a document, with its placeholders replaced by values or Holes. `pod` and `service` are checked in `kubernetes.ts`. */
export const documentSchema = z.strictObject({
  parameters: z
    .record(
      z.string().regex(new RegExp(`^${PARAMETER_NAME}$`), 'must be a name of letters, digits and "_", beginning with a letter'),
      parameterSchema,
    )
    .optional(),
  pod: objectSchema,
  sidecars: z.array(sidecarSchema).max(20).optional(),
  config: z.array(configSchema).max(20).optional(),
  replicas: open(integer(0, INT32), 'integer').optional(),
  minReadySeconds: open(seconds(0, MAX_READY_SECONDS), 'integer').optional(),
  selector: selectorSchema.optional(),
  service: objectSchema.optional(),
  strategy: strategySchema.optional(),
});

/** A document with its placeholders replaced. */
export type ResolvedDocument = z.infer<typeof documentSchema>;
export type Sidecar = z.infer<typeof sidecarSchema>;
export type Config = z.infer<typeof configSchema>;
