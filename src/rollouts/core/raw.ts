/** Readers for a cluster's JSON. They accept any shape and never throw, so that a malformed object still gets a decision. */

import { isRecord } from '../../platform/json.ts';

export type Raw = Readonly<Record<string, unknown>>;

const nothing: Raw = {};

/** The object at `key`, or an empty one. */
export function part(of: Raw | undefined, key: string): Raw {
  const value = of?.[key];
  return isRecord(value) ? value : nothing;
}

/** The objects in the list at `key`; other entries are skipped. */
export function parts(of: Raw | undefined, key: string): Raw[] {
  const value = of?.[key];
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

export function text(of: Raw | undefined, key: string): string | null {
  const value = of?.[key];
  return typeof value === 'string' ? value : null;
}

export function number(of: Raw | undefined, key: string): number | null {
  const value = of?.[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** An RFC 3339 time in milliseconds since 1970; null if it is missing or not valid. */
export function time(of: Raw | undefined, key: string): number | null {
  const value = text(of, key);
  const at = value === null ? Number.NaN : Date.parse(value);
  return Number.isNaN(at) ? null : at;
}

/** Deep equality of JSON values, ignoring the order of keys. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && sameJson(a[key], b[key]));
}

/**
 * The sentence that a table makes of a row's data. Data of another version may lack what the sentence takes: then the fallback, since one such row must keep
 * nobody from reading it, or from stopping what it is about.
 */
export function sentenceFrom(make: (data: never) => unknown, data: unknown, fallback: string): string {
  try {
    const sentence = make(data as never);
    return typeof sentence === 'string' ? sentence : fallback;
  } catch {
    return fallback;
  }
}
