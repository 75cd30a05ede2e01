import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, settled, violations } from '../support/world.ts';
import { makeStoryWorkload, running, runs, startStoryWorld, storyDocument } from './story/world.ts';
import type { FullRollout, Site, StoryWorld } from './story/world.ts';
import { providedClusters } from './support/clusters.ts';

const NAME = 'autoscaled';
const FALLS = 3;

describe.skipIf(providedClusters().length === 0)('a canary of a Deployment that the real autoscaler scales', () => {
  let world: StoryWorld;
  let site: Site;
  let autoscaler: string;

  beforeAll(async () => {
    world = await startStoryWorld();
    site = (await world.sites(providedClusters().slice(0, 1), NAME))[0]!;
    const strategy = { type: 'CANARY', maxSurge: 1, steps: [{ weight: 25 }, { pause: true }], progressDeadlineSeconds: 60 };
    await makeStoryWorkload(world, NAME, [site], storyDocument({ replicas: 4, strategy }));
    expect(await settled(world, await ask(world, `/workloads/${NAME}/rollouts`))).toMatchObject({ phase: 'SUCCEEDED' });
    const all = `/apis/autoscaling/v2/namespaces/${site.namespace}/horizontalpodautoscalers`;
    autoscaler = `${all}/by-load`;
    await site.admin.request('POST', all, {
      apiVersion: 'autoscaling/v2',
      kind: 'HorizontalPodAutoscaler',
      metadata: { name: 'by-load', namespace: site.namespace },
      spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: NAME }, minReplicas: 1, maxReplicas: 4 },
    });
  });
  afterAll(() => world?.close());

  /** Without metrics it does no more than to keep the number within its limits. */
  const limitTo = (maxReplicas: number): Promise<unknown> => site.admin.request('PATCH', autoscaler, { spec: { maxReplicas } });

  test(
    `holds one pod more, so that one is Ready all the time when it lowers N from 4 to 1 (${FALLS} times)`,
    { timeout: 300_000 },
    async () => {
      for (let round = 1; round <= FALLS; round++) {
        const image = `shop/web:2.${round}`;
        const id = await ask(world, `/workloads/${NAME}/rollouts`, { values: { image } });
        const held = (await settled(world, id)) as FullRollout;
        expect(held).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
        expect(held.targets[0]?.phaseReason).toContain('(with 1 pod more, since autoscaler by-load may go down to 1)');
        site.recorder.expect(NAME, { replicas: 1, maxSurge: 4, maxUnavailable: 0 });
        await limitTo(1);
        const after = `web:1.0 x1 + web:2.${round} x1`;
        await site.recorder.until(() => running(site, NAME) === after, after, 60_000);
        await ask(world, `/rollouts/${id}/abort`);
        expect(await settled(world, id)).toMatchObject({ phase: 'ROLLED_BACK' });
        await runs(site, NAME, 'web:1.0', 1);
        await limitTo(4);
        expect(await settled(world, await ask(world, `/workloads/${NAME}/scale`, { replicas: 4 }))).toMatchObject({ phase: 'SUCCEEDED' });
      }
      expect(await violations(world)).toEqual([]);
    },
  );
});
