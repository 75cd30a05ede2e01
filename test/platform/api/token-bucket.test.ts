import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBuckets } from '../../../src/platform/api/token-bucket.ts';

const rate = { perSecond: 50, burst: 200 };

describe('a token bucket', () => {
  it('lets the burst through at once and no more', () => {
    const buckets = new TokenBuckets();
    const taken = Array.from({ length: 250 }, () => buckets.take('a', rate, 1, 0));
    expect(taken.filter(({ allowed }) => allowed)).toHaveLength(200);
    expect(taken[249]).toEqual({ allowed: false, remaining: 0, resetSeconds: 1 });
  });

  it('keeps each key apart', () => {
    const buckets = new TokenBuckets();
    for (let i = 0; i < 300; i++) buckets.take('noisy', rate, 1, 0);
    expect(buckets.take('quiet', rate, 1, 0)).toMatchObject({ allowed: true, remaining: 199 });
  });

  it('never lets more through than burst plus what has flowed in since', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ wait: fc.nat(500), cost: fc.integer({ min: 1, max: 20 }) }), { maxLength: 300 }), (requests) => {
        const buckets = new TokenBuckets();
        let now = 0;
        let passed = 0;
        for (const { wait, cost } of requests) {
          now += wait;
          if (buckets.take('a', rate, cost, now).allowed) passed += cost;
          expect(passed).toBeLessThanOrEqual(rate.burst + (now / 1000) * rate.perSecond + 1e-6);
        }
      }),
    );
  });

  it('says how long until the request would be let through', () => {
    const buckets = new TokenBuckets();
    buckets.take('a', rate, 200, 0);
    const refused = buckets.take('a', rate, 100, 0);
    expect(refused).toMatchObject({ allowed: false, resetSeconds: 2 });
    expect(buckets.take('a', rate, 100, 2_000).allowed).toBe(true);
  });
});
