import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, eventsOf, settled, violations } from '../support/world.ts';
import { onlyReplicaSet, runs, startStoryWorld, startTenPods } from './story/world.ts';
import type { FullRollout, Site, StoryWorld } from './story/world.ts';
import { providedClusters } from './support/clusters.ts';

const NEW = 'web:2.0';
const BAD = 'web:3.0';
const batches = { type: 'BATCHES', batches: [1, 2, 3], maxSurge: 3, maxUnavailable: 0, progressDeadlineSeconds: 90 };

const values = (image: string, behaviour = 'good'): object => ({ image, behaviour });

describe.skipIf(providedClusters().length === 0)('batches, on two real control planes', () => {
  const name = 'batches';
  let world: StoryWorld;
  let sites: Site[];

  beforeAll(async () => {
    world = await startStoryWorld();
    sites = await startTenPods(world, providedClusters(), name, batches);
  });
  afterAll(() => world?.close());

  /** How many pods each write asked for on a site, as its events have it. */
  async function raised(id: string, site: Site): Promise<unknown[]> {
    const events = (await eventsOf(world, id)).filter(({ message }) => message.startsWith(`${site.name}:`));
    return events.flatMap(({ data }) => (data['reasonData'] as { reached?: number } | undefined)?.reached ?? []);
  }

  test.sequential('each stands healthy before the next, and the last size repeats to the end', async () => {
    const id = await ask(world, `/workloads/${name}/rollouts`, { values: values(`shop/${NEW}`) });
    const rollout = (await settled(world, id, 120)) as FullRollout;
    expect(rollout).toMatchObject({ phase: 'SUCCEEDED' });
    for (const site of sites) {
      await runs(site, name, NEW, 10);
      expect(await raised(id, site)).toEqual([1, 3, 6, 9, 10]);
    }
    expect(await violations(world)).toEqual([]);
  });

  test.sequential('go back to the original ReplicaSets when a pod fails, and no batch follows', async () => {
    const before = sites.map((site) => onlyReplicaSet(site, name));
    const id = await ask(world, `/workloads/${name}/rollouts`, { values: values(`registry.invalid/shop/${BAD}`) });
    expect(await settled(world, id, 60)).toMatchObject({ phase: 'ROLLED_BACK' });
    for (const site of sites) {
      await runs(site, name, NEW, 10);
      expect(await raised(id, site)).toEqual([1]);
    }
    expect(sites.map((site) => onlyReplicaSet(site, name))).toEqual(before);
    expect(await violations(world)).toEqual([]);
  });
});
