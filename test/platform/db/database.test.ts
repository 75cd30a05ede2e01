import { AsyncResource } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database, withSettings } from '../../../src/platform/db/database.ts';
import { AbortedTransactionError } from '../../../src/platform/db/tenant-adapter.ts';
import { freshDatabase, onConnection } from '../../support/database.ts';
import type { FreshDatabase } from '../../support/database.ts';
// As it loads, every feature registers what its constraints mean.
import '../../../src/app.module.ts';

/** A proxy to the server that counts what the client sends in one go: everything within some milliseconds travels together. */
async function startCounter(url: string): Promise<{ url: string; count(): number; close(): Promise<void> }> {
  const target = new URL(url);
  let bursts = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const upstream = connect(Number(target.port), target.hostname);
    let waiting: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => {
      if (waiting.push(chunk) > 1) return;
      setTimeout(() => {
        bursts++;
        upstream.write(Buffer.concat(waiting));
        waiting = [];
      }, 25);
    });
    upstream.pipe(socket);
    for (const one of [socket, upstream])
      sockets.add(one.on('error', () => undefined).on('close', () => void (socket.destroy(), upstream.destroy())));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxied = new URL(url);
  proxied.port = String((server.address() as AddressInfo).port);
  return {
    url: proxied.toString(),
    count: () => bursts,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const INSERT = 'INSERT INTO templates (tenant_id, id, name, updated_at) VALUES ($1::uuid, $2::uuid, $3, now())';

let fresh: FreshDatabase;
let database: Database;
const [blue, green] = [randomUUID(), randomUUID()];

const makeTenant = (id: string, name: string) =>
  database.as({ tenantId: id }, () => database.rows.tenant.create({ data: { id, name, dataKeySealed: Buffer.from('sealed') } }));

const makeTemplate = (tenantId: string, name: string) =>
  database.as({ tenantId }, () => database.rows.template.create({ data: { tenantId, id: randomUUID(), name } }));

beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database({ url: fresh.appUrl, poolSize: 4 });
  await makeTenant(blue, 'blue');
  await makeTenant(green, 'green');
});

afterAll(async () => {
  await database.close();
  await fresh.drop();
});

describe('the catalogue', () => {
  const ask = <T extends object>(text: string): Promise<T[]> =>
    onConnection(fresh.ownerUrl, async (client) => (await client.query<T>(text)).rows);
  const TENANTLESS = ['_prisma_migrations', 'regions'];

  it('has row-level security enabled and forced on every table of a tenant', async () => {
    const tables = await ask<{ name: string; enabled: boolean; forced: boolean }>(
      `SELECT relname AS name, relrowsecurity AS enabled, relforcerowsecurity AS forced FROM pg_class
       WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')`,
    );
    const apart = tables.filter((table) => !TENANTLESS.includes(table.name));

    expect(apart.length).toBeGreaterThanOrEqual(17);
    expect(apart.filter((table) => !table.enabled || !table.forced)).toEqual([]);
  });

  it('has, on every table of a tenant, one policy for the application that checks what is read and what is written', async () => {
    const tables = await ask<{ name: string; policies: { using: string; check: string }[] | null; owner: boolean }>(
      `SELECT c.relname AS name,
              (SELECT json_agg(json_build_object('using', p.qual, 'check', p.with_check)) FROM pg_policies p
                WHERE p.tablename = c.relname AND p.schemaname = 'public' AND 'slipway_app' = ANY (p.roles)) AS policies,
              EXISTS (SELECT FROM pg_policies p WHERE p.tablename = c.relname AND pg_get_userbyid(c.relowner) = ANY (p.roles)) AS owner
       FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`,
    );
    for (const table of tables.filter(({ name }) => !TENANTLESS.includes(name))) {
      expect(table.policies, table.name).toHaveLength(1);
      for (const policy of table.policies ?? []) {
        expect(policy.using, table.name).toMatch(/SELECT \(NULLIF\(current_setting\('app.tenant_id'/);
        expect(policy.check, table.name).toBe(policy.using);
      }
      expect(table.owner, table.name).toBe(true);
    }
  });

  it('gives no run-time role ownership of a table, superuser rights, or a way around the policies', async () => {
    const roles = await ask<{ name: string; owns: number }>(
      `SELECT rolname AS name, (SELECT count(*)::int FROM pg_class WHERE relowner = r.oid AND relnamespace = 'public'::regnamespace) AS owns
       FROM pg_roles r WHERE rolname IN ('slipway_app', 'slipway_system', 'slipway_login')`,
    );
    const strong = await ask(
      `SELECT rolname FROM pg_roles WHERE rolname IN ('slipway_app', 'slipway_system', 'slipway_login')
       AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication)`,
    );

    expect(roles.map(({ owns }) => owns)).toEqual([0, 0, 0]);
    expect(strong).toEqual([]);
  });

  it('carries the tenant along in every foreign key between tables of a tenant', async () => {
    const keys = await ask<{ name: string; columns: string[]; to: string }>(
      `SELECT conname AS name, confrelid::regclass::text AS "to",
              (SELECT array_agg(attname::text) FROM pg_attribute a WHERE a.attrelid = conrelid AND a.attnum = ANY (conkey)) AS columns
       FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace`,
    );
    const between = keys.filter(({ to }) => to !== 'regions');

    expect(between.length).toBeGreaterThan(15);
    expect(between.filter(({ columns }) => !columns.includes('tenant_id'))).toEqual([]);
  });

  it('lets the system role write nothing but due times and leases, and see neither sealed keys nor credentials', async () => {
    const columns = await ask<{ grant: string }>(
      `SELECT table_name || '.' || column_name || ' ' || privilege_type AS grant FROM information_schema.column_privileges
       WHERE grantee = 'slipway_system' AND table_schema = 'public'`,
    );
    const grants = columns.map(({ grant }) => grant);

    expect(grants.filter((grant) => /credentials|data_key|revisions|values|INSERT/.test(grant))).toEqual([]);
    expect(grants.filter((grant) => grant.endsWith('UPDATE') && !/\.(due_at|lease_owner|lease_token|lease_until) /.test(grant))).toEqual(
      [],
    );
  });
});

describe('two tenants', () => {
  it('see their own rows alone', async () => {
    await makeTemplate(blue, 'web');
    await makeTemplate(green, 'web');

    const seen = await database.as({ tenantId: blue }, () => database.rows.template.findMany());

    expect(seen.map((row) => row.tenantId)).toEqual([blue]);
  });

  it('get their own row each when both ask for one in the same tick', async () => {
    const [first, second] = [await makeTemplate(blue, 'tick'), await makeTemplate(green, 'tick')];
    const find = (tenantId: string, id: string) =>
      database.as({ tenantId }, () => database.rows.template.findUnique({ where: { tenantId_id: { tenantId, id } } }));

    const found = await Promise.all([find(blue, first.id), find(green, second.id), find(blue, second.id), find(green, first.id)]);

    expect(found.map((row) => row?.id ?? null)).toEqual([first.id, second.id, null, null]);
  });

  it('cannot write a row of the other, in neither an insert nor an update', async () => {
    const theirs = await makeTemplate(green, 'theirs');
    const own = await makeTemplate(blue, 'own');

    const insert = () =>
      database.as({ tenantId: blue }, () => database.rows.template.create({ data: { tenantId: green, id: randomUUID(), name: 'forged' } }));
    const move = () =>
      database.as({ tenantId: blue }, () =>
        database.rows.template.updateMany({ where: { tenantId: blue, id: own.id }, data: { tenantId: green } }),
      );
    const updated = await database.as({ tenantId: blue }, () =>
      database.rows.template.updateMany({ where: { tenantId: green, id: theirs.id }, data: { name: 'taken' } }),
    );

    await expect(insert()).rejects.toThrow(/row-level security/);
    await expect(move()).rejects.toThrow(/row-level security/);
    expect(updated.count).toBe(0);
  });

  it('cannot refer to a row of the other', async () => {
    const theirs = await makeTemplate(green, 'referred');

    const revision = database.as({ tenantId: blue }, () =>
      database.rows.revision.create({
        data: { tenantId: blue, id: randomUUID(), templateId: theirs.id, number: 1, digest: 'd', document: {}, createdBy: {} },
      }),
    );

    await expect(revision).rejects.toMatchObject({ code: 'IN_USE' });
  });
});

describe('without a tenant', () => {
  it('no row is seen and none is taken', async () => {
    await makeTemplate(blue, 'unseen');

    expect(await database.rows.template.count()).toBe(0);
    expect(await database.rows.tenant.count()).toBe(0);
    await expect(database.rows.template.create({ data: { tenantId: blue, id: randomUUID(), name: 'stray' } })).rejects.toThrow(
      /row-level security/,
    );
  });

  it('a connection that another tenant used before shows nothing of it', async () => {
    const single = new Database({ url: fresh.appUrl, poolSize: 1, systemPoolSize: 1 });
    try {
      await single.as({ tenantId: blue }, () => single.transaction(() => single.rows.template.findMany()));
      await single.as({ tenantId: blue }, () => single.rows.template.findMany());

      expect(await single.rows.template.count()).toBe(0);
      const rows = await single.as({ tenantId: green }, () => single.rows.template.findMany());
      expect(rows.every((row) => row.tenantId === green)).toBe(true);
    } finally {
      await single.close();
    }
  });

  it('a login that takes on no role may read nothing', async () => {
    await onConnection(fresh.appUrl, async (client) => {
      await expect(client.query('SELECT * FROM tenants')).rejects.toThrow(/permission denied/);
    });
  });

  it('a tenant that is no UUID never reaches the statement', async () => {
    await expect(database.as({ tenantId: "'; DROP TABLE tenants; --" }, () => database.rows.tenant.count())).rejects.toThrow(/not a UUID/);
  });

  it('the role of the process wins over one that the URL names', async () => {
    const client = new pg.Client({
      connectionString: withSettings(`${fresh.ownerUrl}?options=-c%20role%3Dslipway_owner`, { role: 'slipway_app' }),
    });
    await client.connect();
    const { rows } = await client.query<{ current_user: string }>('SELECT current_user');
    await client.end();

    expect(rows[0]?.current_user).toBe('slipway_app');
  });
});

describe('a transaction', () => {
  const inBlue = <T>(work: () => Promise<T>): Promise<T> => database.as({ tenantId: blue }, () => database.transaction(work));

  it('is joined by those inside, and taken back whole when the work fails', async () => {
    const name = randomUUID();
    const work = inBlue(async () => {
      await database.rows.template.create({ data: { tenantId: blue, id: randomUUID(), name } });
      await database.transaction(() => database.rows.template.create({ data: { tenantId: blue, id: randomUUID(), name: `${name}-2` } }));
      throw new Error('no');
    });

    await expect(work).rejects.toThrow('no');
    expect(await database.as({ tenantId: blue }, () => database.rows.template.count({ where: { name: { startsWith: name } } }))).toBe(0);
  });

  it('that swallowed a failed statement does not pretend to have committed', async () => {
    const id = randomUUID();
    let committed = false;
    const work = inBlue(async () => {
      database.afterCommit(() => (committed = true));
      await database.rows.template.create({ data: { tenantId: blue, id, name: 'swallowed' } });
      await database.rows.$queryRaw`SELECT 1/0`.catch(() => undefined);
    });

    await expect(work).rejects.toThrow(/swallowed/);
    expect(committed).toBe(false);
    expect(await database.as({ tenantId: blue }, () => database.rows.template.count({ where: { id } }))).toBe(0);
    expect(new AbortedTransactionError().code).toBe('25P02');
  });

  it('runs what waits for the commit after it, and never after a rollback', async () => {
    const seen: (number | string)[] = [];
    const name = randomUUID();
    await inBlue(async () => {
      database.afterCommit(() => seen.push('told'));
      await database.rows.template.create({ data: { tenantId: blue, id: randomUUID(), name } });
      seen.push('worked');
    });
    await inBlue(async () => {
      database.afterCommit(() => seen.push('never'));
      throw new Error('no');
    }).catch(() => undefined);

    expect(seen).toEqual(['worked', 'told']);
  });

  it('is done again as a whole after a deadlock', async () => {
    const [a, b] = [await makeTemplate(blue, randomUUID()), await makeTemplate(blue, randomUUID())];
    const told: string[] = [];
    let both = 0;
    let release = (): void => undefined;
    const met = new Promise<void>((resolve) => (release = resolve));
    const cross = (first: string, second: string) =>
      inBlue(async () => {
        database.afterCommit(() => told.push(first));
        await database.rows.template.updateMany({ where: { tenantId: blue, id: first }, data: { version: { increment: 1 } } });
        if (++both >= 2) release();
        await met;
        await database.rows.template.updateMany({ where: { tenantId: blue, id: second }, data: { version: { increment: 1 } } });
      });

    await Promise.all([cross(a.id, b.id), cross(b.id, a.id)]);

    const rows = await database.as({ tenantId: blue }, () => database.rows.template.findMany({ where: { id: { in: [a.id, b.id] } } }));
    expect(rows.map((row) => row.version)).toEqual([3, 3]);
    expect(told.sort()).toEqual([a.id, b.id].sort());
  });

  it('that cannot get a connection in time says so, and when to come again', async () => {
    const tiny = new Database({ url: fresh.appUrl, poolSize: 1, waitMilliseconds: 1_000 });
    await tiny.as({ tenantId: blue }, () => tiny.rows.tenant.count());
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let entered = (): void => undefined;
    const inside = new Promise<void>((resolve) => (entered = resolve));
    try {
      const holder = tiny.as({ tenantId: blue }, () =>
        tiny.transaction(async () => {
          entered();
          await held;
        }),
      );
      await inside;

      const statement = () => tiny.as({ tenantId: blue }, () => tiny.rows.template.count());
      const transaction = () => tiny.as({ tenantId: blue }, () => tiny.transaction(() => tiny.rows.template.count()));

      await expect(statement()).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 2 });
      await expect(transaction()).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterSeconds: 2 });
      release();
      await holder;
      expect(await tiny.as({ tenantId: blue }, () => tiny.rows.tenant.count())).toBe(1);
    } finally {
      release();
      await tiny.close();
    }
  });
});

describe('a pool of one connection', () => {
  const withOne = async (options: { transactionMilliseconds?: number }, work: (one: Database) => Promise<void>): Promise<void> => {
    const one = new Database({ url: fresh.appUrl, poolSize: 1, waitMilliseconds: 2_000, ...options });
    try {
      await work(one);
    } finally {
      await one.close();
    }
  };
  const count = (one: Database): Promise<number> => one.as({ tenantId: blue }, () => one.rows.tenant.count());

  it('gets it back after each way in which a transaction or a statement can end', () =>
    withOne({}, async (one) => {
      const inOne = (work: () => Promise<unknown>): Promise<unknown> => one.as({ tenantId: blue }, () => one.transaction(work));
      const fail = () => one.rows.$queryRaw`SELECT 1/0`;

      for (let turn = 0; turn < 2; turn++) {
        await expect(inOne(fail)).rejects.toThrow(/division by zero/);
        await expect(inOne(() => fail().catch(() => undefined))).rejects.toThrow(/swallowed/);
        await expect(inOne(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
        await expect(one.as({ tenantId: blue }, () => fail())).rejects.toThrow(/division by zero/);
        await inOne(() => one.rows.tenant.findFirst());
        expect(await count(one)).toBe(1);
      }
    }));

  it('gets it back when a transaction takes too long, of which nothing is committed', () =>
    withOne({ transactionMilliseconds: 300 }, async (one) => {
      const id = randomUUID();
      const slow = one.as({ tenantId: blue }, () =>
        one.transaction(async () => {
          await one.rows.template.create({ data: { tenantId: blue, id, name: id } });
          await new Promise((resolve) => setTimeout(resolve, 600));
          await one.rows.template.findFirst();
        }),
      );

      await expect(slow).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(await one.as({ tenantId: blue }, () => one.rows.template.count({ where: { id } }))).toBe(0);
    }));
});

describe('the way to the server', () => {
  it('is gone once by a statement that stands alone, and by a transaction once for each answer that is waited for', async () => {
    const bursts = await startCounter(fresh.appUrl);
    const counted = new Database({ url: bursts.url, poolSize: 1 });
    const trips = async (work: () => Promise<unknown>): Promise<number> => {
      const before = bursts.count();
      await counted.as({ tenantId: blue }, work);
      return bursts.count() - before;
    };
    try {
      await trips(() => counted.rows.tenant.count()); // connects

      expect(await trips(() => counted.rows.tenant.count())).toBe(1);
      const reads = (): Promise<number> => counted.rows.tenant.count();
      expect(await trips(() => counted.transaction(reads))).toBe(2); // the statement, the commit
      const writes = (): void => ['one', 'two'].forEach((name) => counted.send(INSERT, [blue, randomUUID(), `${name}-${randomUUID()}`]));
      expect(await trips(() => counted.transaction(async () => (await reads(), writes())))).toBe(2);
    } finally {
      await counted.close();
      await bursts.close();
    }
  });
});

describe('a write whose answer nobody waits for', () => {
  const count = (name: string) => database.as({ tenantId: blue }, () => database.rows.template.count({ where: { name } }));
  const write = (name: string): void => database.send(INSERT, [blue, randomUUID(), name]);

  it('is there for what follows it, and for nobody else before the commit', async () => {
    const name = randomUUID();
    await database.as({ tenantId: blue }, () =>
      database.transaction(async () => {
        write(name);
        expect(await database.rows.template.count({ where: { name } })).toBe(1);
        expect(await count(name)).toBe(0);
      }),
    );
    expect(await count(name)).toBe(1);
  });

  it.each([
    ['the commit', async () => undefined, 'A template with this name exists.'],
    ['the next statement', () => database.rows.template.count(), 'A template with this name exists.'],
    ['the commit, where somebody swallows it', () => database.rows.template.count().catch(() => undefined), /swallowed/],
  ])('fails %s, and nothing is committed', async (_, next, message) => {
    const [taken, other] = [randomUUID(), randomUUID()];
    await makeTemplate(blue, taken);
    const work = async (): Promise<void> => {
      write(other);
      write(taken);
      await next();
    };
    const outcome = database.as({ tenantId: blue }, () => database.transaction(work));
    await expect(outcome).rejects.toThrow(message);
    expect(await count(other)).toBe(0);
  });

  it('is refused once the transaction is over, however that came', () =>
    database.as({ tenantId: blue }, async () => {
      const name = randomUUID();
      let late: () => void = () => undefined;
      await database.transaction(async () => {
        await database.rows.template.count();
        late = AsyncResource.bind(() => write(name));
      });
      expect(late).toThrow(/has ended/);
      expect(await count(name)).toBe(0);
    }));
});

describe('what the database refuses', () => {
  it('a name that is taken is NAME_TAKEN, in and outside a transaction', async () => {
    const name = randomUUID();
    await makeTemplate(blue, name);

    await expect(makeTemplate(blue, name)).rejects.toMatchObject({ code: 'NAME_TAKEN', message: 'A template with this name exists.' });
    const inside = database.as({ tenantId: blue }, () =>
      database.transaction(() => database.rows.template.create({ data: { tenantId: blue, id: randomUUID(), name } })),
    );
    await expect(inside).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    await expect(makeTenant(randomUUID(), 'blue')).rejects.toMatchObject({
      code: 'NAME_TAKEN',
      message: 'A tenant with this name exists.',
    });
  });

  it('what is referred to is IN_USE', async () => {
    const template = await makeTemplate(blue, randomUUID());
    const [regionId, clusterId, workloadId, id] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
    const [rolloutId, waveId] = [randomUUID(), randomUUID()];
    const own = { tenantId: blue };
    await database.as(own, async () => {
      const { region, cluster, workload, placement, rollout, wave, target } = database.rows;
      await region.create({ data: { id: regionId, name: randomUUID() } });
      await cluster.create({ data: { ...own, id: clusterId, name: randomUUID(), regionId, server: 'https://x' } });
      await workload.create({ data: { ...own, id: workloadId, name: randomUUID(), templateId: template.id } });
      await placement.create({ data: { ...own, id, workloadId, clusterId, regionId, namespace: 'default' } });
      await rollout.create({ data: { ...own, id: rolloutId, workloadId, kind: 'DEPLOY', strategy: {}, createdBy: {} } });
      await wave.create({ data: { ...own, id: waveId, rolloutId, position: 0, name: 'all' } });
      await target.create({ data: { ...own, id: randomUUID(), rolloutId, waveId, placementId: id, stages: [] } });
    });

    const deletion = database.as(own, () => database.rows.placement.delete({ where: { tenantId_id: { ...own, id } } }));

    await expect(deletion).rejects.toMatchObject({ code: 'IN_USE' });
  });

  it.each(['clusters', 'templates', 'workloads', 'release_objects', 'waves', 'targets'])(
    'history, as %s, is not deleted',
    async (table) => {
      const deletion = database.as({ tenantId: blue }, () => database.query(`DELETE FROM ${table}`, []));

      await expect(deletion).rejects.toThrow(/permission denied/);
    },
  );

  it('a second rollout of a workload is ROLLOUT_ACTIVE, but one of kind SCALE is not, nor one after the first has settled', async () => {
    const template = await makeTemplate(blue, randomUUID());
    const workloadId = randomUUID();
    const create = (kind: 'DEPLOY' | 'SCALE') =>
      database.as({ tenantId: blue }, () =>
        database.rows.rollout.create({ data: { tenantId: blue, id: randomUUID(), workloadId, kind, strategy: {}, createdBy: {} } }),
      );
    await database.as({ tenantId: blue }, () =>
      database.rows.workload.create({ data: { tenantId: blue, id: workloadId, name: randomUUID(), templateId: template.id } }),
    );
    const first = await create('DEPLOY');

    await expect(create('DEPLOY')).rejects.toMatchObject({ code: 'ROLLOUT_ACTIVE' });
    await create('SCALE');
    await database.as({ tenantId: blue }, () =>
      database.rows.rollout.update({ where: { tenantId_id: { tenantId: blue, id: first.id } }, data: { phase: 'SUCCEEDED' } }),
    );
    await create('DEPLOY');
  });

  it('a deleted workload leaves its name', async () => {
    const template = await makeTemplate(blue, randomUUID());
    const create = (deletedAt: Date | null) =>
      database.as({ tenantId: blue }, () =>
        database.rows.workload.create({ data: { tenantId: blue, id: randomUUID(), name: 'again', templateId: template.id, deletedAt } }),
      );
    await create(new Date());
    await create(null);

    await expect(create(null)).rejects.toMatchObject({ code: 'NAME_TAKEN', message: 'A workload with this name exists.' });
  });

  it('a database that is away is UNAVAILABLE', async () => {
    const away = new Database({ url: 'postgresql://nobody:secret@127.0.0.1:1/none', waitMilliseconds: 500 });

    await expect(away.as({ tenantId: blue }, () => away.rows.template.count())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(away.as({ tenantId: blue }, () => away.transaction(() => away.rows.template.count()))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    await expect(away.now()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const raw = (): Promise<unknown> => away.rows.$queryRaw`SELECT 1`;
    await expect(away.as({ tenantId: blue }, raw)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await away.close();
  });
});

describe('the system role', () => {
  it('sees every tenant, hands out leases, and can change nothing else', async () => {
    const tenants = await database.system.query<{ name: string }>('SELECT name FROM tenants ORDER BY name');
    expect(tenants.map(({ name }) => name)).toEqual(expect.arrayContaining(['blue', 'green']));

    await expect(database.system.query('SELECT data_key_sealed FROM tenants')).rejects.toThrow(/permission denied/);
    await expect(database.system.query('SELECT * FROM credentials')).rejects.toThrow(/permission denied/);
    await expect(database.system.query(`UPDATE rollouts SET phase = 'SUCCEEDED'`)).rejects.toThrow(/permission denied/);
    await expect(database.system.query('SELECT id FROM placements')).rejects.toThrow(/permission denied/);
    await expect(database.system.query('DELETE FROM tenants')).rejects.toThrow(/permission denied/);
    const leased = await database.system.query(
      `UPDATE work SET lease_owner = 'w', lease_token = nextval('work_lease_tokens'), lease_until = now() + interval '10 s'
       WHERE (tenant_id, kind, id) IN (SELECT tenant_id, kind, id FROM work WHERE due_at <= now() FOR UPDATE SKIP LOCKED LIMIT 5) RETURNING id`,
    );
    expect(leased).toEqual([]);
  });

  it('deletes only what has expired', async () => {
    await onConnection(fresh.ownerUrl, async (client) => {
      await client.query(
        `INSERT INTO events (tenant_id, seq, type, message, time) VALUES ($1, 1, 'old', 'Old.', now() - interval '31 days'), ($1, 2, 'new', 'New.', now())`,
        [blue],
      );
      await client.query(
        `INSERT INTO idempotency_keys (tenant_id, key, fingerprint, status, resource, created_at)
         VALUES ($1, 'old', 'f', 201, 'r', now() - interval '25 hours'), ($1, 'new', 'f', 201, 'r', now())`,
        [blue],
      );
    });

    await database.system.query('DELETE FROM events');
    await database.system.query('DELETE FROM idempotency_keys');

    const left = await database.as({ tenantId: blue }, async () => [
      ...(await database.rows.event.findMany()).map((row) => row.type),
      ...(await database.rows.idempotencyKey.findMany()).map((row) => row.key),
    ]);
    expect(left).toEqual(['new', 'new']);
  });

  it('reads the database clock', async () => {
    const now = await database.now();
    expect(Math.abs(now.getTime() - Date.now())).toBeLessThan(5_000);
  });
});

describe('a migration that changes what a statement answers, while processes run', () => {
  const change = (length: number): Promise<void> =>
    onConnection(
      fresh.ownerUrl,
      async (client) => void (await client.query(`ALTER TABLE placements ALTER COLUMN observed_at TYPE timestamptz(${length})`)),
    );
  const ask = () =>
    database.rows.$queryRawUnsafe<{ observed_at: Date }[]>('SELECT observed_at FROM placements WHERE tenant_id = $1::uuid', blue);

  it.each([
    ['outside transactions', ask],
    ['in transactions', () => database.transaction(ask)],
  ])('is not noticed %s', async (_, work) => {
    // Given connections that have all planned the statement,
    const askAtOnce = () => Promise.all(Array.from({ length: 8 }, () => database.as({ tenantId: blue }, work)));
    await askAtOnce();
    // when its answer is of another type,
    await change(3);
    // then it is answered all the same, and again once it is as it was.
    expect(await askAtOnce()).toHaveLength(8);
    await change(6);
    expect(await askAtOnce()).toHaveLength(8);
  });
});

describe('the same statement, several times at once in one transaction', () => {
  it('is answered as often', async () => {
    const text = `SELECT $1::int * 2 AS double /* ${randomUUID()} */`;
    const answers = await database.as({ tenantId: blue }, () =>
      database.transaction(() => Promise.all([1, 2, 3].map((n) => database.rows.$queryRawUnsafe<{ double: number }[]>(text, n)))),
    );
    expect(answers.flat().map((row) => row.double)).toEqual([2, 4, 6]);
  });
});
