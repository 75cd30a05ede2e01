import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesErrorKind } from '../../clusters/kubernetes/errors.ts';
import type { PlacementWatch } from '../../clusters/kubernetes/types.ts';
import { failpoint } from '../../common/failpoint.ts';
import type { TargetAction } from '../core/action.ts';
import type { TargetDecision } from '../core/decision.ts';
import { decideTarget } from '../core/targets/decide-target.ts';
import type { Live, TargetObservation } from '../core/observation.ts';
import { isTerminal } from '../core/phases.ts';
import { checkedDecision } from '../core/targets/reduce-target.ts';
import { undecidableTarget } from '../core/undecidable.ts';
import { Act } from './act.ts';
import type { Written } from './act.ts';
import { Alarm, backoff } from './alarm.ts';
import type { Connection } from './connections.ts';
import { isFatalError, isHindrance, failureFrom } from './cluster-errors.ts';
import { LeaseLost } from './lease.ts';
import type { Lease } from './lease.ts';
import { Memory } from './memory.ts';
import { Absence, sideCounts, observeLive, observeTarget, ReadinessProgress } from './observe.ts';
import type { SideCounts, ActiveTarget, PlacementRows } from './placement.repository.ts';
import { Stale } from './placement-work.ts';
import type { PlacementWork } from './placement-work.ts';

/** Changes that the watch tells within this time are looked at together. */
const COALESCE_MILLISECONDS = 50;
/** How long a write may take to show in the watch before it is decided without. */
const ECHO_MILLISECONDS = 5_000;
/** What changes nothing in the cluster need not wait for the commit. */
const READS: ReadonlySet<TargetAction['kind']> = new Set(['PREFLIGHT', 'READ_LOG']);
/** Troubles that a watch which was opened before does not show, for as long as its connection stands: a new one tells at once how things stand. */
const DOUBTFUL: ReadonlySet<KubernetesErrorKind> = new Set(['UNREACHABLE', 'UNAUTHENTICATED']);
/** Waiting after trouble, in milliseconds: with the cluster, with a conflict (the next observation is on its way), with ourselves (the database is away). */
const RETRIES = {
  CLUSTER: { first: 250, most: 5_000 },
  CONFLICT: { first: 50, most: 500 },
  OURS: { first: 100, most: 2_000 },
} as const;
/** Decisions in a row without anything new from the cluster, beyond which it goes slowly: a loop that turns in place must not burn a core. */
const SPINS = 20;

/**
 * Looks after one placement while this worker holds it: observe, decide, commit, act, and again. It knows what to do from the rows and the watch alone, so it may
 * end anywhere and another one goes on.
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
  /** The Deployment's version that a write of ours has replaced: nothing is decided on it. */
  private echo: { before: string | null; until: number } | null = null;
  private failures = 0;
  private restUntil = 0;
  private spins = 0;
  private progressAt: Date | null = null;
  private counts: SideCounts | null = null;

  constructor(
    readonly lease: Lease,
    private readonly work: PlacementWork,
  ) {
    lease.signal.addEventListener('abort', () => this.alarm.ring(), { once: true });
  }

  /** Its rows have changed: they are read again before anything else. */
  nudge(): void {
    this.fresh = false;
    this.alarm.ring();
  }

  get clusterId(): string | null {
    return this.rows?.clusterId ?? null;
  }

  /** What readers are shown of it, with the targets that it belongs to. */
  view(): { counts: SideCounts; progressAt: Date | null; targets: readonly ActiveTarget[] } | null {
    return this.counts && { counts: this.counts, progressAt: this.progressAt, targets: this.rows?.targets ?? [] };
  }

  /** Runs until nothing is left to do here or the lease is gone. */
  async run(): Promise<void> {
    failpoint('placement-claimed');
    this.alarm.ring();
    try {
      await this.turns();
    } finally {
      await this.letGo();
    }
    if (this.lease.stillOurs()) await this.work.giveBack(this.lease);
  }

  /** Nothing is left to do where nothing was at the last look, and nobody has nudged since. */
  private async turns(): Promise<void> {
    while (this.lease.stillOurs()) {
      await this.alarm.next();
      if (!this.lease.stillOurs()) return;
      if ((await this.carefulTurn()) === 'GO_ON') continue;
      await this.letGo();
      await this.lease.allTold();
      if (this.fresh) return;
    }
  }

  /** A turn whose troubles are waited out. What is not ours any more ends the loop; the rest is tried again, later each time. */
  private async carefulTurn(): Promise<'DONE' | 'GO_ON'> {
    try {
      const outcome = await this.turn();
      this.failures = 0;
      return outcome;
    } catch (error) {
      if (error instanceof LeaseLost) return 'DONE';
      if (error instanceof Stale) this.nudge();
      else this.later(error);
      return 'GO_ON';
    }
  }

  /** Waits after trouble, longer each time. Until then nothing is asked of the cluster, whatever its watch tells. */
  private later(error: unknown): void {
    this.failures += 1;
    const { first, most } = RETRIES[troubleOf(error)];
    const asked = error instanceof KubernetesError ? 1000 * (error.retryAfterSeconds ?? 0) : 0;
    const wait = Math.max(Math.min(asked, 60_000), backoff(this.failures, first, most));
    this.restUntil = performance.now() + wait;
    this.alarm.ring(wait);
    if (error instanceof KubernetesError) {
      if (DOUBTFUL.has(error.kind)) this.watch?.doubt();
      return;
    }
    this.fresh = false;
    this.work.report(error);
  }

  private async turn(): Promise<'DONE' | 'GO_ON'> {
    const rows = await this.current();
    if (rows.targets.length === 0) return 'DONE';
    const { live, now } = await this.look(rows);
    this.note(live, now);
    if (this.rests(live) || this.awaitsEcho(live)) return 'GO_ON';
    for (const active of rows.targets) {
      if (await this.tend(active, live, now)) {
        this.alarm.ring(this.spins++ < SPINS ? 0 : 1_000);
        return 'GO_ON';
      }
    }
    return 'GO_ON';
  }

  /** What the watch shows. A cluster that cannot even be connected to is one that does not answer. */
  private async look(rows: PlacementRows): Promise<{ live: Live; now: Date }> {
    try {
      const watch = await this.watching(rows);
      const now = this.work.now();
      return { live: observeLive(watch.snapshot(), rows, this.absence, now), now };
    } catch (error) {
      if (!(error instanceof KubernetesError)) throw error;
      const now = this.work.now();
      this.alarm.ring(RETRIES.CLUSTER.most);
      return { live: this.absence.live(error, now), now };
    }
  }

  /** Decides about one target, commits and acts. False where nothing is to be done now. */
  private async tend(active: ActiveTarget, live: Live, now: Date): Promise<boolean> {
    const memory = this.memoryOf(active);
    const placement = { ...active.placement, progressAt: this.progressAt };
    const decision = this.decide(observeTarget({ ...active, placement }, live, memory, now));
    if (decision.lookAt) this.alarm.ring(decision.lookAt.getTime() - now.getTime());
    const changes = Object.keys(decision.set).length > 0 || decision.event !== null;
    const { action } = decision;
    const commit = async (): Promise<void> => (changes ? this.commit(active, decision) : undefined);
    if (action && READS.has(action.kind)) await Promise.all([commit(), this.act(active, action, live, memory)]);
    else {
      await commit();
      if (action) await this.act(active, action, live, memory);
    }
    return changes || action !== null;
  }

  private decide(observation: TargetObservation): TargetDecision {
    try {
      return checkedDecision(observation, decideTarget(observation));
    } catch (error) {
      this.work.report(error);
      return undecidableTarget(observation);
    }
  }

  private async commit(active: ActiveTarget, decision: TargetDecision): Promise<void> {
    if (!this.lease.stillOurs()) throw new LeaseLost();
    active.target = await this.work.commit(this.lease, active, decision, { counts: this.counts, progressAt: this.progressAt });
    if (decision.action?.kind === 'SCALE') active.placement.lastWrittenReplicas = decision.action.replicas;
    if (!isTerminal(active.target.state.phase)) return;
    // A target that has ended may be taken up again, and then nothing is known of it.
    this.memories.delete(active.target.state.id);
    if (this.rows) this.rows.targets = this.rows.targets.filter((other) => other !== active);
  }

  private async act(active: ActiveTarget, action: TargetAction, live: Live, memory: Memory): Promise<void> {
    if (!READS.has(action.kind)) failpoint('after-commit-before-write');
    const { connection, watch } = this;
    if (!connection || !watch) throw new Error('there is no connection');
    // A write may take long because of admission webhooks; whether the cluster still answers meanwhile is for the watch to tell.
    const hands = this.work.hands(
      this.lease,
      connection.client.under(watch.answering, () => watch.doubt()),
    );
    const observed = live.kind === 'PRESENT' ? { uid: live.uid, resourceVersion: live.resourceVersion } : null;
    try {
      const written = await new Act(active, memory, hands, observed).perform(action);
      if (!READS.has(action.kind)) {
        memory.performed = action;
        memory.writeFailure = null;
      }
      if (action.kind !== 'READ_LOG') memory.hindrance = null;
      this.await(written);
    } catch (error) {
      const { cluster } = active.target.state;
      if (isHindrance(error) && action.kind !== 'READ_LOG')
        memory.hindrance = { failure: failureFrom(cluster, error), since: memory.hindrance?.since ?? this.work.now() };
      if (!isFatalError(error)) throw error;
      memory.writeFailure = { failure: failureFrom(cluster, error), at: this.work.now() };
    }
  }

  private await(written: Written): void {
    if (written.deployment) this.echo = { before: written.before, until: performance.now() + ECHO_MILLISECONDS };
  }

  /** True while the cluster is to be left alone. That it is unreachable is written down all the same. */
  private rests(live: Live): boolean {
    const left = this.restUntil - performance.now();
    if (left <= 0 || live.kind === 'UNREACHABLE') return false;
    this.alarm.ring(left);
    return true;
  }

  /** True while the watch still shows what our last write replaced. */
  private awaitsEcho(live: Live): boolean {
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

  private async current(): Promise<PlacementRows> {
    if (this.rows && this.fresh) return this.rows;
    this.fresh = true;
    const rows = await this.work.load(this.lease);
    if (!rows) throw new LeaseLost();
    this.rows = rows;
    this.work.prepare(this.lease, rows);
    // Who gives up on clusters that stay away is not kept waiting until silence shows that this one does.
    if (rows.targets.some(({ rollout }) => rollout.intent === 'GIVE_UP')) this.watch?.doubt();
    this.progressAt = later(this.progressAt, rows.progressAt);
    const ids = new Set(rows.targets.map((active) => active.target.state.id));
    for (const id of this.memories.keys()) if (!ids.has(id)) this.memories.delete(id);
    return rows;
  }

  /** The placement's watch, on a connection with the cluster's present credentials. */
  private async watching(rows: PlacementRows): Promise<PlacementWatch> {
    if (this.watch && this.connection?.version === rows.credentialVersion) return this.watch;
    await this.letGo();
    this.connection = await this.work.connect(this.lease, rows);
    // Credentials that were exchanged after the rows were read are in none of them yet.
    if (this.connection.version !== rows.credentialVersion) this.fresh = false;
    const { namespace, workloadId } = rows;
    this.watch = this.connection.watch({ namespace, workloadId }, () => {
      this.spins = 0;
      this.alarm.ring(COALESCE_MILLISECONDS);
    });
    void this.watch.synced.then(() => this.alarm.ring());
    return this.watch;
  }

  private async letGo(): Promise<void> {
    const { watch, connection } = this;
    this.watch = null;
    this.connection = null;
    await watch?.stop();
    connection?.release();
  }

  private note(live: Live, now: Date): void {
    if (this.progress.look(live)) this.progressAt = now;
    // What a cluster that does not answer showed last is not what it shows now.
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

const troubleOf = (error: unknown): keyof typeof RETRIES => {
  if (!(error instanceof KubernetesError)) return 'OURS';
  return error.kind === 'CONFLICT' || error.kind === 'NOT_FOUND' ? 'CONFLICT' : 'CLUSTER';
};

const later = (a: Date | null, b: Date | null): Date | null => (a === null || (b !== null && b > a) ? b : a);
