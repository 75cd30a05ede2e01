import { afterAll, beforeAll, expect, test } from 'vitest';
import { emptyQueue, loseJobs, onOneQueue } from '../../support/queues.ts';
import type { QueuePlace } from '../../support/queues.ts';
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
} from '../../support/world.ts';
import type { RolloutView, World } from '../../support/world.ts';

const document = webDocument({
  strategy: { type: 'CANARY', maxSurge: 1, maxUnavailable: 0, steps: [{ weight: 50 }, { pause: true }], progressDeadlineSeconds: 60 },
});

onOneQueue('the queue is emptied in the middle of rollouts', (queue) => {
  let world: World;
  let workload: string;

  const start = (image: string): Promise<string> => deploy(world, workload, { values: { image } });
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
    workload = await makeWorkload(world, 'shop', document);
    expect(await settled(world, await start(GOOD))).toMatchObject({ phase: 'SUCCEEDED' });
    expectEverywhere(world, 'shop', { replicas: 4, maxSurge: 1, maxUnavailable: 0 });
  });
  afterAll(() => world.close());

  test('once, with all that a promotion has put in it', async () => {
    const id = await startAndHold(BETTER);
    // One for the rollout, and one for each region.
    await loseJobs(where(), 3, async () => void (await ask(world, `/rollouts/${id}/promote`)));
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x4`));
  });

  test('again and again, from its start to its end', async () => {
    const whole = async (): Promise<RolloutView> => {
      const id = await startAndHold(GOOD);
      await ask(world, `/rollouts/${id}/promote`);
      return settled(world, id);
    };
    expect(await whileEmptying(whole())).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${GOOD} x4`));
  });

  test('again and again, while everything is taken back', async () => {
    const rollout = await whileEmptying(start(BAD).then((id) => settled(world, id)));
    expect(rollout).toMatchObject({ phase: 'ROLLED_BACK' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${GOOD} x4`));
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
