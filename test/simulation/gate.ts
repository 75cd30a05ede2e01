import { describe } from 'vitest';
import { shareOf, testSeeds } from './seeds.ts';

/** Of the 10,000 of `npm run rig -- simulation`, which are other seeds. */
const SEEDS = Array.from({ length: 300 }, (_, index) => 1_000_001 + index);
const SHARES = 4;

/** The share of one file of those that `npm test` runs. */
export function testGateShare(share: number): void {
  describe('the reconcilers on simulated clusters', () => testSeeds(shareOf(SEEDS, share, SHARES)));
}
