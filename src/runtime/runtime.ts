import { randomUUID } from 'node:crypto';
import os from 'node:os';
import { failpoint } from '../platform/failpoint.ts';
import type { Announce, Announcement } from '../platform/queue/announce.ts';
import type { Queues, QueueWorker } from '../platform/queue/queue.ts';
import { Claims } from './claims.ts';
import type { Wanted } from './claims.ts';
import type { DatabaseClock } from './clock.ts';
import type { Lease } from './lease.ts';
import { Leases } from './leases.ts';
import type { Reconciler, Reconcilers } from './reconciler.ts';
import type { Renewals } from './renewals.ts';
import { Sweep } from './sweep.ts';
import { queueOf } from './work.ts';
import type { Work } from './work.ts';
import type { LeaseRows, Swept } from './work-rows.ts';

/** A part of the world whose workers alone connect to what is in it. */
export interface Region {
  id: string;
  name: string;
}

export interface RuntimeParts {
  rows: Pick<LeaseRows, keyof LeaseRows>;
  queues: Pick<Queues, 'work'>;
  announce: Pick<Announce, 'publish' | 'subscribe'>;
  work: Work;
  clock: DatabaseClock;
  renewals: Pick<Renewals, 'renew' | 'close'>;
  reconcilers: Reconcilers;
  /** All regions, read once a second: new ones are served without a restart. */
  allRegions: () => Promise<readonly Region[]>;
  /** Names of the regions to serve; null = all, including those created later. */
  regions: readonly string[] | null;
  report: (error: unknown) => void;
  /** Called with the served regions' names at the start and whenever they change. */
  onRegions?: (names: string[]) => void;
  /** Called with the number of leases that nobody held, by kind, where there were any. */
  onOrphans?: (kind: string, count: number) => void;
}

/** How long a stop waits for an unresponsive database or queue. It does not wait for clusters. */
const STOP_MILLISECONDS = 5_000;
/** Delay after an error that ended the service of a row. */
const RETRY_MILLISECONDS = 3_000;
/** Rows due later than this are left to the sweep. */
const LONGEST_TIMER_MILLISECONDS = 3_600_000;
/** Seconds between two looks for leases that nobody holds. */
const ORPHANS_EVERY = 5;

interface Served {
  reconciler: Reconciler;
  claims: Claims;
}

/** What a worker does: woken by jobs, announcements and the sweep, it claims due rows and has them served by the reconcilers of their kinds, until it is stopped. */
export class Runtime {
  private readonly leases: Leases;
  private readonly served = new Map<string, Served>();
  private readonly sweep: Sweep;
  /** null before they are known. */
  private regions: readonly Region[] | null = null;
  private readonly workers = new Map<string, QueueWorker>();
  private readonly timers = new Set<NodeJS.Timeout>();
  /** Held rows that were nudged and have to be served once more. */
  private readonly nudged = new WeakSet<Lease>();
  private stopListening: () => void = () => undefined;
  private readonly stopNudges: (() => void)[] = [];
  private ticks = 0;
  private closing = false;

  constructor(private readonly parts: RuntimeParts) {
    const { rows, clock, renewals, reconcilers, report } = parts;
    this.leases = new Leases(`${os.hostname()}/${process.pid}/${randomUUID()}`, rows, renewals, report);
    for (const reconciler of Object.values<Reconciler>(reconcilers)) {
      const { kind, slots, held, batch, share } = reconciler;
      const claims = new Claims({
        claim: (wanted) => this.claim(reconciler, wanted),
        serve: (lease) => this.serve(reconciler, lease),
        ...{ slots, held, batch, share, report },
      });
      this.served.set(kind, { reconciler, claims });
    }
    this.sweep = new Sweep(rows, clock, () => this.swept(), {
      onDue: (kinds) => this.wake(kinds),
      onTick: () => this.tick(),
      onError: report,
    });
  }

  async start(): Promise<void> {
    this.stopListening = this.parts.announce.subscribe((announcement) => this.onAnnouncement(announcement));
    // The first sweep reads the database's time, on which all that is served depends.
    await this.sweep.start();
    await this.look();
    this.listenTo(this.parts.work);
    if (!this.closing) this.serveQueue(queueOf(null));
  }

  /** Handles nudges from the same process without waiting for their jobs. */
  listenTo(work: Work): void {
    const stop = work.listen((queue, kind) => {
      const ours = this.workers.has(queue) && !this.closing;
      if (ours) void this.lookAt(kind).catch(this.parts.report);
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
    for (const timer of this.timers) clearTimeout(timer);
    const all = [...this.served.values()];
    const ended = Promise.all([this.handOver(), this.sweep.close()]).then(() => Promise.all(all.map(({ claims }) => claims.ended())));
    await Promise.race([ended.catch(this.parts.report), new Promise((resolve) => setTimeout(resolve, STOP_MILLISECONDS).unref())]);
    for (const { reconciler } of all) reconciler.close?.();
    await this.parts.renewals.close();
  }

  /** Nudges other workers about the released rows, after closing our queue workers, which would consume the nudge without effect. */
  private async handOver(): Promise<void> {
    const [released] = await Promise.all([this.releaseLeases(), ...[...this.workers.values()].map((worker) => worker.close())]);
    const kinds = new Set(released.map((lease) => lease.kind));
    const nudges = [...this.workers.keys()].flatMap((queue) =>
      [...kinds]
        .filter((kind) => (this.scopeOf(kind) === 'ANY') === (queue === queueOf(null)))
        .map((kind) => this.parts.work.wake(queue, kind)),
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

  private async claim({ kind, scope, share }: Reconciler, wanted: Wanted): Promise<Lease[]> {
    const regions = scope === 'ANY' ? null : this.regionIds;
    if (this.closing || regions?.length === 0) return [];
    return this.leases.claim({ kind, regions, share, ...wanted });
  }

  /** Serves a row and releases it. After an error, which is the worker's own, it is due again in a few seconds. */
  private async serve(reconciler: Reconciler, lease: Lease): Promise<void> {
    const { report, clock } = this.parts;
    const again = await reconciler.run(lease).catch((error: unknown) => {
      report(error);
      return new Date(clock.now().getTime() + RETRY_MILLISECONDS);
    });
    const nudged = lease.stillOurs() && (await lease.release(again));
    if (nudged || this.nudged.delete(lease)) this.wake([reconciler.kind]);
    if (again !== null) this.wakeAt(reconciler.kind, again);
  }

  /** Wakes when a row is due, so that it need not wait for the next sweep. */
  private wakeAt(kind: string, time: Date): void {
    const wait = Math.max(0, time.getTime() - this.parts.clock.now().getTime());
    if (this.closing || wait > LONGEST_TIMER_MILLISECONDS) return;
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      this.wake([kind]);
    }, wait);
    this.timers.add(timer.unref());
  }

  private get regionIds(): string[] {
    return (this.regions ?? []).map((region) => region.id);
  }

  private scopeOf(kind: string): Reconciler['scope'] | undefined {
    return this.served.get(kind)?.reconciler.scope;
  }

  private kindsOf(scope: Reconciler['scope']): string[] {
    return [...this.served.keys()].filter((kind) => this.scopeOf(kind) === scope);
  }

  /** The kinds whose reconcilers take nudges while they hold a row. A nudge of another kind is left in its row until that is released. */
  private get nudgedKinds(): string[] {
    return [...this.served.values()].flatMap(({ reconciler }) => ('nudge' in reconciler ? [reconciler.kind] : []));
  }

  private swept(): Swept {
    return { any: this.kindsOf('ANY'), regional: this.kindsOf('REGION'), regions: this.regionIds };
  }

  /** Serves the regions that there are now. */
  private async look(): Promise<void> {
    const { allRegions, regions: wanted, onRegions } = this.parts;
    const served = (await allRegions()).filter((region) => wanted === null || wanted.includes(region.name));
    if (served.map((region) => region.id).join() === this.regions?.map((region) => region.id).join()) return;
    this.regions = served;
    for (const { id } of served) if (!this.workers.has(queueOf(id))) this.serveQueue(queueOf(id));
    onRegions?.(served.map((region) => region.name));
    this.wake(this.kindsOf('REGION'));
  }

  private async tick(): Promise<void> {
    this.ticks += 1;
    const served = { regions: this.regionIds, all: this.parts.regions === null };
    await Promise.all([
      this.look(),
      this.leases.deliverNudges(this.nudgedKinds, (lease) => this.nudge(lease)),
      this.ticks % ORPHANS_EVERY === 0 ? this.releaseOrphans() : null,
      ...[...this.served.values()].map(({ reconciler }) => reconciler.tick?.(served)),
    ]);
  }

  private async releaseOrphans(): Promise<void> {
    const orphans = await this.leases.releaseOrphans();
    for (const [kind, count] of orphans) this.parts.onOrphans?.(kind, count);
    this.wake([...orphans.keys()]);
  }

  private serveQueue(queue: string): void {
    this.workers.set(
      queue,
      this.parts.queues.work(queue, (job) => this.lookAt(job.name), { concurrency: 1 }),
    );
  }

  /** A job's name is the kind of rows that are due. An unknown name, from another version, wakes all. */
  private async lookAt(kind: string): Promise<void> {
    const named = this.served.get(kind);
    const all = named ? [named] : [...this.served.values()];
    await Promise.all(all.map(({ claims }) => claims.wake()));
  }

  private wake(kinds: readonly string[]): void {
    if (this.closing) return;
    for (const kind of kinds) void this.served.get(kind)?.claims.wake().catch(this.parts.report);
  }

  private nudge(lease: Lease): void {
    const { reconciler } = this.served.get(lease.kind) ?? {};
    if (reconciler?.nudge) reconciler.nudge(lease);
    else this.nudged.add(lease);
  }

  private onAnnouncement(announcement: Announcement): void {
    if (announcement.kind === 'due') {
      const lease = this.leases.find(announcement.work, announcement.tenantId, announcement.id);
      if (lease) this.nudge(lease);
    }
    if (announcement.kind === 'released') this.wake([...this.served.keys()]);
    if (announcement.kind === 'gap') for (const lease of this.leases.all()) this.nudge(lease);
  }
}
