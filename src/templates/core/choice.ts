/** What is wrong, as a phrase, with an object of which exactly one of these fields must be given; null where it is so. */
export function choiceFault(object: Readonly<Record<string, unknown>>, fields: readonly string[]): string | null {
  const given = fields.filter((field) => object[field] !== undefined);
  if (given.length === 1) return null;
  return `must have exactly one of ${fields.join(', ')}${given.length ? `, and has ${given.join(' and ')}` : ''}`;
}
