import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { editTemplate } from '../support/foreign-edits.ts';
import {
  ask,
  BAD,
  BETTER,
  deploy,
  expectEverywhere,
  GOOD,
  makeWorkload,
  running,
  settled,
  startWorld,
  violations,
  webDocument,
} from '../support/world.ts';
import type { World } from '../support/world.ts';

/** Longer than a cluster takes to go on by itself. */
const WHILE_MILLISECONDS = 1_000;

describe('a target that has failed and is not taken back', () => {
  let world: World;
  let workload: string;

  /** The image can be pulled again on the first cluster, and the pod that had failed becomes Ready. */
  const heal = async (): Promise<void> => {
    const [recorder] = world.recorders;
    world.clusters[0]?.clearFaults();
    await recorder?.until(() => recorder.readyPods('web') === 5, 'the pod that had failed is Ready');
    await sleep(WHILE_MILLISECONDS);
  };

  beforeAll(async () => {
    world = await startWorld({ clusters: 2 });
    workload = await makeWorkload(world, 'web');
    expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
    expectEverywhere(world, 'web', { replicas: 4, maxSurge: 1, maxUnavailable: 0 });
  });
  afterAll(() => world.close());

  test('stays where it is while the rollout is paused for it, and goes on when it is tried again', async () => {
    world.clusters[0]?.setFaults({ unpullableImages: ['web:2'] });
    const id = await deploy(world, workload, { values: { image: BETTER }, onFailure: 'PAUSE' });
    expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'FAILURE' });
    await heal();
    expect(running(world, 'web')[0]).toBe(`${GOOD} x4 + ${BETTER} x1`);
    await ask(world, `/rollouts/${id}/retry`);
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'web')).toEqual(Array(2).fill(`${BETTER} x4`));
  });

  test('is not judged by what was wrong before it was tried again, and is by what is wrong since', async () => {
    world.clusters[0]?.setFaults({ unpullableImages: ['web:1'] });
    const id = await deploy(world, workload, { values: { image: GOOD }, onFailure: 'PAUSE' });
    expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'FAILURE' });
    await ask(world, `/rollouts/${id}/retry`);
    expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', failure: { reason: 'ErrImagePull' } });
    world.clusters[0]?.clearFaults();
    await ask(world, `/rollouts/${id}/retry`);
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'web')).toEqual(Array(2).fill(`${GOOD} x4`));
    expect(await settled(world, await deploy(world, workload, { values: { image: BETTER } }))).toMatchObject({ phase: 'SUCCEEDED' });
  });

  test('stays where it is where its wave may have failures, and the next rollout takes it along', async () => {
    world.clusters[0]?.setFaults({ unpullableImages: ['web:1'] });
    const id = await deploy(world, workload, { values: { image: GOOD }, waves: [{ maxFailed: 1 }] });
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED', targets: [{ phase: 'FAILED' }, { phase: 'SUCCEEDED' }] });
    await heal();
    expect(running(world, 'web')).toEqual([`${GOOD} x1 + ${BETTER} x4`, `${GOOD} x4`]);
    expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'web')).toEqual(Array(2).fill(`${GOOD} x4`));
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});

describe('an edit of somebody that never was Ready, and that a rollout has taken over', () => {
  test('is named where the rollout goes back to it, and so is the way out', async () => {
    const world = await startWorld({ clusters: 1 });
    try {
      const [recorder, cluster] = [world.recorders[0]!, world.clusters[0]!.name];
      const steps = [{ weight: 50 }, { pause: true }];
      const strategy = { type: 'CANARY', maxSurge: 1, maxUnavailable: 0, steps, progressDeadlineSeconds: 3 };
      const workload = await makeWorkload(world, 'web', webDocument({ strategy }));
      expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
      await editTemplate({ cluster, namespace: 'default', recorder }, 'web', { spec: { containers: [{ name: 'web', image: BAD }] } });
      const id = await deploy(world, workload, { values: { image: BETTER }, takeOver: true });
      expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
      await ask(world, `/rollouts/${id}/abort`);
      const { failure, ...back } = await settled(world, id);
      const ran = 'is release 1 as kubectl-edit has changed it, of which 4 pods were not Ready';
      const way = 'to overwrite the edit of kubectl-edit, go back to release 1';
      expect(back).toMatchObject({
        phase: 'FAILED',
        phaseReason: expect.stringContaining(`What ran before on ${cluster} ${ran}; ${way}`) as string,
      });
      expect(failure).toMatchObject({ reason: 'PROGRESS_DEADLINE', advice: expect.stringContaining(way) as string });
      expect(failure?.message).toContain('0 of 4 pods run release 1 as kubectl-edit has changed it and are Ready');
      expect(failure?.message).toContain(`What ran before the rollout ${ran}.`);
      expect(await settled(world, await ask(world, `/workloads/${workload}/rollback`, { toRelease: 1 }))).toMatchObject({
        phase: 'SUCCEEDED',
      });
      expect(running(world, 'web')).toEqual([`${GOOD} x4`]);
      expect(await violations(world)).toEqual([]);
    } finally {
      await world.close();
    }
  });
});
