import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { SUPPORT_VARIABLE } from './global-setup.ts';

/** A migrated database for one test file. */
export interface FreshDatabase {
  /** Connects as the owner of the tables. */
  ownerUrl: string;
  /** Connects as the login that assumes the application's roles, for a process's configuration. */
  appUrl: string;
  drop(): Promise<void>;
}

interface Server {
  ownerUrl: string;
  appUrl: string;
  pid: number;
}

/** The run's Postgres: an empty migrated database that is copied for tests and accepts no connections. */
export async function testServer(): Promise<Server> {
  const address = process.env[SUPPORT_VARIABLE];
  if (!address) throw new Error('the run has no support: vitest.config.ts names test/support/global-setup.ts as globalSetup');
  const response = await fetch(address);
  if (!response.ok) throw new Error(`Postgres did not start: ${await response.text()}`);
  return (await response.json()) as Server;
}

/** The URL with another database in it. */
export const inDatabase = (url: string, database: string): string => {
  const target = new URL(url);
  target.pathname = `/${database}`;
  return target.toString();
};

/** Of the owner's URLs to which connections are kept: a new one costs Postgres more than most of what is done on it. */
const kept = new Map<string, pg.Pool>();

/** The loss of an idle connection is not a fault of the test that caused it. */
const poolFor = (url: string): pg.Pool => new pg.Pool({ connectionString: url, allowExitOnIdle: true }).on('error', () => undefined);

function keep(url: string): void {
  if (!kept.has(url)) kept.set(url, poolFor(url));
}

/** Runs statements on a connection of their own, which has no state of an earlier use. */
export async function onConnection<T>(url: string, work: (client: pg.ClientBase) => Promise<T>): Promise<T> {
  const pool = kept.get(url) ?? poolFor(url);
  const client = await pool.connect();
  let isClean = false;
  try {
    const result = await work(client);
    // Cannot be where a transaction was left open.
    isClean = await client.query('DISCARD ALL').then(
      () => true,
      () => false,
    );
    return result;
  } finally {
    client.release(!isClean);
    if (!kept.has(url)) await pool.end();
  }
}

async function create(server: Pick<Server, 'ownerUrl' | 'appUrl'>, template: string): Promise<FreshDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const [admin, ownerUrl] = [inDatabase(server.ownerUrl, 'postgres'), inDatabase(server.ownerUrl, name)];
  keep(admin);
  // Copies files, where the default writes every page to the log.
  await onConnection(admin, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`));
  keep(ownerUrl);
  return {
    ownerUrl,
    appUrl: inDatabase(server.appUrl, name),
    drop: async () => {
      await kept.get(ownerUrl)?.end();
      kept.delete(ownerUrl);
      await onConnection(admin, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}

/** Copies the migrated database, by default on the run's server; takes some tens of milliseconds. */
export async function freshDatabase(given?: Pick<Server, 'ownerUrl' | 'appUrl'>): Promise<FreshDatabase> {
  const server = given ?? (await testServer());
  return create(server, new URL(server.ownerUrl).pathname.slice(1));
}

/** A database without migrations. */
export async function emptyDatabase(): Promise<FreshDatabase> {
  return create(await testServer(), 'template0');
}
