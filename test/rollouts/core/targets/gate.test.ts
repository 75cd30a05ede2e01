/** A held gate that somebody opens: it is closed again without a move. */
import { describe, expect, it } from 'vitest';
import { Model, plainPlan } from '../model.ts';
import type { Plan } from '../model.ts';

const canary: Plan = {
  ...plainPlan,
  n: 4,
  wanted: 4,
  type: 'CANARY',
  steps: [{ weight: 25 }, { pause: true }, { weight: 50 }],
  maxSurge: 1,
};

function held(plan: Partial<Plan> = {}): Model {
  const model = new Model({ ...canary, ...plan });
  model.drain((one) => one.rollout.phase === 'PAUSED');
  return model;
}

const standing = (model: Model): object => Object.fromEntries(model.sets.map((set) => [set.template, set.replicas]));

/** The controllers have made what the open gate lets them make, and have counted the canary as available. */
function opened(plan: Partial<Plan> = {}, surge = '25%'): Model {
  const model = held(plan);
  model.openGate({ surge, unavailable: '0' });
  model.controllers();
  return model;
}

describe('a gate that somebody has opened', () => {
  it('is closed with no pod that may be missing, and no Ready pod goes', () => {
    const model = opened({}, '25%');
    expect(standing(model)).toEqual({ 'template-1': 3, 'template-2': 2 });
    expect(model.turn()).toMatchObject({
      reason: { code: 'GATE_AGAIN', data: { manager: 'a-person' } },
      action: { template: 'GATE', gate: { closed: true, surge: '1', unavailable: '0%' } },
      set: { gate: { surge: '1', unavailable: '0%', stage: { surge: '0', unavailable: '25%' } } },
    });
    model.deploymentController();
    model.controllers();
    expect(standing(model)).toEqual({ 'template-1': 3, 'template-2': 2 });
    expect(model.readyPods()).toBe(4);
    expect(model.breaches).toEqual([]);
  });

  it('gets the amounts of the step once nothing new counts as available and all of it is Ready', () => {
    const model = opened();
    model.turn();
    expect(model.turn()).toMatchObject({ action: null });
    model.controllers();
    expect(model.turn()).toMatchObject({ action: null });
    model.kubelet();
    model.controllers();
    expect(model.turn()).toMatchObject({
      reason: { code: 'GATE_AMOUNTS_AGAIN' },
      action: { template: 'GATE', gate: { closed: true, surge: '0', unavailable: '25%' } },
    });
    expect(model.target.gate).not.toHaveProperty('stage');
    expect(model.target.gate?.overridden).toHaveLength(1);
    model.controllers();
    expect(standing(model)).toEqual({ 'template-1': 3, 'template-2': 2 });
    expect(model.turn()).toMatchObject({ action: null });
  });

  it('gets them as well where it is opened once more in between', () => {
    const model = opened();
    model.turn();
    model.openGate({ surge: '25%', unavailable: '0' });
    expect(model.turn()).toMatchObject({
      action: { gate: { closed: true, surge: '1', unavailable: '0%' } },
      set: { gate: { stage: { surge: '0', unavailable: '25%' } } },
    });
  });

  it('keeps them in mind while its closing has not arrived, also where N has changed since', () => {
    const model = opened();
    model.decide();
    model.cluster.write({ replicas: 5 });
    model.land();
    expect(model.log.at(-1)).toMatch(/^409/);
    model.turn();
    expect(model.target.gate).toMatchObject({ n: 5, unavailable: '0%', stage: { surge: '0', unavailable: '25%' } });
  });

  it('goes on from what stands once it is promoted', () => {
    const model = opened();
    model.turn();
    model.wave = { ...model.wave, promotedStep: 1 };
    model.rollout = { ...model.rollout, phase: 'RUNNING', pauseReason: null };
    model.drain();
    expect([model.rollout.phase, model.breaches]).toEqual(['SUCCEEDED', []]);
  });

  it.each<[string, Partial<Plan>, string, object]>([
    ['at least one pod above N', {}, '0', { surge: '1', unavailable: '0%' }],
    ['as many as stand above N', { maxSurge: 2 }, '3', { surge: '3', unavailable: '0%' }],
    [
      'none without a surge, and as many missing as the strategy lets',
      { maxSurge: 0, maxUnavailable: 1 },
      '1',
      { surge: '0', unavailable: '25%' },
    ],
    ['one pod beside the only one', { n: 1, wanted: 1 }, '1', { surge: '1', unavailable: '0%' }],
  ])('is closed with %s', (_what, plan, surge, gate) => {
    const model = held(plan);
    model.openGate({ surge, unavailable: surge === '0' ? '25%' : '0' });
    if (surge !== '0') model.deploymentController();
    expect(model.turn()).toMatchObject({ action: { gate: { closed: true, ...gate } } });
  });
});

it('other amounts on a gate that stays closed are written as they were', () => {
  const model = held();
  model.openGate({ surge: '0', unavailable: '26%', minReadySeconds: model.deployment?.minReadySeconds ?? 0 });
  expect(model.turn()).toMatchObject({ reason: { code: 'GATE_AGAIN' }, action: { gate: { surge: '0', unavailable: '25%' } } });
  expect(model.target.gate).not.toHaveProperty('stage');
});
