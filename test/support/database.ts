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

/** Runs statements on a new connection, then closes it. */
export async function onConnection<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function create(server: Pick<Server, 'ownerUrl' | 'appUrl'>, template: string): Promise<FreshDatabase> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const admin = inDatabase(server.ownerUrl, 'postgres');
  await onConnection(admin, (client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
  return {
    ownerUrl: inDatabase(server.ownerUrl, name),
    appUrl: inDatabase(server.appUrl, name),
    drop: () => onConnection(admin, async (client) => void (await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))),
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
