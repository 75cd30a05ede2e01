import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Database } from '../../src/platform/db/database.ts';
import { newId } from '../../src/platform/id.ts';
import { Announce } from '../../src/platform/queue/announce.ts';
import type { Announcement } from '../../src/platform/queue/announce.ts';
import { Queues } from '../../src/platform/queue/queue.ts';
import { Leases } from '../../src/runtime/leases.ts';
import { LeaseRows, WorkRows } from '../../src/runtime/work-rows.ts';
import { Work } from '../../src/runtime/work.ts';
import { freshDatabase } from '../support/database.ts';
import type { FreshDatabase } from '../support/database.ts';

describe('work', () => {
  let fresh: FreshDatabase;
  let owner: pg.Client;
  let database: Database;
  let queues: Queues;
  let announce: Announce;
  let work: Work;
  const tenantId = newId();
  const regionId = newId();
  const heard: Announcement[] = [];
  const inTransaction = (change: () => void): Promise<void> => database.as({ tenantId }, () => database.transaction(async () => change()));
  const rows = async (): Promise<object[]> =>
    (await owner.query<object>('SELECT kind, id, region_id, due_at <= now() AS due, lease_owner FROM work ORDER BY kind, id')).rows;
  const share = { tenant: null, cluster: null, held: null };

  beforeAll(async () => {
    fresh = await freshDatabase();
    owner = new pg.Client({ connectionString: fresh.ownerUrl });
    await owner.connect();
    await owner.query("INSERT INTO tenants (id, name, data_key_sealed) VALUES ($1, 'acme', '')", [tenantId]);
    database = new Database({ url: fresh.appUrl });
    queues = new Queues({ url: fresh.appUrl, redisUrl: null });
    announce = new Announce({ url: fresh.appUrl });
    announce.subscribe((message) => heard.push(message));
    work = new Work(database, queues, announce, new WorkRows(database));
  });
  beforeEach(async () => {
    heard.length = 0;
    await owner.query('DELETE FROM work');
  });
  afterAll(async () => {
    work.beforeApplicationShutdown();
    await Promise.all([queues.close(), announce.close()]);
    await database.close();
    await owner.end();
    await fresh.drop();
  });

  test('is due with its transaction, and its holder and workers are nudged after the commit', async () => {
    const id = newId();
    const nudged: string[][] = [];
    const stop = work.listen((queue, kind) => nudged.push([queue, kind]) > 0);

    await inTransaction(() => {
      work.due('placements', [{ id, regionId }]);
      expect(heard).toEqual([]);
    });

    expect(await rows()).toEqual([{ kind: 'placements', id, region_id: regionId, due: true, lease_owner: null }]);
    expect(heard).toEqual([{ kind: 'due', work: 'placements', tenantId, id }]);
    expect(nudged).toEqual([[`work-${regionId}`, 'placements']]);
    stop();
  });

  test('of a transaction that fails is not due', async () => {
    const failing = inTransaction(() => {
      work.due('rollouts', [{ id: newId() }]);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect([await rows(), heard]).toEqual([[], []]);
  });

  test('outside a transaction is refused', async () => {
    await expect(database.as({ tenantId }, async () => work.due('rollouts', [{ id: newId() }]))).rejects.toThrow(/in the transaction/);
  });

  test('that is released with a transaction is gone, unless it was nudged meanwhile', async () => {
    const [quiet, nudged] = [newId(), newId()];
    await inTransaction(() => work.due('rollouts', [{ id: quiet }, { id: nudged }]));
    const leases = new Leases('one', new LeaseRows(database.system), new LeaseRows(database.system), () => undefined);
    const held = await leases.claim({ kind: 'rollouts', regions: null, limit: 10, share, moving: [] });
    await inTransaction(() => work.due('rollouts', [{ id: nudged }]));

    await inTransaction(() => held.forEach((lease) => work.release(lease, null)));

    expect(await rows()).toEqual([{ kind: 'rollouts', id: nudged, region_id: null, due: true, lease_owner: null }]);
    expect(held.map((lease) => lease.stillOurs())).toEqual([false, false]);
    await leases.close();
  });

  test('that is forgotten takes the lease away from its holder, whose release brings nothing back', async () => {
    const id = newId();
    await inTransaction(() => work.due('placements', [{ id, regionId }]));
    const leases = new Leases('one', new LeaseRows(database.system), new LeaseRows(database.system), () => undefined);
    const [lease] = await leases.claim({ kind: 'placements', regions: [regionId], limit: 10, share, moving: [] });

    await inTransaction(() => work.forget('placements', [id]));
    await lease!.release(new Date(0));

    expect(await rows()).toEqual([]);
    await leases.close();
  });

  test('of rows that many transactions make due in any order does not deadlock', async () => {
    const ids = Array.from({ length: 20 }, () => newId());
    let attempts = 0;
    const some = async (): Promise<void> => {
      for (let round = 0; round < 20; round++) {
        const mixed = ids.toSorted(() => Math.random() - 0.5).slice(0, 10);
        await inTransaction(() => {
          attempts += 1;
          work.due(
            'rollouts',
            mixed.map((id) => ({ id })),
          );
          work.due(
            'placements',
            mixed.map((id) => ({ id, regionId })),
          );
          if (round % 4 === 0) work.forget('placements', mixed);
        });
      }
    };
    await Promise.all(Array.from({ length: 6 }, some));
    // A transaction that deadlocks is run again.
    expect(attempts).toBe(6 * 20);
  });
});
