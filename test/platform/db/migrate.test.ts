import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate } from '../../../src/platform/db/migrate.ts';
import { emptyDatabase, inDatabase, onConnection, testServer } from '../../support/database.ts';
import type { FreshDatabase } from '../../support/database.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const folder = path.join(root, 'prisma/migrations');
const run = promisify(execFile);
let empty: FreshDatabase;

beforeAll(async () => {
  empty = await emptyDatabase();
});

afterAll(async () => {
  await empty.drop();
});

const applied = (url: string) =>
  onConnection(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      'SELECT migration_name AS name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY name',
    );
    return rows.map(({ name }) => name);
  });

describe('migrations', () => {
  it('are applied once when three processes start at the same moment', async () => {
    const script = `
      const { migrate } = await import(${JSON.stringify(path.join(root, 'src/platform/db/migrate.ts'))});
      console.log(JSON.stringify(await migrate(process.env.OWNER, process.env.APP)));`;
    const start = () =>
      run(process.execPath, ['--input-type=module', '--eval', script], {
        cwd: root,
        env: { ...process.env, OWNER: empty.ownerUrl, APP: empty.appUrl },
      });

    const results = (await Promise.all([start(), start(), start()])).map(({ stdout }) => JSON.parse(stdout) as { applied: string[] });

    const names = results.flatMap((result) => result.applied);
    expect(names).toEqual(await applied(empty.ownerUrl));
    expect(names.length).toBeGreaterThanOrEqual(2);
  });

  it('of a newer version do not stop an older process', async () => {
    await onConnection(empty.ownerUrl, (client) =>
      client.query(
        `INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name, started_at, applied_steps_count)
         VALUES ('newer', 'c', now(), '29991231000000_newer', now(), 1)`,
      ),
    );

    expect(await migrate(empty.ownerUrl, empty.appUrl)).toEqual({ applied: [] });
  });

  it('that are new are applied beside newer ones, and one that failed is tried again', async () => {
    const copy = mkdtempSync(path.join(os.tmpdir(), 'slipway-migrations-'));
    const file = path.join(copy, '20991231000000_more/migration.sql');
    cpSync(folder, copy, { recursive: true });
    mkdirSync(path.dirname(file));
    try {
      writeFileSync(file, 'CREATE TABLE more (id int); SELECT 1/0;');
      await expect(migrate(empty.ownerUrl, empty.appUrl, copy)).rejects.toThrow(/division by zero/);
      writeFileSync(file, `CREATE TABLE more (id int); DO $$ BEGIN PERFORM 1; PERFORM 2; END $$; INSERT INTO more VALUES (1);`);

      expect(await migrate(empty.ownerUrl, empty.appUrl, copy)).toEqual({ applied: ['20991231000000_more'] });
      expect(await migrate(empty.ownerUrl, empty.appUrl, copy)).toEqual({ applied: [] });
    } finally {
      rmSync(copy, { recursive: true });
    }
  });

  it('work for an owner who is no superuser, with and without a login of the application', async () => {
    const server = await testServer();
    const database = await emptyDatabase();
    const name = new URL(database.ownerUrl).pathname.slice(1);
    const admin = inDatabase(server.ownerUrl, name);
    const [owner, login] = [`owner_${name}`, `login_${name}`];
    await onConnection(admin, (client) =>
      client.query(
        `CREATE ROLE ${owner} LOGIN CREATEROLE PASSWORD 'o'; CREATE ROLE ${login} LOGIN PASSWORD 'l'; ALTER DATABASE ${name} OWNER TO ${owner}`,
      ),
    );
    // The roles were made by somebody else on this server, so somebody who may must hand them out.
    await onConnection(admin, (client) => client.query(`GRANT slipway_app, slipway_system TO ${owner} WITH ADMIN OPTION`));
    const as = (user: string, password: string): string => Object.assign(new URL(admin), { username: user, password }).toString();
    try {
      await migrate(as(owner, 'o'));
      await migrate(as(owner, 'o'), as(login, 'l'));

      await onConnection(as(login, 'l'), async (client) => {
        await expect(client.query('SELECT count(*) FROM tenants')).rejects.toThrow(/permission denied/);
        await client.query('SET ROLE slipway_app');
        expect((await client.query('SELECT count(*)::int AS n FROM tenants')).rows).toEqual([{ n: 0 }]);
      });
    } finally {
      await database.drop();
      await onConnection(server.ownerUrl.replace(/[^/]*$/, 'postgres'), (client) => client.query(`DROP ROLE ${login}; DROP ROLE ${owner}`));
    }
  });
});
