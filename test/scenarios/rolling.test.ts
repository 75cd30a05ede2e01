import { afterAll, beforeAll, expect, test } from 'vitest';
import { onEachQueue } from '../support/queues.ts';
import {
  ask,
  BAD,
  BETTER,
  deploy,
  eventsOf,
  expectEverywhere,
  GOOD,
  makeWorkload,
  remove,
  rolloutOf,
  running,
  settled,
  startWorld,
  violations,
} from '../support/world.ts';
import type { RolloutView, World } from '../support/world.ts';

onEachQueue('rolling out over three clusters', (queue) => {
  let world: World;
  let workload: string;
  let first: (string | undefined)[];

  const roll = async (path: string, body: unknown = {}): Promise<RolloutView> =>
    settled(world, await ask(world, `/workloads/${workload}${path}`, body));
  const uids = (): (string | undefined)[] => world.recorders.map((recorder) => recorder.replicaSets('web')[0]?.uid);

  beforeAll(async () => {
    world = await startWorld({ clusters: 3, queue });
    workload = await makeWorkload(world, 'web');
  });
  afterAll(() => world.close());

  test('the first release is made everywhere', async () => {
    const rollout = await roll('/rollouts');
    expect(rollout.phase).toBe('SUCCEEDED');
    expect(running(world, 'web')).toEqual(Array(3).fill(`${GOOD} x4`));
    first = uids();
    expectEverywhere(world, 'web', { replicas: 4, maxSurge: 1, maxUnavailable: 0 });
  });

  test('the next release replaces it, pod by pod', async () => {
    const rollout = await roll('/rollouts', { values: { image: BETTER } });
    expect(rollout.phase).toBe('SUCCEEDED');
    expect(running(world, 'web')).toEqual(Array(3).fill(`${BETTER} x4`));
  });

  test('an image that cannot be pulled takes the whole fleet back, to the very ReplicaSets that ran before', async () => {
    const before = uids();
    const rollout = await roll('/rollouts', { values: { image: BAD } });
    expect(rollout.phase).toBe('ROLLED_BACK');
    expect(rollout.failure).toMatchObject({
      container: 'web',
      cluster: expect.stringContaining('cluster-') as string,
      pod: expect.stringContaining('web-') as string,
    });
    expect(rollout.failure?.reason).toMatch(/ErrImagePull|ImagePullBackOff/);
    expect(rollout.targets.map((target) => target.phase).filter((phase) => phase !== 'ROLLED_BACK' && phase !== 'SKIPPED')).toEqual([]);
    expect(running(world, 'web')).toEqual(Array(3).fill(`${BETTER} x4`));
    expect(uids()).toEqual(before);
  });

  test('every rollout goes on to tell of its pods what it left behind', async () => {
    const pods = await Promise.all(
      [...world.rollouts].map(async (id) => (await rolloutOf(world, id)).targets.map((target) => target.pods)),
    );
    const [made, replaced, undone] = pods;
    expect([made, replaced]).toEqual(Array(2).fill(Array(3).fill({ desired: 4, old: 0, new: 4, ready: 4 })));
    // A target that was never written has not been looked at either.
    for (const seen of undone ?? []) expect([null, { desired: 4, old: 4, new: 0, ready: 4 }]).toContainEqual(seen);
  });

  test('a restart makes new pods of the same release', async () => {
    const before = uids();
    const rollout = await roll('/restart');
    expect(rollout.phase).toBe('SUCCEEDED');
    expect(running(world, 'web')).toEqual(Array(3).fill(`${BETTER} x4`));
    expect(uids().filter((uid) => before.includes(uid))).toEqual([]);
  });

  test('a rollback brings the release before it back, on its original ReplicaSets', async () => {
    const rollout = await roll('/rollback');
    expect(rollout).toMatchObject({ kind: 'ROLLBACK', phase: 'SUCCEEDED' });
    expect(running(world, 'web')).toEqual(Array(3).fill(`${GOOD} x4`));
    expect(uids()).toEqual(first);
  });

  test('scaling changes the number and no template', async () => {
    const before = uids();
    expectEverywhere(world, 'web', { replicas: 4, maxSurge: 3, maxUnavailable: 0 });
    const rollout = await roll('/scale', { replicas: 6 });
    expect(rollout).toMatchObject({ kind: 'SCALE', phase: 'SUCCEEDED' });
    expect(running(world, 'web')).toEqual(Array(3).fill(`${GOOD} x6`));
    expect(uids()).toEqual(before);
    expectEverywhere(world, 'web', { replicas: 6, maxSurge: 1, maxUnavailable: 0 });
  });

  test('an abort stops what is under way and takes it back', async () => {
    const before = uids();
    for (const { setFaults } of world.clusters) setFaults({ behaviours: [{ image: 'web:2', behaviour: 'never-ready' }] });
    const id = await deploy(world, workload, { values: { image: BETTER } });
    await Promise.all(
      world.recorders.map((recorder) => recorder.until(() => recorder.replicaSets('web').length === 2, 'a new ReplicaSet')),
    );
    await ask(world, `/rollouts/${id}/abort`);
    expect(await settled(world, id)).toMatchObject({ phase: 'ROLLED_BACK' });
    expect(running(world, 'web')).toEqual(Array(3).fill(`${GOOD} x6`));
    expect(uids()).toEqual(before);
    for (const { clearFaults } of world.clusters) clearFaults();
  });

  test('a pause holds the pods where they are until it is resumed', async () => {
    const id = await deploy(world, workload, { values: { image: BETTER } });
    await Promise.all(
      world.recorders.map((recorder) => recorder.until(() => recorder.replicaSets('web').length === 2, 'a new ReplicaSet')),
    );
    await ask(world, `/rollouts/${id}/pause`);
    expect(await rolloutOf(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'MANUAL' });
    await ask(world, `/rollouts/${id}/resume`);
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'web')).toEqual(Array(3).fill(`${BETTER} x6`));
  });

  test('a smaller number of pods that is asked for meanwhile holds it first, and it goes on with that number', async () => {
    const id = await deploy(world, workload, { values: { image: GOOD } });
    await Promise.all(
      world.recorders.map((recorder) => recorder.until(() => recorder.replicaSets('web').length === 2, 'a new ReplicaSet')),
    );
    expectEverywhere(world, 'web', { replicas: 3, maxSurge: 4, maxUnavailable: 0 });
    expect(await roll('/scale', { replicas: 3 })).toMatchObject({ phase: 'SUCCEEDED' });
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'web')).toEqual(Array(3).fill(`${GOOD} x3`));
    const holds = (await eventsOf(world, id)).filter(({ message }) => message.includes('Before the number of pods is lowered'));
    expect(holds.map(({ target }) => target).length).toBeGreaterThanOrEqual(1);
  });

  test('a workload that is removed leaves nothing behind', async () => {
    expectEverywhere(world, 'web', null);
    expect(await settled(world, await remove(world, workload))).toMatchObject({ kind: 'DELETE', phase: 'SUCCEEDED' });
    await Promise.all(
      world.recorders.map((recorder) =>
        recorder.until(() => recorder.names('pods', 'web').length + recorder.names('deployments', 'web').length === 0, 'nothing left'),
      ),
    );
    expect((await world.tenant.rest('GET', `/v1/workloads/${workload}`)).status).toBe(404);
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
