import { describe, expect, it } from 'vitest';
import { runSeed } from './run.ts';
import { testSeeds } from './seeds.ts';
import { underVirtualTime } from './time.ts';

/** Of the 10,000 of `npm run rig -- simulation`, which are other seeds. */
const SEEDS = 300;

describe('the reconcilers on simulated clusters', () => {
  testSeeds(Array.from({ length: SEEDS }, (_, index) => 1_000_001 + index));
});

describe('a seed', () => {
  it('replays exactly', async () => {
    const [first, second] = await underVirtualTime(async () => [await runSeed(7), await runSeed(7)]);
    expect(second.log).toEqual(first.log);
    expect(second.events).toBe(first.events);
    expect(first.log.length).toBeGreaterThan(10);
  });
});
