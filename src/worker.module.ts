import { Inject, Module } from '@nestjs/common';
import type { BeforeApplicationShutdown, DynamicModule, OnApplicationBootstrap } from '@nestjs/common';
import { CheckRepository } from './clusters/check/check.repository.ts';
import { CredentialReader } from './clusters/credential.reader.ts';
import { Announce } from './platform/queue/announce.ts';
import { PlatformModule } from './platform.module.ts';
import { CONFIG } from './platform/settings.ts';
import { Database } from './platform/db/database.ts';
import { createLogger } from './platform/log/logger.ts';
import { Nudges } from './runtime/nudges.ts';
import { Queues } from './platform/queue/queue.ts';
import type { Config } from './config.ts';
import { EventLog } from './events/event-log.ts';
import { Engine } from './rollouts/engine/engine.ts';
import { HeldPlacementRepository } from './rollouts/store/placement.repository.ts';
import { Renewals } from './runtime/renewals.ts';
import { LockedRolloutRepository } from './rollouts/store/locked-rollout.repository.ts';
import { UnservedRepository } from './rollouts/store/unserved.repository.ts';

/** A worker: the engine and its dependencies. It serves no requests. */
@Module({})
export class WorkerModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly engine: Engine;

  constructor(
    database: Database,
    queues: Queues,
    announce: Announce,
    nudges: Nudges,
    events: EventLog,
    rollouts: LockedRolloutRepository,
    placements: HeldPlacementRepository,
    checks: CheckRepository,
    credentials: CredentialReader,
    unserved: UnservedRepository,
    @Inject(CONFIG) config: Config,
  ) {
    const logger = createLogger(config);
    const report = (error: unknown): void => logger.warn({ err: error, part: 'engine' }, 'an error occurred and is retried');
    const renewals = new Renewals(config.databaseUrl, report);
    const parts = { database, queues, announce, nudges, events, rollouts, placements, checks, credentials, unserved, renewals };
    const { regions, allowedNetworks } = config;
    const onRegions = (names: string[]): void => {
      if (names.length > 0) logger.info({ regions: names }, 'the worker serves these regions');
      const missing = (regions ?? []).filter((name) => !names.includes(name));
      if (missing.length > 0) logger.warn({ regions: missing }, 'these regions do not exist yet; each is served once it has been created');
    };
    this.engine = new Engine({ ...parts, regions, allowedNetworks, report, onRegions });
  }

  static register(config: Config): DynamicModule {
    const providers = [
      Nudges,
      EventLog,
      LockedRolloutRepository,
      HeldPlacementRepository,
      UnservedRepository,
      CheckRepository,
      CredentialReader,
    ];
    return { module: WorkerModule, imports: [PlatformModule.register(config)], providers };
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.engine.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.engine.close();
  }
}
