import '../require-node.mjs';
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { createLogger } from './platform/log/logger.ts';
import { migrate } from './platform/db/migrate.ts';
import { nestLogger } from './platform/log/nest-logger.ts';
import type { Nudges } from './runtime/nudges.ts';
import { runUntilStopped } from './platform/process.ts';
import type { Running } from './platform/process.ts';
import { configOrExit } from './config.ts';
import type { Config } from './config.ts';
import { checkMasterKey } from './tenants/master-key.ts';
import { WorkerModule } from './worker.module.ts';

export interface Worker extends Running {
  /** For an API in the same process: its nudges are handled without waiting for the queue. */
  listenTo(nudges: Nudges): void;
}

/** Starts a worker in this process. It serves the rollouts of all tenants, and the clusters of the configured regions. */
export async function startWorker(config: Config): Promise<Worker> {
  const application = await NestFactory.createApplicationContext(WorkerModule.register(config), {
    logger: nestLogger(createLogger(config)),
    abortOnError: false,
  });
  const { engine } = application.get(WorkerModule);
  return { close: () => application.close(), listenTo: (nudges) => engine.listenTo(nudges) };
}

if (import.meta.main) {
  await runUntilStopped(async () => {
    const config = configOrExit('worker');
    await migrate(config.databaseOwnerUrl, config.databaseUrl);
    await checkMasterKey(config);
    return startWorker(config);
  });
}
