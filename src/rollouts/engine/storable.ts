/**
 * Text as Postgres takes it. What containers log and clusters say may hold NUL, or half of a surrogate pair where somebody has cut it; neither can be stored, and a
 * decision that cannot be stored would be taken again for ever.
 */
export const storable = (text: string): string => text.replaceAll('\u0000', '').replace(/\p{Surrogate}/gu, '\ufffd');

/** JSON whose every text can be stored. */
export const storableJson = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? storable(part) : part));
