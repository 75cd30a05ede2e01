/** Runs seeds as tests. One that breaks an invariant is printed with all that happened, and with the command that replays it. */
import { expect, test } from 'vitest';
import { runSeed } from './run.ts';
import type { Result } from './run.ts';
import { underVirtualTime } from './time.ts';

/** A test each. */
const TOGETHER = 50;
/** A watchdog: a test of so many seeds takes seconds on an idle machine. */
const WATCHDOG_MILLISECONDS = 900_000;
/** Seeds of one test that are printed in full. */
const SHOWN = 2;

const words = ({ invariant, at, what }: Result['violations'][number]): string => `  ${(at / 1000).toFixed(3)} s ${invariant}: ${what}`;

function reportOf(broken: readonly Result[]): string {
  const full = broken.slice(0, SHOWN).map(({ seed, log, violations }) => {
    const replay = `SLIPWAY_SEED=${seed} npm run rig -- simulation`;
    return [`seed ${seed}, replayed by: ${replay}`, ...log, 'broken:', ...violations.map(words)].join('\n');
  });
  const others = broken.slice(SHOWN).map(({ seed, violations }) => `seed ${seed}\n${words(violations[0]!)}`);
  return [...full, ...others].join('\n\n');
}

/** The seeds of a file, of those of several files that run beside each other: every n-th. */
export const shareOf = (seeds: readonly number[], share: number, shares: number): number[] =>
  seeds.filter((_, index) => index % shares === share % shares);

export function testSeeds(seeds: readonly number[]): void {
  for (let start = 0; start < seeds.length; start += TOGETHER) {
    const some = seeds.slice(start, start + TOGETHER);
    test(
      `seeds ${some[0]} to ${some.at(-1)}`,
      async () => {
        const results = await underVirtualTime(async () => {
          const all: Result[] = [];
          for (const seed of some) all.push(await runSeed(seed));
          return all;
        });
        expect(reportOf(results.filter(({ violations }) => violations.length > 0))).toBe('');
      },
      WATCHDOG_MILLISECONDS,
    );
  }
}

/** The seed that the environment names, printed whatever comes of it; null = none. */
export function namedSeed(): number | null {
  const text = process.env['SLIPWAY_SEED'];
  return text === undefined ? null : Number(text);
}

export function testNamed(seed: number): void {
  test(
    `seed ${seed}`,
    async () => {
      const result = await underVirtualTime(() => runSeed(seed));
      console.log(`${result.log.join('\n')}\nseed ${seed}: ${result.events} events, ${result.virtualSeconds} s of virtual time`);
      expect(result.violations.map(words)).toEqual([]);
    },
    WATCHDOG_MILLISECONDS,
  );
}
