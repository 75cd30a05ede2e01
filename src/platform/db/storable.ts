/**
 * Makes text storable in Postgres. Text from elsewhere may contain NUL, or an unpaired surrogate after a cut. Neither can be stored, and a decision
 * that cannot be stored would be repeated forever.
 */
export const storable = (text: string): string => text.replaceAll('\u0000', '').replace(/\p{Surrogate}/gu, '\ufffd');

/** JSON with storable texts only. */
export const storableJson = (value: unknown): string =>
  JSON.stringify(value, (_key, part: unknown) => (typeof part === 'string' ? storable(part) : part));
