import { Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
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

/** Whoever serves queues in the process that nudges; true where it looks at this one now. */
export type NudgeListener = (queue: string, nudged: Nudged) => boolean;

/** How long a job waits behind the process itself. */
const BEHIND_MILLISECONDS = 50;

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
export class Nudges implements BeforeApplicationShutdown {
  private readonly listeners = new Set<NudgeListener>();
  /** Jobs that follow in a moment, by what they are about. */
  private readonly behind = new Map<string, NodeJS.Timeout>();

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly announce: Announce,
  ) {}

  /** Calls the listener at each nudge, so that who serves the queue in the same process looks before there is a job; until what is returned is called. */
  listen(listener: NudgeListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  rollout(id: string): void {
    const message = { kind: 'rollout', tenantId: tenantId(), id } as const;
    this.database.afterCommit(() => {
      this.announce.publish(message);
      this.nudge(ROLLOUTS_QUEUE, 'rollouts');
    });
  }

  placements(placements: readonly PlacementRef[]): void {
    const tenant = tenantId();
    if (placements.length === 0) return;
    this.database.afterCommit(() => {
      for (const { id } of placements) this.announce.publish({ kind: 'placement', tenantId: tenant, id });
      for (const regionId of new Set(placements.map((placement) => placement.regionId)))
        this.nudge(placementsQueue(regionId), 'placements');
    });
  }

  cluster(id: string, regionId: string): void {
    const message = { kind: 'cluster', tenantId: tenantId(), id } as const;
    this.database.afterCommit(() => {
      this.announce.publish(message);
      this.nudge(placementsQueue(regionId), 'clusters');
    });
  }

  /**
   * Wakes one worker of the queue. A job that waits already will find this row too; behind one that runs, which may have looked before, one more follows.
   * Resolves when the job has been added, or given up; never rejects.
   */
  wake(queue: string, nudged: Nudged): Promise<void> {
    return this.queues.open(queue).add({ name: nudged, data: { version: JOB_VERSION } }, nudged);
  }

  /** What this process looks at itself it need not look at a second time while it does: the job comes a moment later, for whoever has room then. */
  private nudge(queue: string, nudged: Nudged): void {
    const looked = [...this.listeners].map((listener) => listener(queue, nudged)).includes(true);
    if (!looked) {
      void this.wake(queue, nudged);
      return;
    }
    const key = `${queue} ${nudged}`;
    if (this.behind.has(key)) return;
    const follow = (): void => {
      this.behind.delete(key);
      void this.wake(queue, nudged);
    };
    this.behind.set(key, setTimeout(follow, BEHIND_MILLISECONDS).unref());
  }

  /** The rows stay due, and whoever goes on finds them. */
  beforeApplicationShutdown(): void {
    for (const timer of this.behind.values()) clearTimeout(timer);
  }
}
