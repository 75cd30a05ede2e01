import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectStatus } from '../support/api.ts';
import { deploy, eventsOf, makeWorkload, mostMoving, rolloutOf, settled, startWorld, violations } from '../support/world.ts';
import type { World } from '../support/world.ts';

describe("a tenant's quota of targets that move at once", () => {
  let world: World;
  beforeAll(async () => {
    world = await startWorld({ clusters: 2 });
    const quotas = { concurrentTargets: 1 };
    expectStatus(await world.api.operator.rest('PATCH', `/v1/tenants/${world.tenant.id}`, { quotas }), 200);
  });
  afterAll(() => world.close());

  test('holds over all of its rollouts, however many begin in one moment, and is said to those that wait', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const workloads = await Promise.all(names.map((name) => makeWorkload(world, name)));
    const ids = await Promise.all(workloads.map((workload) => deploy(world, workload)));
    await expect
      .poll(async () => (await Promise.all(ids.map((id) => rolloutOf(world, id)))).map((rollout) => rollout.phaseReason))
      .toContain("Waiting for other rollouts: the tenant's quota lets 1 target move at once.");
    for (const id of ids) expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED' });
    const events = (await Promise.all(ids.map((id) => eventsOf(world, id)))).flat().sort((a, b) => Number(a.id) - Number(b.id));
    expect(mostMoving(events)).toBe(1);
    expect(await violations(world)).toEqual([]);
  });
});
