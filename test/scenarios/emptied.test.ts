import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyQueue, loseJobs, onEachQueue } from '../support/queues.ts';
import type { QueuePlace } from '../support/queues.ts';
import { startRecorder } from '../support/recorder.ts';
import type { Recorder } from '../support/recorder.ts';
import { ask, BAD, BETTER, deploy, eventViolations, GOOD, makeWorkload, settled, startWorld, webDocument } from '../support/world.ts';
import type { RolloutView, World } from '../support/world.ts';

const document = webDocument({
  strategy: { type: 'CANARY', maxSurge: 1, maxUnavailable: 0, steps: [{ weight: 50 }, { pause: true }], progressDeadlineSeconds: 60 },
});

onEachQueue('the queue is emptied in the middle of rollouts', (queue) => {
  let world: World;
  let recorders: Recorder[];
  let workload: string;
  const rollouts: string[] = [];

  const running = (): string[] =>
    recorders.map((recorder) =>
      recorder
        .replicaSets('shop')
        .map((one) => `${one.image} x${one.replicas}`)
        .join(' + '),
    );
  const start = async (image: string): Promise<string> => {
    const id = await deploy(world, workload, { values: { image } });
    rollouts.push(id);
    return id;
  };
  const startAndHold = async (image: string): Promise<string> => {
    const id = await start(image);
    expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    return id;
  };
  const where = (): QueuePlace => ({ redisUrl: world.config.redisUrl, ownerUrl: world.api.database.ownerUrl });
  /** Empties it again and again, so that hardly a job is ever seen, until the work is done. */
  const whileEmptying = async <T>(work: Promise<T>): Promise<T> => {
    let over = false;
    const emptying = async (): Promise<void> => {
      while (!over) await emptyQueue(where());
    };
    const [result] = await Promise.all([work.finally(() => (over = true)), emptying()]);
    return result;
  };

  beforeAll(async () => {
    world = await startWorld({ clusters: 2, queue });
    recorders = await Promise.all(world.clusters.map((cluster) => startRecorder(cluster.name, cluster)));
    workload = await makeWorkload(world, 'shop', document);
    expect(await settled(world, await start(GOOD))).toMatchObject({ phase: 'SUCCEEDED' });
    for (const recorder of recorders) recorder.expect('shop', { replicas: 4, maxSurge: 1, maxUnavailable: 0 });
  });
  afterAll(async () => {
    await Promise.all(recorders.map((recorder) => recorder.stop()));
    await world.close();
  });

  test('once, with all that a promotion has put in it', async () => {
    const id = await startAndHold(BETTER);
    // One for the rollout, and one for each region.
    await loseJobs(where(), 3, async () => void (await ask(world, `/rollouts/${id}/promote`)));
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running()).toEqual(Array(2).fill(`${BETTER} x4`));
  });

  test('again and again, from its start to its end', async () => {
    const whole = async (): Promise<RolloutView> => {
      const id = await startAndHold(GOOD);
      await ask(world, `/rollouts/${id}/promote`);
      return settled(world, id);
    };
    expect(await whileEmptying(whole())).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running()).toEqual(Array(2).fill(`${GOOD} x4`));
  });

  test('again and again, while everything is taken back', async () => {
    const rollout = await whileEmptying(start(BAD).then((id) => settled(world, id)));
    expect(rollout).toMatchObject({ phase: 'ROLLED_BACK' });
    expect(running()).toEqual(Array(2).fill(`${GOOD} x4`));
  });

  test('the invariants held at every step', async () => {
    expect(recorders.flatMap((recorder) => [...recorder.violations, ...recorder.unseen()])).toEqual([]);
    expect(await eventViolations(world, rollouts)).toEqual([]);
  });
});
