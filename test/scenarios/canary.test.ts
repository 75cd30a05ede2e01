import { afterAll, beforeAll, expect, test } from 'vitest';
import { onEachQueue } from '../support/queues.ts';
import { startRecorder } from '../support/recorder.ts';
import type { Recorder } from '../support/recorder.ts';
import {
  ask,
  BAD,
  BETTER,
  deploy,
  eventsOf,
  eventViolations,
  GOOD,
  makeWorkload,
  settled,
  startWorld,
  webDocument,
} from '../support/world.ts';
import type { World } from '../support/world.ts';

const steps = [{ weight: 20 }, { pause: true }, { weight: 50 }, { pauseSeconds: 1 }];
const document = webDocument({
  replicas: 10,
  strategy: { type: 'CANARY', maxSurge: 2, maxUnavailable: 0, steps, progressDeadlineSeconds: 30 },
});

onEachQueue('a canary on two clusters', (queue) => {
  let world: World;
  let recorders: Recorder[];
  let workload: string;
  const rollouts: string[] = [];

  const running = (): string[] =>
    recorders.map((recorder) =>
      recorder
        .replicaSets('shop')
        .map((one) => `${one.image.split(':')[1] ?? ''} x${one.replicas}`)
        .toSorted()
        .join(' + '),
    );
  const roll = async (body: unknown): Promise<Awaited<ReturnType<typeof settled>>> => {
    const id = await deploy(world, workload, body);
    rollouts.push(id);
    return settled(world, id);
  };

  beforeAll(async () => {
    world = await startWorld({ clusters: 2, queue });
    recorders = await Promise.all(world.clusters.map((cluster) => startRecorder(cluster.name, cluster)));
    workload = await makeWorkload(world, 'shop', document);
    await roll({});
    for (const recorder of recorders) recorder.expect('shop', { replicas: 10, maxSurge: 2, maxUnavailable: 0 });
  });
  afterAll(async () => {
    await Promise.all(recorders.map((recorder) => recorder.stop()));
    await world.close();
  });

  test('rests at its weight until it is promoted, then goes all the way', async () => {
    const held = await roll({ values: { image: BETTER } });
    expect(held).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    expect(held.targets.map((target) => target.phase)).toEqual(['HELD', 'HELD']);
    expect(running()).toEqual(Array(2).fill('1.0 x8 + 2.0 x2'));
    await ask(world, `/rollouts/${held.id}/promote`);
    expect(await settled(world, held.id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running()).toEqual(Array(2).fill('2.0 x10'));
    const sentences = (await eventsOf(world, held.id)).map((event) => event.message).filter((message) => message.startsWith('cluster-1'));
    expect(sentences.some((sentence) => sentence.includes('5 of 10 pods'))).toBe(true);
  });

  test('a bad image never gets past the first pods, and is taken back', async () => {
    const before = recorders.map((recorder) => recorder.replicaSets('shop')[0]?.uid);
    expect(await roll({ values: { image: BAD } })).toMatchObject({ phase: 'ROLLED_BACK' });
    expect(running()).toEqual(Array(2).fill('2.0 x10'));
    expect(recorders.map((recorder) => recorder.replicaSets('shop')[0]?.uid)).toEqual(before);
  });

  test('an abort while it is held brings every pod back', async () => {
    const held = await roll({ values: { image: GOOD } });
    expect(running()).toEqual(Array(2).fill('1.0 x2 + 2.0 x8'));
    await ask(world, `/rollouts/${held.id}/abort`);
    expect(await settled(world, held.id)).toMatchObject({ phase: 'ROLLED_BACK' });
    expect(running()).toEqual(Array(2).fill('2.0 x10'));
  });

  test('a rollback supersedes a held canary', async () => {
    const held = await roll({ values: { image: BAD.replace('invalid', 'example') } });
    expect(held).toMatchObject({ phase: 'PAUSED' });
    const id = await ask(world, `/workloads/${workload}/rollback`, { toRelease: 1 });
    rollouts.push(id);
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(await settled(world, held.id)).toMatchObject({ phase: 'SUPERSEDED' });
    expect(running()).toEqual(Array(2).fill('1.0 x10'));
  });

  test('the invariants held at every step', async () => {
    expect(recorders.flatMap((recorder) => recorder.violations)).toEqual([]);
    expect(await eventViolations(world, rollouts)).toEqual([]);
  });
});
