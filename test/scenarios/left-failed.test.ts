import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, BETTER, deploy, expectEverywhere, GOOD, makeWorkload, running, settled, startWorld, violations } from '../support/world.ts';
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
