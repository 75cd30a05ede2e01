import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { buildProgram, spawnWorker } from '../../support/program.ts';
import { onEachQueue } from '../../support/queues.ts';
import { BETTER, deploy, GOOD, makeWorkload, running, settled, startWorld, webDocument } from '../../support/world.ts';
import type { World } from '../../support/world.ts';

/** From the death of a region's only worker to the next write in its clusters, by another that is started at once. */
const PROMISED_MILLISECONDS = 12_000;

/** A promise of a time: run by itself, since other suites on the machine would be measured with it. */
onEachQueue("a region's only worker", (queue) => {
  let world: World;
  const document = webDocument({
    replicas: 2,
    strategy: { type: 'ROLLING', maxSurge: 1, maxUnavailable: 0, progressDeadlineSeconds: 900 },
  });

  beforeAll(async () => {
    [world] = await Promise.all([startWorld({ clusters: 1, queue, workers: 0 }), buildProgram()]);
  });
  afterAll(() => world.close());

  test.each(['rollout-claimed', 'placement-claimed', 'after-commit-before-write'])(
    'that is killed at %s is replaced within 12 s',
    async (at) => {
      const name = `at-${at}`;
      await makeWorkload(world, name, document);
      const first = spawnWorker(world.config);
      expect(await settled(world, await deploy(world, name, { values: { image: GOOD } }))).toMatchObject({ phase: 'SUCCEEDED' });
      first.kill('SIGTERM');
      expect(await first.ended).toBe(0);

      const id = await deploy(world, name, { values: { image: BETTER } });
      expect(await spawnWorker(world.config, { SLIPWAY_FAILPOINT: `${at}:1` }).ended).toBe('SIGKILL');
      const died = performance.now();
      const second = spawnWorker(world.config);
      await vi.waitUntil(() => running(world, name).join().includes(BETTER), { timeout: 60_000, interval: 20 });
      const took = performance.now() - died;
      expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
      second.kill('SIGTERM');
      expect(await second.ended).toBe(0);
      console.log(`${at}, queue in ${queue}: ${Math.round(took)} ms`);
      expect(took).toBeLessThan(PROMISED_MILLISECONDS);
    },
  );
});
