import { createHash } from 'node:crypto';

/**
 * Canonical JSON (RFC 8785): fields sorted by UTF-16 code units, no white space, numbers and strings as ECMAScript writes them. Undefined fields are omitted,
 * so that equal values have equal bytes.
 *
 * @throws TypeError for values that JSON does not have (functions, symbols, bigints, NaN, infinities). That is a bug, because documents are checked for them.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value as Record<string, unknown>).filter(([, field]) => field !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`${value} has no canonical form`);
  const text = JSON.stringify(value);
  if (text === undefined) throw new TypeError(`${typeof value} has no canonical form`);
  return text;
}

/** SHA-256 over the canonical JSON of a value, as 64 lower-case hexadecimal digits. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value), 'utf8').digest('hex');
}
