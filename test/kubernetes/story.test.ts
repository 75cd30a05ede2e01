import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectStatus } from '../support/api.ts';
import { ask, eventsOf, remove, settled, violations } from '../support/world.ts';
import { makeStoryWorkload, onlyReplicaSet, running, runs, startStoryWorld } from './story/world.ts';
import type { FullRollout, Site, StoryWorld } from './story/world.ts';
import { providedClusters } from './support/clusters.ts';

const SHOP = readFileSync(new URL('../../examples/shop.yaml', import.meta.url), 'utf8');
const FIRST = 'busybox:1.36';
const SECOND = 'busybox:1.37';
/** No registry in the world can have it (RFC 2606). */
const BROKEN = 'registry.invalid/shop/web:3.0';
const steps = [{ weight: 25 }, { pauseSeconds: 1 }, { weight: 50 }, { pause: true }];
const strategy = { type: 'CANARY', maxSurge: '25%', maxUnavailable: 0, steps, progressDeadlineSeconds: 60 };

/** Where a site lists what bears a workload's id; `kind` as in `apps/v1/deployments` or `v1/pods`. */
const labelled = ({ namespace }: Site, kind: string): string => {
  const [resource, version, group] = kind.split('/').toReversed();
  const root = group === undefined ? `/api/${version}` : `/apis/${group}/${version}`;
  return `${root}/namespaces/${namespace}/${resource}?labelSelector=slipway.dev%2Fworkload-id`;
};

/** What the demo tells, and on to the end of the workload; at every step two recorders that know nothing of the product judge what the clusters did. */
describe.skipIf(providedClusters().length === 0)('the whole story on two real control planes', () => {
  let world: StoryWorld;
  let sites: Site[];

  const roll = async (path: string, body: unknown = {}): Promise<FullRollout> =>
    (await settled(world, await ask(world, `/workloads/shop${path}`, body), 60)) as FullRollout;
  const runEverywhere = (image: string, replicas: number): Promise<void[]> =>
    Promise.all(sites.map((site) => runs(site, 'shop', image, replicas)));
  const uids = (): string[] => sites.map((site) => onlyReplicaSet(site, 'shop'));
  const expectPods = (replicas: number, maxSurge: number): void => {
    for (const { recorder } of sites) recorder.expect('shop', { replicas, maxSurge, maxUnavailable: 0 });
  };
  let first: string[];
  let second: string[];

  beforeAll(async () => {
    world = await startStoryWorld();
    sites = await world.sites(providedClusters(), 'story');
    await makeStoryWorkload(world, 'shop', sites, SHOP, { image: FIRST });
  });
  afterAll(() => world?.close());

  test('each cluster is connected with the rights of the access manifest and no others', async () => {
    for (const site of sites) {
      const checked = expectStatus(await world.tenant.rest('POST', `/v1/clusters/${site.name}/check`), 200);
      expect(checked).toMatchObject({ status: 'CONNECTED', statusReason: null, missingPermissions: [] });
    }
  });

  test('release 1 is made', async () => {
    expect(await roll('/rollouts')).toMatchObject({ kind: 'DEPLOY', phase: 'SUCCEEDED' });
    await runEverywhere(FIRST, 4);
    first = uids();
    expectPods(4, 1);
  });

  test('release 2 goes out as a canary, over a timed pause to an open one, and is promoted', async () => {
    const held = await roll('/rollouts', { values: { image: SECOND }, strategy });
    expect(held).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    expect(held.targets.map(({ phase, step }) => [phase, step?.weight])).toEqual([
      ['HELD', 50],
      ['HELD', 50],
    ]);
    expect(sites.map((site) => running(site, 'shop'))).toEqual(Array(2).fill(`${FIRST} x2 + ${SECOND} x2`));
    const told = (await eventsOf(world, held.id)).map(({ message }) => message);
    for (const { name } of sites) {
      expect(told).toContainEqual(expect.stringMatching(new RegExp(`^${name}: Held at 1 of 4 pods on release 2, for 1 s`)));
      expect(told).toContainEqual(expect.stringMatching(new RegExp(`^${name}: Held at 2 of 4 pods on release 2, until it is promoted`)));
    }
    await ask(world, `/rollouts/${held.id}/promote`);
    expect(await settled(world, held.id, 60)).toMatchObject({ phase: 'SUCCEEDED' });
    await runEverywhere(SECOND, 4);
    second = uids();
  });

  test('release 3 cannot be pulled, and is taken back everywhere, on the very ReplicaSets that ran before', async () => {
    const rollout = await roll('/rollouts', { values: { image: BROKEN } });
    expect(rollout).toMatchObject({ phase: 'ROLLED_BACK', failure: { pod: expect.stringMatching(/^shop-/) as string, logTail: null } });
    expect(rollout.failure?.reason).toMatch(/^(ErrImagePull|ImagePullBackOff)$/);
    // The init container bears the same image and comes first.
    expect(rollout.failure?.container).toBe('migrate');
    expect(rollout.failure?.message).toContain('registry.invalid');
    expect(rollout.failure?.advice).toContain('registry');
    expect(sites.map(({ name }) => name)).toContain(rollout.failure?.cluster);
    for (const { phase } of rollout.targets) expect(['ROLLED_BACK', 'SKIPPED']).toContain(phase);
    await runEverywhere(SECOND, 4);
    expect(uids()).toEqual(second);
  });

  test('it is scaled, and no template changes', async () => {
    expectPods(4, 3);
    expect(await roll('/scale', { replicas: 6 })).toMatchObject({ kind: 'SCALE', phase: 'SUCCEEDED' });
    await runEverywhere(SECOND, 6);
    expect(uids()).toEqual(second);
    expectPods(6, 2);
  });

  test('a restart makes new pods of the same release', async () => {
    expect(await roll('/restart')).toMatchObject({ kind: 'RESTART', phase: 'SUCCEEDED' });
    await runEverywhere(SECOND, 6);
    expect(uids().filter((uid) => second.includes(uid))).toEqual([]);
  });

  test('a rollback brings release 1 back, on its original ReplicaSets and with the number of pods of now', async () => {
    expect(await roll('/rollback')).toMatchObject({ kind: 'ROLLBACK', phase: 'SUCCEEDED' });
    await runEverywhere(FIRST, 6);
    expect(uids()).toEqual(first);
  });

  test('a removed workload leaves nothing behind', async () => {
    for (const { recorder } of sites) recorder.expect('shop', null);
    expect(await settled(world, await remove(world, 'shop'), 60)).toMatchObject({ kind: 'DELETE', phase: 'SUCCEEDED' });
    const kinds = ['apps/v1/deployments', 'apps/v1/replicasets', 'v1/pods', 'v1/services', 'v1/configmaps'];
    for (const site of sites) for (const kind of kinds) await site.admin.until(labelled(site, kind), (left) => left.length === 0);
    expect((await world.tenant.rest('GET', '/v1/workloads/shop')).status).toBe(404);
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
