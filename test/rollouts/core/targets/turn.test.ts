/** Which writes wait for the controllers' counts, and for how long. */
import { describe, expect, it } from 'vitest';
import { sentenceOf } from '../../../../src/rollouts/core/reasons.ts';
import type { Verb } from '../../../../src/rollouts/core/rollout/verbs.ts';
import { decideVerb } from '../../../../src/rollouts/core/rollout/verbs.ts';
import { Model, plainPlan } from '../model.ts';
import type { Plan } from '../model.ts';

const canary: Plan = { ...plainPlan, type: 'CANARY', steps: [{ weight: 20 }, { pause: true }], maxSurge: 2 };

function ask(model: Model, verb: Verb): void {
  const decision = decideVerb(verb, model.rows());
  if (decision.kind !== 'CHANGE') throw new Error(`${verb.kind} is ${decision.kind}`);
  model.reduce(decision);
}

/** Everybody looks in turn, until a write of ours has arrived that makes this true. */
function until(model: Model, arrived: (one: Model) => boolean): void {
  for (let i = 0; i < 100; i++) {
    model.now += 1000;
    model.decideAll();
    model.turn();
    if (arrived(model)) return;
    model.controllers();
    model.kubelet();
  }
  throw new Error(model.log.join('\n'));
}

/** A canary whose last write has just lowered the old side, of which nothing has been counted yet; and an abort. */
function abortedInBetween(): Model {
  const model = new Model(canary);
  until(model, (one) => one.deployment?.unavailable === '20%');
  model.deploymentController();
  ask(model, { kind: 'ABORT' });
  model.decideAll();
  return model;
}

const shown = (model: Model): string => sentenceOf(model.target.phaseDetail ?? { code: '', data: {} });

describe('a write that turns the controller round', () => {
  it('waits until its counts are those of the pods', () => {
    const model = abortedInBetween();
    expect(model.turn()).toMatchObject({ action: null, lookAt: new Date(model.now + 2000), set: { settlingSince: new Date(model.now) } });
    model.now += 300;
    // Nothing is committed again while it waits.
    expect(model.turn()).toMatchObject({ action: null, event: null, set: {}, lookAt: new Date(model.now + 1700) });
    model.controllers();
    expect(model.turn()).toMatchObject({ reason: { code: 'GOING_BACK' }, set: { settlingSince: null }, action: { side: 'FROM' } });
  });

  it('is made after 2 s all the same, and says why', () => {
    const model = abortedInBetween();
    model.turn();
    model.now += 2000;
    expect(model.turn()).toMatchObject({
      reason: { code: 'NOT_SETTLED', data: { missing: 'COUNTED', seconds: 2, write: { code: 'GOING_BACK' } } },
      event: { type: 'target.step' },
      action: { side: 'FROM' },
    });
    expect(shown(model)).toMatch(
      /^Going back to release 1: 2 of 10 pods had left it\. Written after 2 s although the status of ReplicaSet/,
    );
  });

  it('waits no longer for a crash of its holder, nor for a conflict', () => {
    const model = abortedInBetween();
    model.turn(true);
    model.now += 1500;
    expect(model.turn()).toMatchObject({ action: null, lookAt: new Date(model.now + 500) });
    model.now += 500;
    model.decide();
    model.cluster.write({ surge: '1' });
    model.land();
    expect(model.turn()).toMatchObject({ action: { side: 'FROM' } });
  });

  it('begins to wait anew where nothing was due any more in between', () => {
    const model = abortedInBetween();
    model.turn();
    model.now += 1900;
    model.controllers();
    model.turn();
    expect(model.target.settlingSince).toBeNull();
  });

  it('does not wait while everything is at rest', () => {
    const model = new Model(canary);
    model.drain((one) => one.rollout.phase === 'PAUSED');
    ask(model, { kind: 'ABORT' });
    model.decideAll();
    expect(model.turn()).toMatchObject({ action: { kind: 'APPLY', side: 'FROM' } });
  });
});

describe('the amounts of going back, while it is under way', () => {
  /** Two of ten pods are new, one of which is bad, and the write that goes back has just landed. */
  function goingBack(): Model {
    const model = new Model({ ...canary, behaviour: 'FIRST_GOOD' });
    until(model, (one) => one.sets.length === 2);
    model.controllers();
    model.kubelet();
    model.controllers();
    ask(model, { kind: 'ABORT' });
    model.decideAll();
    expect(model.turn()).toMatchObject({ reason: { code: 'GOING_BACK' }, action: { gate: { surge: '2', unavailable: '0' } } });
    return model;
  }

  /** Three pods that are to stay are not Ready any more, and are counted so before anything was lowered. */
  function withFailures(): Model {
    const model = goingBack();
    for (const pod of model.cluster.podsOf({ uid: model.originalUid ?? '' }).slice(0, 3)) model.cluster.becomeUnready(pod);
    model.replicaSetControllers();
    model.controllers();
    return model;
  }

  const standing = (model: Model): object => Object.fromEntries(model.sets.map((set) => [set.template, set.replicas]));

  it('let more be missing once pods that stay are not Ready any more, or what is bad would stay beside them', () => {
    const model = withFailures();
    expect(standing(model)).toEqual({ 'template-1': 10, 'template-2': 2 });
    expect(model.turn()).toMatchObject({
      reason: { code: 'BACK_ADJUSTED', data: { ready: 8, pods: 10, missing: '2' } },
      action: { side: 'FROM', template: 'GATE', gate: { closed: false, unavailable: '2' } },
    });
    model.controllers();
    expect(standing(model)).toEqual({ 'template-1': 10, 'template-2': 1 });
    expect(model.readyPods()).toBe(8);
  });

  it('let none be missing once nothing bad is left to leave, at once', () => {
    const model = withFailures();
    model.turn();
    model.deploymentController();
    model.replicaSetControllers();
    expect(model.turn()).toMatchObject({ reason: { code: 'BACK_ADJUSTED' }, action: { gate: { unavailable: '0' } } });
  });
});

it('a step behind the closed gate does not wait', () => {
  const model = new Model({ ...canary, steps: [{ weight: 20 }, { weight: 50 }] });
  until(model, (one) => one.deployment?.template === 'template-2');
  model.controllers();
  model.kubelet();
  // The pods are Ready, and no controller has counted them.
  expect(model.turn()).toMatchObject({ action: { kind: 'APPLY', side: 'TO', gate: { closed: true } } });
});

it('a step behind a gate that was open a moment ago waits', () => {
  const model = new Model(canary);
  model.drain((one) => one.rollout.phase === 'PAUSED');
  model.supersede({ type: 'CANARY', steps: [{ weight: 50 }], maxSurge: 2, behaviour: 'NEVER_READY' });
  until(model, (one) => one.deployment?.template === 'template-3');
  model.controllers();
  model.supersede({ type: 'ROLLING', steps: [], maxSurge: 2, behaviour: 'GOOD' }, 2);
  until(model, (one) => one.deployment?.template === 'template-2');
  ask(model, { kind: 'ABORT' });
  model.decideAll();
  // What bad pods there are is to go first, beside those of release 2, whose gate is open.
  expect(model.turn()).toMatchObject({ reason: { code: 'FREEZING' }, action: { gate: { closed: true, unavailable: '0%' } } });
  expect(model.turn()).toMatchObject({ reason: { code: 'SETTLING', data: { missing: 'SEEN' } } });
  model.controllers();
  expect(model.turn()).toMatchObject({
    reason: { code: 'BAD_PODS_FIRST' },
    action: { side: 'TO', gate: { closed: true, unavailable: '20%' } },
  });
});

describe('a rolling update', () => {
  function halfway(): Model {
    const model = new Model({ ...plainPlan, maxSurge: 2 });
    model.drain((one) => one.deployment?.template === 'template-2' && one.sets.length === 2, 50);
    for (let i = 0; i < 2; i++) {
      model.controllers();
      model.kubelet();
    }
    return model;
  }

  it('is held before it is gone back from, for its controller lowers the old side with every pod that becomes Ready', () => {
    const model = halfway();
    ask(model, { kind: 'ABORT' });
    model.decideAll();
    expect(model.turn()).toMatchObject({
      reason: { code: 'FREEZING', data: { why: 'TURNING' } },
      event: { type: 'target.step' },
      action: { side: 'TO', gate: { closed: true, unavailable: '0%' } },
    });
    expect(model.turn()).toMatchObject({ action: null });
    model.controllers();
    expect(model.turn()).toMatchObject({ action: { side: 'FROM', gate: { closed: false } } });
  });

  it('is held before another release takes its place', () => {
    const model = halfway();
    model.supersede({ type: 'CANARY', steps: [{ weight: 20 }], maxSurge: 2, behaviour: 'GOOD' });
    model.decideAll();
    model.turn();
    expect(model.turn()).toMatchObject({ reason: { code: 'FREEZING' }, action: { side: 'SUPERSEDED', gate: { closed: true } } });
    expect(model.target.gate).toBeNull();
    model.controllers();
    expect(model.turn()).toMatchObject({ action: { side: 'TO', gate: { closed: true } } });
  });

  it('is not held where nothing of it stands yet', () => {
    const model = new Model(plainPlan);
    until(model, (one) => one.deployment?.template === 'template-2');
    ask(model, { kind: 'ABORT' });
    model.decideAll();
    expect(model.turn()).toMatchObject({ reason: { code: 'SETTLING', data: { missing: 'SEEN' } } });
  });
});
