import type { Fault } from '../../platform/fault.ts';
import { isRecord } from '../../platform/json.ts';
import { at, own, stringFault } from './json.ts';
import schemaData from './kubernetes-schema.json' with { type: 'json' };
import { Hole } from './placeholders.ts';
import { isQuantity } from './quantity.ts';

/** The part of JSON Schema, with the extensions of Kubernetes, that its OpenAPI description uses. */
export interface KubernetesSchema {
  $ref?: string;
  type?: string;
  format?: string;
  enum?: unknown[];
  required?: string[];
  properties?: Record<string, KubernetesSchema>;
  additionalProperties?: KubernetesSchema;
  items?: KubernetesSchema;
  oneOf?: KubernetesSchema[];
  default?: unknown;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
}

const definitions = schemaData.definitions as Record<string, KubernetesSchema>;

/** The Kubernetes release whose schema is used, for example `v1.36.3`. */
export const SCHEMA_VERSION: string = schemaData.version;

const INT32 = 2_147_483_647;

/** The schema that a reference names; others are returned as they are. */
export const schemaOf = (schema: KubernetesSchema): KubernetesSchema =>
  schema.$ref ? (definitions[schema.$ref.slice('#/definitions/'.length)] as KubernetesSchema) : schema;

const integerFault = (value: unknown, format: string | undefined): string | null => {
  if (!Number.isSafeInteger(value)) return 'must be an integer';
  const isLong = (value as number) > INT32 || (value as number) < -INT32 - 1;
  return format !== 'int64' && isLong ? `must have at most 32 bits, ${INT32} at most` : null;
};

const quantityFault = (value: unknown): string | null =>
  (typeof value === 'string' && isQuantity(value)) || (typeof value === 'number' && Number.isFinite(value))
    ? null
    : 'must be a quantity such as 500m or 64Mi';

const intOrStringFault = (value: unknown): string | null =>
  typeof value === 'string' ? null : Number.isSafeInteger(value) ? integerFault(value, 'int32') : 'must be an integer or a string';

/** Why a scalar does not match the schema; null if it does. */
function scalarFault(schema: KubernetesSchema, value: unknown): string | null {
  // The empty string is a field that is not set.
  if (schema.enum && value !== '' && !schema.enum.includes(value))
    return `must be one of ${schema.enum.filter((one) => one !== '').join(', ')}`;
  if (schema.format === 'quantity') return quantityFault(value);
  if (schema.format === 'int-or-string') return intOrStringFault(value);
  switch (schema.type) {
    case 'string':
      return typeof value === 'string' ? null : stringFault(value);
    case 'integer':
      return integerFault(value, schema.format);
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) ? null : 'must be a number';
    case 'boolean':
      return typeof value === 'boolean' ? null : 'must be true or false';
    case 'object':
      return 'must be an object';
    case 'array':
      return 'must be a list';
    default:
      return null;
  }
}

/** Types that a placeholder for this schema may have. */
const typesFor = ({ type, format }: KubernetesSchema): readonly string[] => {
  if (format === 'quantity') return ['string', 'integer', 'number'];
  if (format === 'int-or-string') return ['string', 'integer'];
  if (type === 'number') return ['integer', 'number'];
  return type === undefined ? ['string', 'integer', 'number', 'boolean'] : [type];
};

function holeFault(schema: KubernetesSchema, hole: Hole): string | null {
  if (schema.type === 'object' || schema.type === 'array') return `${scalarFault(schema, hole)}, which a parameter cannot be`;
  const types = typesFor(schema);
  if (!types.includes(hole.type)) return `must be of type ${types.join(' or ')}, but ${hole.source} is of type ${hole.type}`;
  for (const candidate of hole.candidates) {
    const detail = scalarFault(schema, candidate);
    if (detail) return `${detail}, but ${hole.source} may be ${JSON.stringify(candidate)}`;
  }
  return null;
}

function check(reference: KubernetesSchema, value: unknown, pointer: string, faults: Fault[]): void {
  const schema = schemaOf(reference);
  if (Array.isArray(value) && schema.type === 'array') return checkList(schema, value, pointer, faults);
  if (isRecord(value) && schema.type === 'object') return checkObject(schema, value, pointer, faults);
  const detail = value instanceof Hole ? holeFault(schema, value) : scalarFault(schema, value);
  if (detail) faults.push({ pointer, detail });
}

function checkObject(schema: KubernetesSchema, value: Record<string, unknown>, pointer: string, faults: Fault[]): void {
  const { properties, additionalProperties } = schema;
  for (const name of schema.required ?? [])
    if (own(value, name) === undefined) faults.push({ pointer: at(pointer, name), detail: 'is required' });
  if (!properties && !additionalProperties) return; // an object without a described structure, such as FieldsV1
  for (const [name, field] of Object.entries(value)) {
    const property = (properties && own(properties, name)) ?? additionalProperties;
    if (!property) faults.push({ pointer: at(pointer, name), detail: 'is not a field' });
    else if (field !== undefined) check(property, field, at(pointer, name), faults);
  }
}

function checkList(schema: KubernetesSchema, value: unknown[], pointer: string, faults: Fault[]): void {
  const items = schema.items ?? {};
  value.forEach((item, index) => check(items, item, at(pointer, index), faults));
  const keys = schema['x-kubernetes-list-map-keys'];
  if (keys) checkKeys(schemaOf(items), keys, value, pointer, faults);
  else if (schema['x-kubernetes-list-type'] === 'set') {
    const seen = new Set<unknown>();
    value.forEach((item, index) => {
      if (seen.has(item))
        faults.push({
          pointer: at(pointer, index),
          detail: `${JSON.stringify(item)} occurs twice in the list, which is a set to server-side apply`,
        });
      if (!(item instanceof Hole)) seen.add(item);
    });
  }
}

/** Faults for entries of a list with the same key: server-side apply cannot distinguish them and refuses the object. */
function checkKeys(items: KubernetesSchema, keys: string[], value: unknown[], pointer: string, faults: Fault[]): void {
  const seen = new Map<string, number>();
  value.forEach((item, index) => {
    if (!isRecord(item)) return;
    const key = keys.map((name) => own(item, name) ?? items.properties?.[name]?.default);
    if (key.some((part) => part === undefined || part instanceof Hole)) return;
    const first = seen.get(JSON.stringify(key));
    if (first === undefined) seen.set(JSON.stringify(key), index);
    else {
      const named = keys.map((name, position) => `${name} ${JSON.stringify(key[position])}`).join(', ');
      faults.push({
        pointer: at(pointer, index, keys[0] ?? ''),
        detail: `is taken: ${at(pointer, first)} has the same ${named}, by which server-side apply tells entries apart`,
      });
    }
  });
}

/**
 * Checks a value strictly against the schema of a Kubernetes type. Faults are unknown fields, wrong types, values outside an enum, missing fields, malformed
 * quantities, and entries of a keyed list with the same key. A Hole is checked by its type, and its known values by the schema.
 *
 * @returns every fault, at its pointer below `pointer`; empty if an API server of SCHEMA_VERSION would decode the value
 */
export function schemaFaults(type: 'PodTemplateSpec' | 'ServiceSpec', value: unknown, pointer: string): Fault[] {
  const faults: Fault[] = [];
  check({ $ref: `#/definitions/${type}` }, value, pointer, faults);
  return faults;
}
