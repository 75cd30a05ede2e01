import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, deployment, pods, replicaSets, startWorld, surge, web } from './support/world.ts';
import type { World } from './support/world.ts';

describe('the Deployment controller', () => {
  let world: World;
  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(() => world.stop());

  const conditions = async (): Promise<{ [type: string]: string }> =>
    Object.fromEntries(
      ((await world.client.get(web)).status.conditions ?? []).map((one: any) => [one.type, `${one.status} ${one.reason}`]),
    );

  /** The most pods that were ever wanted at a moment, and the least that were Ready, since a version. */
  const extremes = async (at: World, version: string): Promise<{ mostWanted: number; leastReady: number }> => {
    const wanted = new Map<string, number>();
    const ready = new Map<string, boolean>();
    const sums: number[] = [];
    const readies: number[] = [];
    const isReady = (pod: any): boolean =>
      !pod.metadata.deletionTimestamp && pod.status.conditions?.some((one: any) => one.type === 'Ready' && one.status === 'True');
    for (const { object, type } of await at.history(replicaSets, version)) {
      wanted.set(object.metadata.uid, type === 'DELETED' ? 0 : object.spec.replicas);
      sums.push([...wanted.values()].reduce((sum, one) => sum + one, 0));
    }
    for (const { object, type } of await at.history(pods, version)) {
      ready.set(object.metadata.uid, type !== 'DELETED' && isReady(object));
      readies.push([...ready.values()].filter(Boolean).length);
    }
    return { mostWanted: Math.max(...sums), leastReady: Math.min(...readies.slice(readies.indexOf(10))) };
  };

  it('delays the status of ReplicaSets where a fault says so, and then counts what was there before its own deletions', async () => {
    await world.deploy(1, { replicas: 4 });
    world.cluster.setFaults({ statusDelayMilliseconds: [300, 301] });
    const { metadata } = await world.setOf(1);
    await world.scale(2, 0.2);
    expect(await world.split()).toEqual({ 1: 2 });
    expect(await world.setOf(1)).toMatchObject({
      metadata: { generation: metadata.generation + 1 },
      status: { observedGeneration: metadata.generation, replicas: 4 },
    });
    world.clock.advance(200);
    expect((await world.setOf(1)).status).toMatchObject({ observedGeneration: metadata.generation + 1, replicas: 4, readyReplicas: 4 });
    world.clock.advance(400);
    expect((await world.setOf(1)).status).toMatchObject({ replicas: 2, readyReplicas: 2, availableReplicas: 2 });
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8])('rolls within surge and unavailability at every moment (seed %i)', async (seed) => {
    const busy = await startWorld({ seed, podStartMilliseconds: [40, 120], podStopMilliseconds: [10, 50] });
    const version = await busy.version();
    await busy.deploy(1, { replicas: 10, ...surge('25%', 0) });
    await busy.deploy(2, { replicas: 10, ...surge('25%', 0) });
    await busy.deploy(3, { replicas: 10, ...surge('25%', 0) });
    expect(await busy.split()).toEqual({ 3: 10 });
    expect(await extremes(busy, version)).toEqual({ mostWanted: 13, leastReady: 10 });
    const live = await busy.client.get(web);
    expect(live.status.conditions.map((one: any) => `${one.type} ${one.status} ${one.reason}`).sort()).toEqual([
      'Available True MinimumReplicasAvailable',
      'Progressing True NewReplicaSetAvailable',
    ]);
    await busy.stop();
  });

  it('counts as available only what has been Ready for minReadySeconds', async () => {
    await world.deploy(1, { replicas: 3, minReadySeconds: 20 }, 15);
    expect((await world.client.get(web)).status).toMatchObject({ readyReplicas: 3, unavailableReplicas: 3 });
    world.clock.advance(10_000);
    expect((await world.client.get(web)).status).toMatchObject({ readyReplicas: 3, availableReplicas: 3 });
  });

  it('says when its deadline has passed, and takes it back on progress', async () => {
    await world.deploy(1, { replicas: 2 });
    await world.deploy('registry.invalid/web:2', { replicas: 2, progressDeadlineSeconds: 30 }, 25);
    expect((await conditions())['Progressing']).toBe('True ReplicaSetUpdated');
    world.clock.advance(10_000);
    expect((await conditions())['Progressing']).toBe('False ProgressDeadlineExceeded');
    await world.deploy(1, { replicas: 2, progressDeadlineSeconds: 30 });
    expect((await conditions())['Progressing']).toBe('True NewReplicaSetAvailable');
  });

  it('only scales while it is paused', async () => {
    await world.deploy(1, { replicas: 4 });
    await world.client.merge(web, { spec: { paused: true } });
    await world.client.merge(web, { spec: { template: { spec: { containers: [{ name: 'web', image: 'example/web:2' }] } } } });
    world.clock.advance(30_000);
    expect(await world.split()).toEqual({ 1: 4 });
    expect((await conditions())['Progressing']).toBe('Unknown DeploymentPaused');
    await world.scale(6);
    expect(await world.split()).toEqual({ 1: 6 });
    await world.client.merge(web, { spec: { paused: null } });
    world.clock.advance(60_000);
    expect(await world.split()).toEqual({ 2: 6 });
  });

  it('never runs two revisions together under Recreate, terminating pods included', async () => {
    const recreate = { replicas: 3, strategy: { type: 'Recreate' } };
    const version = await world.version();
    await world.deploy(1, recreate);
    await world.deploy(2, recreate);
    expect(await world.split()).toEqual({ 2: 3 });
    const living = new Map<string, string>();
    for (const { type, object } of await world.history(pods, version)) {
      if (type === 'DELETED') living.delete(object.metadata.uid);
      else living.set(object.metadata.uid, object.spec.containers[0].image);
      expect(new Set(living.values()).size).toBeLessThanOrEqual(1);
    }
  });

  it('keeps as many old ReplicaSets as the history limit says', async () => {
    for (const revision of [1, 2, 3, 4, 5]) await world.deploy(revision, { replicas: 1, revisionHistoryLimit: 2 }, 20);
    const images = (await world.client.get(replicaSets)).items.map((set: any) => set.spec.template.spec.containers[0].image).sort();
    expect(images).toEqual(['example/web:3', 'example/web:4', 'example/web:5']);
  });

  it('copies its annotations to the new ReplicaSet, but not those that are its own', async () => {
    const annotations = { 'slipway.dev/template': 'abc', 'kubectl.kubernetes.io/last-applied-configuration': '{}' };
    await world.client.apply(web, deployment(1, {}, { annotations }));
    world.clock.advance(5_000);
    const { metadata } = await world.setOf(1);
    expect(metadata.annotations).toEqual({
      'slipway.dev/template': 'abc',
      'deployment.kubernetes.io/revision': '1',
      'deployment.kubernetes.io/desired-replicas': '1',
      'deployment.kubernetes.io/max-replicas': '2',
    });
    expect(metadata.name).toBe(`web-${metadata.labels['pod-template-hash']}`);
  });

  it('reports a quota as ReplicaFailure, and goes on when there is room', async () => {
    const quotas = '/api/v1/namespaces/default/resourcequotas';
    await world.client.create(quotas, {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'few' },
      spec: { hard: { pods: '3' } },
    });
    await world.deploy(1, { replicas: 5 }, 10);
    expect(await world.split()).toEqual({ 1: 3 });
    const failure = (await world.client.get(web)).status.conditions.find((one: any) => one.type === 'ReplicaFailure');
    expect(failure).toMatchObject({ status: 'True', reason: 'FailedCreate' });
    expect(failure.message).toContain('is forbidden: exceeded quota: few, requested: pods=1, used: pods=3, limited: pods=3');
    expect((await world.client.get(`${quotas}/few`)).status).toEqual({ hard: { pods: '3' }, used: { pods: '3' } });
    await world.client.merge(`${quotas}/few`, { spec: { hard: { pods: '9' } } });
    world.clock.advance(60_000);
    expect(await world.split()).toEqual({ 1: 5 });
    expect((await conditions())['ReplicaFailure']).toBeUndefined();
  });

  it('does not move an abort without surge under a full quota', async () => {
    await world.deploy(1, { replicas: 4 });
    await world.client.create('/api/v1/namespaces/default/resourcequotas', {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'full' },
      spec: { hard: { pods: '4' } },
    });
    await world.deploy('registry.invalid/web:2', { replicas: 4, ...closed, ...surge(0, '25%') }, 20);
    expect(await world.split()).toEqual({ 1: 3, 2: 1 });
    await world.deploy(1, { replicas: 4, ...surge(1, 0) }, 600);
    expect(await world.split()).toEqual({ 1: 3, 2: 1 });
    await world.deploy(1, { replicas: 4, ...surge(0, 1) });
    expect(await world.split()).toEqual({ 1: 4 });
  });

  it('removes pods that are not Ready before those that are', async () => {
    await world.deploy(1, { replicas: 4 });
    const items = (await world.client.get(pods)).items;
    const sick = items[2].metadata.name;
    await world.client.merge(`${pods}/${sick}`, { metadata: { annotations: { 'simulation/behaviour': 'never-ready' } } });
    world.clock.advance(3_000);
    await world.scale(3);
    const left = (await world.client.get(pods)).items.map((pod: any) => pod.metadata.name);
    expect(left).toHaveLength(3);
    expect(left).not.toContain(sick);
  });

  it('leaves no timer behind once all is at rest', async () => {
    world.clock.advance(60_000);
    const before = world.clock.waiting;
    await world.deploy(1, { replicas: 5 });
    await world.deploy(2, { replicas: 5 });
    await world.client.remove(web);
    // What is left is at most the look at a deadline that has not passed.
    world.clock.advance(700_000);
    expect(world.clock.waiting).toBe(before);
    expect(before).toBe(0);
  });
});
