import { describe, expect, it } from 'vitest';
import { leftWritten, startOf } from '../../../../src/rollouts/core/rollout/start.ts';
import { side, targetRow } from '../model.ts';
import { failure } from './any-rows.ts';

const untouched = { written: false, uid: null, made: false, replicasBefore: null, replicasAfter: null };

describe('a target of a new rollout', () => {
  it('begins at what runs, with nothing done', () => {
    expect(startOf('DEPLOY', side(3), null)).toEqual({ from: side(3), superseded: null, ...untouched });
  });

  it('goes on from what the superseded one has done, back to what ran before that', () => {
    const done = { written: true, uid: 'u', made: true, replicasBefore: 2, replicasAfter: 4 };
    const before = targetRow({ ...done, from: side(1), to: side(2), phase: 'PROGRESSING' });

    expect(startOf('DEPLOY', side(3), before)).toEqual({ from: side(1), superseded: side(2), ...done });
  });

  it('looks for a Deployment of its own after others deleted it', () => {
    const before = targetRow({ written: true, uid: 'u', failure: { ...failure, code: 'DELETED' } });

    expect(startOf('DEPLOY', null, before).uid).toBeNull();
  });

  it('goes back to no release where it changes the number of pods only', () => {
    expect(startOf('SCALE', side(3), null)).toEqual({ from: null, superseded: null, ...untouched });
  });
});

it.each([
  [true, 'FAILED', true],
  [true, 'ROLLED_BACK', false],
  [false, 'FAILED', false],
] as const)('a target that has written (%s) and is %s has left something there: %s', (written, phase, expected) => {
  expect(leftWritten({ written, phase })).toBe(expected);
});
