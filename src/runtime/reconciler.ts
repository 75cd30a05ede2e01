import type { Lease } from './lease.ts';
import type { WorkKind, WorkKinds } from './kinds.ts';

/** How much of a worker one tenant, and one of its clusters, may have at once. null = no bound. */
export interface Share {
  /** Rows of a tenant that are served and move. */
  tenant: number | null;
  /** Those of one of its clusters. */
  cluster: number | null;
  /** Rows of a tenant in all, resting ones included; about, since a claim is bounded by what was held before it. */
  held: number | null;
}

/** A reconciler for each kind of work that is declared: a kind without one does not compile. */
export type Reconcilers = { readonly [K in WorkKind]: Reconciler<K> };

/** Serves one kind of work. All that has to be remembered is in the rows: another worker can go on from any point. */
export interface Reconciler<K extends WorkKind = WorkKind> {
  readonly kind: K;
  readonly scope: WorkKinds[K];
  /** How many rows this worker serves at once. Those that rest (`lease.moving` is false) take up no slot. */
  readonly slots: number;
  /** How many rows this worker holds at once, resting ones included. */
  readonly held: number;
  /** How many rows are claimed in one statement. */
  readonly batch: number;
  readonly share: Share;
  /**
   * Serves a row until there is nothing left to do or the lease is lost. The row is released then, unless a transaction of its own has done so (`Work.release`).
   *
   * @returns when the row is due next; null = not before a nudge
   */
  run(lease: Lease): Promise<Date | null>;
  /** A row that this worker holds has been nudged: its rows have changed. Without this, the row is served once more after it has been released. */
  nudge?(lease: Lease): void;
  /** Once a second. `regions`: ids of those that this worker serves; `all`: it serves every region. */
  tick?(served: { regions: readonly string[]; all: boolean }): Promise<void>;
  /** The worker stops: no row is served any more. */
  close?(): void;
}
