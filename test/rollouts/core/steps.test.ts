import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  atRest,
  backAmounts,
  canaryCount,
  ceilPercent,
  expectedSplit,
  floorPercent,
  goalOf,
  freezeAt,
  limitsOf,
  nextWrite,
  resolveLimits,
} from '../../../src/rollouts/core/steps.ts';
import type { Limits, Split, Amounts } from '../../../src/rollouts/core/steps.ts';

const pair = (text: string): Amounts => {
  const [surge, unavailable] = text.split(',').map((part) => part.trim());
  return { surge: surge ?? '', unavailable: unavailable ?? '' };
};

/** The controller with the gate closed, one move after the other, until it has none left. */
function settle(written: Amounts, n: number, from: Split): Split {
  const { surge, unavailable } = limitsOf(written, n);
  const split = { ...from };
  for (;;) {
    const grow = Math.min(n - split.new, n + surge - split.new - split.old);
    const shrink = Math.max(0, Math.min(split.old, split.old - (n - unavailable)));
    if (grow > 0) split.new += grow;
    else if (split.new > n) split.new = n;
    else if (shrink > 0) split.old -= shrink;
    else return split;
  }
}

/** Every write of a walk to the given weights, and the split that each rests at. */
function walk(
  n: number,
  limits: Limits,
  weights: number[],
  from: Split = { new: 0, old: n },
): { writes: string[]; rests: string[]; peak: number } {
  let written: Amounts | null = null;
  let split = from;
  const writes: string[] = [];
  const rests: string[] = [];
  let peak = n;
  for (const weight of weights) {
    const goal = goalOf(n, weight, limits);
    for (;;) {
      const next: Amounts | null = nextWrite(goal, n, limits, written, split.new);
      if (next === null) break;
      written = next;
      split = settle(written, n, split);
      peak = Math.max(peak, split.new + split.old);
      writes.push(`${written.surge},${written.unavailable}`);
    }
    rests.push(goal.kind === 'SKIP' ? 'skipped' : `${split.old}+${split.new}`);
  }
  return { writes, rests, peak };
}

describe('maxSurge and maxUnavailable for a number of pods', () => {
  it.each([
    ['25%', '0', 10, 3, 0],
    ['25%', '0%', 7, 2, 0],
    ['25%', '25%', 10, 3, 2],
    [2, 1, 10, 2, 1],
    ['2', '50%', 3, 2, 1],
    ['0', '10%', 5, 0, 1],
    ['0%', '0%', 10, 0, 1],
    ['0', '29%', 3, 0, 1],
    ['100%', '100%', 4, 4, 4],
    ['25%', '25%', 0, 0, 1],
    ['rubbish', '-3', 10, 0, 1],
  ])('(%s, %s) of %i pods is s = %i, u = %i', (surge, unavailable, n, s, u) => {
    expect(resolveLimits(surge, unavailable, n)).toEqual({ surge: s, unavailable: u });
  });
});

describe('percentages that mean a count', () => {
  it('hits every count exactly up to 100 pods, with the smallest percentage that does', () => {
    for (let n = 1; n <= 100; n++) {
      for (let u = 0; u <= n; u++) {
        const p = floorPercent(n, u);
        expect(Math.floor((p * n) / 100)).toBe(u);
        if (p > 0) expect(Math.floor(((p - 1) * n) / 100)).toBeLessThan(u);
      }
    }
  });

  it.each([
    [7, 2, 29],
    [7, 4, 58],
    [3, 1, 34],
    [10, 9, 90],
    [150, 2, 1],
    [150, 1, 1],
    [1000, 9, 0],
    [10, 0, 0],
    [0, 0, 0],
  ])('%i pods, at most %i: %i%%', (n, u, p) => {
    expect(floorPercent(n, u)).toBe(p);
  });

  it('reaches a count with the smallest percentage that is enough, however many pods', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 0, max: 5000 }), (n, u) => {
        const p = ceilPercent(n, Math.min(n, u));
        expect(Math.floor((p * n) / 100)).toBeGreaterThanOrEqual(Math.min(n, u));
        if (p > 0) expect(Math.floor(((p - 1) * n) / 100)).toBeLessThan(Math.min(n, u));
      }),
    );
    expect(ceilPercent(10, 11)).toBe(100);
  });
});

describe('how many pods a weight is', () => {
  it.each([
    [10, 41, 4],
    [10, 5, 1],
    [10, 20, 2],
    [10, 25, 3],
    [3, 50, 2],
    [2, 99, 1],
    [2, 1, 1],
    [7, 30, 2],
    [7, 60, 4],
    [150, 1, 2],
    [10, 100, 10],
    [10, 0, 0],
    [1, 50, 1],
    [0, 50, 0],
    [0, 100, 0],
  ])('%i pods at %i%%: %i', (n, weight, canary) => {
    expect(canaryCount(n, weight)).toBe(canary);
  });
});

describe('where a step rests', () => {
  it.each([
    ['canary up', '2,0%', 10, 2, 10],
    ['constant total', '0,20%', 10, 2, 8],
    ['next step up', '3,20%', 10, 5, 8],
    ['then constant', '0,50%', 10, 5, 5],
    ['a batch of three', '3,0%', 10, 3, 10],
    ['three lowered, three raised', '3,30%', 10, 6, 7],
    ['six lowered, three raised', '3,60%', 10, 9, 4],
    ['nine lowered, one raised', '1,90%', 10, 10, 1],
    ['all', '0,100%', 10, 10, 0],
    ['150 pods at 1%', '1,1%', 150, 2, 149],
    ['one beside one', '1,0%', 1, 1, 1],
    ['one pod, no surge', '0,10%', 1, 1, 0],
    ['the split follows N', '0,50%', 20, 10, 10],
    ['no pods', '0,50%', 0, 0, 0],
  ])('%s: (%s) of %i pods is %i new and %i old', (_name, written, n, fresh, old) => {
    expect(expectedSplit(pair(written), n)).toEqual({ new: fresh, old });
  });

  it('is where the controller has nothing left to do, and only there', () => {
    const amount = fc.integer({ min: 0, max: 12 });
    const percent = fc.integer({ min: 0, max: 100 }).map((p) => `${p}%`);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30 }), amount.map(String), percent, fc.nat(30), (n, surge, unavailable, fresh) => {
        const written = { surge, unavailable };
        const from = { new: Math.min(n, fresh), old: n };
        const rest = settle(written, n, from);
        expect(atRest(written, n, rest)).toBe(true);
        expect(atRest(written, n, from)).toBe(from.new === rest.new && from.old === rest.old);
        if (from.new === 0) expect(rest).toEqual(expectedSplit(written, n));
      }),
    );
  });

  it.each([
    ['may fall to one', 4, 1, 1, 1, '1,0%', 4],
    ['may fall to two', 10, 2, 3, 2, '1,10%', 9],
    ['falls to no less than costs nothing', 10, 2, 3, 8, '0,20%', 8],
    ['may fall, without a surge', 4, 1, 0, 1, '0,25%', 3],
    ['has one left besides', 4, 3, 1, 1, '1,50%', 2],
  ])('of which N %s, is with one old pod more where that keeps Ready pods', (_what, n, canary, surge, least, rest, old) => {
    const next = nextWrite({ kind: 'REST', canary }, n, { surge, unavailable: surge === 0 ? 1 : 0 }, null, canary, least);
    expect(next).toEqual(pair(rest));
    expect(expectedSplit(pair(rest), n)).toEqual({ new: canary, old });
  });

  it('judges the split that is really there after a change of N', () => {
    // 9 + 1 of 10 at (0, 10%), scaled to 2 and back to 10: the leftovers of proportional scaling stay.
    expect(atRest(pair('0,10%'), 10, { new: 5, old: 5 })).toBe(true);
    expect(atRest(pair('0,10%'), 2, { new: 1, old: 1 })).toBe(true);
    expect(atRest(pair('0,10%'), 10, { new: 4, old: 5 })).toBe(false);
    // A step moves only forward: (2, 0) after (0, 50%) is 5 old and 7 new.
    expect(atRest(pair('2,0%'), 10, { new: 7, old: 5 })).toBe(true);
    expect(atRest(pair('0,20%'), 5, { new: 6, old: 0 })).toBe(false);
  });
});

describe('a walk on the closed gate', () => {
  const k = (surge: number, unavailable = 0): Limits => ({ surge, unavailable });

  it.each([
    ['10 pods, 20% then 50%, k = 3', 10, k(3), [20, 50], ['2,0%', '0,20%', '3,20%', '0,50%'], ['8+2', '5+5']],
    ['strict batches of 3 to the end', 10, k(3), [100], ['3,0%', '3,30%', '3,60%', '1,90%', '0,100%'], ['0+10']],
    ['7 pods, k = 2, 30% then 60%', 7, k(2), [30, 60], ['2,0%', '0,29%', '2,29%', '0,58%'], ['5+2', '3+4']],
    ['3 pods, k = 1, 50%', 3, k(1), [50], ['1,0%', '1,34%', '0,67%'], ['1+2']],
    ['1 pod, k = 1, 50%', 1, k(1), [50], ['1,0%'], ['1+1']],
    ['1 pod, k = 1, 50% then all', 1, k(1), [50, 100], ['1,0%', '0,100%'], ['1+1', '0+1']],
    ['1 pod, k = 0', 1, k(0, 1), [50], [], ['skipped']],
    ['1 pod, k = 0, to the end', 1, k(0, 1), [50, 100], ['0,100%'], ['skipped', '0+1']],
    ['no pods', 0, k(1), [50, 100], [], ['skipped', '0+0']],
    ['5 pods, k = 0, 2 at a time', 5, k(0, 2), [20, 100], ['0,20%', '0,60%', '0,100%'], ['4+1', '0+5']],
    ['10 pods, k = 0, 1 at a time', 10, k(0, 1), [30], ['0,10%', '0,20%', '0,30%'], ['7+3']],
    ['150 pods, 1%', 150, k(38), [1], ['2,0%', '1,1%'], ['149+2']],
    ['2 pods, 1% and 99% are the same', 2, k(1), [1, 99], ['1,0%', '0,50%'], ['1+1', '1+1']],
  ])('%s', (_name, n, limits, weights, writes, rests) => {
    const walked = walk(n, limits, weights);
    expect(walked.writes).toEqual(writes);
    expect(walked.rests).toEqual(rests);
  });

  it('rests at its canary, never exceeds the surge, never takes more than maxUnavailable, and ends', () => {
    const weights = fc
      .uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 4 })
      .map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 400 }), fc.nat(40), fc.nat(40), weights, (n, surge, unavailable, list) => {
        const limits = surge === 0 && unavailable === 0 ? { surge: 0, unavailable: 1 } : { surge, unavailable };
        const { rests, peak, writes } = walk(n, limits, [...list, 100]);
        const grain = Math.max(0, Math.ceil(n / 100) - 1);
        list.forEach((weight, i) => {
          const [old, fresh] = (rests[i] ?? '').split('+').map(Number);
          expect(fresh).toBe(canaryCount(n, weight));
          expect((old ?? 0) + (fresh ?? 0)).toBeLessThanOrEqual(n + (weight === 100 ? 0 : grain));
        });
        expect(rests.at(-1)).toBe(`0+${n}`);
        expect(peak).toBeLessThanOrEqual(n + Math.max(limits.surge, Math.ceil(n / 100)));
        expect(writes.length).toBeLessThanOrEqual(n + 1 + list.length);
      }),
    );
  });

  it('only moves forward: with more new pods than the goal it rests at those', () => {
    const goal = goalOf(10, 10, k(3));
    expect(nextWrite(goal, 10, k(3), pair('0,10%'), 5)).toEqual(pair('0,50%'));
    expect(nextWrite(goal, 10, k(3), pair('0,50%'), 5)).toBeNull();
  });

  it('keeps a written percentage that means the same at another N', () => {
    // (0, 30%) of 7 is 2 pods, as is the exact 29%: no write for nothing.
    expect(nextWrite(goalOf(7, 30, k(2)), 7, k(2), pair('0,30%'), 2)).toBeNull();
  });
});

describe('holding a native rolling update', () => {
  it.each([
    ['in the middle', 10, { new: 5, old: 8 }, k3(), '3,0%'],
    ['before the first pod', 10, { new: 0, old: 10 }, k3(), '1,0%'],
    ['at constant total', 10, { new: 4, old: 6 }, k3(), '1,0%'],
    ['without surge', 10, { new: 4, old: 6 }, { surge: 0, unavailable: 2 }, '0,20%'],
    ['without surge, one of very many pods', 1000, { new: 4, old: 996 }, { surge: 0, unavailable: 1 }, '0,1%'],
  ])('%s', (_name, n, split, limits, written) => {
    expect(freezeAt(n, split, limits)).toEqual(pair(written));
  });

  it('removes no old pod, and adds at most one new one, wherever it was paused', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.nat(400), fc.nat(400), (n, a, b) => {
        const split = { old: Math.min(n, a), new: Math.min(n, b) };
        fc.pre(split.old + split.new >= n);
        const held = settle(freezeAt(n, split, k3()), n, split);
        expect(held.old).toBe(split.old);
        expect(held.new - split.new).toBeLessThanOrEqual(1);
        expect(held.new + held.old).toBeLessThanOrEqual(Math.max(split.new + split.old, n + 1));
      }),
    );
  });
});

function k3(): Limits {
  return { surge: 3, unavailable: 0 };
}

describe('going back', () => {
  const [some, none] = [
    { surge: 3, unavailable: 0 },
    { surge: 0, unavailable: 2 },
  ];
  it.each<[string, Limits, number, number, boolean, string]>([
    ['ten Ready pods', some, 10, 0, false, '3, 0'],
    ['two bad ones beside eight', some, 8, 2, false, '3, 2'],
    ['two bad ones beside ten: the controller takes what is above N anyway', some, 10, 2, false, '3, 0'],
    ['one bad one, of what is left three are not Ready either', some, 7, 1, false, '3, 3'],
    ['seven Ready pods, none of those that leave is bad', some, 7, 0, false, '3, 0'],
    ['a full quota, all Ready', some, 10, 0, true, '0, 1'],
    ['a full quota, three bad ones', some, 7, 3, true, '0, 3'],
    ['no surge in the template', none, 10, 0, false, '0, 2'],
    ['no surge in the template, four bad ones', none, 6, 4, false, '0, 4'],
  ])('with %s', (_what, limits, ready, bad, stuck, expected) => {
    expect(backAmounts(10, limits, { ready, bad, missingBefore: 0, stuck })).toEqual(pair(expected));
  });

  it('lets be missing what was missing before the rollout, or Ready pods that leave would wait for others for ever', () => {
    expect(backAmounts(4, some, { ready: 2, bad: 0, missingBefore: 3, stuck: false })).toEqual(pair('3, 3'));
    expect(backAmounts(4, some, { ready: 0, bad: 1, missingBefore: 3, stuck: false })).toEqual(pair('3, 4'));
  });

  it('has the controller take as many pods as are bad, and leaves as many Ready ones as there are or are asked for', () => {
    const any = fc.record({
      n: fc.integer({ min: 1, max: 40 }),
      from: fc.nat(40),
      leaving: fc.nat(40),
      bad: fc.nat(40),
      surge: fc.integer({ min: 1, max: 10 }),
    });
    fc.assert(
      fc.property(any, ({ n, from, leaving, bad, surge }) => {
        const ready = from + leaving;
        const { unavailable } = limitsOf(backAmounts(n, { surge, unavailable: 0 }, { ready, bad, missingBefore: 0, stuck: false }), n);
        const taken = Math.max(0, leaving + bad + from - (n - unavailable));
        const ofReady = Math.max(0, Math.min(leaving + bad, taken) - bad);
        expect(ready - ofReady).toBeGreaterThanOrEqual(Math.min(n, ready));
        if (ready <= n) expect(Math.min(taken, leaving + bad)).toBe(bad);
      }),
    );
  });
});
