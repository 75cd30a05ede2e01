import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { SimulatedCluster } from '../../simulator/simulator.ts';
import { BETTER, deploy, GOOD, makeWorkload, rolloutOf, running, settled, startWorld, violations, webDocument } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** A webhook that is down, say: every write is answered 500, while everything else works. */
const FAULTS = { errorProbability: 1, errorCode: 500, methods: ['PATCH'] };
const strategy = { type: 'ROLLING', maxSurge: 1, maxUnavailable: 0, progressDeadlineSeconds: 5 };

describe('a cluster that answers every write with an error that may pass', () => {
  let world: World;
  let workload: string;
  let first: SimulatedCluster;

  const reasonOf = async (id: string): Promise<string | null | undefined> =>
    (await rolloutOf(world, id)).targets.find((target) => target.cluster.name === first.name)?.phaseReason;

  beforeAll(async () => {
    world = await startWorld({ clusters: 2 });
    [first] = world.clusters as [SimulatedCluster];
    workload = await makeWorkload(world, 'shop', webDocument({ strategy }));
    expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
  });
  afterEach(() => first.clearFaults());
  afterAll(() => world.close());

  test('is tried again until the error has passed, and says why it waits', async () => {
    first.setFaults(FAULTS);
    const id = await deploy(world, workload, { values: { image: BETTER } });
    await expect.poll(() => reasonOf(id)).toMatch(/^SERVER: .* Retrying\.$/);
    first.clearFaults();
    expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x4`));
  });

  test('fails with what it says after the deadline of a step, and everything goes back', async () => {
    first.setFaults(FAULTS);
    const id = await deploy(world, workload, { values: { image: GOOD } });
    expect(await settled(world, id)).toMatchObject({ phase: 'ROLLED_BACK', failure: { reason: 'SERVER', cluster: first.name } });
    expect(running(world, 'shop')).toEqual(Array(2).fill(`${BETTER} x4`));
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
