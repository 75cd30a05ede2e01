/**
 * Most statements are the same few hundred, again and again. One with a name is parsed and planned once for each connection, which for the engine's larger
 * ones takes longer than running them. Texts beyond the bound, lists of yet another length mostly, are sent without a name: every connection's memory of
 * plans is bounded with them.
 */
const MOST = 300;
const names = new Map<string, string>();

/** The name under which connections keep this statement; empty = none, it is planned each time. */
export function statementName(text: string): string {
  const known = names.get(text);
  if (known !== undefined) return known;
  if (names.size >= MOST) return '';
  const name = `slipway_${names.size + 1}`;
  names.set(text, name);
  return name;
}

/** A migration has changed what the statement answers since it was planned. The connection that holds the plan is of no more use. */
export const isOutdatedPlan = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === '0A000' && error.message.includes('cached plan');
