import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import type pg from 'pg';
import { migrate } from '../../src/platform/db/migrate.ts';
import { onConnection } from '../support/database.ts';
import type { FreshDatabase } from '../support/database.ts';

const root = path.resolve(import.meta.dirname, '../..');
const migrations = path.join(root, 'prisma/migrations');

export type Row = Record<string, unknown>;

/** The data of a database, and the migrations that had made its tables. The queue is left out: what it holds may be lost at any time. */
export interface Dump {
  /** Name and checksum of each, oldest first. */
  migrations: { name: string; checksum: string }[];
  tables: Record<string, Row[]>;
}

const TABLES = `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> '_prisma_migrations' ORDER BY 1`;
const LEDGER =
  'SELECT migration_name AS name, checksum FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY 1';

async function rowsOf(client: pg.ClientBase, table: string): Promise<Row[]> {
  const { rows } = await client.query<{ row: Row }>(`SELECT to_jsonb(t) AS row FROM "${table}" t ORDER BY to_jsonb(t)::text COLLATE "C"`);
  return rows.map(({ row }) => row);
}

/** Reads every row of every table. */
export async function dump(database: FreshDatabase): Promise<Dump> {
  return onConnection(database.ownerUrl, async (client) => {
    const { rows: applied } = await client.query<Dump['migrations'][number]>(LEDGER);
    const { rows: names } = await client.query<{ name: string }>(TABLES);
    const tables: Dump['tables'] = {};
    for (const { name } of names) tables[name] = await rowsOf(client, name);
    return { migrations: applied, tables };
  });
}

/** Without the rows of one tenant. */
export function withoutTenant({ migrations: applied, tables }: Dump, name: string): Dump {
  const id = tables['tenants']?.find((row) => row['name'] === name)?.['id'];
  const others = (rows: Row[]): Row[] => rows.filter((row) => row['tenant_id'] !== id && row['id'] !== id);
  return { migrations: applied, tables: Object.fromEntries(Object.entries(tables).map(([table, rows]) => [table, others(rows)])) };
}

/** Makes the tables in an empty database by the dump's migrations, and inserts its rows. */
export async function restore(database: FreshDatabase, { migrations: applied, tables }: Dump): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-migrations-'));
  try {
    for (const { name } of applied) cpSync(path.join(migrations, name), path.join(folder, name), { recursive: true });
    await migrate(database.ownerUrl, database.appUrl, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  await onConnection(database.ownerUrl, async (client) => {
    // Rows refer to each other in circles: foreign keys are not checked while they are inserted.
    await client.query('SET session_replication_role = replica');
    for (const [table, rows] of Object.entries(tables))
      await client.query(`INSERT INTO "${table}" SELECT * FROM jsonb_populate_recordset(NULL::"${table}", $1)`, [JSON.stringify(rows)]);
  });
}

/** Of the version whose data is kept here. */
const folder = path.join(import.meta.dirname, '0.1.0');

export function save(name: string, value: unknown): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${name}.json.gz`), gzipSync(JSON.stringify(value), { level: 9 }));
}

export const read = <T>(name: string): T =>
  JSON.parse(gunzipSync(readFileSync(path.join(folder, `${name}.json.gz`))).toString('utf8')) as T;
