import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startSimulator } from '../../simulator/simulator.ts';
import type { Simulator } from '../../simulator/simulator.ts';
import { startWorker } from '../../src/worker.ts';
import { expectStatus, makeRegion, startTestApi, testConfig } from '../support/api.ts';
import type { TestApi, TestTenant } from '../support/api.ts';
import { document } from '../support/shop.ts';
import type { EventView, Page, RolloutView, WorkloadView } from '../support/shop.ts';

/** What a rollout comes to once somebody carries it out: on simulated clusters, with a worker in this process. */
let api: TestApi;
let tenant: TestTenant;
let simulator: Simulator;
let worker: { close(): Promise<void> };
let count = 0;

const IMAGE = 'registry.example/web:1';
const NEWER = 'registry.example/web:2';
const BAD = 'registry.example/web:missing';

beforeAll(async () => {
  simulator = await startSimulator({ clusters: 2, seed: 3, podStartMilliseconds: [20, 50], podStopMilliseconds: [5, 20] });
  const masterKey = Buffer.alloc(32, 3);
  api = await startTestApi({ masterKey });
  const region = await makeRegion(api, 'eu');
  tenant = await api.tenant('acme');
  for (const { name, kubeconfig } of simulator.clusters)
    expectStatus(await tenant.rest('POST', '/v1/clusters', { name, region: region.name, kubeconfig }), 201);
  worker = await startWorker(testConfig(api.database, { masterKey, operatorKey: null }));
});
afterAll(async () => {
  await worker.close();
  await api.close();
  await simulator.stop();
});

const [EVERYWHERE, FIRST] = [['cluster-1', 'cluster-2'], ['cluster-1']];
const places = (clusters: string[], change: object = {}): object[] =>
  clusters.map((cluster) => ({ cluster, namespace: 'default', ...change }));

async function workload(clusters = EVERYWHERE, change: object = {}): Promise<string> {
  const name = `w${(count += 1)}`;
  expectStatus(await tenant.rest('POST', '/v1/templates', { name }), 201);
  expectStatus(await tenant.rest('POST', `/v1/templates/${name}/revisions`, document(change)), 201);
  expectStatus(await tenant.rest('POST', '/v1/workloads', { name, template: name, placements: places(clusters) }), 201);
  return name;
}

const patch = async (name: string, body: object): Promise<WorkloadView> =>
  expectStatus(await tenant.rest<WorkloadView>('PATCH', `/v1/workloads/${name}`, body), 200);
const read = async <T>(path: string): Promise<T> => expectStatus(await tenant.rest<T>('GET', path), 200);
const workloadOf = (name: string): Promise<WorkloadView> => read(`/v1/workloads/${name}`);
const eventsOf = async (id: string): Promise<EventView[]> =>
  (await read<Page<EventView>>(`/v1/rollouts/${id}/events?after=0&limit=200`)).items;

/** Asks and waits for the end. */
async function settled(path: string, body: object = {}): Promise<RolloutView> {
  const answer = await tenant.rest<RolloutView>('POST', path, body, { prefer: 'wait=60' });
  expect([answer.status, answer.headers.get('preference-applied')]).toEqual([200, 'wait=60']);
  return answer.body;
}
const deploy = (name: string, body?: object): Promise<RolloutView> => settled(`/v1/workloads/${name}/rollouts`, body);

const TERMINAL = /^rollout\.(succeeded|rolled_back|failed|canceled|superseded)$/;

describe('values and revisions', () => {
  it('go back to those of the release, whatever template it was made of', async () => {
    const name = await workload(FIRST);
    const other = await workload(FIRST, { replicas: 1 });
    expectStatus(await tenant.rest('POST', `/v1/templates/${other}/revisions`, document({ replicas: 3 })), 201);
    await deploy(name);
    await patch(name, { template: other });
    expect(await deploy(name)).toMatchObject({ phase: 'SUCCEEDED', release: { number: 2 } });
    expect(await settled(`/v1/workloads/${name}/rollback`)).toMatchObject({ phase: 'SUCCEEDED', release: { number: 1 } });
    expect(await workloadOf(name)).toMatchObject({ template: { name }, release: 1 });
    expect(await deploy(name)).toMatchObject({ phase: 'SUCCEEDED' });
  });

  it("of a rollout become the workload's when it succeeds, and not before or otherwise", async () => {
    const name = await workload();
    const first = await deploy(name, { values: { image: IMAGE } });
    expect(first).toMatchObject({ phase: 'SUCCEEDED', progress: 1, targetCounts: { SUCCEEDED: 2 }, version: 1 });
    expect(await workloadOf(name)).toMatchObject({ values: { image: IMAGE }, release: 1, version: 2 });
    const bad = await deploy(name, { values: { image: BAD, greeting: 'never' } });
    expect(bad).toMatchObject({ phase: 'ROLLED_BACK', failure: { cluster: expect.stringContaining('cluster-') as string } });
    expect(await workloadOf(name)).toMatchObject({ values: { image: IMAGE }, release: 1, version: 2 });
    const again = await settled(`/v1/rollouts/${bad.id}/retry`);
    expect(again).toMatchObject({
      phase: 'ROLLED_BACK',
      retryOf: bad.id,
      release: { number: 2 },
      values: { image: BAD, greeting: 'never' },
    });
    expect((await eventsOf(bad.id)).filter(({ type }) => TERMINAL.test(type))).toMatchObject([{ type: 'rollout.rolled_back' }]);
    expect((await eventsOf(bad.id)).at(-1)!.type).toBe('rollout.rolled_back');
  });

  it("of a retry that succeeds become the workload's", async () => {
    const name = await workload(FIRST);
    const [cluster] = simulator.clusters;
    cluster!.setFaults({ unpullableImages: ['web:2'] });
    const first = await deploy(name, { values: { image: NEWER } });
    expect(first).toMatchObject({ phase: 'ROLLED_BACK', previousRelease: null, targets: [{ phase: 'ROLLED_BACK' }] });
    cluster!.clearFaults();
    expect(await settled(`/v1/rollouts/${first.id}/retry`)).toMatchObject({ phase: 'SUCCEEDED', retryOf: first.id });
    expect(await workloadOf(name)).toMatchObject({ values: { image: NEWER }, release: 1 });
  });

  it('a rollback that succeeds pins its revision and values, until a newer revision is posted', async () => {
    const name = await workload(FIRST);
    await deploy(name, { values: { greeting: 'one' } });
    const post = (change: object) => tenant.rest('POST', `/v1/templates/${name}/revisions`, document(change));
    expectStatus(await post({ replicas: 3 }), 201);
    await deploy(name, { values: { greeting: 'two' } });
    await patch(name, { placements: places(FIRST, { replicas: 4 }) });
    const { version } = await workloadOf(name);
    expect((await deploy(name)).phase).toBe('SUCCEEDED');
    expect((await workloadOf(name)).version).toBe(version);
    const back = await settled(`/v1/workloads/${name}/rollback`, { toRelease: 1 });
    expect(back).toMatchObject({ kind: 'ROLLBACK', phase: 'SUCCEEDED', release: { number: 1 }, previousRelease: { number: 3 } });
    expect(await workloadOf(name)).toMatchObject({
      release: 1,
      version: version + 1,
      values: { greeting: 'one' },
      placements: [{ replicas: 4, release: 1 }],
    });
    const revisionOf = async (): Promise<number> => {
      const { release } = await deploy(name);
      return (await read<{ revision: { number: number } }>(`/v1/workloads/${name}/releases/${release!.number}`)).revision.number;
    };
    await patch(name, { values: { image: NEWER } });
    const afterRollback = await settled(`/v1/workloads/${name}/rollback`, { toRelease: 1 });
    expect(afterRollback.phase).toBe('SUCCEEDED');
    expect(await revisionOf()).toBe(1);
    expectStatus(await post({ replicas: 1 }), 201);
    expect(await revisionOf()).toBe(3);
  });
});

describe('superseding', () => {
  it('goes back to what ran before the superseded one, also where nothing new was written yet', async () => {
    const name = await workload();
    await deploy(name);
    for (const cluster of simulator.clusters) cluster.setFaults({ behaviours: [{ image: 'web:2', behaviour: 'never-ready' }] });
    const stuck = expectStatus(await tenant.rest<RolloutView>('POST', `/v1/workloads/${name}/rollouts`, { values: { image: NEWER } }), 202);
    await seen(stuck.id, (events) => events.filter(({ type }) => type === 'target.started').length === 2);
    const held = { values: { image: 'registry.example/web:2.1' }, concurrency: 'SUPERSEDE', waves: [{ maxConcurrent: 1 }] };
    const next = expectStatus(await tenant.rest<RolloutView>('POST', `/v1/workloads/${name}/rollouts`, held), 202);
    const aborted = await settled(`/v1/rollouts/${next.id}/abort`);
    expect(aborted).toMatchObject({ phase: 'ROLLED_BACK', targetCounts: { ROLLED_BACK: 2 }, version: 2 });
    expect((await workloadOf(name)).placements.map(({ release }) => release)).toEqual([1, 1]);
    for (const cluster of simulator.clusters) cluster.clearFaults();
    expect((await read<RolloutView>(`/v1/rollouts/${stuck.id}`)).phase).toBe('SUPERSEDED');
    expect((await eventsOf(stuck.id)).at(-1)!.type).toBe('rollout.superseded');
  });
});

/** Follows a rollout's events until they satisfy. */
async function seen(id: string, satisfied: (events: EventView[]) => boolean): Promise<EventView[]> {
  const answer = await fetch(`${api.url}/v1/rollouts/${id}/events`, {
    headers: { authorization: `Bearer ${tenant.key}`, accept: 'text/event-stream' },
  });
  const events: EventView[] = [];
  let rest = '';
  for await (const part of answer.body!.pipeThrough(new TextDecoderStream())) {
    const blocks = (rest + part).split('\n\n');
    rest = blocks.pop()!;
    for (const line of blocks.join('\n').split('\n')) if (line.startsWith('data: ')) events.push(JSON.parse(line.slice(6)) as EventView);
    if (satisfied(events)) return events;
  }
  throw new Error(`the stream ended after ${events.map(({ type }) => type).join(', ')}`);
}

describe('placements', () => {
  it('one that is taken away is removed by the next rollout and is gone; one that is added is made', async () => {
    const name = await workload(FIRST);
    await deploy(name);
    await patch(name, { placements: places(['cluster-2']) });
    const moved = await deploy(name);
    expect(moved).toMatchObject({ phase: 'SUCCEEDED', targetCounts: { SUCCEEDED: 2 } });
    expect((await workloadOf(name)).placements).toMatchObject([{ cluster: { name: 'cluster-2' }, release: 2 }]);
    expect((await deploy(name)).targets).toHaveLength(1);
  });

  it('numbers belong to placements: scaling holds through rollouts and rollbacks', async () => {
    const name = await workload();
    await deploy(name);
    const scaled = await settled(`/v1/workloads/${name}/scale`, { replicas: 3, cluster: 'cluster-2' });
    expect(scaled).toMatchObject({ kind: 'SCALE', phase: 'SUCCEEDED', release: null });
    await deploy(name, { values: { greeting: 'two' } });
    await settled(`/v1/workloads/${name}/rollback`);
    expect((await workloadOf(name)).placements).toMatchObject([
      { replicas: null, pods: { desired: 2, ready: 2 } },
      { replicas: 3, pods: { desired: 3, ready: 3 } },
    ]);
  });

  it('a removal leaves nothing, and its rollouts and events stay; the name is free again', async () => {
    const name = await workload(FIRST);
    const first = await deploy(name);
    const { id } = await workloadOf(name);
    const answer = await tenant.rest<RolloutView>('DELETE', `/v1/workloads/${name}`, undefined, { prefer: 'wait=60' });
    expect([answer.status, answer.body.kind, answer.body.phase]).toEqual([202, 'DELETE', 'SUCCEEDED']);
    for (const path of ['', '/releases']) expect((await tenant.rest('GET', `/v1/workloads/${id}${path}`)).status).toBe(404);
    expect((await read<RolloutView>(`/v1/rollouts/${first.id}`)).workload).toEqual({ id, name });
    expect((await read<Page<RolloutView>>(`/v1/rollouts?workload=${id}`)).items).toHaveLength(2);
    expect((await read<Page<EventView>>(`/v1/events?workload=${name}`)).items[0]).toMatchObject({
      type: 'rollout.succeeded',
      workload: id,
    });
    expectStatus(await tenant.rest('POST', '/v1/workloads', { name, template: name }), 201);
  });

  const register = async (name: string): Promise<{ id: string; name: string }> => {
    const [region] = (await read<Page<{ name: string }>>('/v1/regions')).items;
    const { kubeconfig } = simulator.clusters[0]!;
    return expectStatus(
      await tenant.rest<{ id: string; name: string }>('POST', '/v1/clusters', { name, region: region!.name, kubeconfig }),
      201,
    );
  };
  /** Everything that tells of a rollout, its release and its cluster's. */
  const historyOf = async (name: string, { id, release }: RolloutView, cluster: { id: string; name: string }) => ({
    rollout: await read<RolloutView>(`/v1/rollouts/${id}`),
    targets: await read(`/v1/rollouts/${id}/targets`),
    release: await read<{ objects: object[] }>(`/v1/workloads/${name}/releases/${release!.number}`),
    byId: await read(`/v1/rollouts?cluster=${cluster.id}`),
    byName: await read(`/v1/rollouts?cluster=${cluster.name}`),
    events: await eventsOf(id),
  });

  it('a cluster on which nothing lives any more can be removed; what ran there is history', async () => {
    const cluster = await register('short-lived');
    const name = await workload(['short-lived', 'cluster-2']);
    const first = await deploy(name);
    expect((await tenant.rest('DELETE', '/v1/clusters/short-lived')).body).toMatchObject({ code: 'IN_USE' });
    await patch(name, { placements: places(['cluster-2']) });
    expect((await tenant.rest('DELETE', '/v1/clusters/short-lived')).body).toMatchObject({ code: 'IN_USE' });
    await deploy(name);
    const history = await historyOf(name, first, cluster);
    expect(history).toMatchObject({ byId: { items: [{}, { id: first.id }] }, byName: { items: [{}, { id: first.id }] } });
    expect([history.rollout.targets.length, history.release.objects.length]).toEqual([2, 2]);

    expectStatus(await tenant.rest('DELETE', '/v1/clusters/short-lived'), 204);

    expect(await historyOf(name, first, cluster)).toEqual(history);
    const { data } = await tenant.graphql<{ rollout: { targets: { cluster: object }[] } }>(
      `{ rollout(id: "${first.id}") { targets { cluster { id name } } } }`,
    );
    expect(data.rollout.targets.map((target) => target.cluster)).toContainEqual({ id: cluster.id, name: 'short-lived' });
  });

  it('a cluster that is removed by force is given up at once: nothing goes there any more, and its history stays', async () => {
    const cluster = await register('given-up');
    const name = await workload(['given-up', 'cluster-2']);
    const first = await deploy(name);
    const { id } = await workloadOf(name);
    const history = await historyOf(name, first, cluster);

    const forced = await tenant.rest('DELETE', '/v1/clusters/given-up?force=true');

    expect([forced.status, forced.body]).toEqual([200, { leftBehind: [{ workload: { id, name }, namespace: 'default' }] }]);
    expect(await historyOf(name, first, cluster)).toEqual(history);
    expect((await workloadOf(name)).placements).toMatchObject([{ cluster: { name: 'cluster-2' }, release: 1 }]);
    for (const next of [
      await deploy(name),
      await settled(`/v1/workloads/${name}/restart`),
      await settled(`/v1/workloads/${name}/rollback`),
    ])
      expect(next).toMatchObject({ phase: 'SUCCEEDED', targets: [{ cluster: { name: 'cluster-2' } }] });
    const removal = await tenant.rest<RolloutView>('DELETE', `/v1/workloads/${name}`, undefined, { prefer: 'wait=60' });
    expect(removal.body).toMatchObject({ phase: 'SUCCEEDED', targets: [{ cluster: { name: 'cluster-2' } }] });
  });

  it('a cluster of the same name is another one: it has none of what was there, and the name finds what ran on both', async () => {
    const before = await register('twice');
    const name = await workload(['twice', 'cluster-2']);
    const first = await deploy(name);
    expectStatus(await tenant.rest('DELETE', '/v1/clusters/twice?force=true'), 200);
    const after = await register('twice');
    expect(after.id).not.toBe(before.id);
    expect((await workloadOf(name)).placements).toMatchObject([{ cluster: { name: 'cluster-2' } }]);
    expect((await read<Page<WorkloadView>>('/v1/workloads?cluster=twice')).items).toEqual([]);
    expect((await tenant.rest('DELETE', '/v1/clusters/twice')).status).toBe(204);
    const last = await register('twice');

    await patch(name, { placements: places(['twice', 'cluster-2']) });
    // The Deployment that was left behind bears this workload's id: it is taken up again.
    const second = await deploy(name);

    expect(second.targets.map((target) => target.cluster.id)).toContain(last.id);
    const ran = async (reference: string) =>
      (await read<Page<RolloutView>>(`/v1/rollouts?cluster=${reference}`)).items.map((rollout) => rollout.id);
    expect(await Promise.all(['twice', before.id, after.id, last.id].map(ran))).toEqual([
      [second.id, first.id],
      [first.id],
      [],
      [second.id],
    ]);
    expect((await read<Page<WorkloadView>>('/v1/workloads?cluster=twice')).items).toMatchObject([{ name }]);
    expect((await read<Page<WorkloadView>>(`/v1/workloads?cluster=${before.id}`)).items).toEqual([]);
  });

  it('a template outlives its workload as history alone', async () => {
    const name = await workload(FIRST);
    const { id } = await deploy(name);
    const removal = await tenant.rest<RolloutView>('DELETE', `/v1/workloads/${name}`, undefined, { prefer: 'wait=60' });
    expect(removal.body.phase).toBe('SUCCEEDED');
    const history = await read(`/v1/rollouts/${id}`);
    expectStatus(await tenant.rest('DELETE', `/v1/templates/${name}`), 204);
    expect((await tenant.rest('GET', `/v1/templates/${name}`)).status).toBe(404);
    expect(await read(`/v1/rollouts/${id}`)).toEqual(history);
  });

  it('a release keeps the revision of a template that is deleted, and can be gone back to', async () => {
    const [name, other] = [await workload(FIRST), await workload([])];
    await deploy(name);
    await patch(name, { template: other, values: { image: NEWER } });
    await deploy(name);
    const release = await read(`/v1/workloads/${name}/releases/1`);
    expectStatus(await tenant.rest('DELETE', `/v1/templates/${name}`), 204);
    expect(await read(`/v1/workloads/${name}/releases/1`)).toEqual(release);
    expect(await settled(`/v1/workloads/${name}/rollback`, { toRelease: 1 })).toMatchObject({ phase: 'SUCCEEDED' });
  });

  it('a removal with ORPHAN forgets the workload and leaves what runs', async () => {
    const name = await workload(FIRST);
    await deploy(name);
    const answer = await tenant.rest<RolloutView>('DELETE', `/v1/workloads/${name}?objects=ORPHAN`, undefined, { prefer: 'wait=60' });
    expect(answer.body).toMatchObject({ kind: 'DELETE', phase: 'SUCCEEDED', targets: [] });
    expect((await tenant.rest('GET', `/v1/workloads/${name}`)).status).toBe(404);
    // The Deployment is still there, and bears the id of a workload that is no more: another of the name does not take it for its own.
    expectStatus(await tenant.rest('POST', '/v1/workloads', { name, template: name, placements: places(FIRST) }), 201);
    const refused = await deploy(name);
    expect(refused.phase).not.toBe('SUCCEEDED');
    expect(refused.failure).not.toBeNull();
  });
});

describe('the timeline', () => {
  it('tells each step once, in order, with counts of pods between, and ends with one terminal event', async () => {
    const name = await workload(EVERYWHERE, { minReadySeconds: 2 });
    const { id } = expectStatus(await tenant.rest<RolloutView>('POST', `/v1/workloads/${name}/rollouts`), 202);
    const events = await seen(id, (all) => TERMINAL.test(all.at(-1)?.type ?? ''));
    const kept = events.filter((event) => event.id !== null);
    expect(kept).toEqual(await eventsOf(id));
    expect(kept.map(({ type }) => type).filter((type) => !type.startsWith('target.'))).toEqual([
      'rollout.created',
      'rollout.started',
      'wave.opened',
      'wave.completed',
      'rollout.succeeded',
    ]);
    const { targets } = await read<RolloutView>(`/v1/rollouts/${id}`);
    for (const type of ['target.started', 'target.succeeded']) {
      expect(
        kept
          .filter((event) => event.type === type)
          .map(({ target }) => target)
          .sort(),
      ).toEqual(targets.map((target) => target.id).sort());
    }
    const placeOf = new Map(targets.map((target) => [target.id, { cluster: target.cluster.id, region: target.region.id }]));
    for (const { target, data } of kept.filter((event) => event.target !== null)) expect(data).toMatchObject(placeOf.get(target!)!);
    const progress = events.filter((event) => event.type === 'target.progress');
    expect(progress.length).toBeGreaterThan(0);
    for (const { data, rollout, target } of progress) {
      expect([rollout, targets.some((each) => each.id === target)]).toEqual([id, true]);
      expect(data).toMatchObject({
        desired: expect.any(Number) as number,
        old: expect.any(Number) as number,
        new: expect.any(Number) as number,
        ready: expect.any(Number) as number,
      });
    }
  });
});

describe('waiting', () => {
  it('ends at a pause that somebody has to act on, and goes on after the verb', async () => {
    const name = await workload(FIRST);
    await deploy(name);
    const body = { values: { greeting: 'two' }, strategy: { type: 'CANARY', steps: [{ weight: 50 }, { pause: true }] } };
    const paused = await tenant.rest<RolloutView>('POST', `/v1/workloads/${name}/rollouts`, body, {
      prefer: 'wait=60',
      'idempotency-key': `wait-${name}`,
    });
    expect([paused.status, paused.body.phase, paused.body.pauseReason]).toEqual([202, 'PAUSED', 'STEP']);
    const aborted = await settled(`/v1/rollouts/${paused.body.id}/abort`);
    expect(aborted.phase).toBe('ROLLED_BACK');
    const replay = await tenant.rest<RolloutView>('POST', `/v1/workloads/${name}/rollouts`, body, {
      prefer: 'wait=60',
      'idempotency-key': `wait-${name}`,
    });
    expect([replay.status, replay.headers.get('idempotency-replayed'), replay.body.id, replay.body.phase]).toEqual([
      200,
      'true',
      paused.body.id,
      'ROLLED_BACK',
    ]);
  });

  it('is said in GraphQL with waitSeconds, and time that is up answers what stands', async () => {
    const name = await workload(FIRST);
    const query =
      'mutation ($w: String!) { createRollout(workload: $w, waitSeconds: 25) { id phase targets { phase pods { desired ready } } } }';
    const { data } = await tenant.graphql<{ createRollout: RolloutView }>(query, { w: name });
    expect(data.createRollout).toMatchObject({ phase: 'SUCCEEDED', targets: [{ phase: 'SUCCEEDED', pods: { desired: 2, ready: 2 } }] });
    const body = { values: { greeting: 'two' }, strategy: { type: 'CANARY', steps: [{ weight: 50 }, { pause: true }] } };
    const { id } = expectStatus(await tenant.rest<RolloutView>('POST', `/v1/workloads/${name}/rollouts`, body, { prefer: 'wait=0' }), 202);
    const held = await tenant.rest<RolloutView>('GET', `/v1/rollouts/${id}`, undefined, { prefer: 'wait=60' });
    expect([held.status, held.headers.get('preference-applied'), held.body.pauseReason]).toEqual([200, 'wait=60', 'STEP']);
    expect(await settled(`/v1/rollouts/${id}/promote`, { full: true })).toMatchObject({ phase: 'SUCCEEDED' });
  });
});
