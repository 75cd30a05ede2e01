import type { Announce } from '../../platform/queue/announce.ts';
import type { Database } from '../../platform/db/database.ts';
import type { Lease } from '../../runtime/lease.ts';
import type { Reconciler } from '../../runtime/reconciler.ts';
import { PlacementLoop } from './placement-loop.ts';
import type { PlacementWork } from './placement-work.ts';
import type { SideCounts } from '../core/counts.ts';
import type { HeldPlacementRepository } from '../store/placement.repository.ts';
import type { Unserved } from './unserved.ts';

/** How many placements one worker moves at once, how many it holds with those that rest, and how many it claims in one statement. */
const SLOTS = 1_000;
const HELD = 5_000;
const BATCH = 50;
/** Of the slots of a worker, and of what it holds, one tenant has at most 40 %. On one cluster, at most 50 placements of a tenant move at once. */
const SHARE = { tenant: 0.4 * SLOTS, cluster: 50, held: 0.4 * HELD };
/** Interval at which unchanged counts are rewritten, so that readers see that they are current. */
const REFRESH_MILLISECONDS = 30_000;

/** Reconciles the placements of the served regions, each in a loop of its own that lasts as long as targets are under way there. */
export class PlacementReconciler implements Reconciler {
  readonly kind = 'placements';
  readonly scope = 'REGION';
  readonly slots = SLOTS;
  readonly held = HELD;
  readonly batch = BATCH;
  readonly share = SHARE;
  private readonly loops = new Map<Lease, PlacementLoop>();
  private readonly lastCounts = new WeakMap<PlacementLoop, { text: string; at: number }>();
  private readonly stopListening: () => void;

  constructor(
    private readonly database: Pick<Database, 'as'>,
    private readonly rows: Pick<HeldPlacementRepository, 'saveCounts'>,
    private readonly announce: Pick<Announce, 'publish' | 'subscribe'>,
    private readonly work: PlacementWork,
    private readonly unserved: Pick<Unserved, 'tick'>,
  ) {
    // The cluster's rows have changed, possibly its credentials.
    this.stopListening = announce.subscribe((announcement) => {
      if (announcement.kind !== 'cluster') return;
      for (const loop of this.loops.values()) if (loop.clusterId === announcement.id) loop.nudge();
    });
  }

  async run(lease: Lease): Promise<null> {
    const loop = new PlacementLoop(lease, this.work);
    this.loops.set(lease, loop);
    try {
      await loop.run();
    } finally {
      this.loops.delete(lease);
    }
    return null;
  }

  nudge(lease: Lease): void {
    this.loops.get(lease)?.nudge();
  }

  /** Writes the counts of pods, and shows where no worker serves a region. A worker that serves all regions leaves none unserved. */
  async tick({ regions, all }: { regions: readonly string[]; all: boolean }): Promise<void> {
    await Promise.all([this.writeCounts(), all ? null : this.unserved.tick(regions)]);
  }

  close(): void {
    this.stopListening();
  }

  /** Writes changed counts, in one statement per tenant. */
  private async writeCounts(): Promise<void> {
    const changed = [...this.loops.values()].flatMap((loop) => {
      const view = loop.view();
      if (!view) return [];
      const targets = view.targets.map(({ target }) => ({ id: target.state.id, pods: view.counts }));
      const change = { id: loop.lease.id, targets, observed: view.counts, progressAt: view.progressAt };
      const text = JSON.stringify(change);
      const before = this.lastCounts.get(loop);
      if (before && before.text === text && performance.now() - before.at < REFRESH_MILLISECONDS) return [];
      this.lastCounts.set(loop, { text, at: performance.now() });
      if (before?.text !== text) this.announceProgress(loop, view.counts);
      return [{ loop, change }];
    });
    const tenants = Map.groupBy(changed, ({ loop }) => loop.lease.tenantId);
    const missed = await Promise.all(
      [...tenants].map(([tenantId, group]) =>
        this.database.as({ tenantId }, () => this.rows.saveCounts(group.map(({ change }) => change))),
      ),
    );
    const again = new Set(missed.flat());
    for (const { loop } of changed) if (again.has(loop.lease.id)) this.lastCounts.delete(loop);
  }

  private announceProgress(loop: PlacementLoop, counts: SideCounts): void {
    for (const { rollout, placement, target } of loop.view()?.targets ?? []) {
      const { desired, old, new: fresh, ready } = counts;
      const data = { desired, old, new: fresh, ready };
      const { tenantId } = loop.lease;
      const targetId = target.state.id;
      const ids = { tenantId, workloadId: placement.workloadId, rolloutId: rollout.id, targetId };
      this.announce.publish({ kind: 'progress', ...ids, data }, `progress ${targetId}`);
    }
  }
}
