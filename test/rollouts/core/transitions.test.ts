import { describe, expect, it } from 'vitest';
import { RolloutPhase, TargetPhase, WavePhase } from '../../../src/generated/prisma/enums.ts';
import { isSettled } from '../../../src/rollouts/core/phases.ts';
import { applyTarget } from '../../../src/rollouts/core/targets/reduce-target.ts';
import {
  rolloutEvent,
  rolloutTransitions,
  targetEvent,
  targetTransitions,
  UnknownTransition,
  waveEvent,
  waveTransitions,
} from '../../../src/rollouts/core/transitions.ts';
import { targetRow } from './model.ts';

interface Rows {
  readonly from: readonly string[];
  readonly to: string;
  readonly by?: string;
}

/** Phases that rows lead to, from the given one. */
function reached(rows: readonly Rows[], first: string): Set<string> {
  const seen = new Set([first]);
  for (const phase of seen) for (const { from, to } of rows) if (from.includes(phase)) seen.add(to);
  return seen;
}

describe('the tables of transitions', () => {
  it.each([
    ['rollouts', rolloutTransitions, 'QUEUED', Object.values(RolloutPhase)],
    ['waves', waveTransitions, 'PENDING', Object.values(WavePhase)],
    ['targets', targetTransitions, 'PENDING', Object.values(TargetPhase).filter((phase) => phase !== 'BAKING')],
  ] as const)('of %s lead to every phase from the first, and name no edge twice', (_name, rows: readonly Rows[], first, phases) => {
    expect([...reached(rows, first)].sort()).toEqual([...phases].sort());
    const edges = rows.flatMap(({ from, to, by }) => from.map((one) => `${one} ${to} ${by}`));
    expect(new Set(edges).size).toBe(edges.length);
  });

  it('leave no settled rollout again, and lead every other one to FAILED: that is how what is undecidable ends', () => {
    for (const phase of Object.values(RolloutPhase)) {
      if (isSettled(phase)) expect(rolloutTransitions.filter(({ from }) => (from as readonly string[]).includes(phase))).toEqual([]);
      else expect(rolloutEvent(phase, 'FAILED', 'SETTLE')).toBe('rollout.failed');
    }
  });

  it('know the event of an edge, and refuse every other edge', () => {
    expect(rolloutEvent('PAUSED', 'RUNNING', 'VERB_RETRY')).toBe('rollout.retried');
    expect(waveEvent('OPEN', 'COMPLETED')).toBe('wave.completed');
    expect(targetEvent('HELD', 'PROGRESSING')).toBeNull();
    expect(() => rolloutEvent('SUCCEEDED', 'RUNNING', 'VERB_RETRY')).toThrow(UnknownTransition);
    expect(() => waveEvent('COMPLETED', 'OPEN')).toThrow('no transition of a wave: COMPLETED -> OPEN');
    expect(() => targetEvent('SKIPPED', 'ROLLED_BACK')).toThrow(UnknownTransition);
  });

  it('hold for every change of a target', () => {
    const target = targetRow({ phase: 'SUCCEEDED' });
    expect(applyTarget(target, { phase: 'ROLLING_BACK' }, new Date()).phase).toBe('ROLLING_BACK');
    expect(applyTarget(target, { phase: 'SUCCEEDED', stage: 1 }, new Date()).stage).toBe(1);
    expect(() => applyTarget(target, { phase: 'PROGRESSING' }, new Date())).toThrow(UnknownTransition);
  });
});
