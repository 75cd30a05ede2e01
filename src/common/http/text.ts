import { pointer } from '../model/faults.ts';

/** A body that came as YAML: whoever takes it reads it in the way that suits it. */
export class YamlText {
  constructor(readonly text: string) {}
}

/** Strings that Postgres would refuse: with NUL, or with half of a surrogate pair. */
const isStorable = (text: string): boolean => !text.includes('\0') && !/\p{Surrogate}/u.test(text);

/** What is wrong where `unstorable` points. */
export const UNSTORABLE = 'holds a character or a number that cannot be stored';

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

/** Pointer to the first key of a body that whoever copies it would take for the object's prototype, or null. */
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

/** Only an escape can bring such a string in, as the body itself is decoded as UTF-8; only three digits of exponent, or of length, such a number. */
export const mayBeUnstorable = (text: string): boolean => text.includes('\0') || /\\u(0000|d[89a-f])|\de\+?\d{3}|\d{300}/i.test(text);

/** What JSON text looks like before it is read. */
export interface Look {
  /** How deep brackets nest. Whoever walks the value later recurses, and must not run out of stack. */
  depth: number;
  /** A key, as it is written, that one object has twice: of the two values readers take either; null = there is none. */
  repeated: string | null;
}

/** Looks at every bracket and key once, and no further where brackets nest deeper than `deepest`. Of text that is no JSON it says something, which nobody needs. */
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

/** Index behind the string that begins at `start`. */
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

/** The key as its reader has it, in quotes: `"a"` for `"\u0061"`. */
function unescaped(key: string): string {
  if (!key.includes('\\')) return key;
  try {
    return JSON.stringify(JSON.parse(key));
  } catch {
    // No JSON, and the parser will say so.
    return key;
  }
}
