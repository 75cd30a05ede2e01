import { describe, expect, it } from 'vitest';
import { RolloutKind, RolloutPhase, TargetPhase } from '../../../src/generated/prisma/enums.ts';
import type { SideName, TargetAction } from '../../../src/rollouts/core/action.ts';
import type { TargetDecision } from '../../../src/rollouts/core/decision.ts';
import { decideTarget } from '../../../src/rollouts/core/targets/decide-target.ts';
import { conditionOf } from '../../../src/rollouts/core/condition-types.ts';
import type { Failure, PodFault } from '../../../src/rollouts/core/failure.ts';
import type {
  Live,
  LiveDeployment,
  LivePod,
  LiveReplicaSet,
  RolloutState,
  TargetObservation,
  TargetState,
} from '../../../src/rollouts/core/observation.ts';
import { isSettled, isTerminal } from '../../../src/rollouts/core/phases.ts';
import { because, sentenceOf } from '../../../src/rollouts/core/reasons.ts';
import { applyTarget } from '../../../src/rollouts/core/targets/reduce-target.ts';
import { counted, isIdle, Model, plainPlan, rolloutRow, side, strategy, targetRow, waveRow } from './model.ts';
import type { Row } from './model.ts';
import fc from 'fast-check';

const now = new Date('2026-01-01T12:00:00Z');
const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1000);

function pods(count: number, fields: Partial<LivePod> = {}): LivePod[] {
  return Array.from({ length: count }, (_, i) => {
    return {
      name: `pod-${i}`,
      uid: `uid-${i}`,
      ready: true,
      readyMilliseconds: 60_000,
      terminating: false,
      ageMilliseconds: 90_000,
      fault: null,
      ...fields,
    };
  });
}

function set(release: number, ready: number, fields: Partial<LiveReplicaSet> = {}): LiveReplicaSet {
  return {
    name: `web-${release}`,
    uid: `set-${release}`,
    age: release,
    replicas: ready,
    template: `template-${release}`,
    gateClosed: false,
    counted: { isCurrent: true, replicas: 0, ready: 0, available: 0 },
    pods: pods(ready),
    ended: null,
    ...fields,
  };
}

function present(fields: Partial<LiveDeployment> = {}): LiveDeployment {
  return {
    kind: 'PRESENT',
    uid: 'd-1',
    resourceVersion: '100',
    generation: 3,
    observedGeneration: 3,
    ours: true,
    unlabeled: false,
    replicas: 10,
    gate: 'OPEN',
    surge: '25%',
    unavailable: '0',
    gateBy: null,
    replicasBy: null,
    pausedBy: null,
    template: 'template-1',
    release: 1,
    editedBy: null,
    terminating: false,
    counted: { replicas: 0, updated: 0, ready: 0, available: 0 },
    current: set(1, 10),
    others: [],
    replicaSets: [],
    replicaFailure: null,
    ...fields,
  };
}

const wrote = { kind: 'APPLY', side: 'TO', template: 'RENDERED', unpause: false, precondition: null } as const;
const FINISHED = { TO: { kind: 'FINISH', side: 'TO' }, FROM: { kind: 'FINISH', side: 'FROM' } } as const;

interface Fields {
  rollout?: Partial<RolloutState>;
  target?: Row;
  live?: Live;
  rest?: Partial<TargetObservation>;
  replicas?: number;
  promotedStep?: number;
  /** The controllers' counts in `live` are meant; else they are those of the pods. */
  counts?: 'AS_GIVEN';
}

function observe({ rollout, target, live = present(), rest, replicas, promotedStep, counts }: Fields = {}): TargetObservation {
  const whole = rolloutRow({ phase: 'RUNNING', ...rollout });
  return {
    now,
    rollout: whole,
    wave: waveRow({ phase: 'OPEN', promotedStep: promotedStep ?? -1 }),
    placement: {
      id: 'p',
      workloadId: 'w',
      workload: 'web',
      namespace: 'shop',
      replicas: replicas ?? 10,
      lastWrittenReplicas: 10,
      progressAt: null,
    },
    target: targetRow({ phase: 'PROGRESSING', enteredAt: ago(10), plan: whole.strategy, kind: whole.kind, ...target }),
    live: live.kind === 'PRESENT' && counts === undefined ? counted(live) : live,
    checked: { ok: true },
    edits: null,
    answers: new Map(),
    performed: null,
    writeFailure: null,
    hindrance: null,
    logs: new Map(),
    warnings: new Map(),
    beside: [],
    ...rest,
  };
}

const decide = (fields: Fields = {}): TargetDecision => decideTarget(observe(fields));
const failure: Failure = {
  code: 'FORBIDDEN',
  data: { message: 'No.' },
  cluster: 'east-1',
  pod: null,
  container: null,
  exitCode: null,
  logTail: null,
};
const canary = strategy({ type: 'CANARY', maxSurge: 3, steps: [{ weight: 20 }, { pauseSeconds: 60 }, { weight: 50 }, { pause: true }] });
/** Release 2 is applied and its pods stand as told. */
const onTwo = (fields: Partial<LiveDeployment> = {}): LiveDeployment =>
  present({ template: 'template-2', release: 2, current: set(2, 10), ...fields });
const written: Row = { written: true, uid: 'd-1', surge: '25%', unavailable: '0', stepN: 10 };
const heldAtTwenty: Fields = {
  rollout: { strategy: canary },
  target: {
    ...written,
    phase: 'HELD',
    phaseDetail: { ...because('HELD_FOR', { new: 2, pods: 10, release: 2, seconds: 60 }), since: '2026-01-01T00:00:00Z' },
    step: 1,
    heldAt: ago(30),
    surge: '0',
    unavailable: '20%',
    to: side(2, { replicaSet: 'set-2' }),
  },
  live: onTwo({ gate: 'CLOSED', surge: '0', unavailable: '20%', current: set(2, 2), others: [set(1, 8)] }),
};

describe('before the first write', () => {
  it('looks before it writes, and writes what it has committed', () => {
    expect(decide({ rest: { checked: null } })).toMatchObject({ action: { kind: 'PREFLIGHT', takeOver: false }, set: {} });
    expect(decide()).toMatchObject({
      set: { written: true, gate: { n: 10, surge: '25%', unavailable: '0' }, enteredAt: now },
      event: { type: 'target.started' },
      action: {
        kind: 'APPLY',
        side: 'TO',
        gate: { closed: false, surge: '25%', unavailable: '0' },
        unpause: false,
        precondition: { uid: 'd-1', resourceVersion: '100' },
      },
    });
  });

  describe('with an error of its write that may pass by itself', () => {
    const outage: Failure = { ...failure, code: 'SERVER' };
    const applied: Row = { written: true, surge: '25%', unavailable: '0', stepN: 10 };
    const retrying = ({ code, data }: Failure) => because('RETRYING_WRITE', { code, data, pod: null, container: null });
    const row = (what: Failure, since: Date) => ({
      code: what.code,
      data: what.data,
      pod: null,
      container: null,
      since: since.toISOString(),
    });

    it.each([failure, outage])('$code: says what stands in the way, keeps it in the row, and tries again', (what) => {
      const hindrance = { failure: what, since: ago(10) };
      for (const [kind, decision] of [
        ['PREFLIGHT', decide({ rest: { checked: null, hindrance } })],
        ['APPLY', decide({ target: applied, rest: { hindrance } })],
      ] as const) {
        expect(decision).toMatchObject({
          action: { kind },
          event: null,
          set: { phaseReason: retrying(what), hindrance: row(what, now) },
        });
      }
    });

    it('fails at the deadline with what is SLOW, once this holder has tried for a while', () => {
      const target = { ...applied, enteredAt: ago(100) };
      const since = (seconds: number) => ({ hindrance: { failure: outage, since: ago(seconds) } });
      expect(decide({ target, rest: since(16) })).toMatchObject({ set: { phase: 'FAILED', failure: outage }, action: null });
      expect(decide({ target, rest: since(14) }).action).toMatchObject({ kind: 'APPLY' });
      expect(decide({ target: { ...target, enteredAt: ago(20) }, rest: since(16) }).action).toMatchObject({ kind: 'APPLY' });
      expect(decide({ target: { ...target, enteredAt: null }, rest: since(60) }).set).toMatchObject({ phase: 'FAILED' });
    });

    it('fails with what is TRANSIENT after its grace, by the row, whoever holds it', () => {
      const rest = { hindrance: { failure, since: now } };
      const lasting = (seconds: number): Row => ({ ...applied, hindrance: row(failure, ago(seconds)) });
      expect(decide({ target: lasting(15), rest })).toMatchObject({ set: { phase: 'FAILED', failure }, action: null });
      expect(decide({ target: lasting(14), rest })).toMatchObject({ set: {}, action: { kind: 'APPLY' } });
      const patient = { strategy: strategy({ failureGraceSeconds: 30 }) };
      expect(decide({ rollout: patient, target: lasting(29), rest }).action).toMatchObject({ kind: 'APPLY' });
      expect(decide({ rollout: patient, target: lasting(30), rest }).set).toMatchObject({ phase: 'FAILED' });
    });

    it('counts anew after another error, or a write that went through', () => {
      const target: Row = { ...applied, hindrance: row(outage, ago(40)) };
      expect(decide({ target, rest: { hindrance: { failure, since: ago(40) } } }).set).toMatchObject({ hindrance: row(failure, now) });
      const healthy = onTwo({ current: set(2, 9, { replicas: 10 }) });
      const performed = { kind: 'FINISH', side: 'TO' } as const;
      expect(decide({ target, live: healthy, rest: { performed } }).set).toMatchObject({ hindrance: null });
    });

    it('leaves it to the condition of the cluster to say that it does not answer', () => {
      const away: Failure = { ...failure, code: 'UNREACHABLE' };
      const decision = decide({ target: applied, rest: { hindrance: { failure: away, since: ago(1) } } });
      expect(decision.set).toMatchObject({ phaseReason: retrying(away) });
      expect(decision.set).not.toHaveProperty('hindrance');
    });

    it('keeps what the row says until this holder has tried for the first time', () => {
      const target: Row = { ...applied, hindrance: row(failure, ago(10)) };
      expect(decide({ target })).toMatchObject({ set: {}, action: { kind: 'APPLY' } });
    });

    it('goes back until the deadline, with whatever error', () => {
      const back: Row = { phase: 'ROLLING_BACK', written: true, undoing: true, hindrance: row(failure, ago(59)) };
      const rest = { hindrance: { failure, since: ago(59) } };
      expect(decide({ target: { ...back, enteredAt: ago(59) }, live: onTwo(), rest }).action).toMatchObject({
        kind: 'APPLY',
        side: 'FROM',
      });
      expect(decide({ target: { ...back, enteredAt: ago(61) }, live: onTwo(), rest }).set).toMatchObject({ phase: 'FAILED' });
    });

    it('is not failed by it where nothing is to be written', () => {
      const rest = { hindrance: { failure: outage, since: ago(600) } };
      expect(decide({ target: { written: true }, live: onTwo({ observedGeneration: 1, generation: 2 }), rest })).toMatchObject({
        action: null,
        set: {},
      });
    });
  });

  it('fails without a trace when the look was bad', () => {
    const decision = decide({ rest: { checked: { ok: false, failure } } });
    expect(decision).toMatchObject({ set: { phase: 'FAILED', failure }, action: null });
    expect(decision.set).not.toHaveProperty('written');
  });

  it('decides the same write again after a crash between commit and write, and says nothing twice', () => {
    const decision = decide({ target: { ...written, uid: null }, rest: { checked: null } });
    expect(decision).toMatchObject({ set: { uid: 'd-1' }, event: null, action: { kind: 'APPLY', side: 'TO' } });
  });

  it('refuses an object of our name that is not ours', () => {
    const refused = { set: { phase: 'FAILED', failure: { code: 'NOT_OURS' } }, action: null };
    expect(decide({ live: present({ ours: false }) })).toMatchObject(refused);
  });

  it.each([{}, written, { ...written, undoing: true }])(
    'names the label that somebody has removed, and does not touch it: %o',
    (target) => {
      const refused = {
        set: { phase: 'FAILED', failure: { code: 'LABEL_REMOVED', data: { label: 'slipway.dev/workload-id' } } },
        action: null,
      };
      expect(decide({ target, live: present({ ours: false, unlabeled: true }) })).toMatchObject(refused);
    },
  );

  it('leaves an edited template to the preflight, which takes it over for a rollback, and names whose ReplicaSet it goes back to', () => {
    const edited = present({ template: 'template-9', editedBy: 'kubectl-edit', current: set(9, 10) });
    expect(decide({ rollout: { kind: 'ROLLBACK' }, live: edited, rest: { checked: null } }).action).toMatchObject({
      kind: 'PREFLIGHT',
      takeOver: true,
    });
    expect(
      decide({ rollout: { kind: 'ROLLBACK' }, live: edited, rest: { checked: { ok: true, editedBy: 'kubectl-edit' } } }),
    ).toMatchObject({
      set: { from: { release: 1, replicaSet: 'set-9', editedBy: 'kubectl-edit', template: 'template-1' } },
      action: { kind: 'APPLY', side: 'TO', template: 'RENDERED' },
    });
    const refused = { ok: false as const, failure };
    expect(decide({ live: edited, rest: { checked: refused } }).set).toMatchObject({ phase: 'FAILED', failure });
  });

  it('waits for the first list, and for a Deployment that is on its way out', () => {
    expect(isIdle(decide({ live: { kind: 'UNKNOWN' } }))).toBe(true);
    expect(isIdle(decide({ live: present({ terminating: true }) }))).toBe(true);
  });

  it('writes nothing while the rollout is paused, or once an abort was accepted', () => {
    for (const rollout of [{ phase: 'PAUSED', pauseReason: 'MANUAL' } as const, { intent: 'ABORT' } as const])
      expect(decide({ rollout }).action).toBeNull();
  });

  it('creates what is not there with the gate open, and scales it at once', () => {
    const first: Fields = { target: { from: null }, live: { kind: 'ABSENT' } };
    expect(decide(first)).toMatchObject({ set: { written: true }, action: { kind: 'APPLY', precondition: null, gate: { closed: false } } });
    const made = onTwo({ replicas: 1, current: set(2, 0, { replicas: 1 }) });
    const scaled = decide({ target: { from: null, made: true, written: true, surge: '25%', unavailable: '0' }, live: made });
    expect(scaled).toMatchObject({ set: { uid: 'd-1', replicasAfter: 10 }, action: { kind: 'SCALE', replicas: 10 } });
    expect(scaled.set).not.toHaveProperty('replicasBefore');
  });

  it('closes no gate where the pod template is the live one already', () => {
    const same = side(2, { template: 'template-1' });
    const decision = decide({ rollout: { strategy: canary }, target: { to: same } });
    expect(decision.action).toMatchObject({ kind: 'APPLY', template: 'KEPT', gate: { closed: false } });
    const applied = present({ release: 2 });
    const own = { ...written, surge: '3', unavailable: '0', to: { ...same, strategy: strategy() } };
    expect(decide({ rollout: { strategy: canary }, target: own, live: applied }).action).toEqual({ kind: 'FINISH', side: 'TO' });
    expect(decide({ rollout: { strategy: canary }, target: own, live: applied, rest: { performed: FINISHED.TO } })).toMatchObject({
      set: { phase: 'SUCCEEDED' },
    });
  });

  it('closes no gate without pods', () => {
    const none = present({ replicas: 0, current: set(1, 0) });
    expect(decide({ rollout: { strategy: canary }, live: none, replicas: 0 }).action).toMatchObject({
      kind: 'APPLY',
      gate: { closed: false },
    });
  });
});

describe('a rolling update', () => {
  it('waits with a sentence that counts, until its deadline', () => {
    const live = onTwo({ current: set(2, 4, { replicas: 6 }), others: [set(1, 7)] });
    const decision = decide({ target: written, live });
    expect(decision).toMatchObject({
      reason: because('WAITING', { standing: { is: 'PODS', ready: 4, pods: 10, release: 2, old: 7 } }),
      set: {},
      action: null,
    });
    expect(decision.lookAt).toEqual(new Date(ago(10).getTime() + 60_000));
  });

  it("leaves the Deployment's own numbers alone where the cluster takes them and keeps others", () => {
    const kept = onTwo({ surge: '1' });
    const applied = { surge: '25%', unavailable: '0' };
    expect(decide({ target: written, live: kept }).action).toMatchObject({ kind: 'APPLY', gate: applied });
    expect(
      decide({
        target: written,
        live: kept,
        rest: { performed: { ...wrote, gate: { closed: false, ...applied } } },
      }).action,
    ).toMatchObject({ kind: 'FINISH' });
  });

  it('waits no longer than its deadline for a deletion that somebody else has begun', () => {
    const stuck = onTwo({ terminating: true });
    expect(isIdle(decide({ target: written, live: stuck }))).toBe(true);
    expect(decide({ target: { ...written, enteredAt: ago(61) }, live: stuck }).set).toMatchObject({ phase: 'FAILED' });
    expect(decide({ rollout: { kind: 'SCALE' }, target: { from: null, to: null, enteredAt: ago(61) }, live: stuck }).set).toMatchObject({
      phase: 'FAILED',
    });
  });

  it('waits while the controller has not seen the write, whatever the counts say', () => {
    expect(isIdle(decide({ target: written, live: onTwo({ observedGeneration: 2 }) }))).toBe(true);
    expect(isIdle(decide({ target: written, live: onTwo({ current: null, others: [set(1, 10)] }) }))).toBe(true);
  });

  it("waits until the last pod has been Ready for the template's minReadySeconds", () => {
    const slow = side(2, { strategy: strategy({ minReadySeconds: 5 }) });
    const live = onTwo({ current: set(2, 10, { pods: [...pods(9), ...pods(1, { name: 'late', readyMilliseconds: 2000 })] }) });
    const decision = decide({ target: { ...written, to: slow }, live });
    expect(decision).toMatchObject({ action: null, lookAt: new Date(now.getTime() + 3000) });
  });

  it('does not take a pod that is on its way out for one that is there', () => {
    const live = onTwo({ current: set(2, 10, { pods: [...pods(9), ...pods(1, { name: 'leaving', terminating: true })] }) });
    expect(isIdle(decide({ target: written, live }))).toBe(true);
  });

  it.each([
    ['entered, then stopped and going on', { entered: 100, progress: null, stopped: 40 }, 60],
    ['a pod that became Ready before the stop', { entered: 100, progress: 70, stopped: 40 }, 30],
    ['a pod that became Ready during the stop', { entered: 100, progress: 20, stopped: 40 }, 0],
    ['a stop from before the step was entered', { entered: 10, progress: null, stopped: 40 }, 0],
  ])('counts for its deadline what was not paused or unreachable: %s', (_what, { entered, progress, stopped }, counted) => {
    const live = onTwo({ current: set(2, 4, { replicas: 6 }), others: [set(1, 7)] });
    const placement = { ...observe().placement, progressAt: progress === null ? null : ago(progress) };
    const target = { ...written, enteredAt: ago(entered), stoppedAt: ago(stopped) };
    expect(decide({ target, live, rest: { placement } }).set).toMatchObject(
      counted < 60 ? { stoppedAt: null, enteredAt: ago(counted) } : { phase: 'FAILED' },
    );
  });

  it('starts its deadline again with every pod that becomes Ready', () => {
    const live = onTwo({ current: set(2, 4, { replicas: 6 }), others: [set(1, 7)] });
    const late = { ...written, enteredAt: ago(100) };
    expect(decide({ target: late, live }).set).toMatchObject({ phase: 'FAILED', failure: { code: 'PROGRESS_DEADLINE' } });
    const placement = { ...observe().placement, progressAt: ago(5) };
    expect(isIdle(decide({ target: late, live, rest: { placement } }))).toBe(true);
  });

  it('closes the gate around what is there when it is paused, and opens it again', () => {
    const halfway = onTwo({ current: set(2, 5), others: [set(1, 8)] });
    const paused = { phase: 'PAUSED', pauseReason: 'MANUAL' } as const;
    expect(decide({ rollout: paused, target: written, live: halfway })).toMatchObject({
      reason: because('FREEZING', { why: 'PAUSED', new: 5, old: 8 }),
      set: { gate: { n: 10, surge: '3', unavailable: '0%' }, stoppedAt: now },
      action: { kind: 'APPLY', side: 'TO', gate: { closed: true, surge: '3', unavailable: '0%' } },
    });
    const held: Row = { ...written, surge: '3', unavailable: '0%', stoppedAt: ago(30) };
    const closed = { ...halfway, gate: 'CLOSED' as const, surge: '3', unavailable: '0%' };
    expect(isIdle(decide({ rollout: paused, target: held, live: closed }))).toBe(true);
    expect(decide({ target: held, live: closed })).toMatchObject({
      set: { stoppedAt: null },
      action: { kind: 'APPLY', gate: { closed: false, surge: '25%', unavailable: '0' } },
    });
  });

  it('goes on only once the ReplicaSets have let go what they were told to', () => {
    const closed = onTwo({ gate: 'CLOSED', surge: '3', unavailable: '0%', current: set(2, 5), others: [set(1, 7, { pods: pods(8) })] });
    expect(decide({ target: { ...written, surge: '3', unavailable: '0%' }, live: closed }).action).toBeNull();
  });

  it('does not hold what is complete, nor a first release', () => {
    const paused = { phase: 'PAUSED', pauseReason: 'MANUAL' } as const;
    expect(decide({ rollout: paused, target: written, live: onTwo() }).action).toBeNull();
    const first = onTwo({ current: set(2, 4, { replicas: 10 }) });
    expect(decide({ rollout: paused, target: { ...written, from: null }, live: first }).action).toBeNull();
  });
});

const fault = {
  reason: 'CrashLoopBackOff',
  message: 'back-off.',
  container: 'web',
  exitCode: 1,
  restarts: 3,
  log: 'PREVIOUS',
  severity: 'FATAL',
  ageMilliseconds: 0,
} as const;

describe('failing fast', () => {
  const crashing = onTwo({
    current: set(2, 0, { replicas: 3, pods: pods(3, { ready: false, readyMilliseconds: 0, fault }) }),
    others: [set(1, 10)],
  });

  it('reads the log once, then fails with it', () => {
    expect(decide({ target: written, live: crashing }).action).toEqual({
      kind: 'READ_LOG',
      pod: 'pod-0',
      container: 'web',
      previous: true,
    });
    const logs = new Map([['pod-0/web', 'panic: no database']]);
    expect(decide({ target: written, live: crashing, rest: { logs } })).toMatchObject({
      reason: because('TARGET_FAILED', { code: 'CrashLoopBackOff', data: { message: 'back-off.' }, pod: 'pod-0', container: 'web' }),
      set: {
        phase: 'FAILED',
        failure: {
          code: 'CrashLoopBackOff',
          cluster: 'east-1',
          pod: 'pod-0',
          container: 'web',
          exitCode: 1,
          logTail: 'panic: no database',
        },
      },
      event: { type: 'target.failed' },
    });
  });

  it('judges what is tried again by what has come about since, to the second, and names the rest at the deadline', () => {
    const aged = (ageMilliseconds: number): LiveDeployment => ({
      ...crashing,
      current: set(2, 0, { replicas: 3, pods: pods(3, { ready: false, fault: { ...fault, ageMilliseconds } }) }),
    });
    const target = { ...written, retriedAt: ago(10), enteredAt: ago(9) };
    for (const old of [60_000, 10_000, 9_000]) {
      const decision = decide({ target, live: aged(old) });
      expect(decision).toMatchObject({ set: { hindrance: { code: 'CrashLoopBackOff' } }, action: null });
      expect(decision.set).not.toHaveProperty('phase');
    }
    expect(decide({ target, live: aged(8_000) }).action).toMatchObject({ kind: 'READ_LOG' });
    const refused = {
      ...crashing,
      current: set(2, 0),
      replicaFailure: { reason: 'FailedCreate', message: 'quota.', ageMilliseconds: 60_000 },
    };
    expect(decide({ target, live: refused })).toMatchObject({
      set: { phaseReason: because('WAITING_FOR_POD', { pod: null, cause: 'FailedCreate', message: 'quota.' }) },
    });
    expect(decide({ target: { ...target, enteredAt: ago(61), retriedAt: ago(61) }, live: refused }).set).toMatchObject({
      phase: 'FAILED',
      failure: { code: 'PROGRESS_DEADLINE' },
    });
  });

  it('closes the gate first where what has failed is left where it is', () => {
    const logs = new Map([['pod-0/web', '']]);
    const left: [Partial<RolloutState>, number][] = [
      [{ onFailure: 'PAUSE' }, 0],
      [{ onFailure: 'ROLLBACK_ALL' }, 1],
    ];
    for (const [rollout, maxFailed] of left) {
      const rest = { logs, wave: waveRow({ phase: 'OPEN', maxFailed }) };
      const first = decide({ rollout, target: written, live: crashing, rest });
      expect(first).toMatchObject({
        reason: because('FREEZING', { why: 'FAILED', new: 3, old: 10 }),
        set: { failure: { code: 'CrashLoopBackOff' } },
        action: { kind: 'APPLY', side: 'TO', gate: { closed: true, surge: '3', unavailable: '0%' } },
      });
      expect(first.set).not.toHaveProperty('phase');
      const target = applyTarget(targetRow({ phase: 'PROGRESSING', ...written }), first.set, now);
      // Killed before the write: the same write again. Once it shows, the end, with the failure of before, whatever the pods do meanwhile.
      expect(decide({ rollout, target, live: crashing, rest }).action).toEqual(first.action);
      const closed = onTwo({ gate: 'CLOSED', surge: '3', unavailable: '0%', current: set(2, 3), others: [set(1, 10)] });
      expect(decide({ rollout, target, live: closed, rest })).toMatchObject({
        set: { phase: 'FAILED' },
        event: { type: 'target.failed' },
        action: null,
      });
    }
    const taken = { logs, wave: waveRow({ phase: 'OPEN', maxFailed: 1 }) };
    expect(decide({ rollout: { onFailure: 'ROLLBACK_TARGET' }, target: written, live: crashing, rest: taken }).set).toMatchObject({
      phase: 'FAILED',
    });
  });

  it.each([
    ['a log that is empty', new Map([['pod-0/web', '']]), fault],
    ['a container that never ran', new Map<string, string>(), { ...fault, reason: 'ImagePullBackOff', log: null }],
  ])('fails without a log for %s', (_what, logs, what) => {
    const live = { ...crashing, current: set(2, 0, { replicas: 1, pods: pods(1, { ready: false, fault: what }) }) };
    expect(decide({ target: written, live, rest: { logs } }).set).toMatchObject({
      phase: 'FAILED',
      failure: { logTail: null, code: what.reason },
    });
  });

  it.each(['PROGRESSING', 'HELD', 'BAKING'] as const)('in %s, and while paused', (phase) => {
    const rest = { logs: new Map([['pod-0/web', 'x']]) };
    for (const rollout of [{}, { phase: 'PAUSED', pauseReason: 'MANUAL' } as const]) {
      expect(decide({ rollout, target: { ...written, phase }, live: crashing, rest }).set).toMatchObject({ phase: 'FAILED' });
    }
  });

  const refusing = (message: string): LiveDeployment =>
    onTwo({
      current: set(2, 0, { replicas: 3 }),
      others: [set(1, 10)],
      replicaFailure: { reason: 'FailedCreate', message, ageMilliseconds: 0 },
    });

  it('at once when a policy refuses the pods', () => {
    const message = 'admission webhook "p" denied the request: no';
    expect(decide({ target: written, live: refusing(message) }).set).toMatchObject({
      phase: 'FAILED',
      failure: { code: 'FailedCreate', data: { message, kind: 'POLICY' }, pod: null },
    });
  });

  it.each([
    ['QUOTA', 'pods "web" is forbidden: exceeded quota: q, requested: pods=1, used: pods=4, limited: pods=4'],
    ['WEBHOOK', 'Internal error occurred: failed calling webhook "w": context deadline exceeded'],
    ['UNAVAILABLE', 'etcdserver: request timed out'],
  ])('not before the deadline when the refusal may pass (%s), and shows it meanwhile', (kind, message) => {
    const live = refusing(message);
    const first = decide({ target: written, live });
    expect(first.set).toMatchObject({
      phaseReason: because('WAITING_FOR_POD', { pod: null, cause: 'FailedCreate', message }),
      hindrance: { code: 'FailedCreate', data: { message, kind }, pod: null, since: now.toISOString() },
    });
    expect([first.action, first.event]).toEqual([null, null]);
    const later = { ...written, hindrance: first.set.hindrance ?? null, phaseDetail: null };
    expect(decide({ target: later, live }).set).not.toHaveProperty('hindrance');
    expect(decide({ target: { ...later, enteredAt: ago(61) }, live }).set).toMatchObject({
      phase: 'FAILED',
      failure: { code: 'PROGRESS_DEADLINE', data: { cause: { code: 'FailedCreate', data: { message } } } },
    });
  });

  describe('what may pass by itself', () => {
    const missing: PodFault = {
      ...fault,
      reason: 'CreateContainerConfigError',
      message: 'secret "s" not found.',
      exitCode: null,
      restarts: 0,
      log: null,
      severity: 'TRANSIENT',
    };
    const waitingPods = (...names: string[]): LiveDeployment =>
      onTwo({
        current: set(2, 0, { replicas: 3, pods: names.flatMap((name) => pods(1, { name, ready: false, fault: missing })) }),
        others: [set(1, 10)],
      });
    const found = (pod: string, since: Date) => ({
      code: 'CreateContainerConfigError',
      data: { message: 'secret "s" not found.' },
      pod,
      container: 'web',
      since: since.toISOString(),
    });

    it('is kept in the row, with the moment when it would fail the target', () => {
      const decision = decide({ target: { ...written, enteredAt: ago(1) }, live: waitingPods('a', 'b') });
      expect(decision.set).toMatchObject({ hindrance: found('a', now) });
      expect(decision.lookAt).toEqual(ago(-15));
    });

    it('fails the target once it has lasted for its grace at one pod', () => {
      const target = (seconds: number): Row => ({ ...written, hindrance: found('b', ago(seconds)) });
      expect(decide({ target: target(14), live: waitingPods('a', 'b') }).set).not.toHaveProperty('phase');
      expect(decide({ target: target(15), live: waitingPods('a', 'b') }).set).toMatchObject({
        phase: 'FAILED',
        failure: { code: 'CreateContainerConfigError', pod: 'b' },
      });
    });

    it('counts anew at another pod, and once it is over', () => {
      const target: Row = { ...written, hindrance: found('b', ago(60)) };
      expect(decide({ target, live: waitingPods('a') }).set).toMatchObject({ hindrance: found('a', now) });
      expect(decide({ target, live: onTwo({ current: set(2, 2, { replicas: 3 }), others: [set(1, 10)] }) }).set).toMatchObject({
        hindrance: null,
      });
    });

    it('lasts through the words that Kubernetes has for one cause', () => {
      const pull = (reason: string): LiveDeployment => {
        const failed = { ...missing, reason, message: '429', details: { kind: 'UNAVAILABLE' } };
        return onTwo({ current: set(2, 0, { replicas: 1, pods: pods(1, { ready: false, fault: failed }) }) });
      };
      const first = decide({ target: written, live: pull('ErrImagePull') }).set.hindrance ?? null;
      const row = first && { ...first, since: ago(14).toISOString() };
      expect(decide({ target: { ...written, hindrance: row }, live: pull('ImagePullBackOff') }).set).toMatchObject({
        hindrance: { code: 'ImagePullBackOff', since: ago(14).toISOString() },
      });
      const old = row && { ...row, since: ago(15).toISOString() };
      expect(decide({ target: { ...written, hindrance: old }, live: pull('ImagePullBackOff') }).set).toMatchObject({
        failure: { code: 'ImagePullBackOff' },
      });
    });

    it('of many pods that end lasts whichever pod ends', () => {
      const ended = (pod: string): LiveDeployment => {
        const rejected = { ...missing, reason: 'OutOfcpu', message: 'no cpu.', container: null, details: { count: 4, node: 'n' } };
        return onTwo({ current: set(2, 0, { replicas: 3, pods: [], ended: { pod, fault: rejected } }), others: [set(1, 10)] });
      };
      const first = decide({ target: written, live: ended('a') }).set.hindrance ?? null;
      const row = first && { ...first, since: ago(15).toISOString() };
      expect(decide({ target: { ...written, hindrance: row }, live: ended('z') }).set).toMatchObject({
        failure: { code: 'OutOfcpu', pod: 'z', data: { count: 4, node: 'n' } },
      });
    });

    it('is nothing that the row keeps of a cluster that does not answer', () => {
      const away = { kind: 'UNREACHABLE', since: ago(5), message: 'refused', advice: '', access: false } as const;
      expect(decide({ target: { ...written, hindrance: found('a', ago(10)) }, live: away }).set).toMatchObject({ hindrance: null });
      expect(decide({ target: { ...written, hindrance: found('a', ago(60)) }, live: { kind: 'UNKNOWN' } }).set).toEqual({});
    });
  });

  describe('a pod that is stuck without a word in its status', () => {
    const silent = (ageMilliseconds: number): LiveDeployment => {
      const quiet: PodFault = {
        ...fault,
        reason: 'ContainersNotReady',
        message: 'containers with unready status: [web].',
        container: null,
        exitCode: null,
        log: null,
        severity: 'SLOW',
        ageMilliseconds,
      };
      return onTwo({ current: set(2, 0, { replicas: 1, pods: pods(1, { ready: false, fault: quiet }) }) });
    };
    const read = (seconds: number, ...events: { reason: string; message: string }[]) => ({
      warnings: new Map([['uid-0', { at: ago(seconds), events }]]),
    });
    const mount = { reason: 'FailedMount', message: 'MountVolume.SetUp failed for volume "c"' };
    const target = { ...written, enteredAt: ago(5) };

    it('has its events read, once it has been silent for a while, and not shown as a change', () => {
      const young = decide({ target, live: silent(4_000) });
      expect([young.action, young.lookAt]).toEqual([null, ago(-6)]);
      expect(decide({ target, live: silent(10_000) })).toMatchObject({
        action: { kind: 'READ_EVENTS', pod: 'pod-0', uid: 'uid-0' },
        set: {},
        event: null,
      });
    });

    it('is explained by a warning, at once and at the deadline', () => {
      const decision = decide({ target, live: silent(10_000), rest: read(1, mount) });
      expect(decision.action).toBeNull();
      expect(decision.set).toMatchObject({
        phaseReason: because('WAITING_FOR_POD', { pod: 'pod-0', cause: 'FailedMount', message: `${mount.message}.` }),
        hindrance: { code: 'FailedMount', pod: 'pod-0', container: null },
      });
      expect(decide({ target: written, live: silent(61_000), rest: { ...read(1, mount), now: ago(-61) } }).action).toMatchObject({
        kind: 'READ_EVENTS',
      });
      const late = decide({ target: { ...written, enteredAt: ago(61) }, live: silent(61_000), rest: read(1, mount) });
      expect(late.set).toMatchObject({ phase: 'FAILED', failure: { code: 'PROGRESS_DEADLINE', data: { cause: { code: 'FailedMount' } } } });
    });

    it('is explained by what the table knows before anything else, and never by what the status says itself', () => {
      const other = { reason: 'SomethingNew', message: 'odd' };
      const old = { reason: 'FailedScheduling', message: '0/3 nodes' };
      const code = (...events: { reason: string; message: string }[]) =>
        decide({ target, live: silent(16_000), rest: read(1, ...events) }).set.hindrance?.code;
      expect(code(other, mount)).toBe('FailedMount');
      expect(code(other)).toBe('SomethingNew');
      expect(code(old)).toBe('ContainersNotReady');
      expect(code()).toBe('ContainersNotReady');
    });

    it('has them read again while it stays silent, also where they could not be read', () => {
      expect(decide({ target, live: silent(60_000), rest: read(29, mount) })).toMatchObject({ action: null, lookAt: ago(-1) });
      expect(decide({ target, live: silent(60_000), rest: read(30) }).action).toMatchObject({ kind: 'READ_EVENTS' });
    });
  });

  it('says nothing of what every pod says while it starts, until it has lasted for the grace', () => {
    const starting = (ageMilliseconds: number): LiveDeployment => {
      const quiet: PodFault = { ...fault, reason: 'NotReady', message: 'unready.', severity: 'SLOW', ageMilliseconds };
      return onTwo({ current: set(2, 0, { replicas: 1, pods: pods(1, { ready: false, fault: quiet }) }) });
    };
    const young = decide({ target: { ...written, enteredAt: ago(1) }, live: starting(5_000) });
    expect([young.set, young.lookAt]).toEqual([{}, ago(-10)]);
    expect(decide({ target: written, live: starting(15_000) }).set).toMatchObject({ hindrance: { code: 'NotReady', pod: 'pod-0' } });
  });

  it('at the deadline when no node takes a pod, and says so', () => {
    const waiting = {
      ...fault,
      reason: 'Unschedulable',
      message: '0/3 nodes.',
      container: null,
      log: null,
      exitCode: null,
      severity: 'SLOW',
      ageMilliseconds: 0,
    } as const;
    const live = onTwo({ current: set(2, 0, { replicas: 3, pods: pods(3, { ready: false, fault: waiting }) }), others: [set(1, 10)] });
    expect(decide({ target: written, live })).toMatchObject({
      set: { phaseReason: because('WAITING_FOR_POD', { pod: 'pod-0', cause: 'Unschedulable', message: '0/3 nodes.' }) },
      action: null,
    });
    const late = decide({ target: { ...written, enteredAt: ago(61) }, live });
    expect(late.set).toMatchObject({ phase: 'FAILED', failure: { code: 'Unschedulable', pod: 'pod-0' } });
  });

  it('is not done for the old pods', () => {
    const live = onTwo({
      current: set(2, 3),
      others: [set(1, 9, { replicas: 10, pods: [...pods(9), ...pods(1, { name: 'old', ready: false, fault })] })],
    });
    expect(isIdle(decide({ target: written, live }))).toBe(true);
  });

  it.each([
    ['edited by somebody', onTwo({ template: 'template-9', current: set(9, 10) }), 'EDITED'],
    ['deleted by somebody', { kind: 'ABSENT' } as const, 'DELETED'],
    ['made again by somebody', onTwo({ uid: 'd-2' }), 'REPLACED'],
  ])('when the Deployment was %s', (_what, live, reason) => {
    const edits = { template: 'template-9', differences: [] };
    expect(decide({ target: written, live, rest: { edits } }).set).toMatchObject({ phase: 'FAILED', failure: { code: reason } });
  });

  it('when the Deployment was edited, once it is listed what is different in that very template', () => {
    const live = onTwo({ template: 'template-9', editedBy: 'kubectl-edit', current: set(9, 10) });
    const listing = { kind: 'LIST_EDITS', template: 'template-9' };
    expect(decide({ target: written, live })).toMatchObject({ reason: { code: 'LISTING_EDITS' }, action: listing });
    const differences = [{ path: '.spec.template.spec.containers[name="web"].image', manager: 'kubectl-set', live: 'b', ours: 'a' }];
    const of = (template: string): Fields => ({ target: written, live, rest: { edits: { template, differences } } });
    expect(decide(of('template-8')).action).toEqual(listing);
    expect(decide(of('template-9')).set).toMatchObject({
      failure: { code: 'EDITED', data: { manager: 'kubectl-set', differences, differenceCount: 1 } },
    });
  });

  it('with what the cluster said when it refused the write, also the one that creates', () => {
    const refused = { writeFailure: { failure, at: now } };
    expect(decide({ rest: refused }).set).toMatchObject({ phase: 'FAILED', failure });
    const creating: Fields = { target: { from: null, made: true, ...written, uid: null }, live: { kind: 'ABSENT' } };
    expect(decide({ ...creating, rest: refused })).toMatchObject({ set: { phase: 'FAILED', failure }, action: null });
  });
});

describe('a canary', () => {
  it('starts on the closed gate', () => {
    expect(decide({ rollout: { strategy: canary } })).toMatchObject({
      reason: because('STARTING', { release: 2, reached: 2, pods: 10 }),
      action: { kind: 'APPLY', side: 'TO', gate: { closed: true, surge: '2', unavailable: '0%' } },
    });
  });

  it.each([
    [0, '2', '0%'],
    [1, '1', '10%'],
    [2, '0', '20%'],
    [3, '0', '30%'],
  ])('starts from %i of its pods that stand beside another template, and asks for no more', (ready, surge, unavailable) => {
    const live = present({
      gate: 'CLOSED',
      surge: '0',
      unavailable: '50%',
      current: set(1, 10 - ready),
      others: [set(2, ready, { gateClosed: true })],
    });
    expect(decide({ rollout: { strategy: canary }, live })).toMatchObject({
      action: { kind: 'APPLY', side: 'TO', gate: { closed: true, surge, unavailable } },
    });
  });

  describe('past a held canary that serves, and what superseded it and is bad', () => {
    const heldTwo = set(2, 2, { gateClosed: true });
    const bad = set(3, 0, {
      gateClosed: true,
      replicas: 3,
      pods: pods(3, { name: 'bad', ready: false, readyMilliseconds: 0 }),
    });
    const target = { to: side(4, { template: null }), superseded: side(3), written: true, settlingSince: ago(3) };
    const third = { template: 'template-3', release: 3, gate: 'CLOSED', surge: '3', unavailable: '0%', current: bad } as const;
    const onThird = present({ ...third, others: [set(1, 8), heldTwo] });
    const onSecond = present({
      ...third,
      template: 'template-2',
      surge: '0',
      unavailable: '20%',
      current: heldTwo,
      others: [set(1, 8), bad],
    });

    it.each([
      ['a canary', canary],
      ['a rolling update', strategy({ maxSurge: 3 })],
    ])('has the bad pods go before the first write of %s, which the row knows nothing of', (_what, plan) => {
      const decision = decide({ rollout: { strategy: plan }, target, live: onThird });
      expect(decision).toMatchObject({
        reason: because('BAD_PODS_BEFORE', { release: 4 }),
        action: { side: 'FROM', template: { replicaSet: 'web-2', uid: 'set-2' }, gate: { closed: true, surge: '0', unavailable: '20%' } },
      });
      expect(decision.set).not.toHaveProperty('gate');
      expect(decide({ rollout: { strategy: plan }, target, live: onSecond })).toMatchObject({
        action: null,
        reason: { code: 'BAD_PODS_LEAVING' },
      });
    });

    it('then starts', () => {
      const live = { ...onSecond, others: [set(1, 8)] };
      expect(decide({ rollout: { strategy: canary }, target, live })).toMatchObject({
        action: { side: 'TO', gate: { closed: true, surge: '2', unavailable: '0%' } },
      });
    });

    it('starts at once where its own pods are there already', () => {
      const live = { ...onThird, others: [...onThird.others, set(4, 1, { gateClosed: true })] };
      expect(decide({ rollout: { strategy: canary }, target: { ...target, to: side(4) }, live }).action).toMatchObject({ side: 'TO' });
    });
  });

  it('gives the surge back once the canary is healthy, and then holds', () => {
    const up = onTwo({ gate: 'CLOSED', surge: '2', unavailable: '0%', current: set(2, 2), others: [set(1, 10)] });
    const target = { ...written, surge: '2', unavailable: '0%' };
    expect(decide({ rollout: { strategy: canary }, target, live: up })).toMatchObject({
      action: { gate: { closed: true, surge: '0', unavailable: '20%' } },
    });
    const rest = { ...heldAtTwenty.live, kind: 'PRESENT' } as LiveDeployment;
    expect(decide({ rollout: { strategy: canary }, target: { ...target, surge: '0', unavailable: '20%' }, live: rest })).toMatchObject({
      reason: because('HELD_FOR', { new: 2, pods: 10, release: 2, seconds: 60 }),
      set: { phase: 'HELD', stage: 1, progress: { heldAt: now.toISOString() } },
      action: null,
    });
  });

  it('leaves it to the rollout when a pause is over: only that knows how many may move', () => {
    expect(isIdle(decide(heldAtTwenty))).toBe(true);
    const over = decide({ ...heldAtTwenty, target: { ...heldAtTwenty.target, heldAt: ago(60) } });
    expect([isIdle(over), over.reason.code]).toEqual([true, 'HOLD_OVER']);
    expect(isIdle(decide({ ...heldAtTwenty, promotedStep: 1 }))).toBe(true);
    const paused = { strategy: canary, phase: 'PAUSED', pauseReason: 'MANUAL' } as const;
    expect(decide({ ...heldAtTwenty, rollout: paused, promotedStep: 1 }).set).toEqual({});
  });

  it('goes on to the next step once the rollout has let it', () => {
    const on = { ...heldAtTwenty.target, phase: 'PROGRESSING' as const };
    const raised = {
      reason: because('RAISING', { standing: 2, pods: 10, release: 2, reached: 5 }),
      set: { stage: 2, progress: null, enteredAt: now, gate: { surge: '3', unavailable: '20%' } },
      event: { type: 'target.step' },
      action: { kind: 'APPLY', side: 'TO', gate: { closed: true, surge: '3', unavailable: '20%' } },
    };
    expect(decide({ ...heldAtTwenty, target: { ...on, heldAt: ago(60) } })).toMatchObject(raised);
    expect(decide({ ...heldAtTwenty, target: on, promotedStep: 1 })).toMatchObject(raised);
  });

  it('skips no health: after a pause it waits until the canary is healthy again, with a deadline', () => {
    const ill = { ...(heldAtTwenty.live as LiveDeployment), current: set(2, 1, { replicas: 2 }) };
    expect(isIdle(decide({ ...heldAtTwenty, live: ill }))).toBe(true);
    const on = { ...heldAtTwenty.target, phase: 'PROGRESSING' as const, enteredAt: ago(59) };
    expect(isIdle(decide({ ...heldAtTwenty, target: on, live: ill, promotedStep: 1 }))).toBe(true);
    const late = { ...on, enteredAt: ago(61) };
    expect(decide({ ...heldAtTwenty, target: late, live: ill, promotedStep: 1 }).set).toMatchObject({ phase: 'FAILED' });
  });

  describe('that is held and not well any more', () => {
    const standing = { ...fault, reason: 'NotReady', message: 'containers with unready status: [web].', severity: 'SLOW', log: 'CURRENT' };
    const turned = (fields: Partial<LivePod> = {}, more: Partial<PodFault> = {}): LiveDeployment => {
      const bad = pods(1, { name: 'bad', ready: false, readyMilliseconds: 0, fault: { ...standing, ...more } as PodFault, ...fields });
      return { ...(heldAtTwenty.live as LiveDeployment), current: set(2, 1, { replicas: 2, pods: [...pods(1), ...bad] }) };
    };
    const row = (since: Date, code = 'NotReady') => ({
      ...{ code, data: { message: standing.message }, pod: 'bad', container: 'web' },
      since: since.toISOString(),
    });
    const split = { new: 2, pods: 10, release: 2 };
    const held = (hindrance: TargetState['hindrance'] = null): Row => ({ ...heldAtTwenty.target, hindrance });
    const logs = new Map([['bad/web', 'loading']]);
    const paused = { strategy: canary, phase: 'PAUSED', pauseReason: 'STEP' } as const;

    it.each([[{ strategy: canary }], [paused]])('is shown at once, with an event (%#)', (rollout) => {
      expect(decide({ ...heldAtTwenty, rollout, live: turned() })).toMatchObject({
        event: { type: 'target.unhealthy' },
        action: null,
        lookAt: ago(-60),
        set: {
          phaseReason: because('HELD_UNWELL', { ...split, pod: 'bad', cause: 'NotReady', message: standing.message }),
          hindrance: row(now),
        },
      });
      const again = decide({ ...heldAtTwenty, rollout, target: held(row(ago(5))), live: turned() });
      expect([again.event, again.set.hindrance, again.lookAt]).toEqual([null, undefined, ago(-55)]);
    });

    it('fails at its deadline, while it is held, with the log', () => {
      const late = { ...heldAtTwenty, rollout: paused, target: held(row(ago(60))), live: turned() };
      expect(decide(late).action).toMatchObject({ kind: 'READ_LOG', pod: 'bad', container: 'web' });
      const decision = decide({ ...late, rest: { logs } });
      expect(decision.set).toMatchObject({
        phase: 'FAILED',
        failure: { code: 'PROGRESS_DEADLINE', pod: 'bad', logTail: 'loading', data: { cause: { code: 'NotReady' } } },
      });
      expect(sentenceOf(decision.reason)).toContain('No progress for 60 s: 1 of the 2 pods that are held are Ready. NotReady: ');
    });

    it('is still not well while its log is read, though it has been so for less than the grace', () => {
      const rollout = { ...paused, strategy: { ...canary, progressDeadlineSeconds: 4 } };
      const live = turned({}, { ageMilliseconds: 4_000 });
      const { action, set: changes } = decide({ ...heldAtTwenty, rollout, target: held(row(ago(4))), live });
      expect(action).toMatchObject({ kind: 'READ_LOG' });
      expect(changes).not.toHaveProperty('hindrance');
    });

    it('is not what a pod is that starts: one that was made since, for less than the grace', () => {
      const young = { ageMilliseconds: 5_000 };
      expect(isIdle(decide({ ...heldAtTwenty, live: turned(young, { ageMilliseconds: 5_000 }) }))).toBe(true);
      expect(decide({ ...heldAtTwenty, live: turned(young, { ageMilliseconds: 15_000 }) }).event).toEqual({ type: 'target.unhealthy' });
      const named = { reason: 'CreateContainerConfigError', severity: 'TRANSIENT' } as const;
      expect(decide({ ...heldAtTwenty, live: turned(young, named) }).event).toEqual({ type: 'target.unhealthy' });
    });

    it('is well again once its pods have been Ready for a moment, and says so once', () => {
      const ready = (readyMilliseconds: number): LiveDeployment => ({
        ...(heldAtTwenty.live as LiveDeployment),
        current: set(2, 2, { pods: pods(2, { readyMilliseconds }) }),
      });
      const target = held(row(ago(30)));
      expect(decide({ ...heldAtTwenty, target, live: ready(2_000) })).toMatchObject({ set: {}, event: null, lookAt: ago(-3) });
      expect(decide({ ...heldAtTwenty, target, live: ready(5_000) })).toMatchObject({
        event: { type: 'target.healthy' },
        set: { hindrance: null, phaseReason: because('HELD_WELL', split) },
      });
      expect(decide({ ...heldAtTwenty, target: held(row(ago(600))), live: ready(2_000) }).set).not.toHaveProperty('phase');
      const missing = { ...ready(9_000), current: set(2, 1, { replicas: 2 }) };
      expect(decide({ ...heldAtTwenty, target, live: missing }).event).toBeNull();
    });
  });

  it('says how many pods are held when their number has changed meanwhile', () => {
    const live = onTwo({ gate: 'CLOSED', surge: '0', unavailable: '20%', replicas: 20, current: set(2, 4), others: [set(1, 16)] });
    expect(decide({ ...heldAtTwenty, live }).set).toEqual({
      phaseReason: because('HELD_FOR', { new: 4, pods: 20, release: 2, seconds: 60 }),
    });
  });

  it('does not go back to an open pause that was promoted while it walked', () => {
    const live = onTwo({ gate: 'CLOSED', surge: '0', unavailable: '50%', current: set(2, 5), others: [set(1, 5)] });
    const target = { ...written, step: 2, surge: '0', unavailable: '50%' };
    expect(decide({ rollout: { strategy: canary }, target, live }).set).toMatchObject({ phase: 'HELD', stage: 3 });
    for (const step of [2, 3])
      expect(decide({ rollout: { strategy: canary }, target: { ...target, step }, live, promotedStep: 4 }).set).toMatchObject({ stage: 4 });
  });

  it('opens the gate with the strategy of its own once every pod is new', () => {
    const all = onTwo({ gate: 'CLOSED', surge: '0', unavailable: '100%' });
    const target = { ...written, step: 4, surge: '0', unavailable: '100%' };
    expect(decide({ rollout: { strategy: canary }, target, live: all })).toMatchObject({
      reason: because('OPENING_GATE', { release: 2, pods: 10 }),
      action: { gate: { closed: false, surge: '3', unavailable: '0' } },
    });
  });

  it.each([
    ['more new pods than the plan has below 100%', { current: set(2, 6), others: [set(1, 4)] }, '6 of 10 pods'],
    ['no old pod left before the last step', { replicas: 1, current: set(2, 1), others: [] }, 'all 1 pod'],
  ])('aborts when scaling leaves %s', (_what, fields, says) => {
    const replicaSets = [set(1, 0), set(2, 0)];
    const live = onTwo({ gate: 'CLOSED', surge: '0', unavailable: '20%', replicaSets, ...fields });
    const decision = decide({ ...heldAtTwenty, live });
    expect(decision.set).toMatchObject({ phase: 'FAILED', failure: { code: 'SCALED_WHILE_HELD' } });
    expect(sentenceOf(decision.reason)).toContain(says);
  });

  it('does not call it scaled where the ReplicaSet from before was deleted', () => {
    const fields = { gate: 'CLOSED', surge: '0', unavailable: '20%', current: set(2, 10) } as const;
    const from = side(1, { replicaSet: 'set-1' });
    const target = { ...heldAtTwenty.target, from };
    const gone = decide({ ...heldAtTwenty, target, live: onTwo({ ...fields, replicaSets: [set(2, 10)] }) });
    expect(gone.set).toMatchObject({ phase: 'FAILED', failure: { code: 'REPLICA_SET_DELETED', data: { name: 'web', release: 1 } } });
    const emptied = decide({ ...heldAtTwenty, target, live: onTwo({ ...fields, replicaSets: [set(2, 10), set(1, 0)] }) });
    expect(emptied.set).toMatchObject({ failure: { code: 'SCALED_WHILE_HELD' } });
  });

  it('accepts the split that scaling left, where it fits the plan', () => {
    const live = onTwo({ gate: 'CLOSED', surge: '0', unavailable: '20%', current: set(2, 5), others: [set(1, 5)] });
    expect(decide({ ...heldAtTwenty, live })).toMatchObject({ event: null, action: null });
    const on = decide({ ...heldAtTwenty, live, target: { ...heldAtTwenty.target, phase: 'PROGRESSING', step: 2, heldAt: null } });
    expect(on.action).toMatchObject({ gate: { surge: '0', unavailable: '50%' } });
  });

  it('judges nothing in the middle of a scaling', () => {
    const live = onTwo({ gate: 'CLOSED', surge: '0', unavailable: '20%', replicas: 5, current: set(2, 4), others: [set(1, 16)] });
    expect(decide({ ...heldAtTwenty, live })).toMatchObject({ event: null, action: null });
  });

  it('goes on from a canary of the same template that it finds held', () => {
    const live = onTwo({ release: 1, gate: 'CLOSED', surge: '0', unavailable: '20%', current: set(2, 2), others: [set(1, 8)] });
    expect(decide({ rollout: { strategy: canary }, live }).action).toMatchObject({
      kind: 'APPLY',
      gate: { closed: true, surge: '0', unavailable: '20%' },
    });
  });

  it('replaces a held canary of another release without going through the gate when it goes back to what ran before', () => {
    const live = present({
      template: 'template-3',
      release: 3,
      gate: 'CLOSED',
      surge: '0',
      unavailable: '20%',
      current: set(3, 2),
      others: [set(1, 8)],
    });
    const target = { from: side(1), to: side(4, { template: 'template-1' }) };
    expect(decide({ rollout: { strategy: canary }, target, live }).action).toMatchObject({ kind: 'APPLY', gate: { closed: false } });
  });

  it('may begin with a pause beside a canary that it supersedes, whose pods stay until it is over', () => {
    const slow = strategy({ type: 'CANARY', steps: [{ pause: true }, { weight: 50 }] });
    const live = onTwo({ gate: 'CLOSED', surge: '0', unavailable: '20%', current: set(2, 2), others: [set(1, 8)] });
    const superseding = { written: true, uid: 'd-1', to: side(3) };
    expect(decide({ rollout: { strategy: slow }, target: superseding, live })).toMatchObject({
      reason: because('HELD_FOR_PROMOTION', { new: 0, pods: 10, release: 3 }),
      set: { phase: 'HELD' },
      action: null,
    });
  });

  it('may begin with a pause: nothing is written until it is over', () => {
    const slow = strategy({ type: 'CANARY', steps: [{ pauseSeconds: 10 }, { weight: 50 }] });
    expect(decide({ rollout: { strategy: slow } })).toMatchObject({
      set: { phase: 'HELD', progress: { heldAt: now.toISOString() } },
      action: null,
    });
    expect(decide({ rollout: { strategy: slow }, target: { heldAt: ago(10) } })).toMatchObject({
      set: { stage: 1, written: true },
      action: { kind: 'APPLY', gate: { closed: true } },
    });
  });

  it('skips a weight that one pod without surge cannot have', () => {
    const strict = strategy({ type: 'CANARY', maxSurge: 0, maxUnavailable: 1, steps: [{ weight: 50 }] });
    const one = present({ replicas: 1, current: set(1, 1), surge: '0', unavailable: '1' });
    expect(decide({ rollout: { strategy: strict }, live: one, replicas: 1 })).toMatchObject({
      set: { stage: 1 },
      action: null,
      reason: because('STEP_SKIPPED', { share: '50%', pods: 1 }),
    });
  });
});

describe('the number of pods', () => {
  const done = { target: written, live: onTwo(), rest: { performed: FINISHED.TO } } satisfies Fields;

  it("is the rollout's own last step", () => {
    expect(decide({ ...done, replicas: 15 })).toMatchObject({
      set: { replicasBefore: 10, replicasAfter: 15 },
      action: { kind: 'SCALE', replicas: 15 },
    });
    const scaled = { ...written, replicasBefore: 10, replicasAfter: 15 };
    expect(
      isIdle(decide({ ...done, target: scaled, live: onTwo({ replicas: 15, current: set(2, 12, { replicas: 15 }) }), replicas: 15 })),
    ).toBe(true);
  });

  it('is asked for again after a crash, and said once', () => {
    const placement = { ...observe().placement, replicas: 15, lastWrittenReplicas: 15 };
    const again = decide({ ...done, target: { ...written, replicasBefore: 10, replicasAfter: 15 }, rest: { placement } });
    expect(again).toMatchObject({ set: {}, event: null, action: { kind: 'SCALE', replicas: 15 } });
  });

  it('is left alone where somebody else has set it', () => {
    const other = { ...done, live: onTwo({ replicas: 12, current: set(2, 12) }), replicas: 15 };
    expect(decide(other)).toMatchObject({ set: { phase: 'SUCCEEDED' } });
    expect(decide({ ...other, target: { ...written, replicasBefore: 10, replicasAfter: 15 } }).set).toMatchObject({ phase: 'SUCCEEDED' });
  });

  it('of a SCALE target is asked for whoever set it, waited for, and fails with its cause', () => {
    const scale: Fields = { rollout: { kind: 'SCALE' }, target: { from: null, to: null }, replicas: 15 };
    expect(decide({ ...scale, live: present({ replicas: 12, current: set(1, 12) }) })).toMatchObject({
      action: { kind: 'SCALE', replicas: 15 },
      event: { type: 'target.started' },
    });
    const waiting = present({ replicas: 15, current: set(1, 12, { replicas: 15 }) });
    const target = { from: null, to: null, written: true, uid: 'd-1', replicasBefore: 10, replicasAfter: 15 };
    expect(isIdle(decide({ ...scale, target, live: waiting }))).toBe(true);
    expect(decide({ ...scale, target, live: present({ replicas: 15, current: set(1, 15) }) }).set).toMatchObject({ phase: 'SUCCEEDED' });
    expect(
      decide({
        ...scale,
        target,
        live: { ...waiting, replicaFailure: { reason: 'FailedCreate', message: 'denied the request: no', ageMilliseconds: 0 } },
      }).set,
    ).toMatchObject({ phase: 'FAILED' });
    expect(decide({ ...scale, live: { kind: 'ABSENT' } }).set).toMatchObject({ failure: { code: 'NOTHING_RUNS' } });
  });

  it('is never asked for before it is noted that something is written', () => {
    const target = { from: null, to: null, written: false, uid: 'd-1', replicasAfter: 15 };
    const live = present({ replicas: 12, current: set(1, 12) });
    expect(decide({ rollout: { kind: 'SCALE' }, target, live, replicas: 15 })).toMatchObject({
      set: { written: true },
      action: { kind: 'SCALE', replicas: 15 },
    });
  });

  it('is left alone where somebody else has set it, also after a retry and in a rollout that takes over from another', () => {
    const seven = onTwo({ replicas: 7, current: set(2, 7) });
    const again = { ...written, stepN: null, surge: null, unavailable: null };
    expect(decide({ target: again, live: seven, replicas: 4, rest: { performed: FINISHED.TO } }).set).toMatchObject({ phase: 'SUCCEEDED' });
  });

  it('of a SCALE target is not fought over with whoever sets another one', () => {
    const scale = { rollout: { kind: 'SCALE' as const }, replicas: 6 };
    const target = { written: true, from: null, to: null, replicasBefore: 10, replicasAfter: 6 };
    const set12 = present({ replicas: 12, current: set(1, 12) });
    expect(decide({ ...scale, target, live: set12 })).toMatchObject({
      action: null,
      set: { phase: 'FAILED', failure: { code: 'SCALED_BY_OTHERS' } },
    });
    expect(decide({ ...scale, target, live: present() }).action).toMatchObject({ kind: 'SCALE', replicas: 6 });
    const late = { ...target, enteredAt: ago(61) };
    expect(decide({ ...scale, target: late, live: present() }).set).toMatchObject({
      phase: 'FAILED',
      failure: { code: 'PROGRESS_DEADLINE' },
    });
  });

  it('of a SCALE target counts both sides of a canary that is held beside it', () => {
    const held = onTwo({ gate: 'CLOSED', surge: '0', unavailable: '20%', current: set(2, 2), others: [set(1, 8)] });
    expect(decide({ rollout: { kind: 'SCALE' }, target: { from: null, to: null }, live: held }).set).toMatchObject({ phase: 'SUCCEEDED' });
  });

  it('of a SCALE target is reached although what goes on beside it has failed', () => {
    const fault = {
      container: 'web',
      reason: 'ImagePullBackOff',
      message: 'no such image',
      exitCode: null,
      restarts: 0,
      log: null,
      severity: 'FATAL',
      ageMilliseconds: 0,
    } as const;
    const beside = set(2, 0, { replicas: 1, pods: pods(1, { name: 'bad', ready: false, readyMilliseconds: 0, fault }) });
    const live = onTwo({ current: beside, others: [set(1, 10)] });
    const target = { from: null, to: null, written: true, uid: 'd-1', replicasBefore: 8, replicasAfter: 10 };
    expect(decide({ rollout: { kind: 'SCALE' }, target, live }).set).toMatchObject({ phase: 'SUCCEEDED' });
    expect(decide({ rollout: { kind: 'SCALE' }, target, live: { ...live, others: [set(1, 9, { replicas: 10 })] } }).set).toMatchObject({
      phase: 'FAILED',
    });
  });

  it('of a Deployment that is made anew while going back is no number to go back from', () => {
    const from = observe().target.from;
    const target = { from, to: null, phase: 'ROLLING_BACK', written: true, undoing: true, surge: '25%', made: true } as const;
    const one = present({ replicas: 1, current: set(1, 1) });
    const raised = decide({ rollout: { kind: 'DEPLOY' }, target, live: one, replicas: 5 });
    expect(raised).toMatchObject({ set: { replicasAfter: 5 }, action: { kind: 'SCALE', replicas: 5 } });
    expect(raised.set).not.toHaveProperty('replicasBefore');
    const all = present({ replicas: 5, current: set(1, 5) });
    const placement = { ...observe().placement, replicas: 5, lastWrittenReplicas: 5 };
    const after = decide({
      target: { ...target, replicasBefore: null, replicasAfter: 5 },
      live: all,
      rest: { placement, performed: FINISHED.FROM },
    });
    expect(after.action?.kind).not.toBe('SCALE');
  });
});

describe('going back', () => {
  // It has waited for the controllers' counts for long enough: how long, and for which, is a matter of its own.
  const back = { phase: 'ROLLING_BACK', written: true, undoing: true, uid: 'd-1', settlingSince: ago(3) } as const;
  const bad = (ready: number, wrong: number): LiveReplicaSet =>
    set(2, ready, { replicas: ready + wrong, pods: [...pods(ready), ...pods(wrong, { name: 'bad', ready: false, readyMilliseconds: 0 })] });

  it.each([
    ['bad pods beside all the old ones', bad(0, 3), set(1, 10), '3', '0'],
    ['bad pods where old ones have gone already', bad(0, 3), set(1, 8), '3', '2'],
    ['a healthy canary', bad(2, 0), set(1, 8), '3', '0'],
    ['bad pods, the others carry the load', bad(3, 3), set(1, 10), '3', '0'],
    ['bad pods, the good new ones are needed', bad(3, 3), set(1, 7), '3', '0'],
  ])('from %s', (_what, current, old, surge, unavailable) => {
    const decision = decide({ target: back, live: onTwo({ gate: 'CLOSED', surge: '0', unavailable: '20%', current, others: [old] }) });
    expect(decision).toMatchObject({
      action: { kind: 'APPLY', side: 'FROM', gate: { closed: false, surge, unavailable }, unpause: false },
    });
  });

  describe('past a held canary that was superseded', () => {
    const middle = (ready: number, wrong = 0): LiveReplicaSet => ({ ...bad(ready, wrong), gateClosed: true });
    const newest = (ready: number, wrong: number): LiveReplicaSet => ({
      ...middle(ready, wrong),
      name: 'web-3',
      uid: 'set-3',
      age: 3,
      template: 'template-3',
    });
    const target = { ...back, to: side(3), superseded: side(2), enteredAt: ago(10) };
    const three = (current: LiveReplicaSet, others: LiveReplicaSet[], replicas = 10): LiveDeployment =>
      present({ template: 'template-3', release: 3, replicas, gate: 'CLOSED', surge: '3', unavailable: '0%', current, others });

    it.each([
      ['at constant total', newest(0, 3), [set(1, 8), middle(2)], 10, '0', '20%'],
      ['above N', newest(0, 1), [set(1, 10), middle(2)], 10, '2', '0%'],
      ['with Ready pods of the newest revision', newest(1, 1), [set(1, 8), middle(1)], 10, '0', '10%'],
      ['alone', newest(0, 3), [middle(10)], 10, '0', '100%'],
      ['where its own pods are not all Ready', newest(0, 3), [set(1, 8), middle(1, 1)], 10, '0', '20%'],
      ['with more pods than there are percentages', newest(0, 2), [set(1, 148), middle(3)], 150, '1', '2'],
    ])('writes its template first, %s', (_what, current, others, n, surge, unavailable) => {
      const live = three(current, others, n);
      expect(decide({ target, live })).toMatchObject({
        set: { gate: { n, surge, unavailable }, enteredAt: now },
        event: { type: 'target.step' },
        action: { kind: 'APPLY', side: 'SUPERSEDED', gate: { closed: true, surge, unavailable } },
      });
    });

    it('writes the template of the ReplicaSet where it was superseded more than once, and is no side any more', () => {
      const live = three(newest(0, 3), [set(1, 8), middle(2)]);
      expect(decide({ target: { ...target, superseded: side(3) }, live }).action).toMatchObject({
        side: 'FROM',
        template: { replicaSet: 'web-2', uid: 'set-2' },
        gate: { closed: true, surge: '0', unavailable: '20%' },
      });
      const landed = there([newest(0, 3)], { release: 1 });
      expect(decide({ target: { ...target, superseded: side(3) }, live: landed })).toMatchObject({ action: null });
      const changed = { ...landed, replicas: 9 };
      expect(decide({ target: { ...target, superseded: side(3) }, live: changed }).action).toMatchObject({
        side: 'FROM',
        template: 'GATE',
      });
    });

    it('stays on what is rolled out where that serves, by a ReplicaSet of before, and what was superseded is bad', () => {
      const serving = { ...newest(2, 0), age: 0 };
      const live = three(serving, [set(1, 8), { ...middle(0, 3) }]);
      expect(decide({ target, live }).action).toMatchObject({
        side: 'TO',
        template: 'GATE',
        gate: { closed: true, surge: '0', unavailable: '20%' },
      });
    });

    it.each<[string, Partial<TargetState>, LiveReplicaSet, LiveReplicaSet[]]>([
      ['what is bad is older, and so goes first', {}, { ...newest(0, 3), age: 0 }, [set(1, 8), middle(2)]],
      ['none of its pods is Ready', {}, newest(0, 3), [set(1, 8), middle(0, 2)]],
      ['it has been lowered already', {}, newest(0, 3), [set(1, 8), { ...middle(2), replicas: 0 }]],
      ['its pods count as available', {}, newest(0, 3), [set(1, 8), { ...middle(2), gateClosed: false }]],
      ["`from`'s do not", {}, newest(0, 3), [set(1, 8, { gateClosed: true }), middle(2)]],
      ['all pods are Ready', {}, newest(3, 0), [set(1, 8), middle(2)]],
      [
        'two of them have Ready pods, of which one would go for the other',
        {},
        newest(0, 3),
        [set(1, 8), middle(1), { ...middle(1), template: 'template-0' }],
      ],
    ])('writes once where %s', (_what, fields, current, others) => {
      const live = three(current, others);
      expect(decide({ target: { ...target, ...fields }, live }).action).toMatchObject({
        kind: 'APPLY',
        side: 'FROM',
        gate: { closed: false },
      });
    });

    const there = (others: LiveReplicaSet[], fields: Partial<LiveDeployment> = {}): LiveDeployment =>
      onTwo({ gate: 'CLOSED', surge: '0', unavailable: '20%', current: middle(2), others: [set(1, 8), ...others], ...fields });

    it('then waits as long as bad pods are asked for, until the deadline', () => {
      const live = there([newest(0, 3)]);
      const decision = decide({ target, live });
      expect(decision).toMatchObject({ action: null, event: null, set: {} });
      expect(decision.lookAt).not.toBeNull();
      expect(decide({ target: { ...target, enteredAt: ago(3600) }, live }).action).toMatchObject({ side: 'FROM' });
    });

    it('writes once if the first write is refused', () => {
      const rest = { writeFailure: { failure, at: ago(6) } };
      expect(decide({ target, live: three(newest(0, 3), [set(1, 8), middle(2)]), rest }).action).toMatchObject({ side: 'FROM' });
    });

    it('then goes back', () => {
      expect(decide({ target, live: there([]) }).action).toMatchObject({
        side: 'FROM',
        gate: { closed: false, surge: '3', unavailable: '0' },
      });
    });

    it.each([
      ['the number of pods', there([newest(0, 3)], { replicas: 9 }), '1', '12%'],
      ['the pause', there([newest(0, 3)], { pausedBy: 'kubectl' }), '0', '20%'],
      ['the gate', there([newest(0, 3)], { gate: 'OPEN' }), '0', '20%'],
    ])('writes anew when somebody changes %s in between', (_what, live, surge, unavailable) => {
      expect(decide({ target, live }).action).toMatchObject({
        side: 'SUPERSEDED',
        gate: { closed: true, surge, unavailable },
        unpause: live.pausedBy !== null,
      });
    });
  });

  it('gives up the surge where the template has none, and takes at least one', () => {
    const from = side(1, { strategy: strategy({ maxSurge: 0, maxUnavailable: 2 }) });
    const live = onTwo({ gate: 'CLOSED', surge: '0', unavailable: '20%', current: set(2, 2), others: [set(1, 8)] });
    expect(decide({ target: { ...back, from }, live }).action).toMatchObject({ gate: { surge: '0', unavailable: '2' } });
  });

  it.each([
    ['a full quota', { replicaFailure: { reason: 'FailedCreate', message: 'quota', ageMilliseconds: 0 } }],
    [
      'nodes that are full',
      {
        current: set(1, 8, {
          replicas: 10,
          pods: [
            ...pods(8),
            ...pods(2, {
              ready: false,
              fault: {
                reason: 'Unschedulable',
                message: '',
                container: null,
                exitCode: null,
                restarts: 0,
                log: null,
                severity: 'SLOW',
                ageMilliseconds: 0,
              },
            }),
          ],
        }),
      },
    ],
  ])('gives up the surge under %s, once', (_what, fields) => {
    const live = present({ surge: '3', current: set(1, 8, { replicas: 10 }), others: [set(2, 2)], ...fields });
    const decision = decide({ target: { ...back, surge: '3', unavailable: '0', stepN: 10 }, live });
    expect(decision.action).toMatchObject({ kind: 'APPLY', side: 'FROM', gate: { surge: '0', unavailable: '1' } });
    const given = { ...live, surge: '0', unavailable: '1' };
    expect(decide({ target: { ...back, surge: '0', unavailable: '1', stepN: 10 }, live: given }).action).toBeNull();
  });

  it('takes a count of missing pods anew when the number of pods changes under it', () => {
    const live = present({ replicas: 4, surge: '3', unavailable: '3', current: set(1, 4), others: [set(2, 1)] });
    expect(decide({ target: { ...back, surge: '3', unavailable: '3', stepN: 10 }, live }).action).toMatchObject({
      gate: { surge: '1', unavailable: '0' },
    });
  });

  it("overrides an owner's pause, which going forward never does", () => {
    const paused = onTwo({ pausedBy: 'kubectl-rollout', current: set(2, 3), others: [set(1, 10)] });
    expect(decide({ target: written, live: paused })).toMatchObject({
      action: null,
      set: { condition: { type: 'PAUSED_BY_OWNER' }, stoppedAt: now },
    });
    expect(decide({ target: back, live: paused }).action).toMatchObject({ kind: 'APPLY', side: 'FROM', unpause: true });
    const pause = conditionOf('PAUSED_BY_OWNER', { manager: 'kubectl' }, '');
    expect(decide({ target: { ...written, condition: pause, stoppedAt: ago(5) }, live: { ...paused, pausedBy: null } }).set).toMatchObject({
      condition: null,
      stoppedAt: null,
    });
  });

  it("ends when every pod is back, with the Deployment's own numbers and what comes last", () => {
    const stands = present({ surge: '3' });
    expect(decide({ target: back, live: stands }).action).toMatchObject({
      kind: 'APPLY',
      side: 'FROM',
      gate: { closed: false, surge: '25%', unavailable: '0' },
    });
    expect(decide({ target: back }).action).toEqual({ kind: 'FINISH', side: 'FROM', untouched: true });
    expect(decide({ target: back, rest: { performed: FINISHED.FROM } })).toMatchObject({
      set: { phase: 'ROLLED_BACK' },
      event: { type: 'target.rolled_back' },
    });
    expect(decide({ target: back, rest: { performed: FINISHED.TO } }).action).toEqual({ kind: 'FINISH', side: 'FROM', untouched: true });
  });

  it('restores the number of pods only where it is still ours', () => {
    const scaled = { ...back, replicasBefore: 10, replicasAfter: 20 };
    const placement = { ...observe().placement, lastWrittenReplicas: 20 };
    const twenty = onTwo({ replicas: 20, current: set(2, 15, { replicas: 20 }) });
    expect(decide({ target: scaled, live: twenty, rest: { placement } }).action).toMatchObject({ kind: 'SCALE', replicas: 10 });
    const others = onTwo({ replicas: 25, current: set(2, 25) });
    expect(decide({ target: scaled, live: others, rest: { placement } }).action).toMatchObject({ kind: 'APPLY', side: 'FROM' });
    const since = { placement: { ...placement, lastWrittenReplicas: 30 } };
    expect(decide({ target: scaled, live: twenty, rest: since }).action).toMatchObject({ kind: 'APPLY', side: 'FROM' });
    const lower = { ...back, replicasBefore: 10, replicasAfter: 5 };
    const five = { placement: { ...placement, lastWrittenReplicas: 5 }, performed: FINISHED.FROM };
    expect(decide({ target: lower, live: onTwo({ replicas: 5, current: set(2, 5) }), rest: five }).action).toMatchObject({ kind: 'APPLY' });
    expect(decide({ target: lower, live: present({ replicas: 5, current: set(1, 5) }), rest: five }).action).toMatchObject({
      kind: 'SCALE',
      replicas: 10,
    });
  });

  it('removes what it created where nothing ran before, and nothing that is not its own', () => {
    const first = { ...back, from: null };
    expect(decide({ target: first, live: onTwo() }).action).toEqual({
      kind: 'DELETE',
      precondition: { uid: 'd-1', resourceVersion: '100' },
    });
    expect(decide({ target: first, live: { kind: 'ABSENT' } }).action).toEqual({ kind: 'DELETE', precondition: null });
    expect(
      decide({ target: first, live: { kind: 'ABSENT' }, rest: { performed: { kind: 'DELETE', precondition: null } } }).set,
    ).toMatchObject({ phase: 'ROLLED_BACK' });
    expect(decide({ target: first, live: onTwo({ uid: 'd-2' }) }).set).toMatchObject({ phase: 'FAILED', failure: { code: 'REPLACED' } });
    expect(decide({ target: first, live: onTwo({ ours: false, uid: 'd-3' }) }).action).toEqual({ kind: 'DELETE', precondition: null });
  });

  it('creates again what somebody deleted meanwhile', () => {
    expect(decide({ target: back, live: { kind: 'ABSENT' } }).action).toMatchObject({ kind: 'APPLY', side: 'FROM', precondition: null });
  });

  it('tries a refused write again until its deadline, then asks for an operator', () => {
    const refused = { writeFailure: { failure, at: ago(2) } };
    expect(decide({ target: back, live: onTwo(), rest: refused })).toMatchObject({
      action: null,
      lookAt: new Date(ago(2).getTime() + 5000),
    });
    expect(decide({ target: back, live: onTwo(), rest: { writeFailure: { failure, at: ago(6) } } }).action).toMatchObject({
      kind: 'APPLY',
    });
    expect(decide({ target: { ...back, enteredAt: ago(61) }, live: onTwo(), rest: refused }).set).toMatchObject({
      phase: 'FAILED',
      failure,
    });
  });

  it('writes however late it comes to it, and fails only when what it wrote does not come right', () => {
    const late = { ...back, enteredAt: ago(3600) };
    expect(decide({ target: late, live: onTwo() }).action).toMatchObject({ kind: 'APPLY', side: 'FROM' });
    expect(decide({ target: late, live: present({ current: set(1, 9, { replicas: 10 }) }) }).set).toMatchObject({ phase: 'FAILED' });
  });

  it('is skipped where nothing was written', () => {
    expect(decide({ target: { ...back, written: false } }).set).toMatchObject({ phase: 'SKIPPED' });
  });

  it('of a SCALE target restores the number before, where the live one is still ours', () => {
    const target = { ...back, from: null, to: null, replicasBefore: 10, replicasAfter: 15 };
    const placement = { ...observe().placement, lastWrittenReplicas: 15 };
    const scale: Fields = { rollout: { kind: 'SCALE' }, target, rest: { placement } };
    expect(decide({ ...scale, live: present({ replicas: 15, current: set(1, 12, { replicas: 15 }) }) }).action).toMatchObject({
      kind: 'SCALE',
      replicas: 10,
    });
    expect(decide({ ...scale, live: present() }).set).toMatchObject({ phase: 'ROLLED_BACK' });
    expect(decide({ ...scale, live: present({ replicas: 30, current: set(1, 30) }) }).set).toMatchObject({ phase: 'ROLLED_BACK' });
  });
});

describe('a cluster that does not answer', () => {
  const gone = (seconds: number, access = false): Live => ({
    kind: 'UNREACHABLE',
    since: ago(seconds),
    message: 'connection refused',
    advice: 'Bring it back.',
    access,
  });

  it('is a condition, said once, and the deadline stands still', () => {
    const decision = decide({ target: written, live: gone(5) });
    expect(decision).toMatchObject({
      event: { type: 'target.unreachable' },
      set: { stoppedAt: now, condition: { type: 'UNREACHABLE', data: { message: 'connection refused' }, since: ago(5).toISOString() } },
    });
    const known = { ...written, stoppedAt: ago(5), condition: decision.set.condition ?? null };
    expect(isIdle(decide({ target: known, live: gone(5) }))).toBe(true);
    expect(decide({ target: known })).toMatchObject({
      event: { type: 'target.reachable' },
      set: { condition: null, stoppedAt: null, enteredAt: ago(10 - 5) },
      action: null,
    });
    expect(decide({ live: gone(5, true) }).set).toMatchObject({ condition: { type: 'ACCESS' } });
  });

  it.each([
    ['WAIT', false, 4000, undefined],
    ['SKIP', false, 70, 'SKIPPED'],
    ['SKIP', true, 70, 'FAILED'],
    ['FAIL', false, 70, 'FAILED'],
    ['FAIL', true, 70, 'FAILED'],
    ['SKIP', false, 30, undefined],
    ['FAIL', true, 30, undefined],
  ] as const)('under %s (written: %s) after %i s: %s', (onUnreachable, isWritten, seconds, phase) => {
    for (const state of ['PROGRESSING', 'HELD'] as const) {
      expect(decide({ rollout: { onUnreachable }, target: { phase: state, written: isWritten }, live: gone(seconds) }).set.phase).toBe(
        phase,
      );
    }
  });

  it('keeps a target that goes back waiting under WAIT, and fails it under the others', () => {
    const target = { phase: 'ROLLING_BACK', written: true, undoing: true } as const;
    expect(decide({ rollout: { phase: 'ROLLING_BACK' }, target, live: gone(4000) }).set).not.toHaveProperty('phase');
    expect(decide({ rollout: { phase: 'ROLLING_BACK', onUnreachable: 'SKIP' }, target, live: gone(70) }).set).toMatchObject({
      phase: 'FAILED',
      failure: { code: 'UNREACHABLE' },
    });
  });
});

describe('removing a workload', () => {
  const gone = { rollout: { kind: 'DELETE' }, target: { to: null } } as const;

  it('commits, deletes by uid, waits until the Deployment is gone, and ends', () => {
    expect(decide(gone)).toMatchObject({
      set: { written: true },
      action: { kind: 'DELETE', precondition: { uid: 'd-1' } },
      event: { type: 'target.started' },
    });
    const target = { to: null, written: true, uid: 'd-1' };
    expect(
      isIdle(
        decide({ ...gone, target, live: present({ terminating: true }), rest: { performed: { kind: 'DELETE', precondition: null } } }),
      ),
    ).toBe(true);
    expect(
      decide({ ...gone, target, live: { kind: 'ABSENT' }, rest: { performed: { kind: 'DELETE', precondition: null } } }).set,
    ).toMatchObject({ phase: 'SUCCEEDED' });
    expect(decide({ ...gone, target, live: { kind: 'ABSENT' } }).action).toMatchObject({ kind: 'DELETE', precondition: null });
  });
});

describe('whatever the rows and the cluster say', () => {
  const anyDate = fc.integer({ min: -5000, max: 5000 }).map((seconds) => ago(seconds));
  const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null });
  const anyFault: fc.Arbitrary<PodFault> = fc.record({
    reason: fc.constantFrom('ImagePullBackOff', 'CreateContainerConfigError', 'Unschedulable', 'NotReady', 'OutOfcpu'),
    message: fc.string(),
    container: orNull(fc.constant('web')),
    exitCode: orNull(fc.nat(255)),
    restarts: fc.nat(9),
    log: fc.constantFrom('CURRENT' as const, 'PREVIOUS' as const, null),
    severity: fc.constantFrom('FATAL' as const, 'TRANSIENT' as const, 'SLOW' as const),
    details: fc.constantFrom({}, { kind: 'NOT_FOUND' }, { count: 4, node: 'node-1' }),
    ageMilliseconds: fc.nat(100_000),
  });
  const anyPod = fc.record<LivePod>({
    name: fc.constantFrom('a', 'b', 'c'),
    uid: fc.constant('u'),
    ready: fc.boolean(),
    readyMilliseconds: fc.nat(100_000),
    terminating: fc.boolean(),
    ageMilliseconds: fc.nat(100_000),
    fault: orNull(anyFault),
  });
  const anySet = fc.record<LiveReplicaSet>({
    name: fc.string(),
    uid: fc.constantFrom('set-1', 'set-2', 'set-3'),
    age: fc.nat(2),
    replicas: fc.nat(20),
    template: fc.constantFrom('template-1', 'template-2', 'template-3'),
    gateClosed: fc.boolean(),
    counted: fc.record({ isCurrent: fc.boolean(), replicas: fc.nat(20), ready: fc.nat(20), available: fc.nat(20) }),
    pods: fc.array(anyPod, { maxLength: 6 }),
    ended: orNull(anyFault.map((fault) => ({ pod: 'd', fault }))),
  });
  const amount = fc.oneof(
    fc.nat(5).map(String),
    fc.nat(100).map((p) => `${p}%`),
  );
  const anyLive: fc.Arbitrary<Live> = fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom<Live>({ kind: 'UNKNOWN' }, { kind: 'ABSENT' }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('UNREACHABLE' as const),
        since: anyDate,
        message: fc.string(),
        advice: fc.string(),
        access: fc.boolean(),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record<LiveDeployment>({
        kind: fc.constant('PRESENT'),
        uid: fc.constantFrom('d-1', 'd-2'),
        resourceVersion: fc.constant('100'),
        generation: fc.nat(3),
        observedGeneration: fc.nat(3),
        ours: fc.boolean(),
        unlabeled: fc.boolean(),
        replicas: fc.nat(20),
        gate: fc.constantFrom('OPEN', 'CLOSED'),
        surge: amount,
        unavailable: amount,
        gateBy: fc.constantFrom('kubectl', null, null),
        replicasBy: fc.constantFrom('kubectl', null),
        pausedBy: fc.constantFrom('kubectl', null, null),
        template: fc.constantFrom('template-1', 'template-2', 'template-3'),
        release: fc.constantFrom(1, 2, null),
        editedBy: fc.constantFrom('kubectl', null, null),
        terminating: fc.boolean(),
        counted: fc.record({ replicas: fc.nat(20), updated: fc.nat(20), ready: fc.nat(20), available: fc.nat(20) }),
        current: orNull(anySet),
        others: fc.array(anySet, { maxLength: 3 }),
        replicaSets: fc.array(anySet, { maxLength: 3 }),
        replicaFailure: orNull(
          fc.record({
            reason: fc.constant('FailedCreate'),
            message: fc.constantFrom('exceeded quota: pods', 'denied the request: no', 'something else'),
            ageMilliseconds: fc.nat(100_000),
          }),
        ),
      }),
    },
  );
  const anyStrategy = fc.record({
    type: fc.constantFrom('ROLLING' as const, 'CANARY' as const, 'BATCHES' as const),
    batches: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
    maxSurge: fc.constantFrom(1, '25%', 3),
    maxUnavailable: fc.constantFrom(0, 1, '20%'),
    steps: fc.array(fc.constantFrom({ weight: 20 }, { weight: 60 }, { weight: 100 }, { pause: true as const }, { pauseSeconds: 5 }), {
      maxLength: 4,
    }),
    minReadySeconds: fc.nat(10),
    progressDeadlineSeconds: fc.integer({ min: 11, max: 600 }),
  });
  const anyTemplate = fc.constantFrom('template-1', 'template-2', 'template-3');
  const anyIdentity = fc.record({ template: orNull(anyTemplate), replicaSet: fc.constantFrom(null, 'set-1', 'set-2') });
  const anySide = (release: number): fc.Arbitrary<TargetState['to']> =>
    orNull(fc.tuple(anyStrategy, anyIdentity).map(([own, identity]) => side(release, { strategy: own, ...identity })));
  const anyAnswers: fc.Arbitrary<ReadonlyMap<SideName, string>> = fc
    .array(fc.tuple(fc.constantFrom('TO' as const, 'FROM' as const, 'SUPERSEDED' as const), anyTemplate), { maxLength: 3 })
    .map((entries) => new Map(entries));
  const anyCondition = orNull(
    fc.record({
      type: fc.constantFrom('UNREACHABLE' as const, 'NO_WORKER' as const, 'PAUSED_BY_OWNER' as const, 'ACCESS' as const),
      data: fc.oneof(fc.constant({}), fc.record({ message: fc.string(), advice: fc.string() })),
      since: fc.string(),
    }),
  );
  const anyAction: fc.Arbitrary<TargetAction> = fc.oneof(
    fc.record({ kind: fc.constant('FINISH' as const), side: fc.constantFrom('TO' as const, 'FROM' as const) }),
    fc.constant({ kind: 'DELETE' as const, precondition: null }),
    fc.record({
      kind: fc.constant('APPLY' as const),
      side: fc.constantFrom('TO' as const, 'FROM' as const),
      template: fc.constantFrom('GATE' as const, 'KEPT' as const, 'RENDERED' as const),
      gate: fc.record({ closed: fc.boolean(), surge: amount, unavailable: amount }),
      unpause: fc.boolean(),
      precondition: fc.constant(null),
    }),
  );
  /** At a stage that exists, with the progress that its kind has. */
  const anyProgress = (target: TargetState, heldAt: Date | null): TargetState => {
    const stage = target.stage % target.stages.length;
    const isPause = target.stages[stage]?.kind === 'PAUSE';
    return { ...target, stage, progress: isPause && heldAt !== null ? { heldAt: heldAt.toISOString() } : null };
  };
  const any: fc.Arbitrary<TargetObservation> = fc
    .record({
      kind: fc.constantFrom(...Object.values(RolloutKind)),
      phase: fc.constantFrom(...Object.values(RolloutPhase)),
      intent: fc.constantFrom('ABORT' as const, 'GIVE_UP' as const, null),
      onUnreachable: fc.constantFrom('WAIT' as const, 'SKIP' as const, 'FAIL' as const),
      strategy: anyStrategy,
      target: fc.record({
        phase: fc.constantFrom(...Object.values(TargetPhase)),
        from: anySide(1),
        to: anySide(2),
        superseded: anySide(3),
        written: fc.boolean(),
        uid: fc.constantFrom('d-1', null),
        replicasBefore: orNull(fc.nat(20)),
        replicasAfter: orNull(fc.nat(20)),
        stage: fc.nat(7),
        gate: orNull(
          fc.record(
            { n: orNull(fc.nat(20)), surge: amount, unavailable: amount, closed: fc.boolean() },
            { requiredKeys: ['n', 'surge', 'unavailable'] },
          ),
        ),
        enteredAt: orNull(anyDate),
        retriedAt: orNull(anyDate),
        made: fc.boolean(),
        stoppedAt: orNull(anyDate),
        condition: anyCondition,
        hindrance: orNull(
          fc.record({
            code: fc.constantFrom('FORBIDDEN', 'ImagePullBackOff', 'NotReady', 'FromTheFuture'),
            data: fc.constantFrom({}, { message: 'no' }),
            pod: fc.constantFrom('a', null),
            container: fc.constantFrom('web', null),
            since: fc.oneof(
              fc.string(),
              anyDate.map((at) => at.toISOString()),
            ),
          }),
        ),
        failure: orNull(fc.constant(failure)),
      }),
      replicas: fc.nat(20),
      last: orNull(fc.nat(20)),
      heldAt: orNull(anyDate),
      promotedStep: fc.integer({ min: -1, max: 5 }),
      live: anyLive,
      checked: fc.constantFrom(null, { ok: true as const }, { ok: false as const, failure }),
      edits: fc.constantFrom(null, { template: 'template-9', differences: [] }),
      answers: anyAnswers,
      performed: orNull(anyAction),
      writeFailure: orNull(anyDate.map((at) => ({ failure, at }))),
      hindrance: orNull(anyDate.map((since) => ({ failure, since }))),
      logs: fc.constantFrom(new Map<string, string>(), new Map([['a/web', 'x']])),
      beside: fc.constantFrom(
        [],
        [
          {
            rollout: rolloutRow({ kind: 'SCALE' as const, phase: 'RUNNING' as const }),
            placement: { ...observe().placement, replicas: 1 },
            target: targetRow({ kind: 'SCALE', from: null, to: null, phase: 'PROGRESSING' }),
          },
        ],
      ),
      warnings: fc.constantFrom(new Map(), new Map([['u', { at: now, events: [{ reason: 'FailedMount', message: 'no' }] }]])),
    })
    .map((one) => ({
      now,
      rollout: rolloutRow({
        kind: one.kind,
        phase: one.phase,
        intent: one.intent,
        onUnreachable: one.onUnreachable,
        strategy: one.strategy,
      }),
      wave: waveRow({ promotedStep: one.promotedStep }),
      placement: { ...observe().placement, replicas: one.replicas, lastWrittenReplicas: one.last },
      target: anyProgress(
        // Only what goes back is `undoing` before its end: `undoing()` sets both.
        targetRow({ ...one.target, undoing: one.target.phase === 'ROLLING_BACK', plan: one.strategy, kind: one.kind }),
        one.heldAt,
      ),
      live: one.live,
      checked: one.checked,
      edits: one.edits,
      answers: one.answers,
      performed: one.performed,
      writeFailure: one.writeFailure,
      hindrance: one.hindrance,
      logs: one.logs,
      warnings: one.warnings,
      beside: one.beside,
    }));

  it('has an answer that is the same each time, fences every write, and writes nothing where nothing may be written', () => {
    fc.assert(
      fc.property(any, (o) => {
        const { action, set: change, event, reason } = decideTarget(o);
        expect(decideTarget(o)).toEqual({ action, set: change, event, reason, lookAt: decideTarget(o).lookAt });
        expect(sentenceOf(reason)).not.toBe('');
        if (isSettled(o.rollout.phase) || isTerminal(o.target.phase) || o.target.phase === 'PENDING')
          expect({ action, change, event }).toEqual({ action: null, change: {}, event: null });
        if (action === null) return;
        expect(['ABSENT', 'PRESENT']).toContain(o.live.kind);
        if (['PREFLIGHT', 'READ_LOG', 'READ_EVENTS', 'LIST_EDITS'].includes(action.kind)) return;
        expect(o.target.written || change.written).toBe(true);
        if (o.target.phase !== 'ROLLING_BACK')
          expect([
            o.rollout.phase === 'QUEUED' || o.rollout.phase === 'RUNNING' || (action.kind === 'APPLY' && action.gate.closed),
            o.rollout.intent,
          ]).toEqual([true, null]);
        if (action.kind === 'FINISH') return;
        if (o.live.kind !== 'PRESENT') expect(action).toMatchObject({ precondition: null });
        else if (action.kind !== 'DELETE') expect(action).toMatchObject({ precondition: { uid: o.live.uid, resourceVersion: '100' } });
        if (o.live.kind === 'PRESENT' && !o.live.ours) expect(action).toEqual({ kind: 'DELETE', precondition: null });
        if (action.kind !== 'APPLY') return;
        expect([Number.parseInt(action.gate.surge, 10), Number.parseInt(action.gate.unavailable, 10)]).not.toEqual([0, 0]);
        expect(action.side === 'TO').toBe(o.target.phase !== 'ROLLING_BACK');
        if (action.side === 'SUPERSEDED') expect([o.target.superseded === null, action.gate.closed]).toEqual([false, true]);
        expect(action.unpause && action.side === 'TO').toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('in the model of a cluster', () => {
  it('holds a rolling update where it is paused, for as long as it is, and finishes it afterwards', () => {
    const model = new Model({ ...plainPlan, n: 20, wanted: 20, minReadySeconds: 3 });
    model.drain((one) => one.target.written && one.readyPods() > 20, 50);
    const split = model.describeSets();
    model.rollout = { ...model.rollout, phase: 'PAUSED', pauseReason: 'MANUAL' };
    model.drain(() => false, 100);
    expect(model.deployment?.minReadySeconds).toBe(2147483646);
    const held = model.describeSets();
    model.drain(() => false, 100);
    expect(model.describeSets(), split).toBe(held);
    model.rollout = { ...model.rollout, phase: 'RUNNING', pauseReason: null };
    model.drain();
    expect([model.rollout.phase, model.breaches]).toEqual(['SUCCEEDED', []]);
  });

  it('gets back under a quota that was filled up while a canary was held', () => {
    const model = new Model({ ...plainPlan, type: 'CANARY', steps: [{ weight: 20 }, { pause: true }], maxSurge: 3 });
    model.drain((one) => one.rollout.phase === 'PAUSED');
    model.cluster.quota = 10;
    model.rollout = { ...model.rollout, intent: 'ABORT' };
    model.drain();
    expect([model.rollout.phase, model.target.phase, model.readyPods()], model.log.join('\n')).toEqual(['ROLLED_BACK', 'ROLLED_BACK', 10]);
  });

  it('aborts with SCALED_WHILE_HELD when a dip of N ratchets the canary up beyond the plan', () => {
    const model = new Model({ ...plainPlan, type: 'CANARY', steps: [{ weight: 10 }, { pause: true }] });
    model.drain((one) => one.rollout.phase === 'PAUSED');
    for (const n of [2, 10]) {
      model.setReplicas(n);
      for (let i = 0; i < 4; i++) {
        model.controllers();
        model.kubelet();
      }
    }
    expect(model.describeSets()).toBe('template-1: 5 (5 Ready), template-2: 5 (5 Ready)');
    model.drain();
    expect([model.rollout.phase, model.target.failure?.code]).toEqual(['ROLLED_BACK', 'SCALED_WHILE_HELD']);
  });
});
