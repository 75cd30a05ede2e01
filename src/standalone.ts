import '../require-node.mjs';
import path from 'node:path';
import { startEmbeddedPostgres } from './standalone/embedded-postgres.ts';
import type { EmbeddedPostgres } from './standalone/embedded-postgres.ts';
import { migrate } from './platform/db/migrate.ts';
import { runUntilStopped } from './platform/process.ts';
import type { Running } from './platform/process.ts';
import { StartError } from './platform/start-error.ts';
import { freeze, keptMasterKey, MASTER_KEY_FILE, operatorKey, readSettings, tellOperatorKey } from './config.ts';
import type { Config, Environment, Settings } from './config.ts';

export interface Standalone extends Running {
  /** For example `http://127.0.0.1:3000`. */
  url: string;
  config: Config;
  /** The embedded Postgres; null = DATABASE_URL is used. */
  postgres: EmbeddedPostgres | null;
}

/** The settings plus what standalone supplies itself: the database, and keys in the data folder. */
function complete(settings: Settings, postgres: EmbeddedPostgres | null): Config {
  const databaseUrl = settings.databaseUrl ?? postgres?.nearUrl;
  const databaseOwnerUrl = settings.databaseOwnerUrl ?? postgres?.ownerUrl;
  if (!databaseUrl || !databaseOwnerUrl) throw new StartError('No database is configured.');
  return freeze({
    ...settings,
    databaseUrl,
    databaseOwnerUrl,
    masterKey: settings.masterKey ?? keptMasterKey(settings.dataDirectory),
    operatorKey: operatorKey(settings, tellOperatorKey),
  });
}

/** Parts that have been started so far. */
interface Started {
  postgres: EmbeddedPostgres | null;
  programs: Running[];
}

/** Stops the programs concurrently, and then the database. Rejects if a program failed to stop. */
async function closeAll({ postgres, programs }: Started): Promise<void> {
  const closed = await Promise.allSettled(programs.map((program) => program.close()));
  await postgres?.stop();
  for (const each of closed) if (each.status === 'rejected') throw each.reason;
}

/** Starts the API and a worker in one process, on an embedded Postgres unless DATABASE_URL is set. */
export async function startStandalone(environment: Environment): Promise<Standalone> {
  const settings = readSettings(environment, 'standalone');
  // Loading the program takes longer than starting Postgres, so both are done at once.
  const programs = Promise.all([
    import('./main.ts'),
    import('./worker.ts'),
    import('./runtime/work.ts'),
    import('./tenants/master-key.ts'),
    import('prom-client'),
  ]);
  programs.catch(() => undefined);
  const started: Started = { postgres: null, programs: [] };
  try {
    const postgres = settings.databaseUrl ? null : await startEmbeddedPostgres(settings.dataDirectory);
    started.postgres = postgres;
    const config = complete(settings, postgres);
    await migrate(config.databaseOwnerUrl, config.databaseUrl);
    const [{ startApi }, { startWorker }, { Work }, { checkMasterKey }, { Registry }] = await programs;
    await checkMasterKey(config, `SLIPWAY_MASTER_KEY or else ${path.join(settings.dataDirectory, MASTER_KEY_FILE)}`);
    const metrics = new Registry();
    const worker = await startWorker(config, metrics);
    started.programs.push(worker);
    const api = await startApi(config, metrics);
    started.programs.push(api);
    worker.listenTo(api.app.get(Work));
    return { url: api.url, config, postgres, close: () => closeAll(started) };
  } catch (error) {
    await closeAll(started).catch(() => undefined);
    throw error;
  }
}

/** Prints the URL, and what differs from a server that others can reach. */
function tell({ url, config, postgres }: Standalone): void {
  const stores = [
    postgres ? `Postgres in ${config.dataDirectory}` : 'Postgres of DATABASE_URL',
    config.redisUrl ? 'queue in Redis' : 'queue in Postgres',
  ];
  process.stdout.write(`Slipway is at ${url} (${stores.join(', ')}).\n`);
  const loopback = config.allowedNetworks.filter((network) => network.startsWith('127.') || network.startsWith('::1/'));
  if (loopback.length > 0)
    process.stdout.write(`Clusters on this machine are allowed (${loopback.join(', ')}); SLIPWAY_ALLOWED_NETWORKS changes that.\n`);
}

if (import.meta.main) {
  await runUntilStopped(async () => {
    const standalone = await startStandalone(process.env);
    tell(standalone);
    let stopping = false;
    void standalone.postgres?.ended.then(() => {
      if (stopping) return;
      process.stderr.write(`Postgres has ended; see ${standalone.config.dataDirectory}/postgres.log.\n`);
      process.exitCode = 1;
      process.kill(process.pid, 'SIGTERM');
    });
    return { close: () => ((stopping = true), standalone.close()) };
  });
}
