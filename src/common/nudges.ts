import { Injectable } from '@nestjs/common';
import { Announce } from './announce.ts';
import { tenantId } from './context.ts';
import { Database } from './database.ts';
import { Queues } from './queue.ts';

/** Every worker serves this queue; it touches Postgres only. */
export const ROLLOUTS_QUEUE = 'rollouts';

/** The queue of a region's placements and clusters, served by the workers of that region. */
export const placementsQueue = (regionId: string): string => `placements-${regionId}`;

/** What a nudge is about: the name of its job. */
export type Nudged = 'rollouts' | 'placements' | 'clusters';

/** Whoever serves queues in the process that nudges. */
export type NudgeListener = (queue: string, nudged: Nudged) => void;

/** The version of the jobs' shape. A job is a wake-up: what is to be done stands in the rows. */
export const JOB_VERSION = 1;

export interface PlacementRef {
  id: string;
  regionId: string;
}

/**
 * Tells workers that rows are due. Whoever nudges has set `due_at` in the same transaction; after its commit a job wakes somebody to claim what nobody holds,
 * and an announcement wakes whoever holds it. A nudge that gets lost costs a second, because the sweep finds what is due: so it never fails the caller.
 */
@Injectable()
export class Nudges {
  private readonly listeners = new Set<NudgeListener>();

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly announce: Announce,
  ) {}

  /** Calls the listener at each nudge, so that who serves the queue in the same process need not wait for the job; until what is returned is called. */
  listen(listener: NudgeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  rollout(id: string): void {
    const message = { kind: 'rollout', tenantId: tenantId(), id } as const;
    this.database.afterCommit(() => {
      this.announce.publish(message);
      void this.wake(ROLLOUTS_QUEUE, 'rollouts');
    });
  }

  placements(placements: readonly PlacementRef[]): void {
    const tenant = tenantId();
    if (placements.length === 0) return;
    this.database.afterCommit(() => {
      for (const { id } of placements) this.announce.publish({ kind: 'placement', tenantId: tenant, id });
      for (const regionId of new Set(placements.map((placement) => placement.regionId)))
        void this.wake(placementsQueue(regionId), 'placements');
    });
  }

  cluster(id: string, regionId: string): void {
    const message = { kind: 'cluster', tenantId: tenantId(), id } as const;
    this.database.afterCommit(() => {
      this.announce.publish(message);
      void this.wake(placementsQueue(regionId), 'clusters');
    });
  }

  /**
   * Wakes one worker of the queue. A job that waits already will find this row too; behind one that runs, which may have looked before, one more follows.
   * Resolves when the job has been added, or given up; never rejects.
   */
  wake(queue: string, nudged: Nudged): Promise<void> {
    for (const listener of this.listeners) listener(queue, nudged);
    return this.queues.open(queue).add({ name: nudged, data: { version: JOB_VERSION } }, nudged);
  }
}
