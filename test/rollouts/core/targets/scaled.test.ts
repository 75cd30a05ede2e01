/** N changes while a canary is held. */
import { describe, expect, it } from 'vitest';
import type { Beside, TargetObservation } from '../../../../src/rollouts/core/observation.ts';
import { decideTarget } from '../../../../src/rollouts/core/targets/decide-target.ts';
import { Model, isIdle, plainPlan, rolloutRow, targetRow } from '../model.ts';

/** A canary of `weight` per cent, held. */
function held(n: number, weight: number, maxSurge = 1): Model {
  const maxUnavailable = maxSurge === 0 ? 1 : 0;
  const model = new Model({ ...plainPlan, n, wanted: n, type: 'CANARY', maxSurge, maxUnavailable, steps: [{ weight }, { pause: true }] });
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

/** A SCALE to N', as the held canary sees it beside itself. */
function scaling({ placement }: TargetObservation, replicas: number, phase: 'PENDING' | 'PROGRESSING' = 'PROGRESSING'): Beside {
  return {
    rollout: rolloutRow({ id: 'scale', kind: 'SCALE', phase: 'RUNNING' }),
    placement: { ...placement, replicas },
    target: targetRow({ kind: 'SCALE', id: 'scale', from: null, to: null, phase, enteredAt: new Date(0) }),
  };
}

describe('a fall by a SCALE of ours', () => {
  /** What both targets decide, of the same Deployment. */
  function both(model: Model, n: number): { canary: ReturnType<typeof decideTarget>; scale: ReturnType<typeof decideTarget> } {
    const o = model.observation();
    const scale = scaling(o, n);
    const enteredAt = o.now;
    return {
      canary: decideTarget({ ...o, beside: [scale] }),
      scale: decideTarget({ ...o, ...scale, target: { ...scale.target, enteredAt }, beside: [o] }),
    };
  }

  it.each([
    [4, 25, 1],
    [4, 25, 2],
    [10, 20, 2],
    [10, 40, 1],
  ])('of %i with %i per cent held, to %i, waits until one pod more is held', (n, weight, to) => {
    const model = held(n, weight);
    const first = both(model, to);
    expect(first.canary).toMatchObject({
      reason: { code: 'SURGE_FIRST', data: { from: n, to } },
      event: { type: 'target.step' },
      action: { kind: 'APPLY', side: 'TO', template: 'GATE', gate: { closed: true, surge: '1', unavailable: `${weight}%` } },
    });
    expect(first.scale).toMatchObject({ reason: { code: 'WAITING', data: { standing: { is: 'NOT_RAISED' } } }, action: null });

    model.cluster.write({ surge: '1' });
    model.target = { ...model.target, ...first.canary.set };
    model.controllers();
    model.kubelet();
    model.controllers();
    const then = both(model, to);
    expect(then.canary).toMatchObject({ event: null, action: null });
    expect(then.scale.action).toMatchObject({ kind: 'SCALE', replicas: to });

    model.cluster.write({ replicas: to });
    model.controllers();
    model.kubelet();
    expect(both(model, to).canary.reason.code).toBe('HELD_SCALED');
    model.turn();
    expect(model.target).toMatchObject({ phase: 'HELD', failure: null });
    expect(isIdle(model.turn())).toBe(true);
    expect(model.readyPods()).toBe(to + 1);
  });

  it.each([
    ['that rounding does not touch', held(4, 25), 3],
    ['to none', held(4, 25), 0],
    ['of a strategy without surge', held(4, 25, 0), 1],
  ])('%s is written at once', (_name, model, to) => {
    const { canary, scale } = both(model, to);
    expect(canary.action).toBeNull();
    expect(scale.action).toMatchObject({ kind: 'SCALE', replicas: to });
  });

  it('is not prepared for before it is its turn, nor where the owner has paused the Deployment', () => {
    const model = held(4, 25);
    const o = model.observation();
    expect(decideTarget({ ...o, beside: [scaling(o, 1, 'PENDING')] }).action).toBeNull();
    model.pauseByOwner('kubectl-rollout');
    expect(both(model, 1).canary.action).toBeNull();
  });
});
