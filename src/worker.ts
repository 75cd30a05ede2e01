import '../require-node.mjs';
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Registry } from 'prom-client';
import { serveMetrics } from './platform/http/metrics.ts';
import { createLogger } from './platform/log/logger.ts';
import { migrate } from './platform/db/migrate.ts';
import { nestLogger } from './platform/log/nest-logger.ts';
import type { Work } from './runtime/work.ts';
import { runUntilStopped } from './platform/process.ts';
import type { Running } from './platform/process.ts';
import { configOrExit } from './config.ts';
import type { Config } from './config.ts';
import { checkMasterKey } from './tenants/master-key.ts';
import { WorkerModule } from './worker.module.ts';

export interface Worker extends Running {
  /** For an API in the same process: its nudges are handled without waiting for the queue. */
  listenTo(work: Work): void;
}

/** Starts a worker in this process. It serves the rollouts of all tenants, and the clusters of the configured regions. */
export async function startWorker(config: Config, metrics = new Registry()): Promise<Worker> {
  const application = await NestFactory.createApplicationContext(WorkerModule.register(config, metrics), {
    logger: nestLogger(createLogger(config)),
    abortOnError: false,
  });
  const { runtime } = application.get(WorkerModule);
  return { close: () => application.close(), listenTo: (work) => runtime.listenTo(work) };
}

if (import.meta.main) {
  await runUntilStopped(async () => {
    const config = configOrExit('worker');
    await migrate(config.databaseOwnerUrl, config.databaseUrl);
    await checkMasterKey(config);
    const registry = new Registry();
    const worker = await startWorker(config, registry);
    const metrics = config.metricsPort === null ? null : await serveMetrics(config.metricsPort, registry);
    return { close: async () => void (await Promise.all([worker.close(), metrics?.close()])) };
  });
}
