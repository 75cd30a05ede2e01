/**
 * The same few hundred statements are run again and again. A named one is parsed and planned once per connection, which for the engine's larger statements
 * takes longer than running them. Texts beyond the bound, mostly lists of varying length, are sent without a name, so that each connection's memory for plans
 * is bounded.
 */
const MOST = 300;
const names = new Map<string, string>();

/** Name of the prepared statement; empty = none, it is planned each time. */
export function statementName(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  if (names.size >= MOST) return '';
  const name = `slipway_${names.size + 1}`;
  names.set(text, name);
  return name;
}

/** A migration has changed the statement's result since it was planned. The connection with the old plan must be discarded. */
export const isOutdatedPlan = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === '0A000' && error.message.includes('cached plan');
