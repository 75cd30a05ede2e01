/** A real control plane whose ReplicaSets' statuses come 100 to 600 ms late, as under load: what controllers act on is older than the pods. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectStatus } from '../support/api.ts';
import { ask, eventsOf, settled, violations } from '../support/world.ts';
import { startControlPlane } from './control-plane/start.ts';
import type { ControlPlane } from './control-plane/start.ts';
import { startGateway } from './contract/gateway.ts';
import type { Gateway } from './contract/gateway.ts';
import { makeStoryWorkload, onlyReplicaSet, runs, startStoryWorld, storyDocument } from './story/world.ts';
import type { FullRollout, Site, StoryWorld } from './story/world.ts';
import { providedClusters } from './support/clusters.ts';

/** How many aborts; more where somebody wants to be surer. */
const ABORTS = Number(process.env['SLIPWAY_ABORTS'] ?? 24);
/** How many times N falls. */
const FALLS = Number(process.env['SLIPWAY_FALLS'] ?? 12);
/** So many workloads are aborted beside each other, each again and again. */
const WORKLOADS = 3;
const REPLICAS = 10;
const limits = { maxSurge: 5, maxUnavailable: 0, progressDeadlineSeconds: 90 };
const canary = { type: 'CANARY', steps: [{ weight: 20 }, { weight: 50 }, { weight: 80 }, { pause: true }], ...limits };
const strategies = [canary, { type: 'ROLLING', ...limits }, { type: 'BATCHES', batches: [2, 3, 4], ...limits }];

const isStatusOfReplicaSet = /^\/apis\/apps\/v1\/namespaces\/[^/]+\/replicasets\/[^/]+\/status$/;

describe.skipIf(providedClusters().length === 0)('a real control plane whose statuses are late', () => {
  let world: StoryWorld;
  let plane: ControlPlane;
  let gateway: Gateway;
  let site: Site;
  /** What was said of writes that were made although the controllers had not counted, since they took too long: then pods may be missing. */
  const beforeTheirTime: string[] = [];
  const names = Array.from({ length: WORKLOADS }, (_, index) => `late-${index + 1}`);

  beforeAll(async () => {
    const controllersThrough = async (access: { server: string; caData: string }) => {
      gateway = await startGateway(access, '');
      return { server: gateway.url, caData: Buffer.from(gateway.ca).toString('base64') };
    };
    [world, plane] = await Promise.all([startStoryWorld(), startControlPlane({ name: 'late', fastControllers: true, controllersThrough })]);
    const [made] = await world.sites([plane], 'late');
    if (!made) throw new Error('there is one site');
    site = made;
    await Promise.all(names.map(firstRelease));
    gateway.delay(({ method, url }) => (method === 'PUT' && isStatusOfReplicaSet.test(url.pathname) ? 100 + Math.random() * 500 : 0));
  });
  afterAll(async () => {
    await world?.close();
    await plane?.stop();
    await gateway?.close();
  });

  async function firstRelease(name: string, index: number): Promise<void> {
    const strategy = strategies[index % strategies.length];
    await makeStoryWorkload(world, name, [site], storyDocument({ replicas: REPLICAS, strategy }), { image: 'shop/web:1.0' });
    const rollout = await settled(world, await ask(world, `/workloads/${name}/rollouts`), 90);
    expect(rollout).toMatchObject({ phase: 'SUCCEEDED' });
    site.recorder.expect(name, { replicas: REPLICAS, maxSurge: limits.maxSurge, maxUnavailable: 0 });
  }

  /** A rollout that is aborted as soon as so many pods of it are asked for: right after a step, before anybody has counted them. */
  async function abortOne(name: string, round: number): Promise<void> {
    const before = onlyReplicaSet(site, name);
    const image = `shop/web:2.${round}`;
    const id = await ask(world, `/workloads/${name}/rollouts`, { values: { image } });
    const pods = 1 + ((3 * round) % 8);
    const asked = (): number => site.recorder.replicaSets(name).find((one) => one.image === image)?.replicas ?? 0;
    await site.recorder.until(() => asked() >= pods, `${pods} pods of ${image} are asked for`);
    expectStatus(await world.tenant.rest('POST', `/v1/rollouts/${id}/abort`), 202);
    const rollout = (await settled(world, id, 60)) as FullRollout;
    const messages = (await eventsOf(world, id)).map(({ message }) => message);
    beforeTheirTime.push(...messages.filter((message) => message.includes('Written after')).map((message) => `${name}: ${message}`));
    expect(rollout.phase, messages.join('\n')).toBe('ROLLED_BACK');
    await runs(site, name, 'web:1.0', REPLICAS);
    expect(onlyReplicaSet(site, name)).toBe(before);
  }

  /** A rollout beside which N falls as soon as so many pods of it are asked for; then it goes on to its end, and N back to what it was. */
  async function lowerOne(name: string, round: number): Promise<void> {
    const image = `shop/web:3.${round}`;
    const id = await ask(world, `/workloads/${name}/rollouts`, { values: { image } });
    const pods = 1 + ((3 * round) % 8);
    const asked = (): number => site.recorder.replicaSets(name).find((one) => one.image === image)?.replicas ?? 0;
    await site.recorder.until(() => asked() >= pods, `${pods} pods of ${image} are asked for`);
    const fewer = 2 + ((5 * round) % 7);
    site.recorder.expect(name, { replicas: fewer, maxSurge: REPLICAS + limits.maxSurge - fewer, maxUnavailable: 0 });
    const scale = await ask(world, `/workloads/${name}/scale`, { replicas: fewer });
    expect(await settled(world, scale, 90)).toMatchObject({ phase: 'SUCCEEDED' });
    const rollout = await settled(world, id, 90);
    const messages = [...(await eventsOf(world, id)), ...(await eventsOf(world, scale))].map(({ message }) => message);
    beforeTheirTime.push(...messages.filter((message) => message.includes('Written after')).map((message) => `${name}: ${message}`));
    expect(['PAUSED', 'SUCCEEDED'], messages.join('\n')).toContain(rollout.phase);
    if (rollout.phase === 'PAUSED') await ask(world, `/rollouts/${id}/promote`);
    expect(await settled(world, id, 90)).toMatchObject({ phase: 'SUCCEEDED' });
    const back = await ask(world, `/workloads/${name}/scale`, { replicas: REPLICAS });
    expect(await settled(world, back, 90)).toMatchObject({ phase: 'SUCCEEDED' });
    site.recorder.expect(name, { replicas: REPLICAS, maxSurge: limits.maxSurge, maxUnavailable: 0 });
  }

  test(`loses no Ready pod in ${ABORTS} aborts right after a step`, { timeout: ABORTS * 20_000 }, async () => {
    const rounds = Math.ceil(ABORTS / WORKLOADS);
    await Promise.all(
      names.map(async (name) => {
        for (let round = 1; round <= rounds; round++) await abortOne(name, round);
      }),
    );
    expect(await violations(world), `written before their time:\n${beforeTheirTime.join('\n')}`).toEqual([]);
  });

  test(`loses no Ready pod in ${FALLS} falls of N by ours beside rollouts`, { timeout: FALLS * 60_000 }, async () => {
    const rounds = Math.ceil(FALLS / WORKLOADS);
    await Promise.all(
      names.map(async (name) => {
        for (let round = 1; round <= rounds; round++) await lowerOne(name, round);
      }),
    );
    expect(await violations(world), `written before their time:\n${beforeTheirTime.join('\n')}`).toEqual([]);
  });
});
