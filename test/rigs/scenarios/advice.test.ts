import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { advisedWays } from '../../support/advice.ts';
import type { Recorder } from '../../support/recorder.ts';
import {
  ask,
  BAD,
  BETTER,
  deploy,
  eventsOf,
  GOOD,
  makeWorkload,
  rolloutOf,
  running,
  settled,
  startWorld,
  violations,
  webDocument,
} from '../../support/world.ts';
import type { RolloutView, World } from '../../support/world.ts';

describe('what the advice of a failure leads to, on simulated clusters', () => {
  advisedWays(async () => {
    const world = await startWorld({ clusters: 2 });
    const [edited, other] = world.clusters.map((cluster, index) => ({
      cluster: cluster.name,
      namespace: 'default',
      recorder: world.recorders[index]!,
    }));
    if (!edited || !other) throw new Error('there are no two clusters');
    return { speaker: world, grounds: () => Promise.resolve([edited, other] as const), close: () => world.close() };
  });
});

/** Holds at 2 of 4 pods. */
const CANARY = { type: 'CANARY', maxSurge: 1, maxUnavailable: 0, steps: [{ weight: 50 }, { pause: true }], progressDeadlineSeconds: 30 };
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';

describe('what the advice of other failures leads to', () => {
  let world: World;
  /** Of the cluster where others do something. */
  let recorder: Recorder;

  const begun = async (name: string): Promise<string> => {
    const workload = await makeWorkload(world, name, webDocument({ strategy: CANARY }));
    expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
    return workload;
  };
  const held = async (name: string): Promise<string> => {
    const id = await deploy(world, await begun(name), { values: { image: BETTER } });
    expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    return id;
  };
  const failed = async (id: string, reason: string): Promise<RolloutView> => {
    await expect.poll(async () => (await rolloutOf(world, id)).phase).toMatch(/^(ROLLED_BACK|FAILED)$/);
    const rollout = await settled(world, id);
    expect(rollout).toMatchObject({ failure: { reason, cluster: recorder.name } });
    return rollout;
  };
  const promoted = async (id: string): Promise<void> => {
    expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    await ask(world, `/rollouts/${id}/promote`);
  };
  const succeeds = async (id: string, name: string, image = BETTER, pods = 4): Promise<void> => {
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED', failure: null });
    expect(running(world, name)).toEqual([`${image} x${pods}`, `${image} x4`]);
    const [its, ours] = world.recorders.map((one) => one.podTemplate(name));
    expect(its).toEqual(ours);
  };
  const retried = (id: string): Promise<string> => ask(world, `/rollouts/${id}/retry`);

  beforeAll(async () => {
    world = await startWorld({ clusters: 2 });
    [recorder] = world.recorders as [Recorder];
  });
  afterAll(() => world.close());

  test('ErrImagePull: the right image is deployed', async () => {
    const workload = await begun('image');
    const bad = await deploy(world, workload, { values: { image: BAD } });
    await expect.poll(async () => (await rolloutOf(world, bad)).phase).toBe('ROLLED_BACK');
    const id = await deploy(world, workload, { values: { image: BETTER } });
    await promoted(id);
    await succeeds(id, 'image');
  });

  test('NOT_OURS: the Deployment of somebody else is deleted, and a retry creates ours', async () => {
    const labels = { app: 'theirs' };
    const spec = {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: GOOD }] } },
    };
    const theirs = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'taken' }, spec };
    await recorder.create(DEPLOYMENTS, theirs);
    const { id } = await failed(await deploy(world, await makeWorkload(world, 'taken')), 'NOT_OURS');
    await recorder.delete(`${DEPLOYMENTS}/taken`);
    await succeeds(await retried(id), 'taken', GOOD);
  });

  test('DELETED: a retry creates it again', async () => {
    const id = await held('deleted');
    await recorder.delete(`${DEPLOYMENTS}/deleted`);
    await failed(id, 'DELETED');
    const again = await retried(id);
    await promoted(again);
    await succeeds(again, 'deleted');
  });

  test('REPLICA_SET_DELETED: a retry brings the release', async () => {
    const id = await held('set-deleted');
    const before = recorder.replicaSets('set-deleted').find(({ image }) => image === GOOD);
    await recorder.delete(`/apis/apps/v1/namespaces/default/replicasets/${before?.name}`);
    await failed(id, 'REPLICA_SET_DELETED');
    const again = await retried(id);
    await promoted(again);
    await succeeds(again, 'set-deleted');
  });

  test('SCALED_WHILE_HELD: another strategy is deployed', async () => {
    const id = await held('shrunk');
    await recorder.edit('shrunk', {}, { manager: 'a-person', spec: { replicas: 1 } });
    await failed(id, 'SCALED_WHILE_HELD');
    await succeeds(await deploy(world, 'shrunk', { values: { image: BETTER }, strategy: { type: 'ROLLING' } }), 'shrunk', BETTER, 1);
  });

  test('NOTHING_RUNS: a release is deployed there first', async () => {
    const workload = await begun('nothing');
    await recorder.delete(`${DEPLOYMENTS}/nothing`);
    const scale = await ask(world, `/workloads/${workload}/scale`, { replicas: 4 });
    expect(await settled(world, scale)).toMatchObject({ phase: 'PAUSED', failure: { reason: 'NOTHING_RUNS', cluster: recorder.name } });
    await succeeds(await deploy(world, workload, { strategy: { type: 'ROLLING' } }), 'nothing', GOOD);
    await succeeds(await retried(scale), 'nothing', GOOD);
  });

  test('PAUSED_BY_OWNER: it goes on once the owner resumes it', async () => {
    const id = await held('owned');
    await recorder.edit('owned', {}, { manager: 'kubectl-rollout', spec: { paused: true } });
    await ask(world, `/rollouts/${id}/promote`);
    const types = async (): Promise<string[]> => (await rolloutOf(world, id)).targets.map(({ condition }) => condition?.type ?? '');
    await expect.poll(types).toContain('PAUSED_BY_OWNER');
    await recorder.edit('owned', {}, { manager: 'kubectl-rollout', spec: { paused: null } });
    await succeeds(id, 'owned');
  });

  test('GATE_OVERRIDDEN: once whoever opened the gate has stopped, a retry goes on', async () => {
    const id = await held('opened');
    const spec = { minReadySeconds: 0, strategy: { rollingUpdate: { maxSurge: 1 } } };
    await recorder.edit('opened', {}, { manager: 'a-person', spec });
    await failed(id, 'GATE_OVERRIDDEN');
    expect((await eventsOf(world, id)).at(-1)?.type).toBe('rollout.rolled_back');
    const again = await retried(id);
    await promoted(again);
    await succeeds(again, 'opened');
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
