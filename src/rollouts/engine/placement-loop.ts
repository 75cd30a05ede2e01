import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesErrorKind } from '../../clusters/kubernetes/errors.ts';
import type { PlacementWatch } from '../../clusters/kubernetes/types.ts';
import { failpoint } from '../../platform/failpoint.ts';
import { onlyLooks } from '../core/action.ts';
import type { TargetAction } from '../core/action.ts';
import type { TargetDecision } from '../core/decision.ts';
import { decideTarget } from '../core/targets/decide-target.ts';
import type { Live, TargetObservation } from '../core/observation.ts';
import { ranRelease } from '../core/live/health.ts';
import { isTerminal, targetPhases } from '../core/phases.ts';
import { reduceTarget } from '../core/targets/reduce-target.ts';
import type { TargetReduction } from '../core/targets/reduce-target.ts';
import { undecidableTarget } from '../core/rollout/undecidable.ts';
import { Act } from './act.ts';
import type { WriteResult } from './act.ts';
import { Alarm, backoff } from '../../runtime/alarm.ts';
import type { Connection } from '../../clusters/connections.ts';
import { isFatalError, isHindrance, failureFrom } from './cluster-errors.ts';
import { LeaseLost } from '../../runtime/lease.ts';
import type { Lease } from '../../runtime/lease.ts';
import { Memory } from './memory.ts';
import { Absence, sideCounts, observeLive, observeTarget, ReadinessProgress } from './observe.ts';
import type { SideCounts } from '../core/counts.ts';
import type { ActiveTarget, PlacementRows } from '../store/placement.repository.ts';
import { Stale } from './placement-work.ts';
import type { PlacementWork } from './placement-work.ts';

/** Changes reported by the watch within this time cause one pass. */
const COALESCE_MILLISECONDS = 50;
/** How long to wait for a write to show in the watch before deciding without it. */
const ECHO_MILLISECONDS = 5_000;
/** Actions that change nothing in the cluster need not wait for the commit. */
const READS: ReadonlySet<TargetAction['kind']> = new Set(['PREFLIGHT', 'READ_LOG', 'READ_EVENTS', 'LIST_EDITS']);
/** Errors of a request that an established watch does not notice while its connection stays open. A new watch shows the cluster's state immediately. */
const RECONNECT_ON: ReadonlySet<KubernetesErrorKind> = new Set(['UNREACHABLE', 'UNAUTHENTICATED']);
/** Backoff in milliseconds by the source of the error: the cluster, a conflict (the next observation is on its way), or us (e.g. the database is unreachable). */
const BACKOFF = {
  CLUSTER: { first: 250, most: 5_000 },
  CONFLICT: { first: 50, most: 500 },
  OURS: { first: 100, most: 2_000 },
} as const;
/** Livelock guard: after this many decisions in a row without news from the cluster, the loop slows down to one a second. */
const SPINS = 20;

/**
 * Reconciles one placement while this worker holds its lease: observe, decide, commit, act. Its state is in the rows and the cluster, so that another worker can
 * continue from any point.
 */
export class PlacementLoop {
  private readonly alarm = new Alarm();
  private readonly memories = new Map<string, Memory>();
  private readonly progress = new ReadinessProgress();
  private readonly absence = new Absence();
  private rows: PlacementRows | null = null;
  private fresh = false;
  private connection: Connection | null = null;
  private watch: PlacementWatch | null = null;
  /** The Deployment's version that our last write has replaced. Nothing is decided on it. */
  private echo: { before: string | null; until: number } | null = null;
  private failures = 0;
  private backoffUntil = 0;
  private spins = 0;
  private progressAt: Date | null = null;
  private counts: SideCounts | null = null;

  constructor(
    readonly lease: Lease,
    private readonly work: PlacementWork,
  ) {
    lease.signal.addEventListener('abort', () => this.alarm.ring(), { once: true });
  }

  /** The rows have changed: they are reloaded before the next decision. */
  nudge(): void {
    this.fresh = false;
    this.alarm.ring();
  }

  get clusterId(): string | null {
    return this.rows?.clusterId ?? null;
  }

  /** The counts to show to readers, with the targets that they belong to. */
  view(): { counts: SideCounts; progressAt: Date | null; targets: readonly ActiveTarget[] } | null {
    return this.counts && { counts: this.counts, progressAt: this.progressAt, targets: this.rows?.targets ?? [] };
  }

  /** Runs until there is no work left or the lease is lost. */
  async run(): Promise<void> {
    failpoint('placement-claimed');
    this.alarm.ring();
    try {
      await this.reconcileUntilIdle();
    } finally {
      await this.disconnect();
    }
  }

  /** Ends when the last pass found no work and no nudge has come since. */
  private async reconcileUntilIdle(): Promise<void> {
    while (this.lease.stillOurs()) {
      await this.alarm.next();
      if (!this.lease.stillOurs()) return;
      if ((await this.reconcileWithBackoff()) === 'GO_ON') continue;
      await this.disconnect();
      await this.lease.nudgesDelivered();
      if (this.fresh) return;
    }
  }

  /** One pass. A lost lease ends the loop; other errors are retried with backoff. */
  private async reconcileWithBackoff(): Promise<'DONE' | 'GO_ON'> {
    try {
      const outcome = await this.reconcile();
      this.failures = 0;
      return outcome;
    } catch (error) {
      if (error instanceof LeaseLost) return 'DONE';
      if (error instanceof Stale) this.nudge();
      else this.backOff(error);
      return 'GO_ON';
    }
  }

  /** Exponential backoff with jitter. Until it ends no request is made to the cluster, whatever its watch reports. */
  private backOff(error: unknown): void {
    this.failures += 1;
    const { first, most } = BACKOFF[errorSource(error)];
    const asked = error instanceof KubernetesError ? 1000 * (error.retryAfterSeconds ?? 0) : 0;
    const wait = Math.max(Math.min(asked, 60_000), backoff(this.failures, first, most));
    this.backoffUntil = performance.now() + wait;
    this.alarm.ring(wait);
    if (error instanceof KubernetesError) {
      if (RECONNECT_ON.has(error.kind)) this.watch?.reconnect();
      return;
    }
    this.fresh = false;
    this.work.report(error);
  }

  private async reconcile(): Promise<'DONE' | 'GO_ON'> {
    const rows = await this.loadRows();
    if (rows.targets.length === 0) return 'DONE';
    const { live, now } = await this.look(rows);
    this.recordCounts(live, now);
    this.lease.moving = live.kind !== 'UNREACHABLE' && rows.targets.some(({ target }) => targetPhases[target.state.phase].concurrent);
    if (this.isBackingOff(live) || this.isAwaitingEcho(live)) return 'GO_ON';
    for (const active of rows.targets) {
      if (await this.reconcileTarget(active, live, now)) {
        this.alarm.ring(this.spins++ < SPINS ? 0 : 1_000);
        return 'GO_ON';
      }
    }
    return 'GO_ON';
  }

  /** The watch's state. A cluster to which no connection can be opened is UNREACHABLE. */
  private async look(rows: PlacementRows): Promise<{ live: Live; now: Date }> {
    try {
      const watch = await this.watching(rows);
      const now = this.work.now();
      return { live: observeLive(watch.snapshot(), rows, this.absence, now), now };
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      const now = this.work.now();
      this.alarm.ring(BACKOFF.CLUSTER.most);
      return { live: this.absence.live(error, now), now };
    }
  }

  /** Decides about one target, commits and acts. Returns false if there was nothing to do. */
  private async reconcileTarget(active: ActiveTarget, live: Live, now: Date): Promise<boolean> {
    const memory = this.memoryOf(active);
    const placement = { ...active.placement, progressAt: this.progressAt };
    const others = (this.rows?.targets ?? []).filter((other) => other !== active);
    const { decision, reduction } = this.decide(observeTarget({ ...active, placement }, others, live, memory, now));
    if (decision.lookAt) this.alarm.ring(decision.lookAt.getTime() - now.getTime());
    const changes = Object.keys(decision.set).length > 0 || decision.event !== null;
    const { action } = decision;
    const commit = async (): Promise<void> => (changes ? this.commit(active, decision, reduction, live) : undefined);
    if (action && READS.has(action.kind)) await Promise.all([commit(), this.act(active, action, live, memory)]);
    else {
      await commit();
      if (action) await this.act(active, action, live, memory);
    }
    return changes || action !== null;
  }

  /** A decision that the core cannot make, or that cannot be reduced, ends the target before anything is saved or written. */
  private decide(observation: TargetObservation): { decision: TargetDecision; reduction: TargetReduction } {
    const reduced = (decision: TargetDecision) => ({ decision, reduction: reduceTarget(observation, decision) });
    try {
      return reduced(decideTarget(observation));
    } catch (error) {
      this.work.report(error);
      return reduced(undecidableTarget(observation));
    }
  }

  private async commit(active: ActiveTarget, decision: TargetDecision, reduction: TargetReduction, live: Live): Promise<void> {
    if (!this.lease.stillOurs()) throw new LeaseLost();
    const lastWrittenReplicas = decision.action?.kind === 'SCALE' ? decision.action.replicas : null;
    const seen = { counts: this.counts, progressAt: this.progressAt, lastWrittenReplicas, ran: ranRelease(live) };
    active.target = await this.work.commit(this.lease, active, reduction, seen);
    if (lastWrittenReplicas !== null) active.placement.lastWrittenReplicas = lastWrittenReplicas;
    if (!isTerminal(active.target.state.phase)) return;
    // A retry may restart a target that has ended, and must not find old memory.
    this.memories.delete(active.target.state.id);
    if (this.rows) this.rows.targets = this.rows.targets.filter((other) => other !== active);
  }

  private async act(active: ActiveTarget, action: TargetAction, live: Live, memory: Memory): Promise<void> {
    if (!READS.has(action.kind)) failpoint('after-commit-before-write');
    const { connection, watch } = this;
    if (!connection || !watch) throw new Error('there is no connection');
    // Admission webhooks may make a write slow. A reconnecting watch then finds out whether the cluster is still reachable.
    const access = this.work.accessFor(
      this.lease,
      connection.client.under(watch.answering, () => watch.reconnect()),
    );
    const observed = live.kind === 'PRESENT' ? { uid: live.uid, resourceVersion: live.resourceVersion } : null;
    try {
      const written = await new Act(active, memory, access, observed).perform(action);
      if (!READS.has(action.kind)) {
        memory.performed = action;
        memory.writeFailure = null;
      }
      if (!onlyLooks(action)) memory.hindrance = null;
      if (written.deployment && written.refusal) memory.writeFailure = { failure: written.refusal, at: this.work.now() };
      this.awaitEcho(written);
    } catch (error) {
      const { cluster } = active.target.state;
      if (isHindrance(error) && !onlyLooks(action))
        memory.hindrance = { failure: failureFrom(cluster, error), since: memory.hindrance?.since ?? this.work.now() };
      if (!isFatalError(error)) throw error;
      memory.writeFailure = { failure: failureFrom(cluster, error), at: this.work.now() };
    }
  }

  private awaitEcho(written: WriteResult): void {
    if (written.deployment) this.echo = { before: written.before, until: performance.now() + ECHO_MILLISECONDS };
  }

  /** True during a backoff. An unreachable cluster is still recorded. */
  private isBackingOff(live: Live): boolean {
    const left = this.backoffUntil - performance.now();
    if (left <= 0 || live.kind === 'UNREACHABLE') return false;
    this.alarm.ring(left);
    return true;
  }

  /** True while the watch still shows the version that our last write replaced. */
  private isAwaitingEcho(live: Live): boolean {
    if (!this.echo) return false;
    const shown = live.kind === 'PRESENT' ? live.resourceVersion : null;
    const left = this.echo.until - performance.now();
    if (left > 0 && live.kind !== 'UNREACHABLE' && shown === this.echo.before) {
      this.alarm.ring(left);
      return true;
    }
    this.echo = null;
    return false;
  }

  private async loadRows(): Promise<PlacementRows> {
    if (this.rows && this.fresh) return this.rows;
    this.fresh = true;
    const rows = await this.work.load(this.lease);
    if (!rows) throw new LeaseLost();
    this.rows = rows;
    this.work.prepare(this.lease, rows);
    // A second abort gives up on unreachable clusters: find out now, not after the watch's silence timeout.
    if (rows.targets.some(({ rollout }) => rollout.intent === 'GIVE_UP')) this.watch?.reconnect();
    this.progressAt = latest(this.progressAt, rows.progressAt);
    const ids = new Set(rows.targets.map((active) => active.target.state.id));
    for (const id of this.memories.keys()) if (!ids.has(id)) this.memories.delete(id);
    return rows;
  }

  /** The placement's watch, on a connection with the cluster's current credentials. */
  private async watching(rows: PlacementRows): Promise<PlacementWatch> {
    if (this.watch && this.connection?.version === rows.credentialVersion) return this.watch;
    await this.disconnect();
    this.connection = await this.work.connect(this.lease, rows);
    // The credentials were replaced after the rows were read.
    if (this.connection.version !== rows.credentialVersion) this.fresh = false;
    const { namespace, workload, workloadId } = rows;
    this.watch = this.connection.watch({ namespace, workload, workloadId }, () => {
      this.spins = 0;
      this.alarm.ring(COALESCE_MILLISECONDS);
    });
    void this.watch.synced.then(() => this.alarm.ring());
    return this.watch;
  }

  private async disconnect(): Promise<void> {
    const { watch, connection } = this;
    this.watch = null;
    this.connection = null;
    await watch?.stop();
    connection?.release();
  }

  private recordCounts(live: Live, now: Date): void {
    if (this.progress.look(live)) this.progressAt = now;
    // The last counts of an unreachable cluster are out of date.
    const seen = sideCounts(live, this.rows?.targets[0]?.target.state ?? null);
    this.counts = live.kind === 'UNREACHABLE' ? null : (seen ?? this.counts);
  }

  private memoryOf(active: ActiveTarget): Memory {
    const { id } = active.target.state;
    const memory = this.memories.get(id) ?? new Memory();
    this.memories.set(id, memory);
    return memory;
  }
}

const errorSource = (error: unknown): keyof typeof BACKOFF => {
  if (!(error instanceof KubernetesError)) return 'OURS';
  return error.kind === 'CONFLICT' || error.kind === 'NOT_FOUND' ? 'CONFLICT' : 'CLUSTER';
};

const latest = (a: Date | null, b: Date | null): Date | null => (a === null || (b !== null && b > a) ? b : a);
