import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { SimulatedCluster } from '../../simulator/simulator.ts';
import { LABELS } from '../../src/workloads/core/objects.ts';
import {
  ask,
  BETTER,
  deploy,
  eventsOf,
  expectEverywhere,
  GOOD,
  makeWorkload,
  rolloutOf,
  running,
  settled,
  startWorld,
  violations,
  webDocument,
} from '../support/world.ts';
import type { RolloutView, TargetView, World } from '../support/world.ts';

const steps = [{ weight: 50 }, { pause: true }];
const strategy = { type: 'CANARY', maxSurge: 1, maxUnavailable: 0, steps, progressDeadlineSeconds: 60 };
/** Pods that run already stop being Ready. */
const UNREADY = { behaviours: [{ image: BETTER, behaviour: 'never-ready' }] };

describe('a canary that is held at an open pause', () => {
  let world: World;
  let first: SimulatedCluster;

  const targetOf = ({ targets }: RolloutView): TargetView => targets.find(({ cluster }) => cluster.name === first.name)!;
  const typesOf = async (id: string): Promise<string[]> =>
    (await eventsOf(world, id)).map(({ type }) => type).filter((type) => /^target\.(un)?healthy$/.test(type));
  const hold = async (name: string, change: object = {}): Promise<string> => {
    const workload = await makeWorkload(world, name, webDocument({ strategy }));
    expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
    const id = await deploy(world, workload, { values: { image: BETTER }, ...change });
    expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    return id;
  };

  beforeAll(async () => {
    world = await startWorld({ clusters: 2 });
    [first] = world.clusters as [SimulatedCluster];
  });
  afterEach(() => first.clearFaults());
  afterAll(() => world.close());

  test('is watched: what happens to its pods is shown at once, also by the rollout, and is over when they are Ready again', async () => {
    const id = await hold('watched');
    first.setFaults(UNREADY);
    await expect.poll(async () => targetOf(await rolloutOf(world, id)).condition).toMatchObject({ type: 'NotReady' });
    await expect
      .poll(async () => (await rolloutOf(world, id)).phaseReason)
      .toMatch(
        /^Every target is at the pause of step 2 of 2, but cluster-1 is not well: NotReady \(pod watched-\S+, container web\): containers with unready status/,
      );
    const shown = await rolloutOf(world, id);
    expect(shown).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP', failure: null });
    expect(targetOf(shown)).toMatchObject({
      phase: 'HELD',
      phaseReason: expect.stringMatching(/^Held at 2 of 4 pods on release 2, which is not well \(pod watched-/) as string,
      conditions: [{ code: 'NotReady', data: { severity: 'SLOW', blames: 'RELEASE', container: 'web' } }],
    });
    expect(await typesOf(id)).toEqual(['target.unhealthy']);

    first.clearFaults();
    await expect.poll(async () => targetOf(await rolloutOf(world, id)).condition).toBeNull();
    await expect
      .poll(async () => (await rolloutOf(world, id)).phaseReason)
      .toBe('Every target is at the pause of step 2 of 2: promote to go on.');
    expect(await typesOf(id)).toEqual(['target.unhealthy', 'target.healthy']);
    await ask(world, `/rollouts/${id}/promote`);
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'watched')).toEqual(Array(2).fill(`${BETTER} x4`));
  });

  test('whose number of pods somebody changes says who it was, from what to what, and what that comes to', async () => {
    const id = await hold('scaled');
    const [recorder] = world.recorders;
    const said = async (): Promise<string[]> =>
      (await eventsOf(world, id)).flatMap(({ message }) => (message.includes('number of pods') ? [message] : []));
    const sentences = [
      'cluster-1: The number of pods was set from 4 to 3 by kubectl while 2 were held on release 2: the split follows.',
      'cluster-1: The number of pods was set from 3 to 6 by kubectl while 1 was held on release 2: the split follows.',
    ];
    for (const [index, replicas] of [3, 6].entries()) {
      await recorder!.edit('scaled', {}, { manager: 'kubectl', spec: { replicas } });
      await expect.poll(said).toEqual(sentences.slice(0, index + 1));
    }
    await ask(world, `/rollouts/${id}/promote`);
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
  });

  test('is scaled by ours to as few as one pod, and one that is asked for is Ready all the time', async () => {
    const id = await hold('lowered', { strategy: { ...strategy, steps: [{ weight: 25 }, { pause: true }] } });
    expect(running(world, 'lowered')).toEqual(Array(2).fill(`${GOOD} x3 + ${BETTER} x1`));
    const [recorder] = world.recorders;
    const scale = await ask(world, '/workloads/lowered/scale', { replicas: 1 });
    const ready: number[] = [];
    await expect
      .poll(async () => {
        ready.push(recorder!.readyPods('lowered'));
        return (await rolloutOf(world, scale)).phase;
      })
      .toBe('SUCCEEDED');
    expect(Math.min(...ready)).toBeGreaterThanOrEqual(1);
    expect(running(world, 'lowered')).toEqual(Array(2).fill(`${GOOD} x1 + ${BETTER} x1`));
    expect(await rolloutOf(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP', failure: null });
    await ask(world, `/rollouts/${id}/promote`);
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'lowered')).toEqual(Array(2).fill(`${BETTER} x1`));
  });

  test('has one pod more where an autoscaler may lower their number, and one is Ready all the time when it does', async () => {
    const [recorder] = world.recorders;
    const path = '/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers';
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'autoscaled' };
    const autoscaler = { metadata: { name: 'by-load' }, spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 4 } };
    await recorder!.create(path, { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', ...autoscaler });
    const id = await hold('autoscaled', { strategy: { ...strategy, steps: [{ weight: 25 }, { pause: true }] } });
    expect(running(world, 'autoscaled')).toEqual([`${GOOD} x4 + ${BETTER} x1`, `${GOOD} x3 + ${BETTER} x1`]);
    expect(targetOf(await rolloutOf(world, id)).phaseReason).toBe(
      'Held at 1 of 4 pods on release 2 (with 1 pod more, since autoscaler by-load may go down to 1), until it is promoted.',
    );
    recorder!.expect('autoscaled', { replicas: 1, maxSurge: 4, maxUnavailable: 0 });
    await recorder!.edit('autoscaled', {}, { manager: 'kube-controller-manager', spec: { replicas: 1 } });
    await recorder!.until(() => recorder!.running('autoscaled') === `${GOOD} x1 + ${BETTER} x1`, 'one of each');
    await ask(world, `/rollouts/${id}/abort`);
    expect(await settled(world, id)).toMatchObject({ phase: 'ROLLED_BACK' });
    expect(running(world, 'autoscaled')).toEqual([`${GOOD} x1`, `${GOOD} x4`]);
    recorder!.expect('autoscaled', null);
  });

  test('is scaled by ours to a few of many pods, is not ended by it, and keeps what ran before beside it', async () => {
    const surge = { ...strategy, maxSurge: 8, steps: [{ weight: 80 }, { pause: true }] };
    const id = await hold('rounded', { strategy: surge });
    expectEverywhere(world, 'rounded', { replicas: 2, maxSurge: 8, maxUnavailable: 0 });
    const scale = await ask(world, '/workloads/rounded/scale', { replicas: 2 });
    expect(await settled(world, scale)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(await rolloutOf(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP', failure: null });
    for (const what of running(world, 'rounded')) expect(what).toMatch(/1.0 x1 \+ .*2.0 x[12]$/);
    await ask(world, `/rollouts/${id}/promote`);
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'rounded')).toEqual(Array(2).fill(`${BETTER} x2`));
    // Its pods fail with those of the tests that follow.
    expectEverywhere(world, 'rounded', null);
  });

  test('whose Deployment loses our label is left alone there, until somebody puts the label back', async () => {
    const id = await hold('unlabeled');
    const [recorder] = world.recorders;
    await recorder!.label('unlabeled', { [LABELS.workloadId]: null });
    await expect.poll(async () => (await rolloutOf(world, id)).phase).toBe('FAILED');
    const { failure } = await rolloutOf(world, id);
    expect(failure).toMatchObject({ reason: 'LABEL_REMOVED', cluster: first.name });
    expect(running(world, 'unlabeled')).toEqual([`${GOOD} x2 + ${BETTER} x2`, `${GOOD} x4`]);

    const [, label, value] = /kubectl label --overwrite deployment unlabeled (\S+)=([0-9a-f-]+)/.exec(failure!.advice)!;
    await recorder!.label('unlabeled', { [label!]: value! });
    const again = await ask(world, `/rollouts/${id}/retry`);
    expect(await settled(world, again)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    await ask(world, `/rollouts/${again}/abort`);
    await expect.poll(async () => (await rolloutOf(world, again)).phase).toBe('ROLLED_BACK');
    expect(running(world, 'unlabeled')).toEqual(Array(2).fill(`${GOOD} x4`));
  });

  test('fails by its deadline, and everything goes back', async () => {
    const id = await hold('late', { strategy: { ...strategy, progressDeadlineSeconds: 4 } });
    first.setFaults(UNREADY);
    await expect.poll(async () => (await rolloutOf(world, id)).phase).toBe('ROLLED_BACK');
    const rollout = await settled(world, id);
    expect(rollout.failure).toMatchObject({ reason: 'PROGRESS_DEADLINE', cluster: first.name, container: 'web' });
    expect(rollout.failure?.message).toMatch(/^No progress for 4 s: \d of the 2 pods that are held are Ready\. NotReady: /);
    expect(await typesOf(id)).toEqual(['target.unhealthy']);
    expect(rollout.failure?.logTail).toContain('waiting for the cache');
    expect(running(world, 'late')).toEqual(Array(2).fill(`${GOOD} x4`));
  });

  test('fails by its deadline, and what onFailure says follows', async () => {
    const id = await hold('left', { strategy: { ...strategy, progressDeadlineSeconds: 4 }, onFailure: 'PAUSE' });
    first.setFaults(UNREADY);
    await expect.poll(async () => (await rolloutOf(world, id)).pauseReason).toBe('FAILURE');
    expect((await rolloutOf(world, id)).targets.map(({ phase }) => phase).sort()).toEqual(['FAILED', 'HELD']);
    first.clearFaults();
    await ask(world, `/rollouts/${id}/abort`);
    expect(await settled(world, id)).toMatchObject({ phase: 'ROLLED_BACK' });
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
