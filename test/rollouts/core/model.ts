/** The engine's loop around the decision core, in one thread and with a clock of its own, on the model of a cluster and its controllers (`../model/`). */
import { scaleFieldManager } from '../../../src/clusters/core/managers.ts';
import type { SideName, TargetAction } from '../../../src/rollouts/core/action.ts';
import type { RolloutDecision, TargetDecision, VerbChange } from '../../../src/rollouts/core/decision.ts';
import { decideRollout } from '../../../src/rollouts/core/rollout/decide-rollout.ts';
import { decideTarget } from '../../../src/rollouts/core/targets/decide-target.ts';
import type {
  AnyStage,
  Autoscaler,
  Live,
  LiveDeployment,
  LiveReplicaSet,
  PlacementState,
  PodWarnings,
  Preflight,
  RolloutRows,
  RolloutState,
  Side,
  TargetObservation,
  TargetState,
  WaveState,
} from '../../../src/rollouts/core/observation.ts';
import { isSettled, isSteered } from '../../../src/rollouts/core/phases.ts';
import { sentenceOf } from '../../../src/rollouts/core/reasons.ts';
import { decideVerb } from '../../../src/rollouts/core/rollout/verbs.ts';
import { reduceRollout } from '../../../src/rollouts/core/rollout/reduce-rollout.ts';
import { stageHandlers } from '../../../src/rollouts/core/stages/handlers.ts';
import type { StageHandlers } from '../../../src/rollouts/core/stages/stage.ts';
import { soonest } from '../../../src/rollouts/core/live/deadline.ts';
import { supersededSide } from '../../../src/rollouts/core/stages/superseded.ts';
import { compile, compileUndo } from '../../../src/rollouts/core/strategies/compile.ts';
import { reduceTarget } from '../../../src/rollouts/core/targets/reduce-target.ts';
import type { Strategy, StrategyStep } from '../../../src/workloads/core/strategy.ts';
import { Conflict } from '../model/api.ts';
import { CLOSED, ModelCluster, notReady } from '../model/cluster.ts';
import type { DeploymentSpec, ModelDeployment, ModelPod, ModelSet } from '../model/cluster.ts';
import { ControllerManager, fenceposts } from '../model/controllers.ts';
import type { Sync } from '../model/controllers.ts';
import { Recorder } from '../model/recorder.ts';
import type { Promised } from '../model/recorder.ts';

export type Behaviour = 'GOOD' | 'NEVER_READY' | 'IMAGE_PULL' | 'CRASH_LOOP' | 'FIRST_GOOD';

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
    template: `template-${release}`,
    replicaSet: null,
    editedBy: null,
    notReady: 0,
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
  const stages = fields.undoing === true ? compileUndo({ stages: forward, stage: 0, from, superseded: null, failure: null }) : forward;
  return {
    stages,
    stage: Math.max(
      0,
      stages.findIndex((stage) => stage.step === step),
    ),
    progress: heldAt === null ? null : { heldAt: heldAt.toISOString() },
    gate:
      surge === null || unavailable === null ? null : { n: stepN, surge, unavailable, ...(from?.template ? { over: from.template } : {}) },
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
    settlingSince: null,
    condition: null,
    hindrance: null,
    failure: null,
    ...fields,
  };
}

export function rolloutRow(fields: Partial<RolloutState> = {}): RolloutState {
  return {
    id: 'rollout',
    kind: 'DEPLOY',
    takeOver: false,
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

/** With the controllers' counts as they are once everything has been counted. */
export function counted(live: LiveDeployment): LiveDeployment {
  const counts = (of: LiveReplicaSet): LiveReplicaSet => {
    const standing = of.pods.filter((pod) => !pod.terminating);
    const ready = standing.filter((pod) => pod.ready).length;
    return { ...of, counted: { isCurrent: true, replicas: standing.length, ready, available: of.gateClosed ? 0 : ready } };
  };
  const [current, others] = [live.current && counts(live.current), live.others.map(counts)];
  const all = current === null ? others : [current, ...others];
  const sum = (of: 'replicas' | 'ready' | 'available'): number => all.reduce((total, one) => total + one.counted[of], 0);
  const updated = current?.counted.replicas ?? 0;
  return { ...live, current, others, counted: { replicas: sum('replicas'), updated, ready: sum('ready'), available: sum('available') } };
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

/** A target with its rollout's rows, and what the holder of its placement remembers of it. */
class Active {
  checked: Preflight | null = null;
  edits: TargetObservation['edits'] = null;
  answers = new Map<SideName, string>();
  performed: TargetAction | null = null;
  logs = new Map<string, string>();
  wave = waveRow();

  constructor(
    public rollout: RolloutState,
    public target: TargetState,
  ) {}

  /** The holder of its placement decides on it. */
  get isSteered(): boolean {
    return isSteered(this.target.phase) && !isSettled(this.rollout.phase) && this.rollout.phase !== 'QUEUED';
  }

  rows(now: number): RolloutRows {
    return { now: new Date(now), rollout: this.rollout, waves: [this.wave], targets: [this.target] };
  }

  forget(): void {
    this.checked = null;
    this.edits = null;
    this.answers = new Map();
    this.performed = null;
    this.logs = new Map();
  }
}

export class Model {
  readonly cluster = new ModelCluster();
  readonly manager = new ControllerManager(this.cluster);
  readonly recorder: Recorder;
  private readonly main: Active;
  /** A SCALE of ours beside the rollout. */
  private scaling: Active | null = null;
  placement: PlacementState;
  readonly log: string[] = [];
  readonly events: string[] = [];
  writes = 0;
  /** What the preflight finds. */
  autoscaler: Autoscaler | null = null;
  /** Set while the cluster does not answer. */
  away: { since: Date } | null = null;
  /** What has been decided and committed, and has not arrived in the cluster. */
  underWay: { action: TargetAction; of: Active } | null = null;
  private gateBy: string | null = null;
  private replicasBy: string | null = null;
  private readonly warnings = new Map<string, PodWarnings>();
  private readonly plan: Plan;
  private readonly handlers: StageHandlers;
  readonly originalUid: string | null;
  /** How pods behave, by template. */
  readonly behaviours: Map<string, Behaviour>;

  /** @param stages of another list than the plan's strategy has, with the handlers of their kinds */
  constructor(plan: Plan, handlers: StageHandlers = stageHandlers, stages?: readonly AnyStage[]) {
    this.plan = plan;
    this.handlers = handlers;
    this.cluster.quota = plan.quota;
    this.recorder = new Recorder(this.cluster, () => this.promise());
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
    const to = template ? null : side(2, { template: null, strategy: own });
    this.main = new Active(
      rolloutRow({ kind: plan.kind, strategy: own, onFailure: plan.onFailure }),
      targetRow({ from, to, stages: stages ?? compile({ kind: plan.kind, strategy: own, from, to }) }),
    );
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

  /** Release 1 has been running for an hour. */
  private runOld(own: Strategy, n: number): void {
    const { minReadySeconds } = own;
    const amounts = { surge: String(own.maxSurge), unavailable: String(own.maxUnavailable) };
    this.cluster.create({ ...amounts, replicas: n, minReadySeconds, template: 'template-1', release: 1, paused: null });
    const { now } = this;
    this.now -= 3_600_000;
    this.controllers();
    for (const pod of this.cluster.pods.all) this.cluster.becomeReady(pod);
    this.now = now;
    this.controllers();
  }

  get now(): number {
    return this.cluster.now;
  }

  set now(now: number) {
    this.cluster.now = now;
  }

  get rollout(): RolloutState {
    return this.main.rollout;
  }

  set rollout(rollout: RolloutState) {
    this.main.rollout = rollout;
  }

  get wave(): WaveState {
    return this.main.wave;
  }

  set wave(wave: WaveState) {
    this.main.wave = wave;
  }

  get target(): TargetState {
    return this.main.target;
  }

  set target(target: TargetState) {
    this.main.target = target;
  }

  /** The SCALE beside it, the last one that was asked for. */
  get scale(): RolloutState | null {
    return this.scaling?.rollout ?? null;
  }

  /** Whether nothing is under way any more. */
  get isSettled(): boolean {
    return this.actives.every(({ rollout }) => isSettled(rollout.phase));
  }

  /** Where the rollouts and their targets are. */
  get phases(): string {
    return this.actives.map(({ rollout, target }) => `${target.phase} ${rollout.phase} ${rollout.intent ?? ''}`).join(' ');
  }

  private get actives(): Active[] {
    return this.scaling === null ? [this.main] : [this.main, this.scaling];
  }

  get deployment(): ModelDeployment | null {
    return this.cluster.deployment;
  }

  get sets(): ModelSet[] {
    return this.cluster.sets.all;
  }

  // ------------------------------------------------------------------------------------------------ what the core sees

  observation(of: Active = this.main): TargetObservation {
    const { rollout, wave, target, checked, edits, answers, performed, logs } = of;
    const beside = this.actives.filter((one) => one !== of && one.isSteered);
    return {
      now: new Date(this.now),
      rollout: { ...rollout },
      wave: { ...wave },
      placement: { ...this.placement },
      target: { ...target },
      beside: beside.map((one) => ({ rollout: one.rollout, placement: this.placement, target: one.target })),
      live: this.live(),
      checked,
      edits,
      answers,
      performed,
      writeFailure: null,
      hindrance: null,
      logs,
      warnings: this.warnings,
    };
  }

  live(): Live {
    if (this.away !== null) {
      return { kind: 'UNREACHABLE', since: this.away.since, message: 'connection refused', advice: 'Bring it back.', access: false };
    }
    const d = this.deployment;
    if (d === null) return { kind: 'ABSENT' };
    const current = this.sets.find((set) => set.template === d.template) ?? null;
    const others = this.sets.filter((set) => set !== current && (set.replicas > 0 || this.cluster.podsOf(set).length > 0));
    return {
      kind: 'PRESENT',
      uid: d.uid,
      resourceVersion: String(d.version),
      generation: d.generation,
      observedGeneration: d.status.observedGeneration,
      ours: true,
      unlabeled: false,
      replicas: d.replicas,
      replicasBy: this.replicasBy,
      gate: d.minReadySeconds === CLOSED ? 'CLOSED' : 'OPEN',
      surge: d.surge,
      unavailable: d.unavailable,
      gateBy: this.gateBy,
      pausedBy: d.paused,
      template: d.template,
      release: d.release,
      editedBy: null,
      terminating: false,
      counted: d.status,
      current: current === null ? null : this.view(current),
      others: others.map((set) => this.view(set)),
      replicaSets: this.sets,
      replicaFailure: current?.status.failure ? { ...current.status.failure, ageMilliseconds: 0 } : null,
    };
  }

  private view(set: ModelSet): LiveReplicaSet {
    return {
      name: set.name,
      uid: set.uid,
      age: set.age,
      replicas: set.replicas,
      template: set.template,
      gateClosed: set.minReadySeconds === CLOSED,
      counted: {
        isCurrent: set.status.observedGeneration >= set.generation,
        replicas: set.status.replicas,
        ready: set.status.ready,
        available: set.status.available,
      },
      pods: this.cluster.podsOf(set).map((pod) => ({
        name: pod.uid,
        uid: pod.uid,
        ready: pod.ready,
        readyMilliseconds: pod.ready ? Math.max(0, this.now - pod.readyAt - 1000) : 0,
        terminating: pod.terminating,
        ageMilliseconds: this.now - pod.createdAt,
        fault: pod.ready ? null : pod.fault,
      })),
      ended: null,
    };
  }

  // ---------------------------------------------------------------------------------------------------- the engine's loop

  /** Observe, decide, commit, write: once. `crash` loses the write that was committed, and everything that the holder had in memory. */
  turn(crash = false): TargetDecision {
    const decision = this.decide();
    if (crash && !isIdle(decision)) this.forget();
    else this.land();
    return decision;
  }

  /** Observe, decide, commit: what is to be written is under way. The targets take their turns, the rollout's first. */
  decide(): TargetDecision {
    const own = this.decideOn(this.main);
    if (!isIdle(own) || this.scaling?.isSteered !== true) return own;
    const scales = this.decideOn(this.scaling);
    return isIdle(scales) ? { ...own, lookAt: soonest(own.lookAt, scales.lookAt) } : scales;
  }

  private decideOn(of: Active): TargetDecision {
    const observation = this.observation(of);
    const decision = decideTarget(observation, this.handlers);
    if (isIdle(decision)) return decision;
    if (JSON.stringify(decision) !== JSON.stringify(decideTarget(observation, this.handlers)))
      this.recorder.breaches.push('the same observation was decided differently');
    const before = of.target;
    const { target, event } = reduceTarget(observation, decision);
    of.target = target;
    if (event !== null && of === this.main) this.events.push(event.type);
    this.log.push(
      `${of === this.main ? '' : 'SCALE '}${target.phase} ${sentenceOf(decision.reason)}${decision.action ? ` [${describe(decision.action)}]` : ''} ${this.describeSets()}`,
    );
    if (decision.action?.kind === 'SCALE') this.placement = { ...this.placement, lastWrittenReplicas: decision.action.replicas };
    if (before.phase === 'FAILED' && target.phase === 'PROGRESSING') this.forget();
    this.underWay = decision.action && { action: decision.action, of };
    // What it adjusts, the controllers are at.
    if (decision.reason.code !== 'BACK_ADJUSTED')
      this.recorder.decided(decision.action?.kind !== 'APPLY' || decision.action.template === 'GATE');
    return decision;
  }

  /** What is under way arrives in the cluster, or meets a newer version there. */
  land(): void {
    const { underWay } = this;
    this.underWay = null;
    if (underWay === null) return;
    const { action, of } = underWay;
    try {
      this.perform(action, of);
      of.performed = action;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
      this.log.push(`409 [${describe(action)}]`);
    }
  }

  private forget(): void {
    this.underWay = null;
    for (const active of this.actives) active.forget();
  }

  private perform(action: TargetAction, of: Active): void {
    switch (action.kind) {
      case 'PREFLIGHT':
        of.checked = this.autoscaler === null ? { ok: true } : { ok: true, autoscaler: this.autoscaler };
        if (of.target.to !== null) of.answers.set('TO', of.target.to.templateDigest);
        return;
      case 'LIST_EDITS':
        of.edits = { template: action.template, differences: [] };
        return;
      case 'READ_LOG':
        of.logs.set(`${action.pod}/${action.container}`, 'panic: no');
        return;
      case 'READ_EVENTS':
        return void this.warnings.set(action.uid, { at: new Date(this.now), events: [] });
      case 'FINISH':
        return;
      case 'DELETE':
        return this.cluster.clear();
      case 'SCALE':
        this.writes++;
        this.cluster.write({ replicas: action.replicas }, Number(action.precondition.resourceVersion));
        this.replicasBy = scaleFieldManager;
        return;
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
    const spec: DeploymentSpec = {
      replicas: old?.replicas ?? 1,
      minReadySeconds: closed ? CLOSED : which.strategy.minReadySeconds,
      surge,
      unavailable,
      template: this.templateOf(action, which),
      release: action.template === 'GATE' ? (old?.release ?? which.release) : which.release,
      paused: action.unpause ? null : (old?.paused ?? null),
    };
    if (old === null) this.cluster.create(spec);
    else this.cluster.write(spec, action.precondition === null ? 0 : Number(action.precondition.resourceVersion));
    this.gateBy = null;
    const isForeign = typeof action.template === 'object' && action.template.uid !== which.replicaSet;
    if (action.template !== 'GATE' && !isForeign) this.main.answers.set(action.side, spec.template);
  }

  /** As the action says: no template, a rendering, or the template of a ReplicaSet that is there. */
  private templateOf({ template }: Extract<TargetAction, { kind: 'APPLY' }>, which: Side): string {
    const live = this.deployment?.template ?? null;
    if ((template === 'GATE' || template === 'KEPT') && live !== null) return live;
    const original = typeof template === 'object' ? this.sets.find((set) => set.uid === template.uid) : undefined;
    if (typeof template === 'object' && original === undefined) throw new Error(`ReplicaSet ${template.replicaSet} is gone`);
    return original?.template ?? which.templateDigest;
  }

  /** The rollouts' own loops: each decides until there is nothing left to decide, as the engine does. */
  decideAll(): void {
    for (const active of this.actives) this.decideRollout(active);
  }

  private decideRollout(of: Active): void {
    for (let i = 0; ; i++) {
      if (i > 50) throw new Error('the rollout is decided on without end');
      const decision = decideRollout({ ...of.rows(this.now), quota: null, elsewhere: 0 });
      if (decision.kind === 'WAIT') return;
      this.log.push(`${of === this.main ? '' : 'SCALE '}ROLLOUT ${decision.kind} ${sentenceOf(decision.reason)}`);
      this.reduce(decision, of);
      if (decision.kind === 'SETTLE') return;
    }
  }

  rows(): RolloutRows {
    return this.main.rows(this.now);
  }

  /** The rollout's transaction. */
  reduce(change: RolloutDecision | VerbChange, of: Active = this.main): void {
    const { rollout, waves, targets } = reduceRollout(of.rows(this.now), change).rows;
    if (isSettled(rollout.phase) && of === this.main) this.events.push(rollout.phase);
    of.rollout = rollout;
    of.wave = waves[0] ?? of.wave;
    of.target = targets[0] ?? of.target;
  }

  // ------------------------------------------------------------------------------------------------- what happens outside

  /** Another rollout, to the next release, takes the place of this one. `again`: with the template of that release. */
  supersede(plan: Pick<Plan, 'type' | 'steps' | 'maxSurge' | 'behaviour'>, again?: number): void {
    const { from, to, written, phase, uid, made, replicasBefore, replicasAfter } = this.target;
    const release = (to?.release ?? 1) + 1;
    const { type, steps, maxSurge, behaviour } = plan;
    const own = { ...this.rollout.strategy, type, steps, maxSurge };
    const templateDigest = `template-${again ?? release}`;
    this.behaviours.set(templateDigest, behaviour);
    const left = written && phase !== 'ROLLED_BACK';
    const before = left ? { uid, made, replicasBefore, replicasAfter, superseded: supersededSide(this.target) } : {};
    this.rollout = rolloutRow({ id: `rollout-${release}`, strategy: own, onFailure: this.plan.onFailure });
    this.wave = waveRow();
    this.target = targetRow({
      plan: own,
      from,
      to: side(release, { template: null, templateDigest, strategy: own }),
      written: left,
      ...before,
    });
    this.log.push(`SUPERSEDED by release ${release}`);
    this.forget();
  }

  /** A SCALE of ours is asked for: active rollouts bring the placement to that number, and one of its own beside them does so at once. */
  askForScale(replicas: number): void {
    const own = this.rollout.strategy;
    this.placement = { ...this.placement, replicas };
    this.scaling = new Active(
      rolloutRow({ id: 'scale', kind: 'SCALE', strategy: own, onFailure: 'PAUSE' }),
      targetRow({ id: 'scale', kind: 'SCALE', plan: own, from: null, to: null }),
    );
    this.log.push(`SCALE to ${replicas}`);
  }

  /** The SCALE is aborted. */
  abortScale(): void {
    if (this.scaling === null) throw new Error('no SCALE was asked for');
    const verdict = decideVerb({ kind: 'ABORT' }, this.scaling.rows(this.now));
    if (verdict.kind === 'CHANGE') this.reduce(verdict, this.scaling);
  }

  /** Somebody scales it. What the cluster then does is not our doing. */
  setReplicas(n: number): void {
    this.recorder.foreign = true;
    this.replicasBy = null;
    this.cluster.write({ replicas: n });
  }

  pauseByOwner(by: string | null): void {
    this.cluster.write({ paused: by });
  }

  /** Somebody edits the Deployment itself. */
  edit(fields: Partial<Pick<DeploymentSpec, 'template' | 'minReadySeconds' | 'surge' | 'unavailable'>>): void {
    this.recorder.foreign = true;
    this.cluster.write(fields);
  }

  /** Somebody opens the gate, or changes its amounts, and owns it until our next write. What we do is judged all the same. */
  openGate(fields: Pick<DeploymentSpec, 'surge' | 'unavailable'> & Partial<Pick<DeploymentSpec, 'minReadySeconds'>>): void {
    this.gateBy = 'a-person';
    this.cluster.write({ minReadySeconds: 0, ...fields });
  }

  /** Somebody deletes the Deployment. */
  deleteDeployment(): void {
    this.recorder.foreign = true;
    this.cluster.clear();
  }

  /** A Ready pod of any side fails and starts again. */
  stumble(index: number): void {
    const pods = this.cluster.readyPods;
    const pod = pods[index % Math.max(1, pods.length)];
    if (pod === undefined) return;
    this.recorder.foreign = true;
    this.cluster.becomeUnready(pod);
  }

  /** Pods start, fail, or are gone. `share` of 0..1 of those that can move do. */
  kubelet(share = 1): void {
    for (const set of this.sets) {
      for (const pod of this.cluster.podsOf(set)) if (pod.terminating) this.cluster.removePod(pod);
      const pods = this.cluster.podsOf(set);
      for (const pod of pods.filter((one) => !one.ready).slice(0, Math.max(1, Math.ceil(share * pods.length)))) this.startPod(pod);
    }
  }

  /** A pod becomes Ready, or what its template makes of it. */
  startPod(pod: ModelPod): void {
    const set = this.cluster.sets.get(pod.owner);
    const behaviour = this.behaviours.get(set?.template ?? '') ?? 'GOOD';
    const first = !pod.broken && !this.cluster.podsOf({ uid: pod.owner }).some((one) => one.ready);
    if (behaviour === 'GOOD' || (behaviour === 'FIRST_GOOD' && first)) {
      this.cluster.becomeReady(pod);
      if (set?.template === this.deployment?.template) this.placement = { ...this.placement, progressAt: new Date(this.now) };
      return;
    }
    const fault = { ...notReady };
    if (behaviour === 'IMAGE_PULL')
      Object.assign(fault, {
        reason: 'ImagePullBackOff',
        message: 'not found',
        log: null,
        severity: 'FATAL',
        details: { kind: 'NOT_FOUND' },
      });
    else if (behaviour === 'CRASH_LOOP')
      Object.assign(fault, { reason: 'CrashLoopBackOff', exitCode: 1, restarts: 3, log: 'PREVIOUS', severity: 'FATAL' });
    this.cluster.becomeUnready(pod, fault, true);
  }

  // ------------------------------------------------------------------------------------------------------ the controllers

  /** Both controllers, with everything seen at once, until nothing is left to do for them. */
  controllers(): void {
    for (let before = -1; before !== this.cluster.lastVersion;) {
      before = this.cluster.lastVersion;
      this.deploymentController();
      this.replicaSetControllers();
    }
  }

  /** One sync of the Deployment controller. */
  deploymentController(): void {
    this.manager.catchUp();
    exhaust(this.manager.syncDeployment());
  }

  /** The ReplicaSet controller, until all pods are made, deleted and counted. */
  replicaSetControllers(): void {
    for (let before = -1; before !== this.cluster.lastVersion;) {
      before = this.cluster.lastVersion;
      this.manager.catchUp();
      for (const set of this.sets) exhaust(this.manager.syncSet(set.uid));
    }
    this.recorder.checkSurge();
  }

  // ----------------------------------------------------------------------------------------------------------- invariants

  get breaches(): string[] {
    return this.recorder.breaches;
  }

  readyPods(): number {
    return this.cluster.readyPods.length;
  }

  /** What the strategy allows: how many pods may be missing from N, and how many ReplicaSets may ask for above N. */
  private promise(): Promised {
    const d = this.deployment;
    if (d === null) return { missing: 0, above: 0 };
    const own = fenceposts({ replicas: d.replicas, surge: String(this.plan.maxSurge), unavailable: String(this.plan.maxUnavailable) });
    const { undoing } = this.target;
    const stuck = undoing && d.surge === '0' && d.minReadySeconds !== CLOSED;
    const above = Math.max(own.surge, undoing || d.replicas === 1 ? 1 : 0, Math.ceil(d.replicas / 100) - 1, 0);
    return { missing: stuck ? Math.max(1, own.unavailable) : own.unavailable, above };
  }

  describeSets(): string {
    return this.recorder.describeSets();
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

function exhaust(sync: Sync): void {
  while (sync.next().done !== true);
}

export function isIdle(decision: TargetDecision): boolean {
  return decision.action === null && decision.event === null && Object.keys(decision.set).length === 0;
}

function describe(action: TargetAction): string {
  if (action.kind === 'APPLY')
    return `APPLY ${action.side} ${action.gate.closed ? 'closed' : 'open'} (${action.gate.surge}, ${action.gate.unavailable})`;
  return action.kind === 'SCALE' ? `SCALE ${action.replicas}` : action.kind;
}
