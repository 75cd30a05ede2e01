import type { Announce } from '../../platform/queue/announce.ts';
import type { Database } from '../../platform/db/database.ts';
import type { Leases } from '../../runtime/leases.ts';
import { Claims } from '../../runtime/claims.ts';
import { PlacementLoop } from './placement-loop.ts';
import type { PlacementWork } from './placement-work.ts';
import type { SideCounts, HeldPlacementRepository } from '../store/placement.repository.ts';

/** How many placements one worker serves at once, and how many it claims in one statement. */
const CAPACITY = 1_000;
const BATCH = 50;
/** Interval at which unchanged counts are rewritten, so that readers see that they are current. */
const REFRESH_MILLISECONDS = 30_000;

/** The placements that this worker holds. */
export class Placements {
  private readonly loops = new Map<string, PlacementLoop>();
  private readonly lastCounts = new Map<string, { text: string; at: number }>();
  private regions: readonly string[] = [];
  private readonly claims: Claims;

  constructor(
    private readonly leases: Leases,
    private readonly database: Database,
    private readonly rows: HeldPlacementRepository,
    private readonly announce: Announce,
    private readonly work: PlacementWork,
  ) {
    this.claims = new Claims({
      claim: async (limit) => (this.regions.length === 0 ? [] : this.leases.claim('placements', this.regions, limit)),
      serve: (lease) => this.servePlacement(new PlacementLoop(lease, this.work)),
      capacity: CAPACITY,
      batch: BATCH,
      report: work.report,
    });
  }

  /** Ids of the regions that this worker serves. */
  setRegions(regions: readonly string[]): void {
    this.regions = regions;
  }

  wake(): Promise<void> {
    return this.claims.wake();
  }

  /** Handles an announcement that a placement's rows have changed. Ignored if another worker holds it. */
  nudge(placementId: string): void {
    this.loops.get(placementId)?.nudge();
  }

  /** The cluster's rows have changed, possibly its credentials. */
  nudgeCluster(clusterId: string): void {
    for (const loop of this.loops.values()) if (loop.clusterId === clusterId) loop.nudge();
  }

  /** After a gap in the announcements, any row may have changed. */
  nudgeAll(): void {
    for (const loop of this.loops.values()) loop.nudge();
  }

  /** Once a second: handles nudges whose announcement was lost, and writes the counts of pods. */
  async tick(): Promise<void> {
    if (this.loops.size === 0) return;
    await Promise.all([this.leases.deliverNudges('placements', (lease) => this.nudge(lease.id)), this.writeCounts()]);
  }

  /** Resolves when the loops have ended; their leases have been released by then. */
  ended(): Promise<void> {
    return this.claims.ended();
  }

  private async servePlacement(loop: PlacementLoop): Promise<void> {
    const { id } = loop.lease;
    this.loops.set(id, loop);
    try {
      await loop.run();
    } finally {
      if (this.loops.get(id) === loop) this.loops.delete(id);
      this.lastCounts.delete(id);
    }
  }

  /** Writes changed counts, in one statement per tenant. */
  private async writeCounts(): Promise<void> {
    const changed = [...this.loops.values()].flatMap((loop) => {
      const view = loop.view();
      if (!view) return [];
      const targets = view.targets.map(({ target }) => target.state.id);
      const change = { id: loop.lease.id, targets, observed: view.counts, progressAt: view.progressAt };
      const text = JSON.stringify(change);
      const before = this.lastCounts.get(loop.lease.id);
      if (before && before.text === text && performance.now() - before.at < REFRESH_MILLISECONDS) return [];
      this.lastCounts.set(loop.lease.id, { text, at: performance.now() });
      if (before?.text !== text) this.announceProgress(loop, view.counts);
      return [{ tenantId: loop.lease.tenantId, change }];
    });
    const tenants = Map.groupBy(changed, (each) => each.tenantId);
    const missed = await Promise.all(
      [...tenants].map(([tenantId, group]) => this.database.as({ tenantId }, () => this.rows.saveCounts(group.map((each) => each.change)))),
    );
    for (const id of missed.flat()) this.lastCounts.delete(id);
  }

  private announceProgress(loop: PlacementLoop, counts: SideCounts): void {
    for (const { rollout, placement, target } of loop.view()?.targets ?? []) {
      const { desired, old, new: fresh, ready } = counts;
      const data = { desired, old, new: fresh, ready };
      const { tenantId } = loop.lease;
      this.announce.publish({
        kind: 'progress',
        tenantId,
        workloadId: placement.workloadId,
        rolloutId: rollout.id,
        targetId: target.state.id,
        data,
      });
    }
  }
}
