import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { migrate } from './common/migrate.ts';
import { runUntilStopped } from './common/process.ts';
import { configOrExit } from './config.ts';
import type { Config } from './config.ts';
import { WorkerModule } from './worker.module.ts';

/** Starts a worker in this process: it looks after the rollouts of all tenants, and the clusters of the regions that the configuration names. */
export async function startWorker(config: Config): Promise<{ close(): Promise<void> }> {
  const application = await NestFactory.createApplicationContext(WorkerModule.register(config), {
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  return { close: () => application.close() };
}

if (import.meta.main) {
  await runUntilStopped(async () => {
    const config = configOrExit('worker');
    await migrate(config.databaseOwnerUrl, config.databaseUrl);
    return startWorker(config);
  });
}
