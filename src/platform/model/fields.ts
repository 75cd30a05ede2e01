import { Field, InputType, registerEnumType } from '@nestjs/graphql';
import { validate } from 'uuid';
import { z } from 'zod';
import { graphqlType, nameInGraphql } from './graphql-type.ts';
import { components } from './model.ts';

/** A named enum for REST and GraphQL, from Prisma's or our own values. */
export function Enum<T extends Record<string, string>>(name: string, values: T, description: string) {
  registerEnumType(values, { name, description });
  const schema = z.enum(values);
  z.globalRegistry.add(schema, { description });
  nameInGraphql(schema, () => values);
  components.add(schema, { id: name });
  return schema;
}

/** Any JSON object. */
export const JsonObject = z.record(z.string(), z.unknown());

/** A time in a response. */
export const time = z.date();

/** A time in a request. An offset can move it out of the years that RFC 3339 can write in UTC. */
export const givenTime = z.iso.datetime({ offset: true, error: 'must be a time in RFC 3339', abort: true }).refine((text) => {
  const year = new Date(text).getUTCFullYear();
  return year >= 1 && year <= 9999;
}, 'must be within the years 0001 to 9999 in UTC');

/** A number counted from 1, in a request. No column holds a larger one. */
export const ordinal = z.int().min(1).max(2_147_483_647);

export const id = z.uuid().describe('UUIDv7.');

/** A DNS label that is not an id, so that a reference is unambiguous. */
export const name = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be a DNS label: at most 63 lower-case letters, digits and hyphens')
  .refine((text) => !validate(text), 'must not look like an id')
  .describe('A DNS label, unique per tenant.');

/** Id or name of a resource. */
export const reference = (noun: string) => z.string().min(1).max(253).describe(`Id or name of ${noun}.`);

/** A namespace of Kubernetes. */
export const namespace = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be a DNS label');

const labelValue = z
  .string()
  .regex(/^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$/, 'must be at most 63 letters, digits, dots, underscores and hyphens');
const labelName = z
  .string()
  .max(317)
  .regex(/^([a-z0-9.-]{1,253}\/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/, 'must be a valid Kubernetes label name');

/** `key`, or `key=value`. */
export const labelFilter = z.string().refine((text) => {
  const [key, ...value] = text.split('=');
  return labelName.safeParse(key).success && (value.length === 0 || labelValue.safeParse(value.join('=')).success);
}, 'must be `key` or `key=value`');

export const MOST_LABELS = 64;
const fewEnough = (record: object): boolean => Object.keys(record).length <= MOST_LABELS;
export const labels = z.record(labelName, labelValue).refine(fewEnough, `must be at most ${MOST_LABELS} labels`);

/** A merge patch of labels; null removes a label. */
export const labelsPatch = z.record(labelName, labelValue.nullable()).refine(fewEnough, `must be at most ${MOST_LABELS} labels`);

/** What every resource has. */
export const resource = {
  id,
  version: z.int().describe('Counts changes to the fields that a client may write.'),
  createdAt: time,
  updatedAt: time,
};

/** A list in GraphQL; items separated by commas in a REST query. 1 to 100 items. */
export function listOf<S extends z.ZodType>(item: S, description: string) {
  const split = (value: unknown): unknown =>
    typeof value === 'string' || Array.isArray(value)
      ? [value].flat().flatMap((part: unknown) => (typeof part === 'string' ? part.split(',') : [part]))
      : value;
  const schema = z.preprocess(split, z.array(item).min(1).max(100)).describe(description);
  const element = graphqlType(item);
  nameInGraphql(schema, () => [element.type()]);
  return schema;
}

/** A number in GraphQL; digits in a REST query. */
export function wholeNumber(minimum: number, maximum: number) {
  const digits = (value: unknown): unknown => (typeof value === 'string' && /^-?\d{1,9}$/.test(value) ? Number(value) : value);
  const schema = z.preprocess(digits, z.int().min(minimum).max(maximum));
  const element = graphqlType(z.int());
  nameInGraphql(schema, element.type);
  return schema;
}

/** REST takes each value as it is. GraphQL has no unions of inputs and takes `{ option: value }`. */
export function AnyOf<O extends Record<string, z.ZodType>>(typeName: string, description: string, options: O) {
  const Wrapped = { [typeName]: class {} }[typeName] as new () => object;
  for (const [option, schema] of Object.entries(options)) {
    Field(graphqlType(schema).type as never, { nullable: true, description: schema.description })(Wrapped.prototype as object, option);
  }
  InputType(typeName, { description, isOneOf: true })(Wrapped);
  const schema = z.union(Object.values(options) as O[keyof O][]).describe(description);
  nameInGraphql(schema, () => Wrapped);
  wrappers.add(Wrapped);
  return schema;
}

const wrappers = new WeakSet<object>();

/** GraphQL input with its unions unwrapped, as in REST. */
export function unwrapped(schema: z.ZodType, given: unknown): unknown {
  if (!(schema instanceof z.ZodObject) || typeof given !== 'object' || given === null) return given;
  const entries = Object.entries(given as Record<string, unknown>).map(([key, value]): [string, unknown] => {
    const field = schema.shape[key] as z.ZodType | undefined;
    const isWrapped =
      field !== undefined && wrappers.has(graphqlType(field).type() as object) && typeof value === 'object' && value !== null;
    return [key, isWrapped ? Object.values(value as Record<string, unknown>)[0] : value];
  });
  return Object.fromEntries(entries);
}
