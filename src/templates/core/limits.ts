import type { Fault } from '../../platform/fault.ts';
import { at } from './json.ts';

/** The largest document, in bytes of UTF-8. */
export const MAX_DOCUMENT_BYTES = 1024 * 1024;
/** Maximum depth of nested objects and lists. The deepest field of a pod has a depth of about 20. */
export const MAX_DEPTH = 50;
/** Maximum number of faults in a response. */
export const MAX_FAULTS = 50;

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Why a text cannot be stored or sent as UTF-8; null if it can. */
export function textFault(text: string): string | null {
  if (text.includes('\0')) return 'contains a NUL character';
  if (LONE_SURROGATE.test(text)) return 'contains an unpaired surrogate';
  return null;
}

const keyFault = (key: string): string | null => (key === '__proto__' ? 'is not an allowed name' : textFault(key));

const numberFault = (value: number): string | null => {
  if (!Number.isFinite(value)) return 'must be a finite number';
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return 'is too large to be stored exactly';
  return null;
};

/**
 * Faults of a document that do not depend on its fields: its size, its depth, and texts and numbers that cannot be stored or hashed without loss. It uses its
 * own stack, so that no depth can exhaust the call stack.
 */
export function limitFaults(document: unknown): Fault[] {
  const faults: Fault[] = [];
  const rest: { value: unknown; pointer: string; depth: number }[] = [{ value: document, pointer: '', depth: 0 }];
  let bytes = 0;
  for (let next = rest.pop(); next && faults.length < MAX_FAULTS; next = rest.pop()) {
    const { value, pointer, depth } = next;
    if (depth > MAX_DEPTH) return [{ pointer, detail: `is nested deeper than ${MAX_DEPTH} levels` }];
    bytes += typeof value === 'string' ? Buffer.byteLength(value) + 2 : 1;
    if (bytes > MAX_DOCUMENT_BYTES) return [{ pointer: '', detail: 'is larger than 1 MiB' }];
    const detail = typeof value === 'string' ? textFault(value) : typeof value === 'number' ? numberFault(value) : null;
    if (detail) faults.push({ pointer, detail });
    if (Array.isArray(value))
      value.forEach((item: unknown, index) => rest.push({ value: item, pointer: at(pointer, index), depth: depth + 1 }));
    else if (typeof value === 'object' && value !== null)
      for (const [key, field] of Object.entries(value)) {
        bytes += Buffer.byteLength(key) + 3;
        const bad = keyFault(key);
        if (bad) faults.push({ pointer: at(pointer, key), detail: bad });
        else rest.push({ value: field, pointer: at(pointer, key), depth: depth + 1 });
      }
  }
  return faults;
}
