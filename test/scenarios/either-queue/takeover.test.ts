import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { onConnection } from '../../support/database.ts';
import { onOneQueue } from '../../support/queues.ts';
import { severable } from '../../support/severable.ts';
import type { Severable } from '../../support/severable.ts';
import {
  ask,
  BETTER,
  deploy,
  eventsOf,
  expectEverywhere,
  GOOD,
  makeWorkload,
  rolloutOf,
  running,
  settled,
  startWorld,
  violations,
  webDocument,
} from '../../support/world.ts';
import type { World } from '../../support/world.ts';

/** Holds at half of the pods until it is promoted: a moment that lasts, in which things can be broken. */
const steps = [{ weight: 50 }, { pause: true }];
const document = webDocument({
  replicas: 6,
  strategy: { type: 'CANARY', maxSurge: 2, maxUnavailable: 0, steps, progressDeadlineSeconds: 60 },
});

onOneQueue('whatever happens to workers and database, a rollout is carried on', (queue) => {
  let world: World;
  let workload: string;
  let way: Severable;
  let image = GOOD;

  const start = async (): Promise<string> => {
    image = image === GOOD ? BETTER : GOOD;
    return deploy(world, workload, { values: { image } });
  };
  const startAndHold = async (): Promise<string> => {
    const id = await start();
    expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    return id;
  };
  const promoteToTheEnd = async (id: string): Promise<void> => {
    await ask(world, `/rollouts/${id}/promote`);
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${image} x6`));
  };
  const inDatabase = <T extends object>(text: string): Promise<T[]> =>
    onConnection(world.api.database.ownerUrl, async (client) => (await client.query<T>(text)).rows);

  beforeAll(async () => {
    world = await startWorld({ clusters: 2, workers: 0, queue });
    way = await severable(world.config.databaseUrl);
    await world.startWorker({ databaseUrl: way.url });
    workload = await makeWorkload(world, 'shop', document);
    expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
    expectEverywhere(world, 'shop', { replicas: 6, maxSurge: 2, maxUnavailable: 0 });
  });
  afterAll(async () => {
    await world.close();
    await way.close();
  });

  test('the database goes away in the middle, and comes back', async () => {
    const id = await start();
    await world.recorders[0]?.until(() => world.recorders[0]?.replicaSets('shop').length === 2, 'the first new pods');
    way.sever();
    await sleep(1_500);
    await way.restore();
    expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    await promoteToTheEnd(id);
  });

  test('its connections are killed again and again', async () => {
    const id = await start();
    for (let round = 0; round < 8; round += 1) {
      await inDatabase(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'slipway%'",
      );
      await sleep(100);
    }
    await inDatabase('SELECT 1');
    expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    await promoteToTheEnd(id);
  });

  test('a holder whose lease was taken writes nothing more', async () => {
    const id = await startAndHold();
    const split = running(world, 'shop');
    await inDatabase(
      "UPDATE work SET lease_owner = 'a thief', lease_token = nextval('work_lease_tokens'), lease_until = now() + interval '2 seconds', due_at = now() + interval '2 seconds' WHERE kind = 'placements'",
    );
    await ask(world, `/rollouts/${id}/promote`);
    await sleep(1_500);
    expect(running(world, 'shop')).toEqual(split);
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${image} x6`));
  });

  test('two workers share what there is', async () => {
    await world.startWorker();
    const ids = await Promise.all(['a', 'b', 'c'].map(async (name) => deploy(world, await makeWorkload(world, name))));
    for (const id of ids) expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    await promoteToTheEnd(await startAndHold());
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});

onOneQueue('a region without a worker', (queue) => {
  let world: World;

  beforeAll(async () => {
    world = await startWorld({ clusters: 2, workers: 0, queue });
    await world.startWorker({ regions: ['eu'] });
  });
  afterAll(() => world.close());

  test('is said to have none, and is served as soon as it has one', async () => {
    const id = await deploy(world, await makeWorkload(world, 'shop'));
    const unserved = async (): Promise<string[]> =>
      (await rolloutOf(world, id)).targets.flatMap(({ cluster, condition }) =>
        condition?.type === 'NO_WORKER' ? [`${cluster.name}: ${condition.message}`] : [],
      );
    await expect.poll(unserved, { timeout: 60_000, interval: 200 }).toEqual(['cluster-2: No worker serves region us.']);
    await world.startWorker({ regions: ['us'] });
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    const types = (await eventsOf(world, id)).map((event) => event.type);
    expect(types).toEqual(expect.arrayContaining(['target.unreachable', 'target.reachable']));
    expect(await violations(world)).toEqual([]);
  });
});
