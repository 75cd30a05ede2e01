import { Module } from '@nestjs/common';
import type { DynamicModule, OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import type { Logger } from 'pino';
import { Announce } from './platform/queue/announce.ts';
import { Database } from './platform/db/database.ts';
import { createLogger } from './platform/log/logger.ts';
import { Queues } from './platform/queue/queue.ts';
import { Seal } from './platform/crypto/seal.ts';
import { CONFIG } from './platform/settings.ts';
import type { PlatformSettings } from './platform/settings.ts';

/** The queues. Losing them logs one line, and regaining them another. */
function queuesOf({ databaseUrl, redisUrl }: PlatformSettings, logger: Logger): Queues {
  const advice = `work continues by polling once a second; check ${redisUrl ? 'REDIS_URL' : 'DATABASE_URL'}`;
  return new Queues({
    url: databaseUrl,
    redisUrl,
    onError: (error) => logger.warn({ err: error, part: 'queue' }, 'queue error'),
    onReach: (away) => {
      if (away === null) logger.info({ part: 'queue' }, 'the queue is reachable again');
      else logger.warn({ part: 'queue', reason: away }, `the queue is unreachable: ${advice}`);
    },
  });
}

/** Configuration, database, queues, announcements and seal, for every module. They are closed after everything else has stopped. */
@Module({})
export class PlatformModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly announce: Announce,
  ) {}

  static register(config: PlatformSettings): DynamicModule {
    const logger = createLogger(config);
    const onError = (part: string) => (error: Error) => logger.warn({ err: error, part }, 'connection error');
    const providers = [
      { provide: CONFIG, useValue: config },
      { provide: Database, useFactory: () => new Database({ url: config.databaseUrl, onError: onError('database') }) },
      { provide: Announce, useFactory: () => new Announce({ url: config.databaseUrl, onError: onError('announce') }) },
      { provide: Queues, useFactory: () => queuesOf(config, logger) },
      { provide: Seal, useFactory: () => new Seal(config.masterKey) },
    ];
    return { module: PlatformModule, global: true, providers, exports: providers.map(({ provide }) => provide) };
  }

  async onModuleInit(): Promise<void> {
    await this.announce.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.queues.close();
    await this.announce.close();
    await this.database.close();
  }
}
