import { test } from 'vitest';
import { namedSeed, shareOf, testNamed, testSeeds } from '../../simulation/seeds.ts';

/** Files of this rig. */
const SHARES = 4;

/** A share of the seeds; or, in one of the files, the seed that SLIPWAY_SEED names. SLIPWAY_SEEDS: how many there are in all. */
export function testShare(share: number): void {
  const named = namedSeed();
  const all = Array.from({ length: Number(process.env['SLIPWAY_SEEDS'] ?? 10_000) }, (_, index) => index + 1);
  if (named === null) testSeeds(shareOf(all, share, SHARES));
  else if (share === 1) testNamed(named);
  else test.skip(`seed ${named}`);
}
