import { describe, expect, test } from 'vitest';
import { parseFailpoint } from '../../src/platform/failpoint.ts';
import { FAILPOINTS } from '../../src/rollouts/failpoints.ts';

describe('a failpoint', () => {
  test.each([
    [undefined, null],
    ['', null],
    ['after-write', { name: 'after-write', nth: 1 }],
    ['after-write:3', { name: 'after-write', nth: 3 }],
  ])('%j means %j', (text, meaning) => {
    expect(parseFailpoint(text, FAILPOINTS)).toEqual(meaning);
  });

  test.each(['nowhere', 'after-write:0', 'after-write:x'])('%j is refused, naming those that exist', (text) => {
    expect(() => parseFailpoint(text, FAILPOINTS)).toThrow(FAILPOINTS[0]);
  });
});
