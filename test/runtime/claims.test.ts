import { describe, expect, it } from 'vitest';
import { Claims } from '../../src/runtime/claims.ts';
import { newId } from '../../src/platform/id.ts';
import { Lease } from '../../src/runtime/lease.ts';

function leaseThatRests(onRest: () => void): Lease {
  const keeper = { forget: () => undefined, release: async () => false, nudgesDelivered: async () => undefined };
  const row = { kind: 'placements', tenantId: newId(), id: newId(), clusterId: null, token: '1' } as const;
  return new Lease(keeper, row, performance.now(), onRest);
}

/** So many rows are due; what is being looked after ends when it is told to. */
function given({ due, slots, held: most = 100, batch }: { due: number; slots: number; held?: number; batch: number }) {
  const asked: number[] = [];
  const reported: unknown[] = [];
  const held: { lease: Lease; resolve: () => void; reject: (error: Error) => void }[] = [];
  let left = due;
  const claims = new Claims({
    claim: async ({ limit, onRest }) => {
      asked.push(limit);
      const taken = Math.min(limit, left);
      left -= taken;
      return Array.from({ length: taken }, () => leaseThatRests(onRest));
    },
    serve: (lease) => new Promise((resolve, reject) => held.push({ lease, resolve, reject })),
    slots,
    held: most,
    batch,
    share: { tenant: null, cluster: null, held: null },
    report: (error) => reported.push(error),
  });
  return { claims, asked, held, reported };
}

describe('claims', () => {
  it('are made until nothing is due any more', async () => {
    const { claims, asked, held } = given({ due: 5, slots: 100, batch: 2 });
    await claims.wake();
    expect(asked).toEqual([2, 2, 2]);
    expect(held).toHaveLength(5);
  });

  it('stop where there is no room, and go on when there is some', async () => {
    const { claims, asked, held } = given({ due: 4, slots: 3, batch: 2 });
    await claims.wake();
    expect([asked, held.length]).toEqual([[2, 1], 3]);
    held[0]?.resolve();
    await expect.poll(() => held.length).toBe(4);
    expect(asked).toEqual([2, 1, 1]);
  });

  it('leave the slot of a row that rests to another, up to the bound of all that are held', async () => {
    const { claims, asked, held } = given({ due: 9, slots: 2, held: 3, batch: 2 });
    await claims.wake();
    expect(held).toHaveLength(2);

    held[0]!.lease.moving = false;
    await expect.poll(() => held.length).toBe(3);
    held[1]!.lease.moving = false;
    await claims.wake();

    expect([asked, held.length]).toEqual([[2, 1], 3]);
  });

  it('tell what fails, and have ended when everything has', async () => {
    const { claims, held, reported } = given({ due: 2, slots: 10, batch: 10 });
    await claims.wake();
    const ended = claims.ended();
    held[0]?.reject(new Error('lost'));
    held[1]?.resolve();
    await ended;
    expect(reported).toEqual([new Error('lost')]);
  });
});
