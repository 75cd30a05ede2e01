import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectStatus } from '../../support/api.ts';
import { onOneQueue } from '../../support/queues.ts';
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
} from '../../support/world.ts';
import type { RolloutView, World } from '../../support/world.ts';

const bounds = { maxSurge: 2, maxUnavailable: 0 };
const steps = [{ weight: 20 }, { pause: true }, { weight: 50 }, { pauseSeconds: 1 }];
const documentOf = (strategy: object): Record<string, unknown> =>
  webDocument({ replicas: 10, strategy: { ...bounds, progressDeadlineSeconds: 30, ...strategy } });

onOneQueue('step by step on two clusters', (queue) => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ clusters: 2, queue });
  });
  afterAll(() => world.close());

  /** A workload of ten pods on each cluster, whose releases follow this strategy. */
  const given = (name: string, strategy: object) => {
    const there = {
      workload: '',
      roll: async (body: unknown): Promise<RolloutView> => settled(world, await deploy(world, there.workload, body)),
      uids: (): (string | undefined)[] => world.recorders.map((recorder) => recorder.replicaSets(name)[0]?.uid),
    };
    beforeAll(async () => {
      there.workload = await makeWorkload(world, name, documentOf(strategy));
      await there.roll({});
      expectEverywhere(world, name, { replicas: 10, ...bounds });
    });
    return there;
  };

  describe('a canary', () => {
    const there = given('shop', { type: 'CANARY', steps });
    const { roll, uids } = there;

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
      expect(
        await settled(world, await deploy(world, there.workload, { values: { image: BETTER }, strategy: { type: 'ROLLING' } })),
      ).toMatchObject({ phase: 'SUCCEEDED' });
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
      const id = await deploy(world, there.workload, { values: { image: BAD }, concurrency: 'SUPERSEDE' });
      expect(await settled(world, id)).toMatchObject({ phase: 'ROLLED_BACK', failure: { reason: 'ErrImagePull' } });
      expect(await settled(world, held.id)).toMatchObject({ phase: 'SUPERSEDED' });
      expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x10`));
      expect(uids()).toEqual(before);
      const sentences = (await eventsOf(world, id)).map(({ message }) => message).filter((message) => message.includes('Going back to'));
      expect(sentences.filter((sentence) => sentence.includes('serve meanwhile'))).toHaveLength(2);
      expect(await violations(world)).toEqual([]);
    });

    test('a rollback supersedes a held canary', async () => {
      const held = await roll({ values: { image: BAD.replace('missing', '3.0') } });
      expect(held).toMatchObject({ phase: 'PAUSED' });
      const id = await ask(world, `/workloads/${there.workload}/rollback`, { toRelease: 1 });
      expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
      expect(await settled(world, held.id)).toMatchObject({ phase: 'SUPERSEDED' });
      expect(running(world, 'shop')).toEqual(Array(2).fill(`${GOOD} x10`));
    });

    test("a number of pods that is written into the workload meanwhile is the next rollout's", async () => {
      const held = await roll({ values: { image: BETTER } });
      const placements = world.clusters.map((cluster) => ({ cluster: cluster.name, namespace: 'default', replicas: 6 }));
      expectStatus(await world.tenant.rest('PATCH', `/v1/workloads/${there.workload}`, { placements }), 200);
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
      const scale = await ask(world, `/workloads/${there.workload}/scale`, { replicas: 9 });
      // Other pods run the image, so that it may be for a moment.
      expect(await settled(world, scale)).toMatchObject({ phase: 'PAUSED', failure: { reason: 'ImagePullBackOff' } });
      await ask(world, `/rollouts/${scale}/abort`);
      expect(await settled(world, scale)).toMatchObject({ phase: 'ROLLED_BACK' });
      for (const cluster of world.clusters) cluster.clearFaults();
      await ask(world, `/rollouts/${held.id}/promote`);
      expect(await settled(world, held.id)).toMatchObject({ phase: 'SUCCEEDED' });
      expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x6`));

      const placements = world.clusters.map((cluster) => ({ cluster: cluster.name, namespace: 'default', replicas: 7 }));
      expectStatus(await world.tenant.rest('PATCH', `/v1/workloads/${there.workload}`, { placements }), 200);
      expect(await settled(world, await ask(world, `/rollouts/${scale}/retry`))).toMatchObject({ kind: 'SCALE', phase: 'SUCCEEDED' });
      expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x9`));
    });
  });

  describe('batches', () => {
    const { roll, uids } = given('cart', { type: 'BATCHES', batches: [1, 2, 2] });
    /** How many pods each write of cluster-1 asked for, as its events have it. */
    const raised = async ({ id }: RolloutView): Promise<unknown[]> =>
      (await eventsOf(world, id))
        .filter(({ message, data }) => message.startsWith('cluster-1:') && 'reached' in ((data['reasonData'] as object | undefined) ?? {}))
        .map(({ data }) => (data['reasonData'] as { reached: number }).reached);

    test('replace as many pods at a time as they say, the last size again and again', async () => {
      const rollout = await roll({ values: { image: BETTER } });
      expect(rollout).toMatchObject({ phase: 'SUCCEEDED' });
      expect(running(world, 'cart')).toEqual(Array(2).fill(`${BETTER} x10`));
      expect(await raised(rollout)).toEqual([1, 3, 5, 7, 9, 10]);
      expect(rollout.targets.map(({ step }) => step)).toMatchObject(Array(2).fill({ index: 3, of: 3, weight: 100 }));
    });

    test('go back as a whole when a pod fails, and no batch follows', async () => {
      const before = uids();
      const rollout = await roll({ values: { image: BAD } });
      expect(rollout).toMatchObject({ phase: 'ROLLED_BACK', failure: { reason: 'ErrImagePull' } });
      expect(await raised(rollout)).toEqual([1]);
      expect(running(world, 'cart')).toEqual(Array(2).fill(`${BETTER} x10`));
      expect(uids()).toEqual(before);
    });

    test('of a request take the place of those of the revision', async () => {
      const rollout = await roll({ values: { image: GOOD }, strategy: { type: 'BATCHES', batchSize: 4 } });
      expect(rollout).toMatchObject({ phase: 'SUCCEEDED' });
      expect(await raised(rollout)).toEqual([2, 4, 6, 8, 10]);
    });
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
