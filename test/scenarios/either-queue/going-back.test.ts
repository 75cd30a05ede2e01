import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { onOneQueue } from '../../support/queues.ts';
import { ask, deploy, makeWorkload, running, settled, startWorld, violations, webDocument } from '../../support/world.ts';
import type { RolloutView, World } from '../../support/world.ts';

const image = (release: number): string => `registry.example/shop/web:${release}`;

onOneQueue('going back', (queue) => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ clusters: 2, queue });
  });
  afterAll(() => world.close());

  const given = (name: string, strategy: object, replicas: number) => {
    const there = {
      name,
      deploy: async (release: number, more: object = {}): Promise<RolloutView> =>
        settled(world, await deploy(world, name, { values: { image: image(release) }, ...more })),
      verb: async (verb: string, body: object = {}): Promise<RolloutView> =>
        settled(world, await ask(world, `/workloads/${name}/${verb}`, body)),
      refused: (body: object = {}) => world.tenant.rest('POST', `/v1/workloads/${name}/rollback`, body),
      runs: (release: number, pods: number) => expect(running(world, name)).toEqual(Array(2).fill(`${image(release)} x${pods}`)),
    };
    beforeAll(async () => {
      await makeWorkload(
        world,
        name,
        webDocument({ replicas, strategy: { maxSurge: 1, maxUnavailable: 0, failureGraceSeconds: 1, ...strategy } }),
      );
    });
    return there;
  };

  describe('without a name', () => {
    const { deploy: roll, verb, refused, runs } = given('shop', { type: 'ROLLING' }, 2);

    test('goes down the releases that ran, one by one, and up again with the next', async () => {
      for (const release of [1, 2, 3]) expect(await roll(release)).toMatchObject({ phase: 'SUCCEEDED' });
      expect(await verb('rollback')).toMatchObject({ kind: 'ROLLBACK', phase: 'SUCCEEDED' });
      runs(2, 2);
      expect(await verb('rollback')).toMatchObject({ phase: 'SUCCEEDED' });
      runs(1, 2);
      expect(await refused()).toMatchObject({ status: 422, body: { errors: [{ pointer: '/toRelease' }] } });
      expect(await roll(4)).toMatchObject({ phase: 'SUCCEEDED' });
      expect(await verb('rollback')).toMatchObject({ phase: 'SUCCEEDED' });
      runs(1, 2);
    });
  });

  describe('over a held canary', () => {
    const { deploy: roll, verb, runs } = given('cart', { type: 'CANARY', steps: [{ weight: 50 }, { pause: true }] }, 4);

    test('goes to what ran before it', async () => {
      for (const release of [1, 2]) expect(await roll(release, { strategy: { type: 'ROLLING' } })).toMatchObject({ phase: 'SUCCEEDED' });
      expect(await roll(3)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
      expect(await verb('rollback')).toMatchObject({ phase: 'SUCCEEDED' });
      runs(2, 4);
    });

    test('keeps the newer of two numbers of pods when the older change of scale is aborted', async () => {
      const held = await roll(4);
      for (const cluster of world.clusters) cluster.setFaults({ unpullableImages: ['web:2'] });
      const older = await ask(world, '/workloads/cart/scale', { replicas: 8 });
      expect(await settled(world, older)).toMatchObject({ phase: 'PAUSED', pauseReason: 'FAILURE' });
      const newer = await ask(world, '/workloads/cart/scale', { replicas: 10 });
      expect(await settled(world, newer)).toMatchObject({ phase: 'PAUSED', pauseReason: 'FAILURE' });
      await ask(world, `/rollouts/${older}/abort`);
      expect(await settled(world, older)).toMatchObject({ phase: 'ROLLED_BACK' });
      for (const cluster of world.clusters) cluster.clearFaults();
      await ask(world, `/rollouts/${newer}/retry`);
      expect(await settled(world, newer)).toMatchObject({ phase: 'SUCCEEDED' });
      await ask(world, `/rollouts/${held.id}/promote`);
      expect(await settled(world, held.id)).toMatchObject({ phase: 'SUCCEEDED' });
      runs(4, 10);
      expect(await violations(world)).toEqual([]);
    });
  });

  describe('past a release without pods', () => {
    const { deploy: roll, verb, refused, runs } = given('idle', { type: 'ROLLING' }, 0);

    test('is no way until it has run', async () => {
      expect(await roll(1)).toMatchObject({ phase: 'SUCCEEDED' });
      expect(await roll(2)).toMatchObject({ phase: 'SUCCEEDED' });
      expect(await refused()).toMatchObject({ status: 422, body: { errors: [{ detail: 'idle has no good release to go back to' }] } });
      expect(await refused({ toRelease: 1 })).toMatchObject({ status: 422, body: { errors: [{ pointer: '/toRelease' }] } });

      expect(await verb('scale', { replicas: 2 })).toMatchObject({ phase: 'SUCCEEDED' });
      expect(await roll(3)).toMatchObject({ phase: 'SUCCEEDED' });
      expect(await verb('rollback')).toMatchObject({ phase: 'SUCCEEDED' });
      runs(2, 2);
    });
  });
});
