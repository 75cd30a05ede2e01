import { test } from 'vitest';
import { namedSeed, testNamed, testSeeds } from '../../simulation/seeds.ts';

/** Files of this rig, which run beside each other. */
const SHARES = 4;

/** Every fourth seed; or, in one of the files, the seed that SLIPWAY_SEED names. SLIPWAY_SEEDS: how many there are in all. */
export function testShare(share: number): void {
  const named = namedSeed();
  const all = Array.from({ length: Number(process.env['SLIPWAY_SEEDS'] ?? 10_000) }, (_, index) => index + 1);
  if (named === null) testSeeds(all.filter((seed) => seed % SHARES === share % SHARES));
  else if (share === 1) testNamed(named);
  else test.skip(`seed ${named}`);
}
