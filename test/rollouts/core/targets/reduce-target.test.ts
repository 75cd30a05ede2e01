import { describe, expect, it } from 'vitest';
import type { TargetDecision } from '../../../../src/rollouts/core/decision.ts';
import { because } from '../../../../src/rollouts/core/reasons.ts';
import { reduceTarget } from '../../../../src/rollouts/core/targets/reduce-target.ts';
import { UnknownTransition } from '../../../../src/rollouts/core/transitions.ts';
import { rolloutRow, side, targetRow } from '../model.ts';

const now = new Date('2026-01-01T12:00:00Z');
const rollout = rolloutRow({ phase: 'RUNNING' });
const target = targetRow({ phase: 'PROGRESSING', written: true });
const decision = (set: TargetDecision['set'], event: NonNullable<TargetDecision['event']>['type'] | null): TargetDecision => ({
  reason: because('LEGACY', { message: 'It is so.' }),
  set: { phaseReason: because('LEGACY', { message: 'It is so.' }), ...set },
  event: event && { type: event },
  action: null,
  lookAt: null,
});

describe("a target's decision", () => {
  it('that ends it says what the placement runs from now on, and has the rollout look', () => {
    const reduced = reduceTarget({ now, rollout, target }, decision({ phase: 'SUCCEEDED' }, 'target.succeeded'));
    expect(reduced).toMatchObject({ wakeRollout: true, applied: side(2), target: { phase: 'SUCCEEDED' } });
    expect(reduced.event).toEqual({ type: 'target.succeeded', reason: because('LEGACY', { message: 'It is so.' }) });
    const back = targetRow({ phase: 'ROLLING_BACK', written: true, undoing: true });
    expect(reduceTarget({ now, rollout, target: back }, decision({ phase: 'ROLLED_BACK' }, 'target.rolled_back')).applied).toEqual(side(1));
  });

  it('of a rollout of numbers leaves what the placement runs', () => {
    const scale = rolloutRow({ kind: 'SCALE', phase: 'RUNNING' });
    expect(reduceTarget({ now, rollout: scale, target }, decision({ phase: 'SUCCEEDED' }, 'target.succeeded')).applied).toBeUndefined();
  });

  it('that changes nothing the rollout decides on leaves the rollout alone', () => {
    expect(reduceTarget({ now, rollout, target }, decision({ gate: { n: 4, surge: '2', unavailable: '0' } }, 'target.step'))).toMatchObject(
      { wakeRollout: false },
    );
    expect(reduceTarget({ now, rollout, target }, decision({ condition: null }, null))).toMatchObject({ wakeRollout: true, event: null });
  });

  it('that no row of the table allows, or whose event is another, is refused before anything is written', () => {
    const refused = [decision({ phase: 'ROLLED_BACK' }, 'target.rolled_back'), decision({ phase: 'FAILED' }, null)];
    for (const one of refused) expect(() => reduceTarget({ now, rollout, target }, one)).toThrow(UnknownTransition);
    const fine = decision({ phase: 'FAILED' }, 'target.failed');
    expect(reduceTarget({ now, rollout, target }, fine)).toMatchObject({ target: { phase: 'FAILED' } });
  });
});

describe('a region without a worker', () => {
  const since = new Date('2026-01-01T11:59:00Z');

  it('is the condition of the target, stops its clock once, and has the rollout look', () => {
    const reduced = reduceTarget({ now, rollout, target }, { kind: 'NO_WORKER', since });
    expect(reduced.target).toMatchObject({
      phase: 'PROGRESSING',
      stoppedAt: now,
      condition: { type: 'NO_WORKER', data: { region: 'east' }, since: since.toISOString() },
    });
    expect(reduced).toMatchObject({
      event: { type: 'target.unreachable', reason: because('NO_WORKER', { region: 'east' }) },
      wakeRollout: true,
    });
    const stopped = reduceTarget({ now, rollout, target: { ...target, stoppedAt: since } }, { kind: 'NO_WORKER', since });
    expect(stopped.target.stoppedAt).toBe(since);
  });
});
