/** Reproducible randomness: a seed reproduces pod start times, name suffixes and uids of a run. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A number in [low, high). */
  between(low: number, high: number): number;
  /** Kubernetes' alphabet for generated names: no vowels and no similar characters. */
  suffix(length: number): string;
  uuid(): string;
}

export const safeAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    // mulberry32: small, fast, and good enough where no secret depends on it.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  /** Eight hexadecimal digits. */
  const hex = (): string => ((next() * 4294967296) >>> 0).toString(16).padStart(8, '0');
  const uuid = (): string => {
    const [one, two, three, four] = [hex(), hex(), hex(), hex()];
    const variant = '89ab'[Math.floor(next() * 4)] ?? '8';
    return `${one}-${two.slice(0, 4)}-4${two.slice(5)}-${variant}${three.slice(1, 4)}-${three.slice(4)}${four}`;
  };
  return {
    next,
    between: (low, high) => low + next() * (high - low),
    suffix: (length) => Array.from({ length }, () => safeAlphabet[Math.floor(next() * safeAlphabet.length)]).join(''),
    uuid,
  };
}

/** FNV-1a, 32 bits: the hash of pod-template-hash, also used for each cluster's seed. */
export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    value ^= text.charCodeAt(index);
    value = Math.imul(value, 0x01000193) >>> 0;
  }
  return value;
}
