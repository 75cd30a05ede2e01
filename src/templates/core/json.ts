import { isRecord } from '../../platform/json.ts';
/** Any JSON value. */
export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
/** A JSON object. An undefined field counts as absent. */
export interface JsonObject {
  [field: string]: JsonValue | undefined;
}

/** The value if it is an object literal, else an empty one: for reading values whose faults another check reports. */
export const objectOf = (value: unknown): Record<string, unknown> => (isRecord(value) ? value : {});

/** The value if it is an array, else an empty one: for reading values whose faults another check reports. */
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The value of an object's own field; never an inherited one such as `constructor`. */
export const own = <T>(object: Readonly<Record<string, T>>, field: string): T | undefined =>
  Object.hasOwn(object, field) ? object[field] : undefined;

/** Appends segments to a JSON Pointer (RFC 6901), escaped. */
export const at = (pointer: string, ...segments: (string | number)[]): string =>
  pointer + segments.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/** The segments of a JSON Pointer, unescaped. */
export const segmentsOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));

/** The fault of a value that should be a string. YAML reads `yes`, `on` or `1.10` without quotes as something else. */
export const stringFault = (value: unknown): string =>
  typeof value === 'boolean' || typeof value === 'number' ? `must be a string, but is ${String(value)}: quote it` : 'must be a string';
