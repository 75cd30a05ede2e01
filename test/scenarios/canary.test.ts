import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectStatus } from '../support/api.ts';
import { onEachQueue } from '../support/queues.ts';
import {
  ask,
  BAD,
  BETTER,
  deploy,
  eventsOf,
  expectEverywhere,
  GOOD,
  makeWorkload,
  mostMoving,
  running,
  settled,
  startWorld,
  violations,
  webDocument,
} from '../support/world.ts';
import type { RolloutView, World } from '../support/world.ts';

const steps = [{ weight: 20 }, { pause: true }, { weight: 50 }, { pauseSeconds: 1 }];
const document = webDocument({
  replicas: 10,
  strategy: { type: 'CANARY', maxSurge: 2, maxUnavailable: 0, steps, progressDeadlineSeconds: 30 },
});

onEachQueue('a canary on two clusters', (queue) => {
  let world: World;
  let workload: string;

  const uids = (): (string | undefined)[] => world.recorders.map((recorder) => recorder.replicaSets('shop')[0]?.uid);
  const roll = async (body: unknown): Promise<RolloutView> => settled(world, await deploy(world, workload, body));

  beforeAll(async () => {
    world = await startWorld({ clusters: 2, queue });
    workload = await makeWorkload(world, 'shop', document);
    await roll({});
    expectEverywhere(world, 'shop', { replicas: 10, maxSurge: 2, maxUnavailable: 0 });
  });
  afterAll(() => world.close());

  test('rests at its weight until it is promoted, then goes all the way', async () => {
    const held = await roll({ values: { image: BETTER } });
    expect(held).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    expect(held.targets.map((target) => target.phase)).toEqual(['HELD', 'HELD']);
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${GOOD} x8 + ${BETTER} x2`));
    await ask(world, `/rollouts/${held.id}/promote`);
    expect(await settled(world, held.id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x10`));
    const sentences = (await eventsOf(world, held.id)).map((event) => event.message).filter((message) => message.startsWith('cluster-1'));
    expect(sentences.some((sentence) => sentence.includes('5 of 10 pods'))).toBe(true);
  });

  test('no more clusters move at once than its wave allows, whether they begin or go on after a pause', async () => {
    const held = await roll({ values: { image: GOOD }, waves: [{ maxConcurrent: 1 }] });
    expect(held).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    await ask(world, `/rollouts/${held.id}/promote`);
    expect(await settled(world, held.id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(mostMoving(await eventsOf(world, held.id))).toBe(1);
    expect(await settled(world, await deploy(world, workload, { values: { image: BETTER }, strategy: { type: 'ROLLING' } }))).toMatchObject(
      { phase: 'SUCCEEDED' },
    );
  });

  test('a bad image never gets past the first pods, and is taken back', async () => {
    const before = uids();
    expect(await roll({ values: { image: BAD } })).toMatchObject({ phase: 'ROLLED_BACK' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x10`));
    expect(uids()).toEqual(before);
  });

  test('an abort while it is held brings every pod back', async () => {
    const held = await roll({ values: { image: GOOD } });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${GOOD} x2 + ${BETTER} x8`));
    await ask(world, `/rollouts/${held.id}/abort`);
    expect(await settled(world, held.id)).toMatchObject({ phase: 'ROLLED_BACK' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x10`));
  });

  test('a bad release that supersedes a held canary is taken back with every pod Ready, while the canary serves', async () => {
    const before = uids();
    const held = await roll({ values: { image: GOOD } });
    const id = await deploy(world, workload, { values: { image: BAD }, concurrency: 'SUPERSEDE' });
    expect(await settled(world, id)).toMatchObject({ phase: 'ROLLED_BACK', failure: { reason: 'ErrImagePull' } });
    expect(await settled(world, held.id)).toMatchObject({ phase: 'SUPERSEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x10`));
    expect(uids()).toEqual(before);
    const sentences = (await eventsOf(world, id)).map(({ message }) => message).filter((message) => message.includes('Going back to'));
    expect(sentences.filter((sentence) => sentence.includes('serve meanwhile'))).toHaveLength(2);
    expect(await violations(world)).toEqual([]);
  });

  test('a rollback supersedes a held canary', async () => {
    const held = await roll({ values: { image: BAD.replace('invalid', 'example') } });
    expect(held).toMatchObject({ phase: 'PAUSED' });
    const id = await ask(world, `/workloads/${workload}/rollback`, { toRelease: 1 });
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(await settled(world, held.id)).toMatchObject({ phase: 'SUPERSEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${GOOD} x10`));
  });

  test("a number of pods that is written into the workload meanwhile is the next rollout's", async () => {
    const held = await roll({ values: { image: BETTER } });
    const placements = world.clusters.map((cluster) => ({ cluster: cluster.name, namespace: 'default', replicas: 6 }));
    expectStatus(await world.tenant.rest('PATCH', `/v1/workloads/${workload}`, { placements }), 200);
    await ask(world, `/rollouts/${held.id}/promote`);
    expect(await settled(world, held.id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x10`));

    expectEverywhere(world, 'shop', { replicas: 6, maxSurge: 6, maxUnavailable: 0 });
    expect(await roll({ values: { image: GOOD }, strategy: { type: 'ROLLING' } })).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${GOOD} x6`));
  });

  test('a change of scale that goes back while a canary is held is not made by the canary either, and can be tried again', async () => {
    const held = await roll({ values: { image: BETTER } });
    for (const cluster of world.clusters) cluster.setFaults({ unpullableImages: ['web:1'] });
    const scale = await ask(world, `/workloads/${workload}/scale`, { replicas: 9 });
    expect(await settled(world, scale)).toMatchObject({ phase: 'PAUSED', failure: { reason: 'ErrImagePull' } });
    await ask(world, `/rollouts/${scale}/abort`);
    expect(await settled(world, scale)).toMatchObject({ phase: 'ROLLED_BACK' });
    for (const cluster of world.clusters) cluster.clearFaults();
    await ask(world, `/rollouts/${held.id}/promote`);
    expect(await settled(world, held.id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x6`));

    const placements = world.clusters.map((cluster) => ({ cluster: cluster.name, namespace: 'default', replicas: 7 }));
    expectStatus(await world.tenant.rest('PATCH', `/v1/workloads/${workload}`, { placements }), 200);
    expect(await settled(world, await ask(world, `/rollouts/${scale}/retry`))).toMatchObject({ kind: 'SCALE', phase: 'SUCCEEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x9`));
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
