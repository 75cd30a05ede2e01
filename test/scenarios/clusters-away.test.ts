import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SimulatedCluster } from '../../simulator/simulator.ts';
import {
  ask,
  BETTER,
  deploy,
  eventsOf,
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

/** Holds at half of the pods until it is promoted: a moment that lasts, in which a cluster can go away. */
const steps = [{ weight: 50 }, { pause: true }];
const document = webDocument({
  strategy: { type: 'CANARY', maxSurge: 1, maxUnavailable: 0, steps, progressDeadlineSeconds: 60 },
});

const startAndHold = async (world: World, name: string): Promise<string> => {
  const workload = await makeWorkload(world, name, document);
  expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
  const id = await deploy(world, workload, { values: { image: BETTER } });
  expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
  return id;
};

/** Until the first cluster has taken the write that turns around: more pods of the old release are asked for than were held. */
const isGoingBack = async ({ recorders: [recorder] }: World, name: string): Promise<void> =>
  recorder?.until(() => recorder.replicaSets(name).some(({ image, replicas }) => image === GOOD && replicas > 2), 'the way back');

const clustersSaidToBeAway = async (world: World): Promise<unknown[]> => {
  const events = await Promise.all([...world.rollouts].map((id) => eventsOf(world, id)));
  return events.flat().flatMap(({ type, data }) => (type === 'target.unreachable' ? [data['cluster']] : []));
};

/**
 * How a cluster goes away while the connections of its watches stand, and within how many milliseconds of the next request to it that is shown. Silence alone
 * would show it after 33 s, the server's own end of a watch after 25 s.
 */
const AWAY = [
  ['refuses every request', 'refuse', 8_000],
  ['answers no request', 'hang', 25_000],
] as const;

describe.concurrent.each(AWAY)('a cluster that %s', (_, partition, shownWithin) => {
  describe.sequential('goes away', () => {
    let world: World;
    let first: SimulatedCluster;
    let second: SimulatedCluster;

    const targetOf = ({ targets }: RolloutView, { name }: SimulatedCluster): TargetView | undefined =>
      targets.find((target) => target.cluster.name === name);
    const until = (id: string, timeout: number, holds: (rollout: RolloutView) => boolean): Promise<unknown> =>
      vi.waitUntil(async () => holds(await rolloutOf(world, id)), { timeout, interval: 50 });
    const isAway = (rollout: RolloutView, cluster: SimulatedCluster): boolean =>
      targetOf(rollout, cluster)?.condition?.type === 'UNREACHABLE';

    beforeAll(async () => {
      world = await startWorld({ clusters: 2 });
      [first, second] = world.clusters as [SimulatedCluster, SimulatedCluster];
    });
    afterAll(() => world.close());

    describe.sequential('in a rollout that was held', () => {
      let name: string;
      let id: string;

      beforeEach(async () => {
        name = `shop-${world.rollouts.size}`;
        id = await startAndHold(world, name);
      });
      afterEach(() => {
        for (const cluster of world.clusters) cluster.clearFaults();
      });

      test('and goes back: it is shown soon, a second abort gives it up, and one that is back goes back', async ({ expect }) => {
        for (const cluster of world.clusters) cluster.setFaults({ partition });
        await ask(world, `/rollouts/${id}/abort`);
        await until(id, shownWithin, (rollout) => isAway(rollout, first) && isAway(rollout, second));

        second.clearFaults();
        await until(id, 60_000, (rollout) => targetOf(rollout, second)?.phase === 'ROLLED_BACK');
        expect(await rolloutOf(world, id)).toMatchObject({ phase: 'ROLLING_BACK' });

        await ask(world, `/rollouts/${id}/abort`);
        const rollout = await settled(world, id, 10);
        expect(rollout).toMatchObject({ phase: 'FAILED' });
        expect(targetOf(rollout, first)).toMatchObject({ phase: 'FAILED', failure: { reason: 'UNREACHABLE' } });
      });

      test('and waits for the pods of its way back: a second abort gives it up soon', async ({ expect }) => {
        first.setFaults({ unpullableImages: [GOOD] });
        await ask(world, `/rollouts/${id}/abort`);
        await isGoingBack(world, name);
        await until(id, 60_000, (rollout) => targetOf(rollout, second)?.phase === 'ROLLED_BACK');
        first.setFaults({ partition });

        await ask(world, `/rollouts/${id}/abort`);
        await until(id, shownWithin, ({ phase }) => phase === 'FAILED');
        expect(targetOf(await rolloutOf(world, id), first)).toMatchObject({ failure: { reason: 'UNREACHABLE' } });
      });

      test('and moves forward: it is shown soon, and the rollout goes on when it is back', async ({ expect }) => {
        first.setFaults({ partition });
        await ask(world, `/rollouts/${id}/promote`);
        await until(id, shownWithin, (rollout) => isAway(rollout, first));

        first.clearFaults();
        expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
        expect(running(world, name)).toEqual(Array(2).fill(`${BETTER} x4`));
      });
    });

    test('disturbs no other, and the invariants held at every step', async ({ expect }) => {
      expect((await clustersSaidToBeAway(world)).sort()).toEqual([first.name, first.name, first.name, second.name]);
      expect(await violations(world)).toEqual([]);
    });
  });
});

describe.concurrent('a cluster whose admission webhooks take long', () => {
  let world: World;
  let id: string;

  beforeAll(async () => {
    world = await startWorld({ clusters: 1 });
    id = await startAndHold(world, 'slow');
  });
  afterAll(() => world.close());

  test('is waited for, and not taken for one that is away', async ({ expect }) => {
    world.clusters[0]?.setFaults({ latencyMilliseconds: 5_000, methods: ['PATCH'] });
    await ask(world, `/rollouts/${id}/abort`);
    await isGoingBack(world, 'slow');
    world.clusters[0]?.clearFaults();
    expect(await settled(world, id)).toMatchObject({ phase: 'ROLLED_BACK' });
    expect(running(world, 'slow')).toEqual([`${GOOD} x4`]);
    expect(await clustersSaidToBeAway(world)).toEqual([]);
  });
});
