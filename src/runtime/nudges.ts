import { Injectable } from '@nestjs/common';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import { Announce } from '../platform/queue/announce.ts';
import { tenantId } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import { Queues } from '../platform/queue/queue.ts';

/** Every worker serves this queue. Its work uses Postgres only. */
export const ROLLOUTS_QUEUE = 'rollouts';

/** The queue of a region's placements and clusters, served by the workers of that region. */
export const placementsQueue = (regionId: string): string => `placements-${regionId}`;

/** The kind of rows that a nudge is about; also the name of its job. */
export type Nudged = 'rollouts' | 'placements' | 'clusters';

/** Handles nudges in the process that sends them. Returns true if it handles this one now. */
export type NudgeListener = (queue: string, nudged: Nudged) => boolean;

/** Delay of the job when this process handles the nudge itself. */
const BEHIND_MILLISECONDS = 50;

/** Version of the jobs' shape. A job only wakes a worker; the work itself is in the rows. */
export const JOB_VERSION = 1;

export interface PlacementRef {
  id: string;
  regionId: string;
}

/**
 * Tells workers that rows are due. The caller has set `due_at` in the same transaction. After its commit, a job wakes a worker to claim rows without a lease,
 * and an announcement wakes the holder of a lease. A lost nudge costs at most a second, because the sweep finds due rows. So a nudge never fails the caller.
 */
@Injectable()
export class Nudges implements BeforeApplicationShutdown {
  private readonly listeners = new Set<NudgeListener>();
  /** Timers of delayed jobs, by queue and kind. */
  private readonly behind = new Map<string, NodeJS.Timeout>();

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly announce: Announce,
  ) {}

  /** Calls the listener at each nudge, so that a worker in the same process starts before the job arrives. Returns the function that ends this. */
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
   * Wakes one worker of the queue. A job that is already waiting covers this row too. A running one may have read before, so one more job follows it.
   * Resolves when the job has been added or given up; never rejects.
   */
  wake(queue: string, nudged: Nudged): Promise<void> {
    return this.queues.open(queue).add({ name: nudged, data: { version: JOB_VERSION } }, nudged);
  }

  /** If this process handles the nudge itself, the job is delayed 50 ms and serves only as a fallback for other workers. */
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

  /** Delayed jobs are dropped: the rows stay due, and another worker's sweep finds them. */
  beforeApplicationShutdown(): void {
    for (const timer of this.behind.values()) clearTimeout(timer);
  }
}
