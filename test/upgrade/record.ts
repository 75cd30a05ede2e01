/** Makes the data of an older version that upgrade.test.ts restores; it runs as a test of that version (see README.md). */
import { expect, test, vi } from 'vitest';
import { Agent, request } from 'undici';
import type { SimulatedCluster } from '../../simulator/simulator.ts';
import { expectStatus } from '../support/api.ts';
import type { TestApi } from '../support/api.ts';
import { ask, BAD, BETTER, deploy, makeWorkload, remove, rolloutOf, settled, startWorld, webDocument } from '../support/world.ts';
import type { World } from '../support/world.ts';
import { answersOf } from './answers.ts';
import { dump, save } from './dump.ts';

const NEWEST = 'registry.example/shop/web:4.0';
const steps = [{ weight: 50 }, { pause: true }, { weight: 75 }, { pauseSeconds: 1 }];
const rolling = webDocument({ replicas: 3 });
const canary = webDocument({
  replicas: 4,
  strategy: { type: 'CANARY', maxSurge: 1, maxUnavailable: 0, steps, progressDeadlineSeconds: 60 },
});

type Phases = Record<string, unknown>;

const ends = async (world: World, id: string, phases: Phases): Promise<void> => expect(await settled(world, id)).toMatchObject(phases);
const rolls = async (world: World, workload: string, body: object, phases: Phases): Promise<string> => {
  const id = await deploy(world, workload, body);
  await ends(world, id, phases);
  return id;
};
const [SUCCEEDED, HELD] = [{ phase: 'SUCCEEDED' }, { phase: 'PAUSED', pauseReason: 'STEP' }];

/** A workload whose rollouts end in every way that a healthy cluster allows. */
async function everyEnd(world: World): Promise<void> {
  const web = await makeWorkload(world, 'web', rolling);
  await rolls(world, web, { reason: 'the first one' }, SUCCEEDED);
  expectStatus(await world.tenant.rest('POST', '/v1/templates/web/revisions', canary), 201);
  const promoted = await rolls(world, web, { values: { image: BETTER }, waves: [{ maxConcurrent: 1 }] }, HELD);
  await ask(world, `/rollouts/${promoted}/promote`);
  await ends(world, promoted, SUCCEEDED);

  await rolls(world, web, { values: { image: BAD } }, { phase: 'ROLLED_BACK', failure: { reason: 'ErrImagePull' } });
  const aborted = await rolls(world, web, { values: { image: NEWEST } }, HELD);
  await ask(world, `/rollouts/${aborted}/pause`);
  await ask(world, `/rollouts/${aborted}/abort`);
  await ends(world, aborted, { phase: 'ROLLED_BACK' });
  const superseded = await rolls(world, web, { values: { image: NEWEST } }, HELD);
  await ends(world, await ask(world, `/workloads/${web}/rollback`, { toRelease: 1, reason: 'it was better' }), {
    kind: 'ROLLBACK',
    ...SUCCEEDED,
  });
  await ends(world, superseded, { phase: 'SUPERSEDED' });
  await ends(world, await ask(world, `/workloads/${web}/restart`), { kind: 'RESTART', ...SUCCEEDED });
  await ends(world, await ask(world, `/workloads/${web}/scale`, { replicas: 2, cluster: 'cluster-1' }), { kind: 'SCALE', ...SUCCEEDED });
  await rolls(world, web, { revision: 2, values: { image: BETTER }, strategy: { type: 'ROLLING' } }, SUCCEEDED);
}

/** Rollouts that end as they do because of a fault: one target failed within what its wave allows, and retried after a pause for a failure. */
async function withFaults(world: World): Promise<void> {
  const [first] = world.clusters as [SimulatedCluster, SimulatedCluster];
  const mixed = await makeWorkload(world, 'mixed', rolling);
  await rolls(world, mixed, {}, SUCCEEDED);
  first.setFaults({ unpullableImages: ['web:2'] });
  await rolls(world, mixed, { values: { image: BETTER }, waves: [{ maxFailed: 1 }] }, { ...SUCCEEDED, failure: { cluster: first.name } });
  first.clearFaults();
  first.setFaults({ unpullableImages: ['web:4'] });
  const retried = await rolls(world, mixed, { values: { image: NEWEST }, onFailure: 'PAUSE' }, { phase: 'PAUSED', pauseReason: 'FAILURE' });
  first.clearFaults();
  await ask(world, `/rollouts/${retried}/retry`);
  await ends(world, retried, SUCCEEDED);

  const gone = await makeWorkload(world, 'gone', rolling);
  await rolls(world, gone, {}, SUCCEEDED);
  await ends(world, await remove(world, gone), { kind: 'DELETE', ...SUCCEEDED });
}

/** Rollouts over clusters that are away: one fails, since its way back is given up on, and one is canceled before it has written anything. */
async function whileAway(world: World): Promise<void> {
  const lost = await makeWorkload(world, 'lost', canary);
  await rolls(world, lost, {}, SUCCEEDED);
  const failed = await rolls(world, lost, { values: { image: BETTER } }, HELD);
  const never = await makeWorkload(world, 'never', rolling);
  for (const cluster of world.clusters) cluster.setFaults({ partition: 'refuse' });
  await ask(world, `/rollouts/${failed}/abort`);
  const canceled = await deploy(world, never);
  const away = async (id: string): Promise<boolean> =>
    (await rolloutOf(world, id)).targets.every(({ condition }) => condition?.type === 'UNREACHABLE');
  await vi.waitUntil(async () => (await away(failed)) && (await away(canceled)), { timeout: 60_000, interval: 50 });
  await ask(world, `/rollouts/${canceled}/abort`);
  await ask(world, `/rollouts/${failed}/abort`);
  await ends(world, canceled, { phase: 'CANCELED' });
  await ends(world, failed, { phase: 'FAILED' });
  for (const cluster of world.clusters) cluster.clearFaults();
  await ends(world, await ask(world, `/rollouts/${failed}/retry`), HELD);
  await ask(world, `/workloads/${lost}/rollback`, { toRelease: 1 });
}

/** A second tenant with rollouts in flight: held, running, and, once no worker runs, queued. */
async function inFlight(world: World, api: TestApi): Promise<{ busy: World; queue: () => Promise<string> }> {
  const tenant = await api.tenant('busy');
  for (const { name, kubeconfig } of world.clusters)
    expectStatus(await tenant.rest('POST', '/v1/clusters', { name, region: 'eu', kubeconfig }), 201);
  const busy = { ...world, tenant };
  const held = await makeWorkload(busy, 'held', canary);
  await rolls(busy, held, {}, SUCCEEDED);
  await rolls(busy, held, { values: { image: BETTER } }, HELD);
  const moving = await makeWorkload(busy, 'moving', rolling);
  await rolls(busy, moving, {}, SUCCEEDED);
  for (const cluster of world.clusters) cluster.setFaults({ behaviours: [{ image: 'web:2', behaviour: 'never-ready' }] });
  const running = await deploy(busy, moving, { values: { image: BETTER }, waves: [{ maxConcurrent: 1 }] });
  await vi.waitUntil(async () => (await rolloutOf(busy, running)).targets.some(({ pods }) => pods?.new === 1), {
    timeout: 60_000,
    interval: 50,
  });
  const waiting = await makeWorkload(busy, 'waiting', rolling);
  return { busy, queue: () => deploy(busy, waiting) };
}

/** Objects of workloads, as the cluster shows them. Pods are made anew by their ReplicaSets. */
async function contentsOf({ server, caData, token }: SimulatedCluster): Promise<object[]> {
  const agent = new Agent({ connect: { ca: Buffer.from(caData, 'base64').toString('utf8') } });
  const objects: object[] = [];
  for (const path of ['/apis/apps/v1/deployments', '/apis/apps/v1/replicasets', '/api/v1/services', '/api/v1/configmaps']) {
    const headers = { authorization: `Bearer ${token}` };
    const answer = await request(`${server}${path}?labelSelector=slipway.dev/workload`, { dispatcher: agent, headers });
    const { apiVersion, kind, items } = (await answer.body.json()) as { apiVersion: string; kind: string; items: object[] };
    objects.push(...items.map((item) => ({ ...item, apiVersion, kind: kind.replace(/List$/, '') })));
  }
  await agent.destroy();
  return objects;
}

test('the data of a version', { timeout: 600_000 }, async () => {
  const world = await startWorld({ clusters: 2 });
  const { api } = world;
  try {
    await everyEnd(world);
    await withFaults(world);
    await whileAway(world);
    const unsettled = '/v1/rollouts?phase=QUEUED&phase=RUNNING&phase=PAUSED&phase=ROLLING_BACK';
    await expect.poll(async () => (await world.tenant.rest<{ items: [] }>('GET', unsettled)).body.items, { timeout: 60_000 }).toEqual([]);
    save('clusters', Object.fromEntries(await Promise.all(world.clusters.map(async (each) => [each.name, await contentsOf(each)]))));
    const { queue } = await inFlight(world, api);
    for (const worker of world.workers.splice(0)) await worker.close();
    await queue();
    save('answers', await answersOf(api.operator.with({ 'slipway-tenant': world.tenant.id })));
    save('database', await dump(api.database));
  } finally {
    await world.close();
  }
});
