import { afterAll, beforeAll, expect, test } from 'vitest';
import { LEASE_SECONDS } from '../../../src/runtime/lease.ts';
import { onConnection } from '../../support/database.ts';
import { onEachQueue } from '../../support/queues.ts';
import { ask, BETTER, deploy, makeWorkload, running, settled, startWorld, webDocument } from '../../support/world.ts';
import type { World } from '../../support/world.ts';

/** A promise of one second: run by itself, since other suites on the machine would be measured with it. */
onEachQueue('a worker that is stopped in good order', (queue) => {
  let world: World;
  let workload: string;
  const steps = [{ weight: 50 }, { pause: true }];

  beforeAll(async () => {
    world = await startWorld({ clusters: 2, queue });
    workload = await makeWorkload(world, 'shop', webDocument({ replicas: 6, strategy: { type: 'CANARY', maxSurge: 2, steps } }));
    expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
  });
  afterAll(() => world.close());

  test('hands over within a second what it holds', async ({ expect }) => {
    const inDatabase = <T extends object>(text: string): Promise<T[]> =>
      onConnection(world.api.database.ownerUrl, async (client) => (await client.query<T>(text)).rows);
    // By the database's clock, which told when each lease ends.
    const held = (): Promise<{ owner: string; at: Date }[]> =>
      inDatabase(
        `SELECT lease_owner AS owner, lease_until - interval '${LEASE_SECONDS} seconds' AS at FROM work WHERE kind = 'placements' AND lease_owner IS NOT NULL`,
      );
    const id = await deploy(world, workload, { values: { image: BETTER } });
    expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    const [first] = world.workers.splice(0, 1);
    const before = (await held()).map(({ owner }) => owner);
    await world.startWorker();

    const [asked] = await inDatabase<{ at: Date }>('SELECT clock_timestamp() AS at');
    const closed = first?.close();
    const handedOver = (now: { owner: string }[]): boolean => now.length === 2 && now.every(({ owner }) => !before.includes(owner));
    await expect.poll(held, { timeout: 20_000 }).toSatisfy(handedOver);
    for (const { at } of await held()) expect(at.getTime() - (asked?.at.getTime() ?? 0)).toBeLessThan(1_000);
    await closed;

    await ask(world, `/rollouts/${id}/promote`);
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x6`));
  });
});
