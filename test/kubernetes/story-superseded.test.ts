import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, settled, violations } from '../support/world.ts';
import { onlyReplicaSet, running, runs, startStoryWorld, startTenPods } from './story/world.ts';
import type { FullRollout, Site, StoryWorld } from './story/world.ts';
import { providedClusters } from './support/clusters.ts';

const OLD = 'web:1.0';
const HELD = 'web:2.0';
const BAD = 'web:3.0';
const rolling = { type: 'ROLLING', maxSurge: 3, maxUnavailable: 0, progressDeadlineSeconds: 90 };
const canary = { ...rolling, type: 'CANARY', steps: [{ weight: 20 }, { pause: true }] };

const values = (image: string, behaviour = 'good'): object => ({ image, behaviour });

describe.skipIf(providedClusters().length === 0)('a held canary that is superseded, on two real control planes', () => {
  const name = 'third';
  let world: StoryWorld;
  let sites: Site[];
  let before: string[];

  beforeAll(async () => {
    world = await startStoryWorld();
    sites = await startTenPods(world, providedClusters(), name, canary);
    before = sites.map((site) => onlyReplicaSet(site, name));
  });
  afterAll(() => world?.close());

  /** Eight pods of release 1 run, and two of another are held when a third comes. */
  async function superseded(next: object): Promise<string> {
    const held = await ask(world, `/workloads/${name}/rollouts`, { values: values(`shop/${HELD}`) });
    expect(await settled(world, held, 60)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    const id = await ask(world, `/workloads/${name}/rollouts`, { ...next, concurrency: 'SUPERSEDE' });
    expect(await settled(world, held)).toMatchObject({ phase: 'SUPERSEDED' });
    return id;
  }

  async function isBack(id: string): Promise<void> {
    const rollout = (await settled(world, id, 60)) as FullRollout;
    expect(rollout.phase).toBe('ROLLED_BACK');
    for (const site of sites) await runs(site, name, OLD, 10);
    expect(sites.map((site) => onlyReplicaSet(site, name))).toEqual(before);
    expect(await violations(world)).toEqual([]);
  }

  test.sequential('serves until release 1 is back, when what superseded it fails', async () => {
    const id = await superseded({ values: values(`registry.invalid/shop/${BAD}`) });
    await isBack(id);
  });

  test.sequential.each([
    ['a canary', canary, 2],
    ['a rolling update', rolling, 3],
  ])('serves until release 1 is back, when %s that superseded it is aborted', async (_what, strategy, bad) => {
    const id = await superseded({ values: values(`shop/${BAD}`, 'never-ready'), strategy });
    const stands = `${OLD} x8 + ${HELD} x2 + ${BAD} x${bad}`;
    await Promise.all(sites.map((site) => site.recorder.until(() => running(site, name) === stands, stands)));
    await ask(world, `/rollouts/${id}/abort`);
    await isBack(id);
  });
});
