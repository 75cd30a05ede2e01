import { isDeepStrictEqual } from 'node:util';
import { isRecord } from '../json.ts';

type JsonObject = Record<string, unknown>;

/** JSON Merge Patch (RFC 7396): fields in the patch are set, null removes a field, and other fields stay. Nested objects are merged the same way. */
export function mergePatch(before: JsonObject, patch: JsonObject): JsonObject {
  const after = new Map(Object.entries(before));
  for (const [key, value] of Object.entries(patch)) {
    const old = after.get(key);
    if (value === null) after.delete(key);
    else if (value !== undefined) after.set(key, isRecord(value) ? mergePatch(isRecord(old) ? old : {}, value) : value);
  }
  return Object.fromEntries(after);
}

/** A field whose value is an object, patched: null empties it, and undefined says nothing of it. */
export function patchedField(before: JsonObject, patch: JsonObject | null | undefined): JsonObject | undefined {
  return patch === null ? {} : patch && mergePatch(before, patch);
}

/** The fields of a change that differ from the row. If none does, null: then nothing is written, and the version stays. */
export function differing<T extends object, C extends object>(row: T, change: C): Partial<C> | null {
  const entries = Object.entries(change).filter(
    ([key, value]) => value !== undefined && !isDeepStrictEqual((row as Record<string, unknown>)[key], value),
  );
  return entries.length === 0 ? null : (Object.fromEntries(entries) as Partial<C>);
}
