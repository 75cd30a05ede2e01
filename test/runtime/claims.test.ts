import { describe, expect, it } from 'vitest';
import { Claims } from '../../src/runtime/claims.ts';
import type { Lease } from '../../src/runtime/lease.ts';

/** So many rows are due; what is being looked after ends when it is told to. */
function given({ due, capacity, batch }: { due: number; capacity: number; batch: number }) {
  const asked: number[] = [];
  const reported: unknown[] = [];
  const held: { resolve: () => void; reject: (error: Error) => void }[] = [];
  let left = due;
  const claims = new Claims({
    claim: async (limit) => {
      asked.push(limit);
      const taken = Math.min(limit, left);
      left -= taken;
      return Array.from({ length: taken }, () => ({}) as Lease);
    },
    serve: () => new Promise((resolve, reject) => held.push({ resolve, reject })),
    capacity,
    batch,
    report: (error) => reported.push(error),
  });
  return { claims, asked, held, reported };
}

describe('claims', () => {
  it('are made until nothing is due any more', async () => {
    const { claims, asked, held } = given({ due: 5, capacity: 100, batch: 2 });
    await claims.wake();
    expect(asked).toEqual([2, 2, 2]);
    expect(held).toHaveLength(5);
  });

  it('stop where there is no room, and go on when there is some', async () => {
    const { claims, asked, held } = given({ due: 4, capacity: 3, batch: 2 });
    await claims.wake();
    expect([asked, held.length]).toEqual([[2, 1], 3]);
    held[0]?.resolve();
    await expect.poll(() => held.length).toBe(4);
    expect(asked).toEqual([2, 1, 1]);
  });

  it('tell what fails, and have ended when everything has', async () => {
    const { claims, held, reported } = given({ due: 2, capacity: 10, batch: 10 });
    await claims.wake();
    const ended = claims.ended();
    held[0]?.reject(new Error('lost'));
    held[1]?.resolve();
    await ended;
    expect(reported).toEqual([new Error('lost')]);
  });
});
