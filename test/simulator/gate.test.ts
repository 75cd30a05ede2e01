import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closed, deployment, pods, replicaSets, startWorld, surge, web } from './support/world.ts';
import type { World } from './support/world.ts';

/** What was observed on a real control plane (Kubernetes 1.36.3) with the gate closed: ten pods of revision 1, then steps (s, u) towards revision 2. */
describe('the closed gate', () => {
  let world: World;

  beforeEach(async () => {
    world = await startWorld();
    await world.deploy(1, { replicas: 1 });
    await world.scale(10);
    expect(await world.split()).toEqual({ 1: 10 });
  });
  afterEach(() => world.stop());

  const step = (s: number | string, u: number | string, revision: number | string = 2) =>
    world.deploy(revision, { ...closed, ...surge(s, u) });

  it('holds a canary above ten old pods, for as long as nothing is written', async () => {
    await step(2, 0);
    expect(await world.split()).toEqual({ 1: 10, 2: 2 });
    world.clock.advance(24 * 3600_000);
    expect(await world.split()).toEqual({ 1: 10, 2: 2 });
    expect(await world.ready()).toBe(12);
  });

  it('holds a constant total', async () => {
    await step(0, '20%');
    expect(await world.split()).toEqual({ 1: 8, 2: 2 });
  });

  it('goes up and then to a constant total', async () => {
    await step(0, '20%');
    await step(3, '20%');
    expect(await world.split()).toEqual({ 1: 8, 2: 5 });
    await step(0, '50%');
    expect(await world.split()).toEqual({ 1: 5, 2: 5 });
  });

  it('only ever moves forward', async () => {
    await step(0, '50%');
    await step(2, 0);
    expect(await world.split()).toEqual({ 1: 5, 2: 7 });
  });

  it('heals deleted pods of both sides to the same split', async () => {
    await step(0, '20%');
    for (const tag of ['1', '2']) {
      const victim = (await world.client.get(pods)).items.find((pod: any) => pod.spec.containers[0].image.endsWith(`:${tag}`));
      await world.client.remove(`${pods}/${victim.metadata.name}`);
    }
    world.clock.advance(10_000);
    expect(await world.split()).toEqual({ 1: 8, 2: 2 });
    expect(await world.ready()).toBe(10);
  });

  it('walks in strict batches of three to the end, and opens without a restart', async () => {
    const walk: [number, string | number, { [tag: string]: number }][] = [
      [3, 0, { 1: 10, 2: 3 }],
      [3, '30%', { 1: 7, 2: 6 }],
      [3, '60%', { 1: 4, 2: 9 }],
      [1, '90%', { 1: 1, 2: 10 }],
      [0, '100%', { 2: 10 }],
    ];
    for (const [s, u, expected] of walk) {
      const live = await step(s, u);
      expect(await world.split()).toEqual(expected);
      expect(live.status.availableReplicas ?? 0).toBe(expected['1'] ?? 0);
    }
    const before = (await world.client.get(pods)).items.map((pod: any) => pod.metadata.uid).sort();
    const live = await world.deploy(2, surge('25%', 0));
    expect(live.status).toMatchObject({ availableReplicas: 10, updatedReplicas: 10, replicas: 10 });
    expect((await world.client.get(pods)).items.map((pod: any) => pod.metadata.uid).sort()).toEqual(before);
  });

  it('leaves the old pods alone when the image is bad, and gives the same ReplicaSet back', async () => {
    const original = (await world.setOf(1)).metadata.uid;
    await step(2, 0, 'registry.invalid/shop/web:3');
    expect(await world.split()).toEqual({ 1: 10, 3: 2 });
    expect(await world.ready()).toBe(10);
    await world.deploy(1, surge(1, 0), 2);
    expect(await world.split()).toEqual({ 1: 10 });
    expect((await world.setOf(1)).metadata.uid).toBe(original);
    const sets = (await world.client.get(replicaSets)).items;
    expect(sets.find((set: any) => set.metadata.uid === original).spec.replicas).toBe(10);
  });

  it('keeps ten ready when a held canary is superseded by a third revision, and going back clears both', async () => {
    await step(3, 0, 2);
    expect(await world.split()).toEqual({ 1: 10, 2: 3 });
    await step(3, '20%', 2);
    await step(3, 0, 3);
    expect(await world.ready()).toBeGreaterThanOrEqual(10);
    expect((await world.split())['1']).toBe(8);
    await world.deploy(1, surge(1, 0));
    expect(await world.split()).toEqual({ 1: 10 });
  });

  it('follows the number of pods in proportion with a percentage, and falls through with an absolute number', async () => {
    await world.scale(20);
    await step(0, '50%');
    expect(await world.split()).toEqual({ 1: 10, 2: 10 });
    await world.scale(10);
    expect(await world.split()).toEqual({ 1: 5, 2: 5 });
  });

  it('with an absolute maxUnavailable a scale-down takes old pods away', async () => {
    await world.scale(20);
    await step(0, 10);
    expect(await world.split()).toEqual({ 1: 10, 2: 10 });
    await world.scale(10);
    expect((await world.split())['1'] ?? 0).toBe(0);
  });

  it('a dip in the number of pods ratchets the canary up', async () => {
    await step(0, '10%');
    expect(await world.split()).toEqual({ 1: 9, 2: 1 });
    await world.scale(2);
    await world.scale(10);
    expect(await world.split()).toEqual({ 1: 5, 2: 5 });
  });

  it('removes the Progressing condition while held, and Available stays true while enough old pods are ready', async () => {
    const live = await step(0, '20%');
    const types = Object.fromEntries(live.status.conditions.map((one: any) => [one.type, one.status]));
    expect(types).toEqual({ Available: 'True' });
  });

  it('keeps the original ReplicaSet and its revision history when it goes back and forth', async () => {
    await step(2, 0, 2);
    await world.deploy(1, surge(1, 0));
    const set = await world.setOf(1);
    expect(set.metadata.annotations['deployment.kubernetes.io/revision']).toBe('3');
    expect(set.metadata.annotations['deployment.kubernetes.io/revision-history']).toBe('1');
    expect((await world.client.get(web)).metadata.annotations['deployment.kubernetes.io/revision']).toBe('3');
  });

  it('says nothing is available where the closed gate meets an unchanged template', async () => {
    const live = await step('25%', 0, 1);
    expect(live.status.availableReplicas ?? 0).toBe(0);
    expect(await world.ready()).toBe(10);
    expect(deployment(1).metadata.name).toBe('web');
  });
});

/** (N, walk of (s, u), canary + stable) */
describe('steps for other sizes', () => {
  let world: World;
  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(() => world.stop());

  const cases: { n: number; walk: [number | string, number | string][]; split: { [tag: string]: number } }[] = [
    {
      n: 7,
      walk: [
        [2, '0%'],
        [0, '29%'],
      ],
      split: { 1: 5, 2: 2 },
    },
    {
      n: 7,
      walk: [
        [2, '0%'],
        [0, '29%'],
        [2, '29%'],
        [0, '58%'],
      ],
      split: { 1: 3, 2: 4 },
    },
    {
      n: 3,
      walk: [
        [1, '0%'],
        [0, '34%'],
        [0, '67%'],
      ],
      split: { 1: 1, 2: 2 },
    },
    { n: 1, walk: [[1, '0%']], split: { 1: 1, 2: 1 } },
    { n: 150, walk: [[1, '1%']], split: { 1: 149, 2: 2 } },
  ];
  it.each(cases)('N = $n', async ({ n, walk, split }) => {
    await world.deploy(1, { replicas: 1 });
    await world.scale(n);
    for (const [s, u] of walk) await world.deploy(2, { ...closed, ...surge(s, u) });
    expect(await world.split()).toEqual(split);
  });

  it('N = 1 with no surge, and N = 0, end on the new revision alone', async () => {
    await world.deploy(1, { replicas: 1 });
    await world.deploy(2, { ...closed, ...surge(0, '100%') });
    expect(await world.split()).toEqual({ 2: 1 });
    await world.scale(0);
    await world.deploy(3, { ...closed, ...surge('25%', 0) });
    await world.scale(2);
    expect(await world.split()).toEqual({ 3: 2 });
  });
});
