/** N changes while a canary is held. */
import { describe, expect, it } from 'vitest';
import { Model, isIdle, plainPlan } from '../model.ts';

/** A canary of `weight` per cent, held. */
function held(n: number, weight: number): Model {
  const model = new Model({ ...plainPlan, n, wanted: n, type: 'CANARY', maxSurge: 1, steps: [{ weight }, { pause: true }] });
  model.drain(({ target }) => target.phase === 'HELD');
  expect(model.target.phase).toBe('HELD');
  return model;
}

describe('a change of N while pods are held', () => {
  it.each([
    [4, 25, 1, 1, true],
    [4, 25, 2, 1, true],
    [4, 25, 3, 1, false],
    [4, 25, 8, 1, false],
    [10, 20, 2, 2, true],
    [10, 20, 8, 2, false],
    [10, 50, 9, 5, false],
    [10, 20, 0, 2, false],
  ])('of %i with %i per cent, to %i', (from, weight, to, canary, fewerReady) => {
    const model = held(from, weight);
    model.setReplicas(to);
    expect(model.decide()).toMatchObject({
      reason: { code: 'HELD_SCALED', data: { from, to, manager: null, new: canary, release: 2, fewerReady } },
      set: { gate: { n: to } },
      event: { type: 'target.step' },
      action: null,
    });
  });

  it('is said once, also to a worker that comes later, and before what it comes to', () => {
    const model = held(4, 25);
    model.setReplicas(1);
    model.controllers();
    expect(model.turn(true).reason.code).toBe('HELD_SCALED');
    expect(model.turn()).toMatchObject({ reason: { code: 'TARGET_FAILED', data: { code: 'SCALED_WHILE_HELD' } } });
  });

  it('is said again when N changes again', () => {
    const model = held(10, 20);
    for (const to of [20, 10]) {
      model.setReplicas(to);
      model.controllers();
      model.kubelet();
      expect(model.turn()).toMatchObject({ reason: { code: 'HELD_SCALED', data: { to } } });
      expect(isIdle(model.turn())).toBe(true);
    }
  });

  it('is none of the gate once it is open', () => {
    const model = new Model({ ...plainPlan, behaviour: 'NEVER_READY' });
    model.turn();
    model.turn();
    model.controllers();
    model.setReplicas(5);
    expect(model.decide().reason.code).not.toBe('HELD_SCALED');
  });
});
