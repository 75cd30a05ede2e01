import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import type { SqlDriverAdapter, SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

/** A migration in its folder. Migrations are ordered by name. */
export interface Migration {
  name: string;
  sql: string;
}

/** What a migration raises by itself to refuse (P0001, from RAISE EXCEPTION): its message and hint are for the person who migrates. */
export class MigrationRefusal extends Error {}

export interface SchemaEngine {
  /** Applies missing migrations and returns their names. Throws a MigrationRefusal if one of them refuses. */
  apply(migrations: Migration[]): Promise<string[]>;
  /** The SQL from the migrations to the schema; exit code 2 = they differ. */
  diff(migrations: Migration[]): Promise<{ stdout: string | null; exitCode: number }>;
  close(): Promise<void>;
}

/** The migrations of a folder in Prisma's format, oldest first. */
export function readMigrations(folder: string): Migration[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => ({ name: entry.name, sql: readFileSync(path.join(folder, entry.name, 'migration.sql'), 'utf8') }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** The part of WebAssembly that is used. Its types belong to the DOM's, which are not included here. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: Record<string, object>) => { exports: object };
};

let loaded = false;

/** Loads Prisma's schema engine as WebAssembly, so that no binary is downloaded at run time. Loaded once, and only when needed. */
function load(): void {
  if (loaded) return;
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message: (message: string) => process.stderr.write(`${message}\n`) } });
  const file = createRequire(import.meta.url)
    .resolve('@prisma/schema-engine-wasm')
    .replace(/schema_engine\.js$/, 'schema_engine_bg.wasm');
  const instance = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), { './schema_engine_bg.js': { ...bindings } });
  bindings.__wbg_set_wasm(instance.exports);
  (instance.exports as { __wbindgen_start(): void }).__wbindgen_start();
  loaded = true;
}

/** The private parts of the adapter that are replaced below. */
interface AdapterParts {
  performIO(query: unknown): Promise<{ fields?: { dataTypeID: number }[]; rows: unknown[][] }>;
  queryRaw(query: unknown): Promise<{ columnTypes: number[]; rows: unknown[][] }>;
  executeScript(sql: string): Promise<void>;
  onError(error: unknown): void;
  underlyingDriver(): pg.Pool;
}

const RAISED = 'P0001';
const INTERNAL_CHAR = 18;
const BPCHAR = 1042;

/**
 * Adapts the adapter to the schema engine. The original splits scripts at every `;`, which breaks function bodies and DO blocks, and runs the pieces on
 * any free connection. Here a script is one message, and so one transaction. The original also lacks the internal type "char", which is common in the
 * catalogue. `refused` is called if a script raises an exception by itself.
 */
function forMigrations(adapter: SqlDriverAdapter, refused: (refusal: MigrationRefusal) => void = () => undefined): SqlDriverAdapter {
  // They are private, but methods like any other.
  const parts = adapter as unknown as AdapterParts;
  const performIO = parts.performIO.bind(adapter);
  const queryRaw = parts.queryRaw.bind(adapter);
  const charColumns = new WeakMap<unknown[][], number[]>();
  parts.performIO = async (query) => {
    const result = await performIO(query);
    const columns: number[] = [];
    for (const [index, field] of (result.fields ?? []).entries()) {
      if (field.dataTypeID !== INTERNAL_CHAR) continue;
      field.dataTypeID = BPCHAR;
      columns.push(index);
      for (const row of result.rows) if (row[index] === '') row[index] = '\0';
    }
    charColumns.set(result.rows, columns);
    return result;
  };
  parts.queryRaw = async (query) => {
    const result = await queryRaw(query);
    for (const index of charColumns.get(result.rows) ?? []) result.columnTypes[index] = ColumnTypeEnum.Character;
    return result;
  };
  parts.executeScript = async (sql) => {
    const client = await parts.underlyingDriver().connect();
    try {
      await client.query(sql);
    } catch (error) {
      // The engine would show it in the midst of its own words, and without the hint.
      if (error instanceof pg.DatabaseError && error.code === RAISED) {
        refused(new MigrationRefusal([error.message, error.hint].filter(Boolean).join('\n'), { cause: error }));
      }
      parts.onError(error);
    } finally {
      client.release();
    }
  };
  return adapter;
}

/** A temporary database in which the engine replays the migrations to compare them with the schema. */
async function shadow(url: string): Promise<SqlDriverAdapter> {
  const name = `slipway_shadow_${process.pid}_${Date.now()}`;
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`CREATE DATABASE "${name}"`);
  const target = new URL(url);
  target.pathname = `/${name}`;
  const adapter = await new PrismaPg({ connectionString: target.toString(), max: 1 }).connect();
  const dispose = adapter.dispose.bind(adapter);
  let disposed: Promise<void> | undefined;
  const drop = async (): Promise<void> => {
    await dispose();
    await admin.query(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    await admin.end();
  };
  adapter.dispose = () => (disposed ??= drop());
  return forMigrations(adapter);
}

const filters = { externalTables: [], externalEnums: [] };

/** The migrations in the engine's format. */
const asList = (migrations: Migration[]) => ({
  baseDir: '',
  shadowDbInitScript: '',
  lockfile: { path: 'migration_lock.toml', content: 'provider = "postgresql"\n' },
  migrationDirectories: migrations.map(({ name, sql }) => ({
    path: name,
    migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } },
  })),
});

/** Opens the engine on a database. `schema` is the text of the Prisma schema, needed only for `diff`. */
export async function openSchemaEngine(url: string, schema = ''): Promise<SchemaEngine> {
  load();
  const base = new PrismaPg({ connectionString: url, max: 2 });
  const opened: SqlDriverAdapter[] = [];
  const refusals: MigrationRefusal[] = [];
  const keep = (adapter: SqlDriverAdapter): SqlDriverAdapter => {
    opened.push(adapter);
    return adapter;
  };
  const factory: SqlMigrationAwareDriverAdapterFactory = {
    provider: base.provider,
    adapterName: base.adapterName,
    connect: async () => keep(forMigrations(await base.connect(), (refusal) => refusals.push(refusal))),
    connectToShadowDb: async () => keep(await shadow(url)),
  };
  const datamodel = schema || 'datasource db {\n  provider = "postgresql"\n}\n';
  const engine = await bindings.SchemaEngine.new(
    { datamodels: [['schema.prisma', datamodel]] },
    () => {},
    bindMigrationAwareSqlAdapterFactory(factory),
  );
  return {
    apply: async (migrations) => {
      try {
        return (await engine.applyMigrations({ migrationsList: asList(migrations), filters })).appliedMigrationNames;
      } catch (error) {
        throw refusals.pop() ?? error;
      }
    },
    diff: async (migrations) => {
      const to = { tag: 'schemaDatamodel' as const, files: [{ path: 'schema.prisma', content: schema }] };
      const from = { tag: 'migrations' as const, ...asList(migrations) };
      const result = await engine.diff({ from, to, script: true, exitCode: true, filters });
      return { stdout: result.stdout ?? null, exitCode: result.exitCode };
    },
    close: async () => {
      for (const adapter of opened) await adapter.dispose();
      engine.free();
    },
  };
}
