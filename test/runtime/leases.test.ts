import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { newId } from '../../src/platform/id.ts';
import { Database } from '../../src/platform/db/database.ts';
import { Lease, LEASE_SECONDS } from '../../src/runtime/lease.ts';
import { Leases } from '../../src/runtime/leases.ts';
import { Renewals } from '../../src/runtime/renewals.ts';
import { LeaseRows } from '../../src/runtime/work-rows.ts';
import type { Claim } from '../../src/runtime/work-rows.ts';
import { freshDatabase } from '../support/database.ts';
import type { FreshDatabase } from '../support/database.ts';

describe('leases', () => {
  let fresh: FreshDatabase;
  let owner: pg.Client;
  let database: Database;
  let renewals: Renewals;
  const region = newId();
  const elsewhere = newId();
  const errors: unknown[] = [];
  const due = (limit: number, more: Partial<Claim> = {}): Claim => ({
    kind: 'placements',
    regions: [region],
    limit,
    share: { tenant: null, cluster: null, held: null },
    moving: [],
    ...more,
  });
  const worker = (name: string): Leases => new Leases(name, new LeaseRows(database.system), renewals, (error) => errors.push(error));

  /** A tenant with rows that are due since so many seconds (negative: only in the future), of which these are on clusters. */
  const tenantWith = async (due: number[], where = region, clusters: string[] = []): Promise<string[]> => {
    const tenant = newId();
    const ids = due.map(() => newId());
    await owner.query("INSERT INTO tenants (id, name, data_key_sealed) VALUES ($1, $2, '')", [tenant, `t-${tenant}`]);
    for (const [index, seconds] of due.entries()) {
      await owner.query(
        "INSERT INTO work (tenant_id, kind, id, region_id, cluster_id, due_at) VALUES ($1, 'placements', $2, $3, $4, now() - make_interval(secs => $5))",
        [tenant, ids[index], where, clusters[index] ?? null, seconds],
      );
    }
    return ids;
  };
  const rowOf = async (id: string) => {
    const text = 'SELECT lease_owner, lease_token, lease_until > now() AS held, due_at <= now() AS due, due_at FROM work WHERE id = $1';
    return (
      await owner.query<{
        lease_owner: string | null;
        lease_token: string;
        held: boolean | null;
        due: boolean | null;
        due_at: Date | null;
      }>(text, [id])
    ).rows[0];
  };

  beforeAll(async () => {
    fresh = await freshDatabase();
    owner = new pg.Client({ connectionString: fresh.ownerUrl });
    await owner.connect();
    database = new Database({ url: fresh.appUrl });
    renewals = new Renewals(fresh.appUrl, (error) => errors.push(error));
    await owner.query('INSERT INTO regions (id, name) VALUES ($1, $2), ($3, $4)', [region, 'here', elsewhere, 'elsewhere']);
  });
  beforeEach(() => owner.query('DELETE FROM work'));
  afterAll(async () => {
    await renewals.close();
    await database.close();
    await owner.end();
    await fresh.drop();
    expect(errors).toEqual([]);
  });

  test('only what is due is claimed, in the served regions, by one worker alone', async () => {
    const [overdue] = await tenantWith([1, -60]);
    await tenantWith([1], elsewhere);
    const [first, second] = await Promise.all([worker('one').claim(due(10)), worker('two').claim(due(10))]);
    expect([...first, ...second].map((lease) => lease.id)).toEqual([overdue]);
    expect(await worker('three').claim(due(10))).toEqual([]);
    expect(await rowOf(overdue ?? '')).toMatchObject({ held: true, due: false });
  });

  test('what is given up is due from that moment on, and seems to nobody to have waited before', async () => {
    const [id] = await tenantWith([1]);
    const leases = worker('one');
    await leases.claim(due(10));
    const { rows } = await owner.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    await leases.close();
    const row = await rowOf(id ?? '');
    expect([row?.due, (row?.due_at?.getTime() ?? 0) >= (rows[0]?.now.getTime() ?? Infinity)]).toEqual([true, true]);
  });

  test('a tenant with little does not wait behind one with much', async () => {
    const much = await tenantWith([100, 99, 98, 97, 96]);
    const little = await tenantWith([1]);
    const claimed = await worker('one').claim(due(2));
    expect(claimed.map((lease) => lease.id).toSorted()).toEqual([much[0], little[0]].toSorted());
  });

  test('a tenant has no more than its share of a worker, and no more than its share of a cluster, and its other clusters do not wait for one', async () => {
    const [one = '', other = ''] = [newId(), newId()];
    const ids = await tenantWith([9, 8, 7, 6, 5, 4], region, [one, one, one, one, other, other]);
    const leases = worker('one');
    // Two of a cluster, three of the tenant: two of the cluster that is due longest, and one of the other.
    const share = { tenant: 3, cluster: 2, held: null };
    const moving = await leases.claim(due(10, { share }));
    expect(moving.map(({ id }) => id).toSorted()).toEqual([ids[0], ids[1], ids[4]].toSorted());
    expect(await leases.claim(due(10, { share, moving }))).toEqual([]);
    // What rests does not count.
    const again = await leases.claim(due(10, { share, moving: moving.filter(({ id }) => id !== ids[0]) }));
    expect(again.map(({ id }) => id)).toEqual([ids[2]]);
    await leases.close();
  });

  test('a tenant whose share of a worker is used up in one region is served by the worker of another, and other tenants are in both', async () => {
    const [cluster = '', another = ''] = [newId(), newId()];
    const [here, there] = [worker('here'), worker('there')];
    const share = { tenant: 2, cluster: 50, held: 2 };
    const at = (where: string, more = {}) => due(10, { regions: [where], share, ...more });
    const much = await tenantWith([9, 8, 7], region, [cluster, cluster, cluster]);
    const { rows } = await owner.query<{ tenant_id: string }>('SELECT tenant_id FROM work WHERE id = $1', [much[0]]);
    const moreOf = async (seconds: number): Promise<string> => {
      const text =
        "INSERT INTO work (tenant_id, kind, id, region_id, cluster_id, due_at) VALUES ($1, 'placements', $2, $3, $4, now() - make_interval(secs => $5))";
      const id = newId();
      await owner.query(text, [rows[0]!.tenant_id, id, elsewhere, another, seconds]);
      return id;
    };
    const moving = await here.claim(at(region));
    expect(moving.map(({ id }) => id).toSorted()).toEqual(much.slice(0, 2).toSorted());

    const [others, othersThere] = [await tenantWith([1]), await tenantWith([1], elsewhere)];
    const own = [await moreOf(6), await moreOf(5)];
    // What it has in one region counts in that alone, of the slots as of what is held.
    expect((await there.claim(at(elsewhere))).map(({ id }) => id).toSorted()).toEqual([...own, ...othersThere].toSorted());
    expect((await here.claim(at(region, { moving, sated: [rows[0]!.tenant_id] }))).map(({ id }) => id)).toEqual(others);
    expect((await here.claim(at(region, { moving }))).map(({ id }) => id)).toEqual([]);
    await here.close();
    await there.close();
  });

  test('nothing more is claimed of a tenant that holds its share, and the others go on', async () => {
    const much = await tenantWith([9, 8]);
    const other = await tenantWith([1]);
    const { rows } = await owner.query<{ tenant_id: string }>('SELECT tenant_id FROM work WHERE id = $1', [much[0]]);
    const leases = worker('one');
    const claimed = await leases.claim(due(10, { sated: [rows[0]!.tenant_id] }));
    expect(claimed.map(({ id }) => id)).toEqual(other);
    await leases.close();
  });

  test('those that a tenant has already count before the first of others', async () => {
    const busy = await tenantWith([100, 99]);
    const leases = worker('one');
    const moving = await leases.claim(due(1));
    const idle = await tenantWith([1]);
    expect((await leases.claim(due(1, { moving }))).map(({ id }) => id)).toEqual(idle);
    expect(moving.map(({ id }) => id)).toEqual([busy[0]]);
    await leases.close();
  });

  test('what a worker has in the database and does not know of is found and released, and nothing else', async () => {
    const [known = '', unknown = ''] = await tenantWith([2, 1]);
    const leases = worker('one');
    await leases.claim(due(1));
    // Given a claim that was committed, of which the worker only learned that its connection broke,
    await owner.query(
      "UPDATE work SET lease_owner = 'one', lease_token = nextval('work_lease_tokens'), lease_until = now() + interval '10 s', due_at = now() + interval '10 s' WHERE id = $1",
      [unknown],
    );
    expect([...(await leases.releaseOrphans())]).toEqual([['placements', 1]]);
    expect(await rowOf(unknown)).toMatchObject({ lease_owner: null, due: true });
    expect(await rowOf(known)).toMatchObject({ lease_owner: 'one', held: true });
    expect([...(await leases.releaseOrphans())]).toEqual([]);
    await leases.close();
  });

  test('a lease that has run out may be claimed by others, under a higher token', async () => {
    const [id = ''] = await tenantWith([1]);
    const one = worker('one');
    const [lease] = await one.claim(due(1));
    await owner.query("UPDATE work SET lease_until = now() - interval '1 second', due_at = now() - interval '1 second' WHERE id = $1", [
      id,
    ]);
    const [taken] = await worker('two').claim(due(1));
    expect(Number(taken?.token)).toBeGreaterThan(Number(lease?.token));
    expect(await one.release(lease ? [lease] : [], null)).toBe(false);
    expect(await rowOf(id)).toMatchObject({ lease_owner: 'two', held: true });
  });

  test('giving back keeps a nudge that came in the meantime', async () => {
    const [quiet = '', nudged = ''] = await tenantWith([2, 1]);
    const leases = await worker('one').claim(due(2));
    await owner.query('UPDATE work SET due_at = now() WHERE id = $1', [nudged]);
    const released = await Promise.all(leases.map(async (lease) => [lease.id, await lease.release(null)] as const));
    expect(Object.fromEntries(released)).toEqual({ [quiet]: false, [nudged]: true });
    expect(await rowOf(quiet)).toBeUndefined();
    expect(await rowOf(nudged)).toMatchObject({ lease_owner: null, due: true });
  });

  test('giving back keeps a nudge that is younger than itself', async () => {
    const [id = ''] = await tenantWith([1]);
    const [lease] = await worker('one').claim(due(1));
    // Given somebody who has the row when it is given back,
    await owner.query('BEGIN');
    await owner.query('SELECT 1 FROM work WHERE id = $1 FOR UPDATE', [id]);
    const released = lease?.release(null);
    const waiting = "SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    await expect.poll(async () => (await owner.query<{ count: number }>(waiting)).rows[0]?.count).toBe(1);
    // when they nudge it only now,
    await owner.query('UPDATE work SET due_at = clock_timestamp() WHERE id = $1', [id]);
    await owner.query('COMMIT');
    // then it is due.
    expect(await released).toBe(true);
    expect(await rowOf(id)).toMatchObject({ lease_owner: null, due: true });
  });

  test('each nudge of a held row is told once', async () => {
    const [id = ''] = await tenantWith([1]);
    const leases = worker('one');
    await leases.claim(due(1));
    const told: string[] = [];
    const look = (): Promise<void> => leases.deliverNudges(['placements'], (lease) => void told.push(lease.id));
    await look();
    expect(told).toEqual([]);
    await owner.query('UPDATE work SET due_at = now() WHERE id = $1', [id]);
    const looking = look();
    // Whoever gives the row back waits for what is being taken out of it.
    await leases.nudgesDelivered();
    expect(told).toEqual([id]);
    await looking;
    await look();
    expect(told).toEqual([id]);
    await leases.close();
  });

  test('it is renewed while it is held, though somebody writes to one of the rows, and is lost when its row says so', async () => {
    const [busy = '', stolen = '', kept = ''] = await tenantWith([3, 2, 1]);
    const leases = worker('one');
    const held = new Map((await leases.claim(due(3))).map((lease) => [lease.id, lease]));
    const claimed = (await rowOf(kept))?.due_at?.getTime() ?? 0;
    await owner.query("UPDATE work SET lease_owner = 'thief', lease_token = lease_token + 1000000 WHERE id = $1", [stolen]);
    await owner.query('BEGIN');
    await owner.query('SELECT 1 FROM work WHERE id = $1 FOR UPDATE', [busy]);
    await sleep(3_500);
    await owner.query('ROLLBACK');
    expect([busy, stolen, kept].map((id) => held.get(id)?.stillOurs())).toEqual([true, false, true]);
    expect(held.get(stolen)?.signal.aborted).toBe(true);
    expect((await rowOf(kept))?.due_at?.getTime()).toBeGreaterThan(claimed + 2_000);
    expect(await leases.close()).toHaveLength(2);
    expect(await rowOf(kept)).toMatchObject({ lease_owner: null, due: true });
    expect(await rowOf(stolen)).toMatchObject({ lease_owner: 'thief' });
  });

  test('what is being claimed in the very moment of giving up is given up too', async () => {
    const [id = ''] = await tenantWith([1]);
    const leases = worker('one');
    const claiming = leases.claim(due(1));
    await leases.close();
    expect(await claiming).toEqual([]);
    expect(await rowOf(id)).toMatchObject({ lease_owner: null, due: true });
    expect(await leases.claim(due(1))).toEqual([]);
  });

  test('whoever works under a lease that runs out is told so at that moment', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const lease = new Lease(
        worker('one'),
        { kind: 'placements', tenantId: newId(), id: newId(), clusterId: null, token: '1' },
        performance.now(),
      );
      vi.advanceTimersByTime(5_000);
      lease.renewed(performance.now());
      vi.advanceTimersByTime(LEASE_SECONDS * 1000 - 1_000);
      expect(lease.signal.aborted).toBe(false);
      vi.advanceTimersByTime(1_000);
      expect(lease.signal.aborted).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a process that was stopped for longer than the lease knows that it is gone', async () => {
    await tenantWith([1]);
    const [lease] = await worker('one').claim(due(1));
    const now = performance.now.bind(performance);
    performance.now = () => now() + LEASE_SECONDS * 1000;
    try {
      expect(lease?.stillOurs()).toBe(false);
    } finally {
      performance.now = now;
    }
    expect(lease?.stillOurs()).toBe(false);
  });
});
