import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { onConnection } from '../support/database.ts';
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
  startTenant,
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

/** Their names, as the sentences of the events have them. */
const clustersSaidToBeAway = async (world: World): Promise<string[]> => {
  const events = await Promise.all([...world.rollouts].map((id) => eventsOf(world, id)));
  return events.flat().flatMap(({ type, message }) => (type === 'target.unreachable' ? [message.split(':')[0] ?? ''] : []));
};

/**
 * How a cluster goes away while the connections of its watches stand, and within how many milliseconds of the next request to it that is shown. Silence alone
 * would show it after 33 s, the server's own end of a watch after 25 s.
 */
const AWAY = [
  ['answers no request', 'hang', 25_000],
  ['refuses every request', 'refuse', 8_000],
] as const;
/** How long a cluster has to be away to be given up on by a second abort. */
const GIVEN_UP_AFTER = 5_000;

const heldPlacements = (world: World): Promise<number> =>
  onConnection(world.api.database.ownerUrl, async (client) => {
    const text = "SELECT count(*)::int AS count FROM work WHERE kind = 'placements' AND lease_owner IS NOT NULL AND tenant_id = $1";
    const { rows } = await client.query<{ count: number }>(text, [world.tenant.id]);
    return rows[0]?.count ?? 0;
  });

interface Held {
  world: World;
  first: SimulatedCluster;
  second: SimulatedCluster;
  id: string;
}

let product: World;
let tenants = 0;
beforeAll(async () => {
  product = await startWorld({ clusters: 0 });
});
afterAll(() => product.close());

/** A tenant with clusters of its own for each test, since all that they do is wait: a canary that is held on both of these. */
const whileHeld = async (name: string, act: (held: Held) => Promise<void>): Promise<void> => {
  const world = await startTenant(product, `tenant-${(tenants += 1)}`);
  try {
    const [first, second] = world.clusters as [SimulatedCluster, SimulatedCluster];
    await act({ world, first, second, id: await startAndHold(world, name) });
    for (const cluster of world.clusters) cluster.clearFaults();
    expect(await violations(world)).toEqual([]);
  } finally {
    await world.close();
  }
};

const targetOf = ({ targets }: RolloutView, { name }: SimulatedCluster): TargetView | undefined =>
  targets.find((target) => target.cluster.name === name);
const isAway = (rollout: RolloutView, cluster: SimulatedCluster): boolean => targetOf(rollout, cluster)?.condition?.type === 'UNREACHABLE';
const until = ({ world, id }: Held, timeout: number, holds: (rollout: RolloutView) => boolean): Promise<unknown> =>
  vi.waitUntil(async () => holds(await rolloutOf(world, id)), { timeout, interval: 50 });

describe.concurrent.each(AWAY)('a cluster that %s goes away in a rollout that was held', (_, partition, shownWithin) => {
  test('and goes back: it is shown soon, a second abort gives it up, and one that is back goes back', () =>
    whileHeld('back', async (held) => {
      const { world, first, second, id } = held;
      for (const cluster of world.clusters) cluster.setFaults({ partition });
      await ask(world, `/rollouts/${id}/abort`);
      await until(held, shownWithin, (rollout) => isAway(rollout, first) && isAway(rollout, second));

      second.clearFaults();
      await until(held, 60_000, (rollout) => targetOf(rollout, second)?.phase === 'ROLLED_BACK');
      expect(await rolloutOf(world, id)).toMatchObject({ phase: 'ROLLING_BACK' });

      await ask(world, `/rollouts/${id}/abort`);
      const rollout = await settled(world, id, 10);
      expect(rollout).toMatchObject({ phase: 'FAILED' });
      expect(targetOf(rollout, first)).toMatchObject({ phase: 'FAILED', failure: { reason: 'UNREACHABLE' } });
      expect((await clustersSaidToBeAway(world)).sort()).toEqual([first.name, second.name]);
      // Nobody goes on watching a cluster that was given up on.
      await vi.waitUntil(async () => (await heldPlacements(world)) === 0, { timeout: 20_000, interval: 50 });
    }));

  test('and waits for the pods of its way back: a second abort gives it up soon', () =>
    whileHeld('stuck', async (held) => {
      const { world, first, second, id } = held;
      first.setFaults({ unpullableImages: [GOOD] });
      await ask(world, `/rollouts/${id}/abort`);
      await isGoingBack(world, 'stuck');
      await until(held, 60_000, (rollout) => targetOf(rollout, second)?.phase === 'ROLLED_BACK');
      first.setFaults({ partition });

      await ask(world, `/rollouts/${id}/abort`);
      await until(held, shownWithin + GIVEN_UP_AFTER, ({ phase }) => phase === 'FAILED');
      expect(targetOf(await rolloutOf(world, id), first)).toMatchObject({ failure: { reason: 'UNREACHABLE' } });
      expect(await clustersSaidToBeAway(world)).toEqual([first.name]);
    }));

  test('and moves forward: it is shown soon, and the rollout goes on when it is back', () =>
    whileHeld('forward', async (held) => {
      const { world, first, id } = held;
      first.setFaults({ partition });
      await ask(world, `/rollouts/${id}/promote`);
      await until(held, shownWithin, (rollout) => isAway(rollout, first));

      first.clearFaults();
      expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
      expect(running(world, 'forward')).toEqual(Array(2).fill(`${BETTER} x4`));
      expect(await clustersSaidToBeAway(world)).toEqual([first.name]);
    }));
});

test.concurrent('a cluster whose admission webhooks take long is waited for, and not taken for one that is away', () =>
  whileHeld('slow', async ({ world, first, id }) => {
    first.setFaults({ latencyMilliseconds: 5_000, methods: ['PATCH'] });
    await ask(world, `/rollouts/${id}/abort`);
    await isGoingBack(world, 'slow');
    first.clearFaults();
    expect(await settled(world, id)).toMatchObject({ phase: 'ROLLED_BACK' });
    expect(running(world, 'slow')).toEqual(Array(2).fill(`${GOOD} x4`));
    expect(await clustersSaidToBeAway(world)).toEqual([]);
  }),
);
