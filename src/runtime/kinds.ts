/**
 * The kinds of work, each with a reconciler in the worker. Features add theirs by declaration, so that making a row of an unknown kind due does not compile:
 *
 *     declare module '../runtime/kinds.ts' {
 *       interface WorkKinds { clusters: 'REGION' }
 *     }
 *
 * ANY: every worker serves them, with Postgres alone. REGION: the workers of the row's region do.
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface WorkKinds {}

export type WorkKind = keyof WorkKinds;
export type Scope = 'ANY' | 'REGION';
