import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { configOrExit } from './config.ts';
import type { Config } from './config.ts';
import { WorkerModule } from './worker.module.ts';

/** Starts a worker in this process: it looks after the rollouts of all tenants, and the clusters of the regions that the configuration names. */
export async function startWorker(config: Config): Promise<{ close(): Promise<void> }> {
  const application = await NestFactory.createApplicationContext(WorkerModule.register(config), { logger: ['error', 'warn'], abortOnError: false });
  return { close: () => application.close() };
}

async function main(): Promise<void> {
  const worker = await startWorker(configOrExit('worker'));
  let stopping: Promise<void> | null = null;
  const stop = (): void => {
    stopping ??= worker.close().then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`The worker could not start: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}
