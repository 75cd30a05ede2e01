/**
 * A small model of a cluster's Deployment and ReplicaSet controllers, and of the engine's loop around the decision core, in one thread and with a clock of its
 * own. The arithmetic is that of Kubernetes' deployment controller (rolling.go, sync.go, deployment_util.go), written down a second time on purpose: what is
 * proven against it does not rest on the product's own steps.
 */
import type { TargetAction } from '../../../src/rollouts/core/action.ts';
import type { RolloutDecision, TargetDecision, VerbChange } from '../../../src/rollouts/core/decision.ts';
import { decideRollout } from '../../../src/rollouts/core/rollout/decide-rollout.ts';
import { decideTarget } from '../../../src/rollouts/core/targets/decide-target.ts';
import type {
  AnyStage,
  Live,
  LiveReplicaSet,
  PlacementState,
  Preflight,
  RolloutRows,
  RolloutState,
  Side,
  TargetObservation,
  TargetState,
  WaveState,
} from '../../../src/rollouts/core/observation.ts';
import type { PodFault } from '../../../src/rollouts/core/failure.ts';
import { isSettled } from '../../../src/rollouts/core/phases.ts';
import { sentenceOf } from '../../../src/rollouts/core/reasons.ts';
import { reduceRollout } from '../../../src/rollouts/core/rollout/reduce-rollout.ts';
import { stageHandlers } from '../../../src/rollouts/core/stages/handlers.ts';
import type { StageHandlers } from '../../../src/rollouts/core/stages/stage.ts';
import { supersededSide } from '../../../src/rollouts/core/stages/superseded.ts';
import { compile, compileUndo } from '../../../src/rollouts/core/strategies/compile.ts';
import { reduceTarget } from '../../../src/rollouts/core/targets/reduce-target.ts';
import type { Strategy, StrategyStep } from '../../../src/workloads/core/strategy.ts';

export type Behaviour = 'GOOD' | 'NEVER_READY' | 'IMAGE_PULL' | 'CRASH_LOOP' | 'FIRST_GOOD';

interface ModelPod {
  name: string;
  ready: boolean;
  readyAt: number;
  terminating: boolean;
  fault: PodFault | null;
  /** Never becomes Ready again. */
  broken: boolean;
}

interface ModelSet {
  name: string;
  uid: string;
  template: string;
  replicas: number;
  /** As last copied from the Deployment while this was its new ReplicaSet. */
  minReadySeconds: number;
  desired: number;
  max: number;
  pods: ModelPod[];
  failure: { reason: string; message: string } | null;
  /** `status.availableReplicas`: as of the ReplicaSet controller's last look. */
  available: number;
}

interface ModelDeployment {
  uid: string;
  resourceVersion: number;
  generation: number;
  observedGeneration: number;
  replicas: number;
  minReadySeconds: number;
  surge: string;
  unavailable: string;
  template: string;
  release: number;
  paused: string | null;
}

const CLOSED = 2147483646;

export function strategy(fields: Partial<Strategy> = {}): Strategy {
  return { type: 'ROLLING', maxSurge: '25%', maxUnavailable: 0, steps: [], minReadySeconds: 0, progressDeadlineSeconds: 60, ...fields };
}

export function side(release: number, fields: Partial<Side> = {}): Side {
  return {
    releaseId: `release-${release}`,
    release,
    digest: `objects-${release}`,
    templateDigest: `template-${release}`,
    restartedAt: null,
    strategy: strategy(),
    ...fields,
  };
}

/** A target's row with short words: by which plan, at which step, held since when, with what written at which N. */
export interface Row extends Partial<TargetState> {
  plan?: Strategy;
  kind?: RolloutState['kind'];
  step?: number;
  heldAt?: Date | null;
  surge?: string | null;
  unavailable?: string | null;
  stepN?: number | null;
}

export function targetRow({
  plan = strategy(),
  kind = 'DEPLOY',
  step = 0,
  heldAt = null,
  surge = null,
  unavailable = null,
  stepN = null,
  ...fields
}: Row = {}): TargetState {
  const [from, to] = [fields.from === undefined ? side(1) : fields.from, fields.to === undefined ? side(2) : fields.to];
  const forward = compile({ kind, strategy: plan, from, to });
  const stages = fields.undoing === true ? compileUndo({ stages: forward, stage: 0, from }) : forward;
  return {
    stages,
    stage: Math.max(
      0,
      stages.findIndex((stage) => stage.step === step),
    ),
    progress: heldAt === null ? null : { heldAt: heldAt.toISOString() },
    gate: surge === null || unavailable === null ? null : { n: stepN, surge, unavailable },
    id: 'target',
    waveId: 'wave',
    placementId: 'placement',
    cluster: 'east-1',
    region: 'east',
    namespace: 'shop',
    phase: 'PENDING',
    phaseDetail: null,
    from,
    to,
    superseded: null,
    written: false,
    undoing: false,
    uid: null,
    made: false,
    replicasBefore: null,
    replicasAfter: null,
    enteredAt: null,
    retriedAt: null,
    stoppedAt: null,
    condition: null,
    failure: null,
    ...fields,
  };
}

export function rolloutRow(fields: Partial<RolloutState> = {}): RolloutState {
  return {
    id: 'rollout',
    kind: 'DEPLOY',
    phase: 'QUEUED',
    pauseReason: null,
    intent: null,
    onFailure: 'ROLLBACK_ALL',
    onUnreachable: 'WAIT',
    strategy: strategy(),
    phaseDetail: null,
    failure: null,
    startedAt: null,
    settledAt: null,
    ...fields,
  };
}

export function waveRow(fields: Partial<WaveState> = {}): WaveState {
  return { id: 'wave', position: 0, phase: 'PENDING', promotedStep: -1, maxConcurrent: null, maxFailed: 0, evidence: null, ...fields };
}

export interface Plan {
  kind: RolloutState['kind'];
  n: number;
  wanted: number;
  type: Strategy['type'];
  steps: StrategyStep[];
  batches?: number[];
  maxSurge: number | string;
  maxUnavailable: number | string;
  minReadySeconds: number;
  /** How pods of the new template behave; those of the old one are good. */
  behaviour: Behaviour;
  /** No more pods than this in the namespace. */
  quota: number | null;
  first: boolean;
  onFailure: RolloutState['onFailure'];
}

export const plainPlan: Plan = {
  kind: 'DEPLOY',
  n: 10,
  wanted: 10,
  type: 'ROLLING',
  steps: [],
  maxSurge: '25%',
  maxUnavailable: 0,
  minReadySeconds: 0,
  behaviour: 'GOOD',
  quota: null,
  first: false,
  onFailure: 'ROLLBACK_ALL',
};

export class Model {
  now = Date.UTC(2026, 0, 1);
  deployment: ModelDeployment | null = null;
  sets: ModelSet[] = [];
  rollout: RolloutState;
  wave: WaveState = waveRow();
  target: TargetState;
  placement: PlacementState;
  readonly log: string[] = [];
  readonly events: string[] = [];
  readonly breaches: string[] = [];
  writes = 0;
  /** Set by a foreign change of N or of a pod's health: what the cluster then does is not our doing. */
  foreign = false;
  /** Set while the cluster does not answer. */
  away: { since: Date } | null = null;
  /** No more pods than this in the namespace. */
  quota: number | null;
  private checked: Preflight | null = null;
  private performed: TargetAction | null = null;
  private logs = new Map<string, string>();
  private serial = 0;
  private readonly plan: Plan;
  private readonly handlers: StageHandlers;
  readonly originalUid: string | null;
  /** How pods behave, by template. */
  private readonly behaviours: Map<string, Behaviour>;

  /** @param stages of another list than the plan's strategy has, with the handlers of their kinds */
  constructor(plan: Plan, handlers: StageHandlers = stageHandlers, stages?: readonly AnyStage[]) {
    this.plan = plan;
    this.handlers = handlers;
    this.quota = plan.quota;
    this.behaviours = new Map([['template-2', plan.behaviour]]);
    const own = strategy({
      type: plan.type,
      steps: plan.steps,
      ...(plan.batches === undefined ? {} : { batches: plan.batches }),
      maxSurge: plan.maxSurge,
      maxUnavailable: plan.maxUnavailable,
      minReadySeconds: plan.minReadySeconds,
      progressDeadlineSeconds: 600,
    });
    const template = plan.kind === 'SCALE' || plan.kind === 'DELETE';
    const from = plan.first || plan.kind === 'SCALE' ? null : side(1, { strategy: own });
    this.rollout = rolloutRow({ kind: plan.kind, strategy: own, onFailure: plan.onFailure });
    const to = template ? null : side(2, { strategy: own });
    this.target = targetRow({ from, to, stages: stages ?? compile({ kind: plan.kind, strategy: own, from, to }) });
    this.placement = {
      id: 'placement',
      workloadId: 'workload-id',
      workload: 'web',
      namespace: 'shop',
      replicas: plan.wanted,
      lastWrittenReplicas: plan.first ? null : plan.n,
      progressAt: null,
    };
    if (!plan.first) this.runOld(own, plan.n);
    this.originalUid = this.sets[0]?.uid ?? null;
  }

  private runOld(own: Strategy, n: number): void {
    const set = this.newSet('template-1', n, own.minReadySeconds);
    this.sets.push(set);
    for (let i = 0; i < n; i++) set.pods.push({ ...this.newPod(set), ready: true, readyAt: this.now - 3_600_000 });
    const written = { surge: String(own.maxSurge), unavailable: String(own.maxUnavailable) };
    this.deployment = {
      uid: 'deployment-0',
      resourceVersion: 1,
      generation: 1,
      observedGeneration: 1,
      replicas: n,
      minReadySeconds: own.minReadySeconds,
      ...written,
      template: 'template-1',
      release: 1,
      paused: null,
    };
    const { surge } = this.fence();
    set.desired = n;
    set.max = n + surge;
    set.available = n;
  }

  // ------------------------------------------------------------------------------------------------ what the core sees

  observation(): TargetObservation {
    return {
      now: new Date(this.now),
      rollout: { ...this.rollout },
      wave: { ...this.wave },
      placement: { ...this.placement },
      target: { ...this.target },
      live: this.live(),
      checked: this.checked,
      performed: this.performed,
      writeFailure: null,
      hindrance: null,
      logs: this.logs,
    };
  }

  live(): Live {
    if (this.away !== null) {
      return { kind: 'UNREACHABLE', since: this.away.since, message: 'connection refused', advice: 'Bring it back.', access: false };
    }
    const d = this.deployment;
    if (d === null) return { kind: 'ABSENT' };
    const current = this.sets.find((set) => set.template === d.template) ?? null;
    const others = this.sets.filter((set) => set !== current && (set.replicas > 0 || set.pods.length > 0));
    return {
      kind: 'PRESENT',
      uid: d.uid,
      resourceVersion: String(d.resourceVersion),
      generation: d.generation,
      observedGeneration: d.observedGeneration,
      ours: true,
      replicas: d.replicas,
      gate: d.minReadySeconds === CLOSED ? 'CLOSED' : 'OPEN',
      surge: d.surge,
      unavailable: d.unavailable,
      pausedBy: d.paused,
      template: d.template,
      release: d.release,
      editedBy: null,
      terminating: false,
      current: current === null ? null : this.view(current),
      others: others.map((set) => this.view(set)),
      replicaFailure: current?.failure ? { ...current.failure, ageMilliseconds: 0 } : null,
    };
  }

  private view(set: ModelSet): LiveReplicaSet {
    return {
      name: set.name,
      uid: set.uid,
      replicas: set.replicas,
      template: set.template,
      gateClosed: set.minReadySeconds === CLOSED,
      pods: set.pods.map((pod) => ({
        name: pod.name,
        uid: pod.name,
        ready: pod.ready,
        readyMilliseconds: pod.ready ? Math.max(0, this.now - pod.readyAt - 1000) : 0,
        terminating: pod.terminating,
        fault: pod.ready ? null : pod.fault,
      })),
    };
  }

  // ---------------------------------------------------------------------------------------------------- the engine's loop

  /** Observe, decide, commit, write: once. `crash` loses the write that was committed, and everything that the holder had in memory. */
  turn(crash = false): TargetDecision {
    const observation = this.observation();
    const decision = decideTarget(observation, this.handlers);
    if (JSON.stringify(decision) !== JSON.stringify(decideTarget(observation, this.handlers)))
      this.breaches.push('the same observation was decided differently');
    if (isIdle(decision)) return decision;
    const before = this.target;
    const { target, event } = reduceTarget(observation, decision);
    this.target = target;
    if (event !== null) this.events.push(event.type);
    this.log.push(
      `${this.target.phase} ${sentenceOf(decision.reason)}${decision.action ? ` [${describe(decision.action)}]` : ''}${crash ? ' LOST' : ''}`,
    );
    if (decision.action?.kind === 'SCALE') this.placement = { ...this.placement, lastWrittenReplicas: decision.action.replicas };
    if (before.phase === 'FAILED' && this.target.phase === 'PROGRESSING') this.forget();
    if (crash) this.forget();
    else if (decision.action !== null) this.perform(decision.action);
    return decision;
  }

  private forget(): void {
    this.checked = null;
    this.performed = null;
    this.logs = new Map();
  }

  private perform(action: TargetAction): void {
    this.performed = action;
    switch (action.kind) {
      case 'PREFLIGHT':
        this.checked = { ok: true };
        return;
      case 'READ_LOG':
        this.logs.set(`${action.pod}/${action.container}`, 'panic: no');
        return;
      case 'FINISH':
        return;
      case 'DELETE':
        this.deployment = null;
        this.sets = [];
        return;
      case 'SCALE':
        return this.setReplicas(action.replicas);
      case 'APPLY':
        return this.apply(action);
    }
  }

  private apply(action: Extract<TargetAction, { kind: 'APPLY' }>): void {
    const { surge, unavailable, closed } = action.gate;
    const { to, from, superseded } = this.target;
    const which = { TO: to, FROM: from, SUPERSEDED: superseded }[action.side];
    if (which === null) throw new Error(`applied ${action.side}, which is nothing`);
    if (Number.parseInt(surge, 10) === 0 && Number.parseInt(unavailable, 10) === 0) throw new Error('422: both zero');
    this.writes++;
    const old = this.deployment;
    const left = old === null ? 0 : this.fence().surge;
    const next: ModelDeployment = {
      uid: old?.uid ?? `deployment-${++this.serial}`,
      resourceVersion: (old?.resourceVersion ?? 0) + 1,
      generation: old?.generation ?? 0,
      observedGeneration: old?.observedGeneration ?? 0,
      replicas: old?.replicas ?? 1,
      minReadySeconds: closed ? CLOSED : which.strategy.minReadySeconds,
      surge,
      unavailable,
      template: which.templateDigest,
      release: which.release,
      paused: action.unpause ? null : (old?.paused ?? null),
    };
    if (JSON.stringify({ ...next, resourceVersion: 0 }) === JSON.stringify({ ...old, resourceVersion: 0 })) return;
    next.generation++;
    this.deployment = next;
    this.stepSurge = Math.max(left, this.fence().surge);
  }

  /** The larger of the surges of the step left and the step entered. */
  stepSurge = 0;

  /** The rollout's own loop: decides until there is nothing left to decide, as the engine does. */
  decideAll(): void {
    for (let i = 0; ; i++) {
      if (i > 50) throw new Error('the rollout is decided on without end');
      const decision = decideRollout({ ...this.rows(), quota: null, elsewhere: 0 });
      if (decision.kind === 'WAIT') return;
      this.log.push(`ROLLOUT ${decision.kind} ${sentenceOf(decision.reason)}`);
      this.reduce(decision);
      if (decision.kind === 'SETTLE') return;
    }
  }

  rows(): RolloutRows {
    return { now: new Date(this.now), rollout: this.rollout, waves: [this.wave], targets: [this.target] };
  }

  /** The rollout's transaction. */
  reduce(change: RolloutDecision | VerbChange): void {
    const { rollout, waves, targets } = reduceRollout(this.rows(), change).rows;
    if (isSettled(rollout.phase)) this.events.push(rollout.phase);
    this.rollout = rollout;
    this.wave = waves[0] ?? this.wave;
    this.target = targets[0] ?? this.target;
  }

  // ------------------------------------------------------------------------------------------------- what happens outside

  /** Another rollout, to the next release, takes the place of this one. */
  supersede(plan: Pick<Plan, 'type' | 'steps' | 'maxSurge' | 'behaviour'>): void {
    const { from, to, written, phase, uid, made, replicasBefore, replicasAfter } = this.target;
    const release = (to?.release ?? 1) + 1;
    const { type, steps, maxSurge, behaviour } = plan;
    const own = { ...this.rollout.strategy, type, steps, maxSurge };
    this.behaviours.set(`template-${release}`, behaviour);
    const left = written && phase !== 'ROLLED_BACK';
    const before = left ? { uid, made, replicasBefore, replicasAfter, superseded: supersededSide(this.target) } : {};
    this.rollout = rolloutRow({ id: `rollout-${release}`, strategy: own, onFailure: this.plan.onFailure });
    this.wave = waveRow();
    this.target = targetRow({ plan: own, from, to: side(release, { strategy: own }), written: left, ...before });
    this.log.push(`SUPERSEDED by release ${release}`);
    this.forget();
  }

  setReplicas(n: number): void {
    const d = this.deployment;
    if (d === null || d.replicas === n) return;
    this.writes++;
    this.deployment = { ...d, replicas: n, generation: d.generation + 1, resourceVersion: d.resourceVersion + 1 };
  }

  pauseByOwner(by: string | null): void {
    const d = this.deployment;
    if (d === null || d.paused === by) return;
    this.deployment = { ...d, paused: by, generation: d.generation + 1, resourceVersion: d.resourceVersion + 1 };
  }

  /** Somebody edits the Deployment itself. */
  edit(fields: Partial<Pick<ModelDeployment, 'template' | 'minReadySeconds' | 'surge' | 'unavailable'>>): void {
    const d = this.deployment;
    if (d === null) return;
    this.foreign = true;
    this.deployment = { ...d, ...fields, generation: d.generation + 1, resourceVersion: d.resourceVersion + 1 };
  }

  /** A Ready pod of any side fails and starts again. */
  stumble(index: number): void {
    const pods = this.sets.flatMap((set) => set.pods).filter((pod) => pod.ready && !pod.terminating);
    const pod = pods[index % Math.max(1, pods.length)];
    if (pod === undefined) return;
    pod.ready = false;
    pod.fault = notReady;
    this.foreign = true;
  }

  /** Pods start, fail, or are gone. `share` of 0..1 of those that can move do. */
  kubelet(share = 1): void {
    for (const set of this.sets) {
      set.pods = set.pods.filter((pod) => !pod.terminating);
      for (const pod of set.pods.filter((one) => !one.ready).slice(0, Math.max(1, Math.ceil(share * set.pods.length))))
        this.startPod(set, pod);
    }
  }

  private startPod(set: ModelSet, pod: ModelPod): void {
    const behaviour = this.behaviours.get(set.template) ?? 'GOOD';
    const good = behaviour === 'GOOD' || (behaviour === 'FIRST_GOOD' && !pod.broken && set.pods.filter((one) => one.ready).length < 1);
    if (good) {
      pod.ready = true;
      pod.readyAt = this.now;
      pod.fault = null;
      if (set.template === this.deployment?.template) this.placement = { ...this.placement, progressAt: new Date(this.now) };
      return;
    }
    pod.broken = true;
    if (behaviour === 'IMAGE_PULL')
      pod.fault = { ...notReady, reason: 'ImagePullBackOff', message: 'not found', log: null, severity: 'FATAL' };
    else if (behaviour === 'CRASH_LOOP')
      pod.fault = { ...notReady, reason: 'CrashLoopBackOff', exitCode: 1, restarts: 3, log: 'PREVIOUS', severity: 'FATAL' };
    else pod.fault = notReady;
  }

  // ------------------------------------------------------------------------------------------------------ the controllers

  /** One look of the deployment controller, then of the ReplicaSet controller at every set. */
  controllers(): void {
    this.deploymentController();
    this.replicaSetControllers();
  }

  replicaSetControllers(): void {
    for (const set of this.sets) this.replicaSetController(set);
    this.checkSurge();
  }

  private fence(d: ModelDeployment | null = this.deployment): { surge: number; unavailable: number } {
    if (d === null) return { surge: 0, unavailable: 0 };
    const surge = scaled(d.surge, d.replicas, Math.ceil);
    const unavailable = scaled(d.unavailable, d.replicas, Math.floor);
    return surge === 0 && unavailable === 0 ? { surge: 0, unavailable: 1 } : { surge, unavailable: Math.min(unavailable, d.replicas) };
  }

  deploymentController(): void {
    const d = this.deployment;
    if (d === null) return;
    const observed = (): void => {
      this.deployment = { ...d, observedGeneration: d.generation };
    };
    let current = this.sets.find((set) => set.template === d.template) ?? null;
    if (current !== null) current.minReadySeconds = d.minReadySeconds;
    const active = this.sets.filter((set) => set.replicas > 0);
    if (d.paused !== null || active.some((set) => set.desired !== d.replicas)) {
      this.scale(d, current, active);
      return observed();
    }
    const { surge, unavailable } = this.fence(d);
    const total = (): number => this.sets.reduce((sum, set) => sum + set.replicas, 0);
    if (current === null) {
      current = this.newSet(d.template, 0, d.minReadySeconds);
      this.sets.push(current);
    }
    this.annotate(d);
    if (current.replicas > d.replicas) this.size(current, d.replicas);
    else if (current.replicas < d.replicas && total() < d.replicas + surge) {
      this.size(current, current.replicas + Math.min(d.replicas + surge - total(), d.replicas - current.replicas));
    } else this.shrink(d, current, unavailable, total());
    observed();
  }

  private shrink(d: ModelDeployment, current: ModelSet, unavailable: number, total: number): void {
    const old = this.sets.filter((set) => set !== current && set.replicas > 0);
    const least = d.replicas - unavailable;
    let most = total - least - (current.replicas - this.available(current));
    if (old.length === 0 || most <= 0) return;
    for (const set of old) {
      const count = Math.min(most, set.replicas - this.available(set));
      if (count > 0) this.size(set, set.replicas - count);
      most -= Math.max(0, count);
    }
    let spare = this.sets.reduce((sum, set) => sum + this.available(set), 0) - least;
    for (const set of old) {
      const count = Math.min(spare, set.replicas);
      if (count > 0) this.size(set, set.replicas - count);
      spare -= Math.max(0, count);
    }
  }

  private scale(d: ModelDeployment, current: ModelSet | null, active: ModelSet[]): void {
    const { surge } = this.fence(d);
    if (active.length <= 1) {
      const only = active[0] ?? current ?? this.sets.at(-1);
      if (only !== undefined) this.size(only, d.replicas);
      this.annotate(d);
      return;
    }
    if (current !== null && current.replicas === d.replicas && current.desired === d.replicas && this.available(current) === d.replicas) {
      for (const set of active) if (set !== current) this.size(set, 0);
      return;
    }
    const allowed = d.replicas > 0 ? d.replicas + surge : 0;
    const toAdd = allowed - active.reduce((sum, set) => sum + set.replicas, 0);
    const sorted = [...active].sort((a, b) => b.replicas - a.replicas);
    let added = 0;
    const sizes = sorted.map((set) => {
      const share = d.replicas === 0 ? -set.replicas : set.max === 0 ? 0 : Math.round((set.replicas * allowed) / set.max) - set.replicas;
      const count = toAdd > 0 ? Math.min(share, toAdd - added) : toAdd < 0 ? Math.max(share, toAdd - added) : 0;
      added += count;
      return set.replicas + count;
    });
    if (sizes[0] !== undefined && toAdd !== 0) sizes[0] = Math.max(0, sizes[0] + toAdd - added);
    sorted.forEach((set, i) => this.size(set, sizes[i] ?? set.replicas));
    this.annotate(d);
  }

  private annotate(d: ModelDeployment): void {
    const { surge } = this.fence(d);
    for (const set of this.sets) {
      if (set.replicas === 0 && set.template !== d.template) continue;
      set.desired = d.replicas;
      set.max = d.replicas + surge;
    }
  }

  private size(set: ModelSet, replicas: number): void {
    set.replicas = replicas;
    // That the controller may act on counts from before its own last shrink is Kubernetes' race, there without us.
    set.available = Math.min(set.available, replicas);
  }

  private replicaSetController(set: ModelSet): void {
    const alive = set.pods.filter((pod) => !pod.terminating);
    for (let i = alive.length; i < set.replicas; i++) {
      const all = this.sets.reduce((sum, one) => sum + one.pods.length, 0);
      if (this.quota !== null && all >= this.quota) {
        set.failure = { reason: 'FailedCreate', message: 'exceeded quota: pods' };
        set.available = this.countAvailable(set);
        return;
      }
      set.pods.push(this.newPod(set));
    }
    set.failure = null;
    const leaving = alive
      .sort((a, b) => Number(a.ready) - Number(b.ready) || b.readyAt - a.readyAt)
      .slice(0, Math.max(0, alive.length - set.replicas));
    for (const pod of leaving) this.remove(pod);
    set.available = this.countAvailable(set);
  }

  private remove(pod: ModelPod): void {
    pod.terminating = true;
    if (pod.ready) this.checkReady();
  }

  private available(set: ModelSet): number {
    return set.available;
  }

  private countAvailable(set: ModelSet): number {
    return set.pods.filter((pod) => !pod.terminating && pod.ready && this.now - pod.readyAt >= set.minReadySeconds * 1000).length;
  }

  // ----------------------------------------------------------------------------------------------------------- invariants

  readyPods(): number {
    return this.sets.flatMap((set) => set.pods).filter((pod) => pod.ready && !pod.terminating).length;
  }

  /** A: a Ready pod was taken away; what is left must not be below N - maxUnavailable. */
  private checkReady(): void {
    const d = this.deployment;
    if (d === null || this.foreign) return;
    const template = this.fence({ ...d, surge: String(this.plan.maxSurge), unavailable: String(this.plan.maxUnavailable) }).unavailable;
    const stuck = this.target.undoing && d.surge === '0' && d.minReadySeconds !== CLOSED ? Math.max(1, template) : template;
    if (this.readyPods() < d.replicas - stuck) {
      this.breaches.push(
        `A: ${this.readyPods()} Ready of ${d.replicas}, at most ${stuck} may be missing; (${d.surge}, ${d.unavailable}), ${this.describeSets()}`,
      );
    }
  }

  /** S: the ReplicaSets together want no more than N and the surge. */
  private checkSurge(): void {
    const d = this.deployment;
    if (d === null || this.foreign) return;
    const own = this.fence({ ...d, surge: String(this.plan.maxSurge), unavailable: String(this.plan.maxUnavailable) }).surge;
    const spare = Math.max(own, this.target.undoing || d.replicas === 1 ? 1 : 0, Math.ceil(d.replicas / 100) - 1, 0);
    const total = this.sets.reduce((sum, set) => sum + set.replicas, 0);
    if (total > d.replicas + spare) this.breaches.push(`S: ${total} pods wanted for ${d.replicas} + ${spare}; ${this.describeSets()}`);
  }

  describeSets(): string {
    return this.sets
      .map((set) => `${set.template}: ${set.replicas} (${set.pods.filter((pod) => pod.ready && !pod.terminating).length} Ready)`)
      .join(', ');
  }

  private newSet(template: string, replicas: number, minReadySeconds: number): ModelSet {
    const serial = ++this.serial;
    return {
      name: `web-${serial}`,
      uid: `set-${serial}`,
      template,
      replicas,
      minReadySeconds,
      desired: replicas,
      max: replicas,
      pods: [],
      failure: null,
      available: 0,
    };
  }

  private newPod(set: ModelSet): ModelPod {
    return { name: `${set.name}-${++this.serial}`, ready: false, readyAt: 0, terminating: false, fault: notReady, broken: false };
  }

  // --------------------------------------------------------------------------------------------------------------- running

  /** Nobody disturbs any more: everything takes its turn until the rollout has ended or stands. Returns how many rounds it took. */
  drain(until: (model: Model) => boolean = () => false, rounds = 2000): number {
    for (let i = 1; i <= rounds; i++) {
      this.now += 4000;
      this.decideAll();
      if (isSettled(this.rollout.phase) || until(this)) return i;
      for (let j = 0; !isIdle(this.turn()); j++) {
        if (j > 20) throw new Error(`the target is decided on without end: ${this.log.slice(-5).join(' | ')}`);
      }
      this.controllers();
      this.kubelet();
    }
    return rounds + 1;
  }
}

const notReady: PodFault = {
  reason: 'NotReady',
  message: 'not ready',
  container: 'web',
  exitCode: null,
  restarts: 0,
  log: 'CURRENT',
  severity: 'SLOW',
  ageMilliseconds: 0,
};

function scaled(value: string, total: number, round: (x: number) => number): number {
  return value.endsWith('%') ? round((Number.parseInt(value, 10) * total) / 100) : Number.parseInt(value, 10);
}

export function isIdle(decision: TargetDecision): boolean {
  return decision.action === null && decision.event === null && Object.keys(decision.set).length === 0;
}

function describe(action: TargetAction): string {
  if (action.kind === 'APPLY')
    return `APPLY ${action.side} ${action.gate.closed ? 'closed' : 'open'} (${action.gate.surge}, ${action.gate.unavailable})`;
  return action.kind === 'SCALE' ? `SCALE ${action.replicas}` : action.kind;
}
