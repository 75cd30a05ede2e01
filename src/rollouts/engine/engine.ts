import { randomUUID } from 'node:crypto';
import os from 'node:os';
import type { CheckRepository } from '../../clusters/check/check.repository.ts';
import type { CredentialReader } from '../../clusters/credential.reader.ts';
import type { Announce, Announcement } from '../../platform/queue/announce.ts';
import type { Database } from '../../platform/db/database.ts';
import { failpoint } from '../../platform/failpoint.ts';
import { placementsQueue, ROLLOUTS_QUEUE } from '../../runtime/nudges.ts';
import type { Nudges } from '../../runtime/nudges.ts';
import type { Queues, QueueWorker } from '../../platform/queue/queue.ts';
import type { EventLog } from '../../events/event-log.ts';
import { DatabaseClock } from '../../runtime/clock.ts';
import { ClusterChecks } from './cluster-checks.ts';
import { Connections } from '../../clusters/connections.ts';
import type { Lease } from '../../runtime/lease.ts';
import { Leases } from '../../runtime/leases.ts';
import type { HeldPlacementRepository } from '../store/placement.repository.ts';
import { Placements } from './placements.ts';
import { PlacementWork } from './placement-work.ts';
import type { Renewals } from '../../runtime/renewals.ts';
import type { LockedRolloutRepository } from '../store/locked-rollout.repository.ts';
import { Rollouts } from './rollouts.ts';
import { Sweep } from '../../runtime/sweep.ts';
import type { Due, Region } from '../../runtime/sweep.ts';
import type { UnservedRepository } from '../store/unserved.repository.ts';
import { Unserved } from './unserved.ts';

export interface EngineParts {
  database: Database;
  queues: Queues;
  announce: Announce;
  nudges: Nudges;
  events: EventLog;
  rollouts: LockedRolloutRepository;
  placements: HeldPlacementRepository;
  checks: CheckRepository;
  credentials: CredentialReader;
  unserved: UnservedRepository;
  renewals: Renewals;
  /** Names of the regions to serve; null = all, including those created later. */
  regions: readonly string[] | null;
  allowedNetworks: readonly string[];
  report: (error: unknown) => void;
  /** Called with the served regions' names at the start and whenever they change. */
  onRegions?: (names: string[]) => void;
}

/** How long a stop waits for an unresponsive database or queue. It does not wait for clusters. */
const STOP_MILLISECONDS = 5_000;

/** A worker's engine. Woken by jobs, announcements and the sweep, it serves rollouts, placements and clusters until it is stopped. */
export class Engine {
  private readonly clock = new DatabaseClock();
  private readonly leases: Leases;
  private readonly connections: Connections;
  private readonly rollouts: Rollouts;
  private readonly placements: Placements;
  private readonly checks: ClusterChecks;
  private readonly sweep: Sweep;
  private readonly unserved: Unserved;
  private served: string[] = [];
  private readonly workers = new Map<string, QueueWorker>();
  private stopListening: () => void = () => undefined;
  private readonly stopNudges: (() => void)[] = [];
  private closing = false;

  constructor(private readonly parts: EngineParts) {
    const { database, announce, nudges, events, report } = parts;
    const owner = `${os.hostname()}/${process.pid}/${randomUUID()}`;
    this.leases = new Leases(owner, database.system, parts.renewals, report);
    this.connections = new Connections(database, parts.credentials, parts.checks, parts.allowedNetworks);
    const claim = (): void => void this.placements.wake().catch(report);
    const work = new PlacementWork(database, parts.placements, events, nudges, announce, this.connections, this.clock, report, claim);
    this.placements = new Placements(this.leases, database, parts.placements, announce, work);
    this.rollouts = new Rollouts(this.leases, database, parts.rollouts, events, nudges, announce, this.clock, report);
    this.checks = new ClusterChecks(
      this.leases,
      database,
      parts.checks,
      parts.placements,
      events,
      announce,
      this.connections,
      this.clock,
      report,
    );
    this.unserved = new Unserved(database, parts.unserved, events, nudges, report);
    this.sweep = new Sweep(database.system, this.clock, parts.regions, {
      onRegions: (regions) => this.serve(regions),
      onDue: (due) => this.wake(due),
      onTick: () => this.tick(),
      onError: report,
    });
  }

  async start(): Promise<void> {
    this.stopListening = this.parts.announce.subscribe((announcement) => this.onAnnouncement(announcement));
    await this.sweep.start();
    this.listenTo(this.parts.nudges);
    this.serveQueue(ROLLOUTS_QUEUE);
  }

  /** Handles nudges from the same process without waiting for their jobs. */
  listenTo(nudges: Nudges): void {
    const stop = nudges.listen((queue, nudged) => {
      const ours = this.workers.has(queue) && !this.closing;
      if (ours) void this.lookAt(nudged).catch(this.parts.report);
      return ours;
    });
    this.stopNudges.push(stop);
  }

  /** Releases all leases, so that other workers continue within a second, and stops. Requests to clusters are aborted with the leases. */
  async close(): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    this.stopListening();
    for (const stop of this.stopNudges) stop();
    const ended = Promise.all([this.handOver(), this.sweep.close()]).then(() =>
      Promise.all([this.rollouts.ended(), this.placements.ended(), this.checks.ended()]),
    );
    await Promise.race([ended.catch(this.parts.report), new Promise((resolve) => setTimeout(resolve, STOP_MILLISECONDS).unref())]);
    await Promise.all([this.connections.close(), this.parts.renewals.close()]);
  }

  /** Nudges other workers about the released rows, after closing our queue workers, which would consume the nudge without effect. */
  private async handOver(): Promise<void> {
    const [released] = await Promise.all([this.releaseLeases(), ...[...this.workers.values()].map((worker) => worker.close())]);
    const nudges = [...this.workers.keys()].flatMap((queue) =>
      (queue === ROLLOUTS_QUEUE ? (['rollouts'] as const) : (['placements', 'clusters'] as const))
        .filter((nudged) => released.some((lease) => lease.table === nudged))
        .map((nudged) => this.parts.nudges.wake(queue, nudged)),
    );
    await Promise.all(nudges);
  }

  private async releaseLeases(): Promise<Lease[]> {
    const released = await this.leases.close().catch((error: unknown) => {
      this.parts.report(error);
      return [];
    });
    // Reaches other workers immediately, however long our queue workers take to close.
    if (released.length > 0) this.parts.announce.publish({ kind: 'released' });
    failpoint('leases-released');
    return released;
  }

  private serve(regions: readonly Region[]): void {
    const ids = regions.map((region) => region.id);
    this.served = ids;
    this.placements.setRegions(ids);
    this.checks.setRegions(ids);
    for (const id of ids) {
      const queue = placementsQueue(id);
      if (!this.workers.has(queue)) this.serveQueue(queue);
    }
    this.parts.onRegions?.(regions.map((region) => region.name));
    this.wake({ rollouts: false, placements: true, clusters: true });
  }

  /** A worker that serves all regions leaves none unserved. */
  private async tick(): Promise<void> {
    await Promise.all([this.placements.tick(), ...(this.parts.regions === null ? [] : [this.unserved.tick(this.served)])]);
  }

  private serveQueue(queue: string): void {
    const worker = this.parts.queues.work(queue, (job) => this.lookAt(job.name), { concurrency: 1 });
    this.workers.set(queue, worker);
  }

  /** A job's name is the kind of rows that are due. An unknown name, from another version, wakes all. */
  private async lookAt(nudged: string): Promise<void> {
    if (nudged === 'rollouts') return this.rollouts.wake();
    if (nudged === 'placements') return this.placements.wake();
    if (nudged === 'clusters') return this.checks.wake();
    await Promise.all([this.rollouts.wake(), this.placements.wake(), this.checks.wake()]);
  }

  private wake(due: Due): void {
    if (this.closing) return;
    if (due.rollouts) void this.rollouts.wake().catch(this.parts.report);
    if (due.placements) void this.placements.wake().catch(this.parts.report);
    if (due.clusters) void this.checks.wake().catch(this.parts.report);
  }

  private onAnnouncement(announcement: Announcement): void {
    if (announcement.kind === 'placement') this.placements.nudge(announcement.id);
    if (announcement.kind === 'cluster') this.placements.nudgeCluster(announcement.id);
    if (announcement.kind === 'released') this.wake({ rollouts: true, placements: true, clusters: true });
    if (announcement.kind === 'gap') this.placements.nudgeAll();
  }
}
