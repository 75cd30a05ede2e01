import { pointer } from '../model/faults.ts';

/** A body that came as YAML: whoever takes it reads it in the way that suits it. */
export class YamlText {
  constructor(readonly text: string) {}
}

/** Strings that Postgres would refuse: with NUL, or with half of a surrogate pair. */
const isStorable = (text: string): boolean => !text.includes('\0') && !/\p{Surrogate}/u.test(text);

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

/** Only an escape can bring such a string in, as the body itself is decoded as UTF-8; only three digits of exponent, or of length, such a number. */
export const mayBeUnstorable = (text: string): boolean => text.includes('\0') || /\\u(0000|d[89a-f])|\de\+?\d{3}|\d{300}/i.test(text);

/** How deep brackets nest in JSON text. Whoever walks the value later recurses, and must not run out of stack. */
export function nesting(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (inString) {
      if (c === 0x5c) i++;
      else if (c === 0x22) inString = false;
    } else if (c === 0x22) inString = true;
    else if (c === 0x7b || c === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (c === 0x7d || c === 0x5d) depth--;
  }
  return deepest;
}
