import { describe, expect, it } from 'vitest';
import { isOccupied, newestRunning } from '../../../src/rollouts/core/occupied.ts';
import type { Occupancy, RunningReleases } from '../../../src/rollouts/core/occupied.ts';

describe('a placement', () => {
  const change = { isRemoval: false, isFirst: false };
  const removal = { isRemoval: true, isFirst: false };
  const first = { isRemoval: false, isFirst: true };

  it.each<[string, boolean, Occupancy['last'], boolean]>([
    ['has nothing of ours where nobody has written', false, null, false],
    ['is occupied by what is live', true, null, true],
    ['is occupied by what is live, whatever the last target says', true, { ...removal, phase: 'SUCCEEDED' }, true],
    ['may have what a failed target has written', false, { ...first, phase: 'FAILED' }, true],
    ['may have what a target in progress has written', false, { ...first, phase: 'PROGRESSING' }, true],
    ['has nothing after a removal', false, { ...removal, phase: 'SUCCEEDED' }, false],
    ['may have the rest of a removal that failed', false, { ...removal, phase: 'FAILED' }, true],
    ['has nothing after a first release went back', false, { ...first, phase: 'ROLLED_BACK' }, false],
    ['has what a change went back to', false, { ...change, phase: 'ROLLED_BACK' }, true],
  ])('%s', (_, live, last, expected) => {
    expect(isOccupied({ live, last })).toBe(expected);
  });
});

describe('the newest release that may run', () => {
  it.each<[string, RunningReleases, number | null]>([
    ['none', { live: null, current: null, last: null }, null],
    ['live somewhere', { live: 3, current: 2, last: { phase: 'ROLLED_BACK', release: 3 } }, 3],
    ['the current one', { live: 1, current: 2, last: { phase: 'SUCCEEDED', release: 2 } }, 2],
    ['what a failed rollout may have left', { live: 1, current: 1, last: { phase: 'FAILED', release: 4 } }, 4],
    ['not what went back', { live: 1, current: 1, last: { phase: 'ROLLED_BACK', release: 4 } }, 1],
    ['not what a rollout without a release has left', { live: null, current: null, last: { phase: 'FAILED', release: null } }, null],
  ])('%s', (_, releases, expected) => {
    expect(newestRunning(releases)).toBe(expected);
  });
});
