import type { KubernetesClient } from '../../clusters/kubernetes/types.ts';
import type { Announce } from '../../platform/queue/announce.ts';
import type { Database } from '../../platform/db/database.ts';
import { failpoint } from '../../platform/failpoint.ts';
import type { Work } from '../../runtime/work.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import { isTerminal } from '../core/phases.ts';
import type { TargetReduction } from '../core/targets/reduce-target.ts';
import { eventOf } from '../store/rollout.events.ts';
import type { PlacementAccess } from './act.ts';
import type { DatabaseClock } from '../../runtime/clock.ts';
import type { Connection, Connections } from '../../clusters/connections.ts';
import { LeaseLost } from '../../runtime/lease.ts';
import type { Lease } from '../../runtime/lease.ts';
import type { SideCounts } from '../core/counts.ts';
import type { ActiveTarget, HeldPlacementRepository, PlacementRows } from '../store/placement.repository.ts';
import type { PlacedTarget } from '../store/rows.ts';

/** The rows changed after the decision, which is therefore dropped; the next one starts from the new rows. */
export class Stale extends Error {
  override readonly name = 'Stale';
}

/** What is stored of a placement besides the target. */
export interface Seen {
  /** For readers of the API only. */
  counts: SideCounts | null;
  progressAt: Date | null;
  /** The number of pods that is about to be written; null = none is. */
  lastWrittenReplicas: number | null;
  /** The number of the release that runs there with all its pods Ready; null = none does. */
  ran: number | null;
}

/** Number of cached renderings; they never change. */
const RENDERINGS = 200;

/** Shared by the loops of all placements: rows, connections, events and nudges. */
export class PlacementWork {
  private readonly renderings = new Map<string, Promise<KubernetesObject[]>>();

  constructor(
    private readonly database: Pick<Database, 'as' | 'transaction' | 'afterCommit'>,
    private readonly placements: Pick<HeldPlacementRepository, 'load' | 'commit' | 'noteRan' | 'objects' | 'keptObjects' | 'writtenSides'>,
    private readonly events: Pick<EventLog, 'append'>,
    private readonly work: Pick<Work, 'due'>,
    private readonly announce: Pick<Announce, 'publish'>,
    private readonly connections: Pick<Connections, 'open'>,
    private readonly clock: DatabaseClock,
    /** Called with errors that are not a cluster's. */
    readonly report: (error: unknown) => void,
  ) {}

  now(): Date {
    return this.clock.now();
  }

  /** Null if the lease is lost. */
  async load(lease: Lease): Promise<PlacementRows | null> {
    const rows = await this.database.as({ tenantId: lease.tenantId }, () => this.placements.load(lease));
    if (rows) this.clock.record(rows.now);
    return rows;
  }

  /**
   * Commits a decision with its event if the target is unchanged and the lease is still held.
   *
   * @returns the target after the commit
   */
  async commit(lease: Lease, active: ActiveTarget, reduction: TargetReduction, seen: Seen): Promise<PlacedTarget> {
    const { rollout } = active;
    const { target: state, event, applied, wakeRollout } = reduction;
    const version = await this.database.as({ tenantId: lease.tenantId }, () =>
      this.database.transaction(async () => {
        const saved = await this.placements.commit({
          lease,
          rolloutId: rollout.id,
          target: { ...active.target, state },
          ...(applied === undefined ? {} : { applied }),
          lastWrittenReplicas: seen.lastWrittenReplicas,
          observed: seen.counts,
          progressAt: seen.progressAt,
        });
        if (saved === 'STALE') throw new Stale('the target has changed');
        if (saved === 'LOST') throw new LeaseLost();
        if (isTerminal(state.phase) && seen.ran !== null) this.placements.noteRan(lease.id, seen.ran);
        const ids = { workloadId: active.placement.workloadId, rolloutId: rollout.id };
        if (event) this.events.append([eventOf(ids, event, { ...active.target, state })]);
        failpoint('target-before-commit');
        if (wakeRollout) this.work.due('rollouts', [rollout]);
        this.database.afterCommit(() => this.announce.publish({ kind: 'rollout', tenantId: lease.tenantId, id: rollout.id }));
        return saved;
      }),
    );
    return { ...active.target, state, version };
  }

  /** Reads the objects to apply while the cluster is still being listed. Errors are ignored here; they are reported when the objects are needed. */
  prepare(lease: Lease, rows: PlacementRows): void {
    const sides = rows.targets.flatMap(({ target }) => [target.state.to, target.state.from]);
    for (const digest of new Set(sides.flatMap((side) => side?.digest ?? []))) void this.rendering(lease, digest).catch(() => undefined);
  }

  /** A connection to the placement's cluster with the current credentials. */
  connect(lease: Lease, rows: PlacementRows): Promise<Connection> {
    return this.connections.open(lease, rows.clusterId, rows.credentialVersion);
  }

  accessFor(lease: Lease, client: KubernetesClient): PlacementAccess {
    return {
      client,
      now: () => this.now(),
      assertOurs: () => {
        if (!lease.stillOurs()) throw new LeaseLost();
      },
      rendering: (digest) => this.rendering(lease, digest),
      writtenSides: () => this.database.as({ tenantId: lease.tenantId }, () => this.placements.writtenSides(lease.id)),
      keptObjects: (releases) => this.database.as({ tenantId: lease.tenantId }, () => this.placements.keptObjects(lease.id, releases)),
    };
  }

  private rendering(lease: Lease, digest: string): Promise<KubernetesObject[]> {
    const key = `${lease.tenantId} ${digest}`;
    const known = this.renderings.get(key);
    if (known) return known;
    const objects = this.database.as({ tenantId: lease.tenantId }, () => this.placements.objects(digest));
    const [oldest] = this.renderings.keys();
    if (this.renderings.size >= RENDERINGS && oldest !== undefined) this.renderings.delete(oldest);
    this.renderings.set(key, objects);
    objects.catch(() => this.renderings.delete(key));
    return objects;
  }
}
