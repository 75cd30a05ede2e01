import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, settled } from '../support/world.ts';
import { makeStoryWorkload, onlyReplicaSet, runs, startStoryWorld, storyDocument } from './story/world.ts';
import type { Site, StoryWorld } from './story/world.ts';
import { providedClusters } from './support/clusters.ts';
import { hasPolicies, mutate } from './support/policies.ts';

describe.skipIf(!hasPolicies)('a policy of the cluster that sets minReadySeconds', () => {
  let world: StoryWorld;
  let site: Site;
  let remove: () => Promise<void>;

  beforeAll(async () => {
    world = await startStoryWorld();
    site = (await world.sites(providedClusters().slice(0, 1), 'policy'))[0]!;
    const strategy = { type: 'CANARY', maxSurge: 1, steps: [{ weight: 25 }, { pause: true }], progressDeadlineSeconds: 60 };
    await makeStoryWorkload(world, 'policy', [site], storyDocument({ strategy }));
    expect(await settled(world, await ask(world, '/workloads/policy/rollouts'))).toMatchObject({ phase: 'SUCCEEDED' });
    remove = await mutate(site.admin, site.namespace, {
      resource: 'deployments',
      operations: ['CREATE', 'UPDATE'],
      expression: 'Object{spec: Object.spec{minReadySeconds: 5}}',
    });
  });
  afterAll(async () => {
    await remove();
    await world.close();
  });

  test('takes no canary to the end: it goes back at once and names the policy', async () => {
    const original = onlyReplicaSet(site, 'policy');
    // The API server takes a moment to know of a new policy: until then canaries are held.
    await expect
      .poll(
        async () => {
          const id = await ask(world, '/workloads/policy/rollouts', { values: { image: 'shop/web:2.0' } });
          const { phase, failure } = await settled(world, id);
          if (phase === 'PAUSED') {
            await ask(world, `/rollouts/${id}/abort`);
            await settled(world, id);
          }
          return { phase, reason: failure?.reason, message: failure?.message };
        },
        { timeout: 60_000 },
      )
      .toEqual({ phase: 'ROLLED_BACK', reason: 'GATE_OVERRIDDEN', message: expect.stringContaining('minReadySeconds is 5') });
    await runs(site, 'policy', 'web:1.0', 4);
    expect(onlyReplicaSet(site, 'policy')).toBe(original);
  });

  test('lets a rolling update through, which holds no pods', async () => {
    const id = await ask(world, '/workloads/policy/rollouts', { values: { image: 'shop/web:3.0' }, strategy: { type: 'ROLLING' } });
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    await runs(site, 'policy', 'web:3.0', 4);
  });
});
