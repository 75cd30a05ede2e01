import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RolloutPhase } from '../../../src/generated/prisma/enums.ts';
import { stackOf, waysBack } from '../../../src/rollouts/core/history.ts';
import type { Done } from '../../../src/rollouts/core/history.ts';

/** "+2" = a deployment of release 2, "-1" = a rollback to release 1. */
const doneOf = (text: string): Done[] =>
  text
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => ({ kind: word.startsWith('+') ? 'DEPLOY' : 'ROLLBACK', release: Number(word.slice(1)) }));

describe('the stack of what ran', () => {
  it.each<[string, string, number[]]>([
    ['is empty before the first success', '', []],
    ['has each deployment on top', '+1 +2 +3', [1, 2, 3]],
    ['pops down to the release of a rollback', '+1 +2 +3 -1', [1]],
    ['goes on from there', '+1 +2 +3 -1 +4', [1, 4]],
    ['has a release once that was deployed twice in a row', '+1 +2 +2', [1, 2]],
    ['has a rollback to what it no longer has on top', '+1 +2 +3 -2 -3', [1, 2, 3]],
    ['pops down to the last of several of the same release', '+1 +2 +1 +3 -1', [1, 2, 1]],
  ])('%s: %s', (_, done, expected) => {
    expect(stackOf(doneOf(done))).toEqual(expected);
  });

  it('ends with the release of the last success, whatever came before', () => {
    const word = fc.tuple(fc.constantFrom('+', '-'), fc.integer({ min: 1, max: 5 })).map(([sign, release]) => `${sign}${release}`);
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), (words) => {
        const stack = stackOf(doneOf(words.join(' ')));
        expect(stack.at(-1)).toBe(Number(words.at(-1)!.slice(1)));
        expect(stack.every((release, index) => index === 0 || release !== stack[index - 1])).toBe(true);
      }),
    );
  });
});

describe('a rollback without a name', () => {
  it.each<[string, string, number[], RolloutPhase | null, boolean, number[]]>([
    ['has nowhere to go before the first success', '', [], null, false, []],
    ['has nowhere to go from the first', '+1', [1], 'SUCCEEDED', false, []],
    ['goes below what runs, and further down if that is not good', '+1 +2 +3', [3], 'SUCCEEDED', false, [2, 1]],
    ['goes on down after another', '+1 +2 +3 -2', [2], 'SUCCEEDED', false, [1]],
    ['goes below what runs after a rollout that went back', '+1 +2', [2], 'ROLLED_BACK', false, [1]],
    ['goes to the top over an active rollout', '+1 +2', [2], 'SUPERSEDED', true, [2, 1]],
    ['goes to the top after a rollout that failed', '+1 +2', [2], 'FAILED', false, [2, 1]],
    ['goes to the top where something runs that never succeeded', '+1 +2', [2, 3], 'SUCCEEDED', false, [2, 1]],
    ['goes below the top where an older one still runs somewhere', '+1 +2', [1, 2], 'SUCCEEDED', false, [1]],
  ])('%s', (_, done, live, lastPhase, superseding, expected) => {
    expect(waysBack({ done: doneOf(done), live, lastPhase }, superseding)).toEqual(expected);
  });
});
