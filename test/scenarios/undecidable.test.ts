import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { onConnection } from '../support/database.ts';
import {
  ask,
  BETTER,
  deploy,
  eventsOf,
  GOOD,
  makeWorkload,
  running,
  settled,
  startWorld,
  violations,
  webDocument,
} from '../support/world.ts';
import type { World } from '../support/world.ts';

const steps = [{ weight: 25 }, { pause: true }];
const canary = { values: { image: BETTER }, strategy: { type: 'CANARY', steps } };

describe('rows that no decision can be taken on', () => {
  let world: World;

  /** Given: rows as only a fault of ours leaves them. */
  const spoil = (sql: string, id: string): Promise<unknown> =>
    onConnection(world.api.database.ownerUrl, (client) => client.query(sql, [id]));
  const terminalEvents = async (id: string): Promise<string[]> =>
    (await eventsOf(world, id)).map((event) => event.type).filter((type) => /^rollout\.(succeeded|rolled_back|failed)$/.test(type));

  /** A workload whose canary is held on both clusters. */
  const held = async (name: string): Promise<{ workload: string; id: string }> => {
    const workload = await makeWorkload(world, name, webDocument());
    expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
    const id = await deploy(world, workload, canary);
    expect(await settled(world, id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    return { workload, id };
  };

  beforeAll(async () => {
    world = await startWorld({ clusters: 2 });
  });
  afterAll(() => world.close());

  test("of a rollout: it ends with one event, others go on, and its workload's next rollout mends what it left", async () => {
    const { workload, id } = await held('whole');
    await spoil(
      `WITH spoilt AS (UPDATE targets SET stages = '[null, null]' WHERE rollout_id = $1) INSERT INTO work (tenant_id, kind, id, due_at) SELECT tenant_id, 'rollouts', id, now() FROM rollouts WHERE id = $1`,
      id,
    );
    await expect.poll(() => terminalEvents(id)).toEqual(['rollout.failed']);

    const rollout = await settled(world, id);
    expect(rollout).toMatchObject({ phase: 'FAILED', failure: { reason: 'INTERNAL_ERROR' } });
    expect(rollout.targets.map((target) => target.phase)).toEqual(['FAILED', 'FAILED']);
    expect(running(world, 'whole')).toEqual(Array(2).fill(`${GOOD} x3 + ${BETTER} x1`));

    const other = await makeWorkload(world, 'other');
    expect(await settled(world, await deploy(world, other))).toMatchObject({ phase: 'SUCCEEDED' });
    expect(await settled(world, await ask(world, `/workloads/${workload}/rollback`))).toMatchObject({ phase: 'SUCCEEDED' });
    expect(running(world, 'whole')).toEqual(Array(2).fill(`${GOOD} x4`));
  });

  test('of a target: it fails, and every other goes back', async () => {
    const { id } = await held('single');
    await spoil(
      `UPDATE targets t SET "to" = t."to" - 'strategy', version = t.version + 1 FROM placements p, clusters c
       WHERE t.rollout_id = $1 AND p.id = t.placement_id AND c.id = p.cluster_id AND c.name = 'cluster-1'`,
      id,
    );
    await ask(world, `/rollouts/${id}/promote`);

    const rollout = await settled(world, id);
    expect(rollout).toMatchObject({ failure: { reason: 'INTERNAL_ERROR', cluster: 'cluster-1' } });
    expect(await terminalEvents(id)).toHaveLength(1);
    expect(running(world, 'single')).toEqual(Array(2).fill(`${GOOD} x4`));
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
