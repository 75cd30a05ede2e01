import { afterAll, beforeAll, expect, test } from 'vitest';
import { onEachQueue } from '../support/queues.ts';
import {
  BAD,
  BETTER,
  deploy,
  eventsOf,
  expectEverywhere,
  GOOD,
  makeWorkload,
  running,
  settled,
  startWorld,
  violations,
  webDocument,
} from '../support/world.ts';
import type { RolloutView, World } from '../support/world.ts';

const document = webDocument({
  replicas: 10,
  strategy: { type: 'BATCHES', batches: [1, 2, 2], maxSurge: 2, maxUnavailable: 0, progressDeadlineSeconds: 30 },
});

onEachQueue('batches on two clusters', (queue) => {
  let world: World;
  let workload: string;

  const roll = async (body: unknown): Promise<RolloutView> => settled(world, await deploy(world, workload, body));
  /** How many pods each write of cluster-1 asked for, as its events have it. */
  const raised = async ({ id }: RolloutView): Promise<unknown[]> =>
    (await eventsOf(world, id))
      .filter(({ message, data }) => message.startsWith('cluster-1:') && 'reached' in ((data['reasonData'] as object | undefined) ?? {}))
      .map(({ data }) => (data['reasonData'] as { reached: number }).reached);

  beforeAll(async () => {
    world = await startWorld({ clusters: 2, queue });
    workload = await makeWorkload(world, 'shop', document);
    await roll({});
    expectEverywhere(world, 'shop', { replicas: 10, maxSurge: 2, maxUnavailable: 0 });
  });
  afterAll(() => world.close());

  test('replace as many pods at a time as they say, the last size again and again', async () => {
    const rollout = await roll({ values: { image: BETTER } });
    expect(rollout).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x10`));
    expect(await raised(rollout)).toEqual([1, 3, 5, 7, 9, 10]);
    expect(rollout.targets.map(({ step }) => step)).toMatchObject(Array(2).fill({ index: 3, of: 3, weight: 100 }));
  });

  test('go back as a whole when a pod fails, and no batch follows', async () => {
    const before = world.recorders.map((recorder) => recorder.replicaSets('shop')[0]?.uid);
    const rollout = await roll({ values: { image: BAD } });
    expect(rollout).toMatchObject({ phase: 'ROLLED_BACK', failure: { reason: 'ErrImagePull' } });
    expect(await raised(rollout)).toEqual([1]);
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x10`));
    expect(world.recorders.map((recorder) => recorder.replicaSets('shop')[0]?.uid)).toEqual(before);
  });

  test('of a request take the place of those of the revision', async () => {
    const rollout = await roll({ values: { image: GOOD }, strategy: { type: 'BATCHES', batchSize: 4 } });
    expect(rollout).toMatchObject({ phase: 'SUCCEEDED' });
    expect(await raised(rollout)).toEqual([2, 4, 6, 8, 10]);
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
