import { describe, expect, it } from 'vitest';
import { isOccupied } from '../../../src/rollouts/core/occupied.ts';
import type { Occupancy } from '../../../src/rollouts/core/occupied.ts';

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
