import { pointer } from './faults.ts';

/** A body that was sent as YAML. The handler parses it itself. */
export class YamlText {
  constructor(readonly text: string) {}
}

/** Postgres refuses strings with NUL or with an unpaired surrogate. */
const isStorable = (text: string): boolean => !text.includes('\0') && !/\p{Surrogate}/u.test(text);

/** The fault at the pointer that `unstorable` returns. */
export const UNSTORABLE = 'contains a character or a number that cannot be stored';

/** Pointer to the first string, key or number that cannot be stored, or null. */
export function unstorable(value: unknown, path: string[] = []): string | null {
  if (typeof value === 'string') return isStorable(value) ? null : pointer(path);
  if (typeof value === 'number') return Number.isFinite(value) ? null : pointer(path);
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, item] of Object.entries(value)) {
    const found = isStorable(key) ? unstorable(item, [...path, key]) : pointer(path);
    if (found !== null) return found;
  }
  return null;
}

/** Pointer to the first key `__proto__` of a body, which would replace the prototype of a copy; null = none. */
export function prototypeKey(text: string, body: unknown): string | null {
  return /__proto__|\\u/.test(text) ? prototypeKeyIn(body, []) : null;
}

function prototypeKeyIn(value: unknown, path: string[]): string | null {
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, item] of Object.entries(value)) {
    const found = key === '__proto__' ? pointer([...path, key]) : prototypeKeyIn(item, [...path, key]);
    if (found !== null) return found;
  }
  return null;
}

/** A cheap pre-check. The body is valid UTF-8, so only an escape gives such a string; only a 3-digit exponent or 300 digits give such a number. */
export const mayBeUnstorable = (text: string): boolean => text.includes('\0') || /\\u(0000|d[89a-f])|\de\+?\d{3}|\d{300}/i.test(text);

/** Properties of JSON text that are checked before it is parsed. */
export interface Look {
  /** Depth of nested brackets. Limited, because code that walks the value recurses. */
  depth: number;
  /** A key that occurs twice in one object, with quotes; null = none. Refused, because parsers differ in which value they keep. */
  repeated: string | null;
}

/** Scans the brackets and keys once, and stops where they nest deeper than `deepest`. The result for invalid JSON is meaningless. */
export function lookAt(text: string, deepest: number): Look {
  /** The keys of each open object; null for an array. */
  const open: (Set<string> | null)[] = [];
  const found: Look = { depth: 0, repeated: null };
  for (let i = 0; i < text.length && found.depth <= deepest; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      const end = endOfString(text, i);
      const keys = open.at(-1);
      if (keys && isKey(text, end)) {
        const key = unescaped(text.slice(i, end));
        if (keys.has(key)) found.repeated ??= key;
        keys.add(key);
      }
      i = end - 1;
    } else if (c === 0x7b || c === 0x5b) {
      open.push(c === 0x7b ? new Set() : null);
      found.depth = Math.max(found.depth, open.length);
    } else if (c === 0x7d || c === 0x5d) open.pop();
  }
  return found;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Index after the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === BACKSLASH) i++;
    else if (c === QUOTE) return i + 1;
  }
  return text.length;
}

function isKey(text: string, end: number): boolean {
  let i = end;
  while (i < text.length && text.charCodeAt(i) <= 0x20) i++;
  return text[i] === ':';
}

/** The key with escapes resolved, in quotes: `"a"` for `"\u0061"`. */
function unescaped(key: string): string {
  if (!key.includes('\\')) return key;
  try {
    return JSON.stringify(JSON.parse(key));
  } catch {
    // Not JSON; the parser reports it.
    return key;
  }
}
