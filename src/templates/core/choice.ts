/** The fault, as a phrase, of an object that must have exactly one of these fields; null if it has. */
export function choiceFault(object: Readonly<Record<string, unknown>>, fields: readonly string[]): string | null {
  const given = fields.filter((field) => object[field] !== undefined);
  if (given.length === 1) return null;
  return `must have exactly one of ${fields.join(', ')}${given.length ? `, but has ${given.join(' and ')}` : ''}`;
}
