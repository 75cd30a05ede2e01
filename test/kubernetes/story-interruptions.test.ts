import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectStatus } from '../support/api.ts';
import { buildProgram, spawnWorker } from '../support/program.ts';
import type { WorkerProcess } from '../support/program.ts';
import { ask, eventsOf, settled, violations } from '../support/world.ts';
import { Client, RequestFailed } from './control-plane/client.ts';
import { createServiceAccountToken } from './control-plane/objects.ts';
import { startControlPlane } from './control-plane/start.ts';
import type { ControlPlane } from './control-plane/start.ts';
import { makeStoryWorkload, onlyReplicaSet, read, running, runs, startStoryWorld, storyDocument, targetAt, until } from './story/world.ts';
import type { FullRollout, Site, StoryWorld } from './story/world.ts';
import { providedClusters } from './support/clusters.ts';

/** The parts below run beside each other; within each, one thing happens after the other. */
const NONE = providedClusters().length === 0;

const OLD = 'web:1.0';
const NEW = 'web:2.0';
const NEWER = 'web:3.0';
/** Holds at half of the pods until it is promoted: a moment that lasts, in which things can be taken away. */
const steps = [{ weight: 50 }, { pause: true }];
const canary = storyDocument({ strategy: { type: 'CANARY', maxSurge: 1, maxUnavailable: 0, steps, progressDeadlineSeconds: 90 } });

const image = (tag: string): { values: { image: string } } => ({ values: { image: `shop/${tag}` } });

/** Release 1 everywhere, under the eyes of the recorders. */
async function firstRelease(world: StoryWorld, name: string, sites: readonly Site[]): Promise<void> {
  await makeStoryWorkload(world, name, sites, canary, image(OLD).values);
  const id = await ask(world, `/workloads/${name}/rollouts`);
  expect(await settled(world, id, 60)).toMatchObject({ phase: 'SUCCEEDED' });
  for (const { recorder } of sites) recorder.expect(name, { replicas: 4, maxSurge: 1, maxUnavailable: 0 });
}

async function hold(world: StoryWorld, name: string, tag: string): Promise<string> {
  const id = await ask(world, `/workloads/${name}/rollouts`, image(tag));
  expect(await settled(world, id, 60)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
  return id;
}

/**
 * Starts the API server again, and with it whoever reads from it: their watches back off for up to half a minute, in which the cluster's own controllers and
 * nodes would look dead. The controllers go first: to those who were there all the time, nodes without a heartbeat would be dead, and no pod of theirs Ready.
 * kwok comes back as another, who would wait for the leases of the first to run out.
 */
async function bringBack(plane: ControlPlane): Promise<void> {
  await plane.kill('kube-controller-manager');
  await plane.restart('kube-apiserver');
  await plane.kill('kwok');
  await plane.request('DELETE', '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases');
  await Promise.all((['kube-controller-manager', 'kube-scheduler', 'kwok'] as const).map((component) => plane.restart(component)));
}

describe.skipIf(NONE).concurrent('a real cluster that goes away in the middle of a rollout', () => {
  let world: StoryWorld;
  let plane: ControlPlane;
  let north: Site;
  let west: Site;

  beforeAll(async () => {
    [world, plane] = await Promise.all([startStoryWorld(), startControlPlane({ name: 'north', nodes: 2, fastControllers: true })]);
    const [, provided] = providedClusters();
    if (!provided) throw new Error('two control planes are needed');
    const [a, b] = await world.sites([plane, provided], 'away');
    if (!a || !b) throw new Error('there are two sites');
    [north, west] = [a, b];
    await firstRelease(world, 'away', [north, west]);
  });
  afterAll(async () => {
    await world?.close();
    await plane?.stop();
  });
  const awayAt = (rollout: FullRollout): boolean => targetAt(rollout, north).condition?.type === 'UNREACHABLE';

  test.sequential('is told with since when, holds nobody else up, and is finished when it is back', async () => {
    const id = await hold(world, 'away', NEW);
    const went = Date.now();
    await plane.kill('kube-apiserver');
    await ask(world, `/rollouts/${id}/promote`);
    const waiting = await until(world, id, 'north is away and west is done', (rollout) => {
      return awayAt(rollout) && targetAt(rollout, west).phase === 'SUCCEEDED';
    });
    await runs(west, 'away', NEW, 4);
    const { condition } = targetAt(waiting, north);
    expect(condition?.message).toContain('is unreachable');
    expect(condition?.advice).toContain('API server is running');
    expect(Math.abs(Date.parse(condition?.since ?? '') - went)).toBeLessThan(10_000);
    await bringBack(plane);
    expect(await settled(world, id, 100)).toMatchObject({ phase: 'SUCCEEDED' });
    await runs(north, 'away', NEW, 4);
    const types = (await eventsOf(world, id)).filter((event) => event.message.startsWith(north.name)).map(({ type }) => type);
    expect(types.filter((type) => type === 'target.unreachable')).toHaveLength(1);
    expect(types.filter((type) => type === 'target.reachable')).toHaveLength(1);
  });

  test.sequential('is left out of going back by a second abort, and put right by the next rollout', async () => {
    const before = onlyReplicaSet(west, 'away');
    const id = await hold(world, 'away', NEWER);
    await plane.kill('kube-apiserver');
    await ask(world, `/rollouts/${id}/abort`);
    const waiting = await until(world, id, 'west is back, north is away', (rollout) => {
      return awayAt(rollout) && targetAt(rollout, west).phase === 'ROLLED_BACK';
    });
    expect(waiting.phase).toBe('ROLLING_BACK');
    await runs(west, 'away', NEW, 4);
    expect(onlyReplicaSet(west, 'away')).toBe(before);
    await ask(world, `/rollouts/${id}/abort`);
    const given = (await settled(world, id, 60)) as FullRollout;
    expect(given).toMatchObject({ phase: 'FAILED', failure: { reason: 'UNREACHABLE', cluster: north.name } });
    expect(given.phaseReason).toContain(north.name);
    await bringBack(plane);
    const next = await ask(world, '/workloads/away/rollouts', image(NEW));
    const held = await settled(world, next, 100);
    if (held.phase === 'PAUSED') await ask(world, `/rollouts/${next}/promote`, { full: true });
    expect(await settled(world, next, 100)).toMatchObject({ phase: 'SUCCEEDED' });
    for (const site of [north, west]) await runs(site, 'away', NEW, 4);
  });

  test.sequential(
    'is given up after a minute where a rollout says so: left out by one, and for another a reason to go back',
    async () => {
      await Promise.all(['skip', 'fail'].map((name) => firstRelease(world, name, [north, west])));
      await plane.kill('kube-apiserver');
      const change = (name: string, onUnreachable: 'SKIP' | 'FAIL'): Promise<string> =>
        ask(world, `/workloads/${name}/rollouts`, { ...image(NEW), strategy: { type: 'ROLLING' }, onUnreachable });
      const [skip, fail] = await Promise.all([change('skip', 'SKIP'), change('fail', 'FAIL')]);
      const westIsDone = (rollout: FullRollout): boolean => awayAt(rollout) && targetAt(rollout, west).phase === 'SUCCEEDED';
      await Promise.all([skip, fail].map((id) => until(world, id, 'north is away and west is done', westIsDone)));
      const left = (await settled(world, skip, 100)) as FullRollout;
      expect(left).toMatchObject({ phase: 'SUCCEEDED', phaseReason: '1 of 2 targets succeeded, 1 skipped.' });
      expect(targetAt(left, north)).toMatchObject({
        phase: 'SKIPPED',
        phaseReason: expect.stringMatching(/has been (away|unreachable) since/) as string,
      });
      await runs(west, 'skip', NEW, 4);
      const taken = (await settled(world, fail, 100)) as FullRollout;
      expect(taken).toMatchObject({ phase: 'ROLLED_BACK', failure: { reason: 'UNREACHABLE', cluster: north.name } });
      expect(targetAt(taken, north).phase).toBe('FAILED');
      await runs(west, 'fail', OLD, 4);
      await bringBack(plane);
      const next = await ask(world, '/workloads/skip/rollouts', { strategy: { type: 'ROLLING' } });
      expect(await settled(world, next, 100)).toMatchObject({ phase: 'SUCCEEDED' });
      await Promise.all([runs(north, 'skip', NEW, 4), runs(west, 'skip', NEW, 4), runs(north, 'fail', OLD, 4)]);
    },
    180_000,
  );

  test.sequential('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});

/** The API server believes a token for ten seconds more, and tells nobody when it has stopped to: it is asked until it refuses. */
async function withdrawn({ plane, token, namespace }: Site): Promise<void> {
  const client = new Client({ server: plane.server, caData: plane.caData, token });
  const refused = async (): Promise<boolean> => {
    const asked = client.request('GET', `/apis/apps/v1/namespaces/${namespace}/deployments`);
    return asked.then(
      () => false,
      (error: unknown) => error instanceof RequestFailed && error.status === 401,
    );
  };
  for (const deadline = Date.now() + 30_000; !(await refused());)
    if (Date.now() > deadline) throw new Error('the token is believed after 30 s');
  await client.close();
}

describe.skipIf(NONE).concurrent('a credential that is withdrawn in the middle of a rollout', () => {
  let world: StoryWorld;
  beforeAll(async () => {
    world = await startStoryWorld();
  });
  afterAll(() => world?.close());

  test.sequential('is told with what to do, holds nobody else up, and a new one lets it go on', async () => {
    const [east, west] = await world.sites(providedClusters(), 'token');
    if (!east || !west) throw new Error('two control planes are needed');
    await firstRelease(world, 'token', [east, west]);
    const id = await hold(world, 'token', NEW);
    await east.admin.request('DELETE', `/api/v1/namespaces/${east.namespace}/serviceaccounts/slipway`);
    await withdrawn(east);
    await ask(world, `/rollouts/${id}/promote`);
    const waiting = await until(
      world,
      id,
      'east refuses, west is done',
      (rollout) => targetAt(rollout, east).condition !== null && targetAt(rollout, west).phase === 'SUCCEEDED',
      60,
    );
    expect(targetAt(waiting, east).condition).toMatchObject({ type: 'ACCESS' });
    expect(targetAt(waiting, east).condition?.message).toMatch(/Unauthorized|without saying why/);
    expect(targetAt(waiting, east).condition?.advice).toContain('token');
    await runs(west, 'token', NEW, 4);
    const token = await createServiceAccountToken(east.admin, east.namespace, 'slipway');
    const { server, caData } = east.plane;
    expectStatus(await world.tenant.rest('PUT', `/v1/clusters/${east.name}/credentials`, { server, caData, token }), 200);
    expect(await settled(world, id, 60)).toMatchObject({ phase: 'SUCCEEDED' });
    await runs(east, 'token', NEW, 4);
    expect(await violations(world)).toEqual([]);
  });
});

describe.skipIf(NONE).concurrent('a worker that is killed on real clusters', () => {
  let world: StoryWorld;
  let sites: Site[];
  const processes: WorkerProcess[] = [];
  const spawn = async (): Promise<WorkerProcess> => {
    const worker = spawnWorker(world.config);
    processes.push(worker);
    await worker.ready;
    return worker;
  };
  const kill = async (worker: WorkerProcess): Promise<void> => {
    worker.kill('SIGKILL');
    expect(await worker.ended).toBe('SIGKILL');
  };
  /** Resolves as soon as any site has pods of two revisions. */
  const underWay = (): Promise<void> =>
    Promise.any(sites.map(({ recorder }) => recorder.until(() => recorder.replicaSets('kill').length === 2, 'a second revision')));
  let worker: WorkerProcess;

  beforeAll(async () => {
    [world] = await Promise.all([startStoryWorld({ workers: 0 }), buildProgram()]);
    worker = await spawn();
    sites = await world.sites(providedClusters(), 'kill');
    await firstRelease(world, 'kill', sites);
  });
  afterAll(async () => {
    for (const each of processes) each.kill('SIGKILL');
    await Promise.all(processes.map(({ ended }) => ended));
    await world?.close();
  });

  test.sequential('with its first canary pods on their way is replaced by another, which holds where the plan says', async () => {
    const id = await ask(world, '/workloads/kill/rollouts', image(NEW));
    await underWay();
    await kill(worker);
    worker = await spawn();
    expect(await settled(world, id, 100)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    expect(sites.map((site) => running(site, 'kill'))).toEqual(Array(2).fill(`${OLD} x2 + ${NEW} x2`));
    await ask(world, `/rollouts/${id}/promote`);
    expect(await settled(world, id, 100)).toMatchObject({ phase: 'SUCCEEDED' });
    for (const site of sites) await runs(site, 'kill', NEW, 4);
  });

  test.sequential('in the middle of going back is replaced by another, which brings the original ReplicaSets back', async () => {
    const before = sites.map((site) => onlyReplicaSet(site, 'kill'));
    const id = await hold(world, 'kill', NEWER);
    await ask(world, `/rollouts/${id}/abort`);
    await until(world, id, 'a target goes back', ({ targets }) => targets.some(({ phase }) => phase === 'ROLLING_BACK'));
    await kill(worker);
    expect((await read(world, id)).phase).toBe('ROLLING_BACK');
    worker = await spawn();
    expect(await settled(world, id, 100)).toMatchObject({ phase: 'ROLLED_BACK' });
    for (const site of sites) await runs(site, 'kill', NEW, 4);
    expect(sites.map((site) => onlyReplicaSet(site, 'kill'))).toEqual(before);
  });

  test.sequential('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
