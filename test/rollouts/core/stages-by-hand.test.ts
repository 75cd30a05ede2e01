/** Stages are level-triggered: what others do to the Deployment between two looks moves no target past what has not been done. */
import { describe, expect, it } from 'vitest';
import type { TargetAction } from '../../../src/rollouts/core/action.ts';
import { decideVerb } from '../../../src/rollouts/core/rollout/verbs.ts';
import { decideTarget } from '../../../src/rollouts/core/targets/decide-target.ts';
import { Model, plainPlan } from './model.ts';
import type { Plan } from './model.ts';

const canary: Plan = { ...plainPlan, type: 'CANARY', steps: [{ weight: 20 }, { pause: true }, { weight: 50 }], maxSurge: 2 };
const writes = (model: Model): string[] => model.log.flatMap((line) => /\[((?:APPLY|SCALE|FINISH).*)\]/.exec(line)?.[1] ?? []);

/** Everybody looks in turn, until that action is decided, and lost. */
function loseAction(model: Model, kind: TargetAction['kind']): void {
  for (let i = 0; i < 200; i++) {
    model.now += 1000;
    model.decideAll();
    if (decideTarget(model.observation()).action?.kind === kind) {
      model.turn(true);
      return;
    }
    model.turn();
    model.controllers();
    model.kubelet();
  }
  throw new Error(`${kind} was not decided: ${model.log.join(' | ')}`);
}

describe('a canary whose gate somebody opens', () => {
  it.each([
    ['while it is held', (model: Model) => model.rollout.phase === 'PAUSED'],
    ['in the middle of a walk, and that is paused', (model: Model) => model.target.written && model.target.stage === 0],
  ])('%s goes no further than it is', (_when, moment) => {
    const model = new Model(canary);
    model.drain(moment);
    model.rollout = { ...model.rollout, phase: 'PAUSED', pauseReason: 'MANUAL' };
    model.controllers();
    model.edit({ minReadySeconds: 0 });
    model.drain(() => false, 5);
    expect(writes(model).at(-1), model.log.join('\n')).toMatch(/^APPLY TO closed/);
    expect(model.sets.find((set) => set.template === 'template-1')?.replicas, model.describeSets()).toBeGreaterThanOrEqual(8);
  });

  it('begins anew with its weights where the template is put back as well', () => {
    const model = new Model(canary);
    model.drain((one) => one.target.written);
    model.edit({ minReadySeconds: 0 });
    model.turn();
    model.edit({ template: 'template-1' });
    model.drain((one) => one.rollout.phase === 'PAUSED');
    expect(writes(model), model.log.join('\n')).not.toContain('APPLY TO open (2, 0)');
  });
});

it('a canary without pods replaces none at once that appear before its write arrives', () => {
  const model = new Model({ ...canary, n: 0, wanted: 0 });
  model.decideAll();
  model.turn();
  const { action } = model.turn(true);
  expect(action).toMatchObject({ kind: 'APPLY', gate: { closed: false } });
  model.setReplicas(10);
  model.controllers();
  model.kubelet();
  model.drain((one) => one.rollout.phase === 'PAUSED');
  expect(writes(model).slice(1), model.log.join('\n')).toEqual(['APPLY TO closed (2, 0%)', 'APPLY TO closed (0, 20%)']);
});

describe('the own maxSurge and maxUnavailable are restored', () => {
  it('where the other template is put back while the last objects of an undo are applied', () => {
    const model = new Model({ ...plainPlan, maxSurge: '3%', maxUnavailable: '20%', behaviour: 'IMAGE_PULL' });
    loseAction(model, 'FINISH');
    model.edit({ template: 'template-2' });
    model.drain();
    expect([model.rollout.phase, model.deployment], model.log.join('\n')).toMatchObject([
      'ROLLED_BACK',
      { template: 'template-1', surge: '3%', unavailable: '20%' },
    ]);
  });

  it('where the gate is closed by a pause while the last objects of a release are applied', () => {
    const model = new Model({ ...plainPlan, maxSurge: 2, maxUnavailable: 1 });
    model.rollout = { ...model.rollout, strategy: { ...model.rollout.strategy, maxSurge: 5 } };
    loseAction(model, 'FINISH');
    expect(model.deployment, model.log.join('\n')).toMatchObject({ surge: '2', unavailable: '1' });
    model.rollout = { ...model.rollout, phase: 'PAUSED', pauseReason: 'MANUAL' };
    model.setReplicas(14);
    model.drain(() => false, 3);
    expect(writes(model).at(-1)).toMatch(/closed/);
    model.rollout = { ...model.rollout, phase: 'RUNNING', pauseReason: null };
    model.drain();
    expect([model.rollout.phase, model.deployment], model.log.join('\n')).toMatchObject(['SUCCEEDED', { surge: '2', unavailable: '1' }]);
  });
});

describe('a row of another version', () => {
  const observed = (fields: Partial<Model['target']>, absent = false) => {
    const model = new Model(canary);
    model.decideAll();
    model.target = { ...model.target, ...fields };
    return absent ? { ...model.observation(), live: { kind: 'ABSENT' } as const } : model.observation();
  };
  const { stages } = new Model(canary).target;

  it.each([
    ['no stages', { stages: [] }],
    ['an index behind its stages', { stage: stages.length }],
    ['a stage of an unknown kind', { stages: [{ kind: 'SOAK', step: 0 }, ...stages] }],
    ['a stage of an unknown kind later on', { stages: [...stages, { kind: 'SOAK', step: 3 }] }],
    ['progress of another shape', { stage: 1, progress: { since: 'yesterday' } }],
  ])('with %s is an error before anything is written', (_what, fields) => {
    expect(() => decideTarget(observed(fields))).toThrow();
    expect(() => decideTarget(observed(fields, true))).toThrow();
  });
});

describe('a Deployment that somebody deletes after its number of pods was changed, and that is created again', () => {
  const grows: Plan = { ...plainPlan, n: 3, wanted: 12, maxSurge: 2 };
  function deleted(plan: Plan): Model {
    const model = new Model(plan);
    loseAction(model, 'FINISH');
    expect(model.deployment?.replicas).toBe(plan.wanted);
    model.deleteDeployment();
    return model;
  }

  it.each([3, 1])('has the number from before (%i) once it is back', (n) => {
    const model = deleted({ ...grows, n });
    model.drain((one) => one.target.phase === 'FAILED');
    model.drain();
    expect([model.rollout.phase, model.deployment?.replicas], model.log.join('\n')).toEqual(['ROLLED_BACK', n]);
    expect(model.log.filter((line) => line.includes('[SCALE'))).toHaveLength(n === 1 ? 1 : 2);
  });

  it.each([false, true])('has the wanted one where it goes on, crash: %s', (crash) => {
    const model = deleted({ ...grows, onFailure: 'PAUSE' });
    model.drain((one) => one.rollout.phase === 'PAUSED');
    const change = decideVerb({ kind: 'RETRY', takeOver: false }, model.rows());
    if (change.kind !== 'CHANGE') throw new Error(`a retry is ${change.kind}`);
    model.reduce(change);
    if (crash) loseAction(model, 'SCALE');
    model.drain();
    expect([model.rollout.phase, model.deployment?.replicas], model.log.join('\n')).toEqual(['SUCCEEDED', 12]);
  });
});
