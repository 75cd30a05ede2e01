import path from 'node:path';
import { LATEST_SCHEMA_VERSION, runMigrations } from 'bullmq';
import pg from 'pg';
import { readMigrations } from './schema-engine.ts';
import type { Migration } from './schema-engine.ts';
import { StartError } from '../start-error.ts';

/** Schema of the queue's tables, separate from the product's. */
export const QUEUE_SCHEMA = 'bullmq';

/** Advisory lock held while migrating. Any number, but the same in every version. */
const LOCK = '7526401120250301';
const LOCK_WAIT_SECONDS = 120;
const ROLES = ['slipway_app', 'slipway_system'];

/** The folder is next to both src/ and dist/. */
const MIGRATIONS_FOLDER = path.resolve(import.meta.dirname, '../../../prisma/migrations');

export interface MigrateResult {
  /** Names of the migrations that this call applied. */
  applied: string[];
}

/** Migrations that the database lacks. Migrations that only the database has come from a newer version and are harmless. */
async function pending(client: pg.Client, migrations: Migration[]): Promise<Migration[]> {
  const { rows: tables } = await client.query<{ ledger: string | null }>(`SELECT to_regclass('public._prisma_migrations')::text AS ledger`);
  if (!tables[0]?.ledger) return migrations;
  const { rows } = await client.query<{ name: string }>(
    'SELECT migration_name AS name FROM public._prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
  );
  const applied = new Set(rows.map((row) => row.name));
  return migrations.filter((migration) => !applied.has(migration.name));
}

async function queueIsCurrent(client: pg.Client): Promise<boolean> {
  const { rows: tables } = await client.query<{ ledger: string | null }>(`SELECT to_regclass('${QUEUE_SCHEMA}.migration')::text AS ledger`);
  if (!tables[0]?.ledger) return false;
  const { rows } = await client.query<{ version: number | null }>(`SELECT max(version)::int AS version FROM ${QUEUE_SCHEMA}.migration`);
  return (rows[0]?.version ?? 0) >= LATEST_SCHEMA_VERSION;
}

/** Whether the login may assume the roles by SET ROLE. (Up to Postgres 15 every member may.) */
async function loginIsMember(client: pg.Client, login: string): Promise<boolean> {
  const { rows } = await client.query<{ version: number; known: boolean }>(
    `SELECT current_setting('server_version_num')::int AS version,
            (SELECT count(*) FROM pg_roles WHERE rolname = ANY ($1)) = ${ROLES.length} AND EXISTS (SELECT FROM pg_roles WHERE rolname = $2) AS known`,
    [ROLES, login],
  );
  if (!rows[0]?.known) return false;
  const privilege = rows[0].version >= 160000 ? 'SET' : 'MEMBER';
  const { rows: found } = await client.query<{ member: boolean }>(
    'SELECT bool_and(pg_has_role($1, role, $2)) AS member FROM unnest($3::text[]) AS role',
    [login, privilege, ROLES],
  );
  return found[0]?.member === true;
}

/** Lets the login assume both roles without inheriting their rights: it has them only after SET ROLE. */
async function admitLogin(client: pg.Client, login: string): Promise<void> {
  const { rows } = await client.query<{ version: number; owner: string }>(
    `SELECT current_setting('server_version_num')::int AS version, current_user AS owner`,
  );
  const name = client.escapeIdentifier(login);
  try {
    if ((rows[0]?.version ?? 0) >= 160000) {
      await client.query(`GRANT ${ROLES.join(', ')} TO ${name} WITH INHERIT FALSE, SET TRUE`);
    } else {
      if (rows[0]?.owner !== login) await client.query(`ALTER ROLE ${name} NOINHERIT`);
      await client.query(`GRANT ${ROLES.join(', ')} TO ${name}`);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(
      `The login ${login} of DATABASE_URL cannot be granted the roles ${ROLES.join(' and ')} (${reason}): ask an administrator to run GRANT ${ROLES.join(', ')} TO ${name}.`,
    );
  }
}

/** BullMQ creates the queue's tables as the owner. At run time it also creates a sequence for each queue. */
async function migrateQueue(client: pg.Client): Promise<void> {
  await runMigrations(client, QUEUE_SCHEMA);
  await client.query(`
    GRANT USAGE, CREATE ON SCHEMA ${QUEUE_SCHEMA} TO slipway_app;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${QUEUE_SCHEMA} TO slipway_app;
    GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA ${QUEUE_SCHEMA} TO slipway_app;
    GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${QUEUE_SCHEMA} TO slipway_app`);
}

async function apply(client: pg.Client, url: string, migrations: Migration[]): Promise<string[]> {
  // A process killed while migrating leaves an unfinished entry. Its script was one transaction and was rolled back. The lock excludes a running one.
  const { rows } = await client.query<{ ledger: string | null }>(`SELECT to_regclass('public._prisma_migrations')::text AS ledger`);
  if (rows[0]?.ledger) {
    await client.query('UPDATE public._prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL AND rolled_back_at IS NULL');
  }
  const { MigrationRefusal, openSchemaEngine } = await import('./schema-engine.ts');
  const engine = await openSchemaEngine(url);
  try {
    const applied = await engine.apply(migrations);
    await client.query('GRANT SELECT ON public._prisma_migrations TO slipway_app');
    return applied;
  } catch (error) {
    if (!(error instanceof MigrationRefusal)) throw error;
    // A process that is restarted until it is let in must not fill the ledger.
    await client.query('DELETE FROM public._prisma_migrations WHERE finished_at IS NULL AND rolled_back_at IS NULL');
    throw new StartError(error.message);
  } finally {
    await engine.close();
  }
}

/** Whether nothing needs to be migrated, checked with a few reads: the usual case. */
async function isCurrent(client: pg.Client, migrations: Migration[], login: string): Promise<boolean> {
  return (await pending(client, migrations)).length === 0 && (await queueIsCurrent(client)) && (await loginIsMember(client, login));
}

/** Whether the database has every migration of this version; newer ones are harmless. Connects as the owner of the tables. */
export async function isMigrated(ownerUrl: string, folder = MIGRATIONS_FOLDER): Promise<boolean> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'slipway readiness', connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await pending(client, readMigrations(folder))).length === 0 && (await queueIsCurrent(client));
  } finally {
    await client.end();
  }
}

/** Connects. If that fails, the error has the host and port, without user and password. */
async function connect(client: pg.Client): Promise<void> {
  try {
    await client.connect();
  } catch (error) {
    throw error instanceof Error ? Object.assign(error, { destination: { host: client.host, port: client.port } }) : error;
  }
}

/**
 * Migrates the database to this version: the product's tables, then the queue's, then the roles of the application's login.
 * Several processes may call it at once: one migrates, and the others wait and have nothing left to do. Connects as the owner of the tables.
 * Throws a StartError if a migration refuses, with what it says; that migration has changed nothing then.
 */
export async function migrate(ownerUrl: string, appUrl = ownerUrl, folder = MIGRATIONS_FOLDER): Promise<MigrateResult> {
  const migrations = readMigrations(folder);
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'slipway migrate' });
  client.on('error', () => undefined); // the running query fails with its own error
  await connect(client);
  try {
    const login = decodeURIComponent(new URL(appUrl).username) || (client.user ?? '');
    if (await isCurrent(client, migrations, login)) return { applied: [] };
    await client.query(`SET lock_timeout = '${LOCK_WAIT_SECONDS}s'`);
    await client.query(`SELECT pg_advisory_lock(${LOCK})`);
    await client.query('RESET lock_timeout');
    const missing = await pending(client, migrations);
    const applied = missing.length > 0 ? await apply(client, ownerUrl, migrations) : [];
    if (!(await queueIsCurrent(client)) || missing.length > 0) await migrateQueue(client);
    if (!(await loginIsMember(client, login))) await admitLogin(client, login);
    return { applied };
  } finally {
    await client.end(); // also releases the lock
  }
}
