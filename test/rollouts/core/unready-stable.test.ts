/** Going back to pods that are not Ready for reasons of their own. */
import { describe, expect, it } from 'vitest';
import { sentenceOf } from '../../../src/rollouts/core/reasons.ts';
import { decideVerb } from '../../../src/rollouts/core/rollout/verbs.ts';
import { Model, plainPlan } from './model.ts';
import type { Behaviour } from './model.ts';

/** Three of four pods are not Ready, and stay so; then a canary of one begins. */
function broken(behaviour: Behaviour): Model {
  const plan = { ...plainPlan, n: 4, wanted: 4, maxSurge: 1, behaviour };
  const model = new Model({ ...plan, type: 'CANARY', steps: [{ weight: 25 }, { pause: true }] });
  model.behaviours.set('template-1', 'NEVER_READY');
  for (const pod of model.cluster.readyPods.slice(0, 3)) model.cluster.becomeUnready(pod, undefined, true);
  model.controllers();
  return model;
}

function abort(model: Model): void {
  const decision = decideVerb({ kind: 'ABORT' }, model.rows());
  if (decision.kind !== 'CHANGE') throw new Error(decision.kind);
  model.reduce(decision);
}

const standing = (model: Model): object => Object.fromEntries(model.sets.map((set) => [set.template, set.replicas]));

describe('going back where three of four pods were not Ready before the rollout', () => {
  it('removes a bad canary, and ends once the ReplicaSets stand as before', () => {
    const model = broken('IMAGE_PULL');
    const rounds = model.drain();
    expect(model.rollout.phase, model.log.join('\n')).toBe('ROLLED_BACK');
    expect(rounds).toBeLessThan(10);
    expect(standing(model)).toEqual({ 'template-1': 4, 'template-2': 0 });
    expect(model.target).toMatchObject({ phase: 'ROLLED_BACK', failure: { code: 'ImagePullBackOff' } });
    expect(model.rollout.failure).toMatchObject({ code: 'ImagePullBackOff' });
    expect(model.breaches).toEqual([]);
  });

  it('says that they were not Ready before either', () => {
    const model = broken('IMAGE_PULL');
    model.drain();
    expect(sentenceOf(model.target.phaseDetail ?? { code: '', data: {} })).toBe(
      '1 of 4 pods are back on release 1 and Ready; before the rollout 3 were not Ready either.',
    );
  });

  it('removes a good canary too, although no pod takes its place', () => {
    const model = broken('GOOD');
    model.drain((one) => one.rollout.phase === 'PAUSED');
    abort(model);
    model.drain();
    expect(model.rollout.phase, model.log.join('\n')).toBe('ROLLED_BACK');
    expect(standing(model)).toEqual({ 'template-1': 4, 'template-2': 0 });
  });
});

describe('going back where pods that were Ready before the rollout are so no more', () => {
  function lost(): Model {
    const model = new Model({
      ...plainPlan,
      n: 4,
      wanted: 4,
      maxSurge: 1,
      type: 'CANARY',
      steps: [{ weight: 25 }],
      behaviour: 'IMAGE_PULL',
    });
    model.drain((one) => one.target.failure !== null);
    model.behaviours.set('template-1', 'NEVER_READY');
    for (const pod of model.cluster.readyPods.slice(0, 3)) model.cluster.becomeUnready(pod, undefined, true);
    model.controllers();
    return model;
  }

  it('removes the bad canary, waits for them, and fails at the deadline for what it went back for', () => {
    const model = lost();
    model.drain(() => false, 5);
    expect(standing(model)).toEqual({ 'template-1': 4, 'template-2': 0 });
    model.drain();
    expect(model.target).toMatchObject({
      phase: 'FAILED',
      phaseDetail: { code: 'TARGET_FAILED', data: { code: 'PROGRESS_DEADLINE' } },
      failure: { code: 'ImagePullBackOff' },
    });
    expect(model.rollout).toMatchObject({ phase: 'FAILED', failure: { code: 'ImagePullBackOff' } });
  });

  it('ends once they have recovered', () => {
    const model = lost();
    model.drain(() => false, 5);
    model.behaviours.set('template-1', 'GOOD');
    model.drain();
    expect(model.target).toMatchObject({ phase: 'ROLLED_BACK', phaseDetail: { code: 'BACK_READY', data: { ready: 4, pods: 4 } } });
  });
});
