import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Failpoint } from '../../../src/platform/failpoint.ts';
import { FAILPOINTS } from '../../../src/rollouts/failpoints.ts';
import { buildProgram, spawnWorker } from '../../support/program.ts';
import { onEachQueue, QUEUE_BACKENDS } from '../../support/queues.ts';
import {
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
import type { World } from '../../support/world.ts';

/** On all backends together. The gate asks for 20; a developer's run is content with fewer. */
const RANDOM_KILLS = Number(process.env['SLIPWAY_KILLS'] ?? 6);
/** About as long as a rollout of this document takes: a random moment may be any of it. */
const ROLLOUT_MILLISECONDS = 2_000;
/** Several waits and writes, so that there is much to be killed between; a deadline that no time without a worker reaches. */
const steps = [{ weight: 50 }, { pauseSeconds: 1 }];
const document = webDocument({
  replicas: 2,
  strategy: { type: 'CANARY', maxSurge: 1, maxUnavailable: 0, steps, progressDeadlineSeconds: 900 },
});

/** Where the worker dies, and at which time of coming by. The first release of a workload is made by then; this is the change to the second. */
const FIRST_TIMES: { at: Failpoint; nth: number }[] = FAILPOINTS.map((at) => ({ at, nth: 1 }));
const LATER_TIMES: typeof FIRST_TIMES = [
  { at: 'after-commit-before-write', nth: 3 },
  { at: 'after-write', nth: 2 },
];

onEachQueue('workers are killed where it hurts', (queue) => {
  // What comes by later has less to do with the queue than with the rows: once is enough.
  const deaths = queue === 'Postgres' ? [...FIRST_TIMES, ...LATER_TIMES] : FIRST_TIMES;
  const randomKills = Math.ceil((RANDOM_KILLS - QUEUE_BACKENDS.indexOf(queue)) / QUEUE_BACKENDS.length);
  let world: World;
  const workloads: string[] = [];
  /** How each rollout is to end, in the order of their workloads. */
  const expected = new Map<string, string>();

  const change = async (index: number, image: string): Promise<void> => {
    const id = await deploy(world, workloads[index] ?? '', { values: { image } });
    expected.set(id, image === BAD ? 'ROLLED_BACK' : 'SUCCEEDED');
  };

  beforeAll(async () => {
    [world] = await Promise.all([startWorld({ clusters: 1, queue, workers: 0 }), buildProgram()]);
    const worker = spawnWorker(world.config);
    for (let index = 0; index < deaths.length + randomKills; index += 1) workloads.push(await makeWorkload(world, `w${index}`, document));
    const first = [];
    for (const workload of workloads) first.push(await deploy(world, workload));
    for (const id of first) expect(await settled(world, id, 60)).toMatchObject({ phase: 'SUCCEEDED' });
    for (const index of workloads.keys()) expectEverywhere(world, `w${index}`, { replicas: 2, maxSurge: 1, maxUnavailable: 0 });
    worker.kill('SIGTERM');
    expect(await worker.ended).toBe(0);
  }, 120_000);
  afterAll(() => world.close());

  test.each(deaths.map((death, index) => ({ ...death, index })))(
    'at $at (time $nth)',
    async ({ at, nth, index }) => {
      await change(index, BETTER);
      const worker = spawnWorker(world.config, { SLIPWAY_FAILPOINT: `${at}:${nth}` });
      if (at === 'leases-released') void worker.ready.then(() => sleep(500)).then(() => worker.kill('SIGTERM'));
      // A failpoint that is never hit must fail the test, however slow the machine is.
      const late = setTimeout(() => worker.kill('SIGINT'), 70_000);
      expect(await worker.ended).toBe('SIGKILL');
      clearTimeout(late);
    },
    80_000,
  );

  test(`at ${randomKills} random moments`, async () => {
    for (let index = 0; index < randomKills; index += 1) {
      await change(deaths.length + index, index % 3 === 2 ? BAD : BETTER);
      const worker = spawnWorker(world.config);
      await worker.ready;
      await sleep(Math.random() * ROLLOUT_MILLISECONDS);
      worker.kill('SIGKILL');
      expect(await worker.ended).toBe('SIGKILL');
    }
  }, 200_000);

  test('and another one finishes everything, exactly as asked', async () => {
    await world.startWorker();
    for (const [id, phase] of expected) {
      const rollout = await settled(world, id, 60);
      expect(rollout.phase, rollout.phaseReason ?? '').toBe(phase);
    }
    const wanted = [...expected.values()].map((phase) => `${phase === 'SUCCEEDED' ? BETTER : GOOD} x2`);
    expect([...workloads.keys()].flatMap((index) => running(world, `w${index}`))).toEqual(wanted);
    expect(await violations(world)).toEqual([]);
  }, 120_000);
});
