/** N changes while a canary is held. */
import { describe, expect, it } from 'vitest';
import { decideVerb } from '../../../../src/rollouts/core/rollout/verbs.ts';
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

describe('a canary of a Deployment that an autoscaler scales', () => {
  function autoscaled(least: number): Model {
    const steps = [{ weight: 25 }, { pause: true as const }, { weight: 50 }, { pause: true as const }];
    const model = new Model({ ...plainPlan, n: 4, wanted: 4, type: 'CANARY', maxSurge: 1, steps });
    model.autoscaler = { name: 'web', least };
    model.drain(({ target }) => target.phase === 'HELD');
    return model;
  }

  it('rests with one pod more, from the beginning and for as long as it rests, also by another worker, and says so', () => {
    const model = autoscaled(1);
    expect(model.describeSets()).toBe('template-1: 4 (4 Ready), template-2: 1 (1 Ready)');
    expect(model.target.phaseDetail).toMatchObject({
      code: 'HELD_FOR_PROMOTION',
      data: { new: 1, pods: 4, above: { autoscaler: 'web', least: 1 } },
    });
    // Of what the preflight has found only the row tells.
    model.autoscaler = null;
    model.turn(true);
    const verdict = decideVerb({ kind: 'PROMOTE', full: false }, model.rows());
    if (verdict.kind !== 'CHANGE') throw new Error('a promotion is a change');
    model.reduce(verdict);
    model.drain(({ target }) => target.phase === 'HELD' && target.stage === 3);
    expect(model.describeSets()).toBe('template-1: 3 (3 Ready), template-2: 2 (2 Ready)');
  });

  it('rests without where the least that it sets costs nothing', () => {
    expect(autoscaled(3).describeSets()).toBe('template-1: 3 (3 Ready), template-2: 1 (1 Ready)');
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
    expect(first.scale).toMatchObject({ reason: { code: 'WAITING', data: { standing: { is: 'NOT_HELD' } } }, action: null });

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

/** What was written, in order, from the moment when a SCALE to that number was asked for. */
function writesOfScale(model: Model, replicas: number): string[] {
  const before = model.log.length;
  model.askForScale(replicas);
  model.drain(({ scale }) => scale?.phase === 'SUCCEEDED');
  model.drain();
  return model.log.slice(before).flatMap((line) => /\[((?:APPLY|SCALE).*)\]/.exec(line)?.[1] ?? []);
}

describe('a fall by a SCALE of ours beside an open gate', () => {
  /** A rolling update of ten pods, as soon as the controller has begun. */
  function rolling(plan: Partial<typeof plainPlan> = {}): Model {
    const model = new Model({ ...plainPlan, maxSurge: 3, ...plan });
    model.drain(() => model.sets.length > 1);
    expect(model.deployment).toMatchObject({ minReadySeconds: 0, template: 'template-2' });
    return model;
  }

  it('is held before, and goes on after it', () => {
    const model = rolling();
    expect(writesOfScale(model, 4), model.log.join('\n')).toEqual(['APPLY TO closed (3, 0%)', 'SCALE 4', 'APPLY TO open (3, 0)']);
    expect([model.rollout.phase, model.readyPods()]).toEqual(['SUCCEEDED', 4]);
    expect(model.breaches).toEqual([]);
  });

  it('is held on what is gone back to, where it goes back', () => {
    const model = rolling();
    model.kubelet();
    model.controllers();
    const verdict = decideVerb({ kind: 'ABORT' }, model.rows());
    if (verdict.kind !== 'CHANGE') throw new Error('an abort is a change');
    model.reduce(verdict);
    model.drain(() => model.deployment?.template === 'template-1');
    expect(writesOfScale(model, 4), model.log.join('\n').slice(0, 5000)).toEqual([
      'APPLY FROM closed (3, 0%)',
      'SCALE 4',
      'APPLY FROM open (3, 0)',
    ]);
    expect([model.rollout.phase, model.readyPods()]).toEqual(['ROLLED_BACK', 4]);
  });

  it('is held before a SCALE that raised N is undone', () => {
    const model = rolling({ behaviour: 'FIRST_GOOD' });
    const before = model.log.length;
    model.askForScale(20);
    model.drain(() => model.deployment?.replicas === 20);
    model.abortScale();
    model.drain(({ scale }) => scale?.phase === 'ROLLED_BACK');
    const writes = model.log.slice(before).flatMap((line) => /\[((?:APPLY|SCALE).*)\]/.exec(line)?.[1] ?? []);
    expect(writes.slice(0, 4), model.log.join('\n')).toEqual([
      'SCALE 20',
      expect.stringMatching(/^APPLY TO closed \(\d+, 0%\)$/) as string,
      'SCALE 10',
      'APPLY TO open (3, 0)',
    ]);
    expect(model.breaches).toEqual([]);
  });

  it.each([
    ['that raises N', {}, 20, ['SCALE 20']],
    ['to none', {}, 0, ['SCALE 0']],
  ])('%s is written at once', (_name, plan, to, writes) => {
    expect(writesOfScale(rolling(plan), to).slice(0, writes.length)).toEqual(writes);
  });

  it('waits for pods that start, where fewer may be missing of the new N, but not for longer than a start is given', () => {
    const model = rolling({ n: 8, maxSurge: 1, maxUnavailable: '25%', behaviour: 'NEVER_READY' });
    const since = model.now;
    expect(writesOfScale(model, 3).slice(0, 2)).toEqual(['APPLY TO closed (1, 0%)', 'SCALE 3']);
    const scaled = model.log.findIndex((line) => line.includes('[SCALE 3]'));
    expect(model.log.slice(0, scaled).join('\n')).toContain('the rollout beside is to hold its pods first');
    expect(model.now - since).toBeGreaterThan(15_000);
  });
});

describe('a split that a SCALE of ours leaves', () => {
  it.each([
    [4, 75, 3, 3],
    [20, 45, 9, 4],
    [3, 67, 2, 1],
  ])('keeps what ran before, where %i with %i per cent were raised by %i, of %i', (n, weight, maxSurge, to) => {
    const model = held(n, weight, maxSurge);
    model.askForScale(to);
    model.drain(({ scale }) => scale?.phase === 'SUCCEEDED');
    model.drain(() => false, 5);
    expect([model.target.phase, model.target.failure], model.log.join('\n')).toEqual(['HELD', null]);
    expect(model.sets.every(({ replicas }) => replicas > 0)).toBe(true);
  });

  it('is one of the plan, where N falls in the middle of a step', () => {
    const steps = [{ weight: 33 }, { pause: true as const }];
    const model = new Model({ ...plainPlan, n: 15, wanted: 15, type: 'CANARY', maxSurge: 5, steps });
    model.drain(() => model.sets.length > 1);
    expect(model.target.phase).toBe('PROGRESSING');
    expect(writesOfScale(model, 3), model.log.join('\n')).toEqual(['APPLY TO closed (1, 0%)', 'SCALE 3', 'APPLY TO closed (0, 34%)']);
    expect([model.target.phase, model.describeSets()]).toEqual(['HELD', 'template-1: 2 (2 Ready), template-2: 1 (1 Ready)']);
  });
});
