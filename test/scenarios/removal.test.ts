import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LABELS } from '../../src/workloads/core/objects.ts';
import { expectStatus } from '../support/api.ts';
import { ask, BETTER, deploy, GOOD, makeWorkload, remove, running, settled, startWorld, violations } from '../support/world.ts';
import type { World } from '../support/world.ts';

/** Pods on the second cluster where it has a number of its own. */
const OWN = 5;

describe('a placement that is taken away', () => {
  let world: World;
  const workloads = new Map<string, string>();
  const placements = (replicas?: number): object[] => [
    { cluster: 'cluster-1', namespace: 'default' },
    ...(replicas === undefined ? [] : [{ cluster: 'cluster-2', namespace: 'default', ...(replicas > 0 && { replicas }) }]),
  ];
  const place = async (workload: string, wanted: object[]): Promise<void> => {
    expectStatus(await world.tenant.rest('PATCH', `/v1/workloads/${workload}`, { placements: wanted }), 200);
  };

  beforeAll(async () => {
    world = await startWorld({ clusters: 2 });
    for (const name of ['own', 'plain', 'halted']) {
      const workload = await makeWorkload(world, name);
      workloads.set(name, workload);
      await place(workload, placements(name === 'plain' ? 0 : OWN));
      expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
    }
  });
  afterAll(() => world.close());

  test.each([
    ['own', OWN],
    ['plain', 4],
  ])('and brought back because something else failed runs as many pods as before: %s', async (name, pods) => {
    const workload = workloads.get(name) ?? '';
    const before = running(world, name);
    expect(before).toEqual([`${GOOD} x4`, `${GOOD} x${pods}`]);
    // Fails when its deadline is over, and the second cluster has been empty for long.
    world.clusters[0]?.setFaults({ behaviours: [{ image: 'web:2', behaviour: 'never-ready' }] });
    await place(workload, placements());
    const id = await deploy(world, workload, { values: { image: BETTER }, strategy: { type: 'ROLLING', progressDeadlineSeconds: 3 } });
    await world.recorders[1]?.until(() => world.recorders[1]?.names('deployments', name).length === 0, 'nothing is left there');
    expect(await settled(world, id)).toMatchObject({ phase: 'ROLLED_BACK' });
    expect(running(world, name)).toEqual(before);
    world.clusters[0]?.clearFaults();
  });

  test('and placed again has the number of pods that the release says', async () => {
    const workload = workloads.get('plain') ?? '';
    await place(workload, placements(0));
    expect(await settled(world, await deploy(world, workload, { values: { image: BETTER } }))).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'plain')).toEqual(Array(2).fill(`${BETTER} x4`));
  });

  test('with the whole workload, and brought back by an abort half way, runs as before', async () => {
    world.clusters[0]?.setFaults({ partition: 'refuse' });
    const id = await remove(world, workloads.get('halted') ?? '');
    await world.recorders[1]?.until(() => world.recorders[1]?.names('deployments', 'halted').length === 0, 'one is gone');
    await ask(world, `/rollouts/${id}/abort`);
    world.clusters[0]?.clearFaults();
    expect(await settled(world, id)).toMatchObject({ kind: 'DELETE', phase: 'ROLLED_BACK' });
    expect(running(world, 'halted')).toEqual([`${GOOD} x4`, `${GOOD} x${OWN}`]);
  });

  test('with the whole workload, where a Deployment has lost our label, leaves everything there until the label is back', async () => {
    const workload = workloads.get('own') ?? '';
    const [recorder] = world.recorders;
    await recorder!.label('own', { [LABELS.workloadId]: 'another' });
    const id = await remove(world, workload);
    expect(await settled(world, id)).toMatchObject({
      phase: 'PAUSED',
      pauseReason: 'FAILURE',
      failure: { reason: 'LABEL_REMOVED', cluster: 'cluster-1' },
    });
    expect(running(world, 'own')[0]).toBe(`${GOOD} x4`);

    await recorder!.label('own', { [LABELS.workloadId]: workload });
    expect(await settled(world, await ask(world, `/rollouts/${id}/retry`))).toMatchObject({ kind: 'DELETE', phase: 'SUCCEEDED' });
    for (const one of world.recorders) expect(one.names('deployments', 'own')).toEqual([]);
  });

  test('the events tell one end of each', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
