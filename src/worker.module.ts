import { Inject, Module } from '@nestjs/common';
import type { BeforeApplicationShutdown, DynamicModule, OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';
import { CheckRepository } from './clusters/check/check.repository.ts';
import { Connections } from './clusters/connections.ts';
import { CredentialReader } from './clusters/credential.reader.ts';
import { connectCluster } from './clusters/kubernetes/client.ts';
import { InquiryReconciler } from './clusters/inquiries/inquiry-reconciler.ts';
import { InquiryRepository } from './clusters/inquiries/inquiry.repository.ts';
import { RegionRepository } from './clusters/region.repository.ts';
import type { Config } from './config.ts';
import { EventLog } from './events/event-log.ts';
import { Database } from './platform/db/database.ts';
import { armFailpoint } from './platform/failpoint.ts';
import { createLogger } from './platform/log/logger.ts';
import { PlatformModule } from './platform.module.ts';
import { Announce } from './platform/queue/announce.ts';
import { Queues } from './platform/queue/queue.ts';
import { CONFIG } from './platform/settings.ts';
import { CheckQuestion } from './rollouts/engine/check-question.ts';
import { ClusterCheck } from './rollouts/engine/cluster-check.ts';
import { ClusterCheckReconciler } from './rollouts/engine/cluster-check-reconciler.ts';
import { PlacementReconciler } from './rollouts/engine/placement-reconciler.ts';
import { PlacementWork } from './rollouts/engine/placement-work.ts';
import { RolloutReconciler } from './rollouts/engine/rollout-reconciler.ts';
import { Unserved } from './rollouts/engine/unserved.ts';
import { FAILPOINTS } from './rollouts/failpoints.ts';
import { LockedRolloutRepository } from './rollouts/store/locked-rollout.repository.ts';
import { HeldPlacementRepository } from './rollouts/store/placement.repository.ts';
import { UnservedRepository } from './rollouts/store/unserved.repository.ts';
import { RevisionCheckRepository } from './templates/revision-check.repository.ts';
import { DryRunQuestion } from './workloads/checks/dry-run-question.ts';
import { DatabaseClock } from './runtime/clock.ts';
import { Renewals } from './runtime/renewals.ts';
import { Runtime } from './runtime/runtime.ts';
import { Work } from './runtime/work.ts';
import { LeaseRows, WorkRows } from './runtime/work-rows.ts';

/** Injects where a worker counts what it does. */
const METRICS = Symbol('metrics');

/** A worker: the runtime, the reconcilers of all kinds of work, and what they need. It serves no requests. */
@Module({})
export class WorkerModule implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly runtime: Runtime;
  private readonly connections: Connections;

  constructor(
    database: Database,
    queues: Queues,
    announce: Announce,
    work: Work,
    events: EventLog,
    rollouts: LockedRolloutRepository,
    placements: HeldPlacementRepository,
    checks: CheckRepository,
    credentials: CredentialReader,
    unserved: UnservedRepository,
    inquiries: InquiryRepository,
    revisionChecks: RevisionCheckRepository,
    regions: RegionRepository,
    @Inject(CONFIG) config: Config,
    @Inject(METRICS) metrics: Registry,
  ) {
    const logger = createLogger(config);
    const report = (error: unknown): void => logger.warn({ err: error, part: 'engine' }, 'an error occurred and is retried');
    const clock = new DatabaseClock();
    const { allowedNetworks } = config;
    this.connections = new Connections(database, credentials, checks, (credential) => connectCluster(credential, { allowedNetworks }));
    const placementWork = new PlacementWork(database, placements, events, work, announce, this.connections, clock, report);
    const waiting = new Unserved(database, unserved, events, work, report);
    const check = new ClusterCheck(database, checks, placements, events, announce, this.connections);
    const orphans = orphanCounter(metrics);
    this.runtime = new Runtime({
      ...{ queues, announce, work, clock, report },
      rows: new LeaseRows(database.system),
      renewals: new Renewals(config.databaseUrl, report),
      reconcilers: {
        rollouts: new RolloutReconciler(database, rollouts, events, work, clock, report),
        placements: new PlacementReconciler(database, placements, announce, placementWork, waiting),
        clusters: new ClusterCheckReconciler(database, check, clock, report),
        inquiries: new InquiryReconciler(database, inquiries, work, announce, {
          CHECK: new CheckQuestion(check),
          DRY_RUN: new DryRunQuestion(database, revisionChecks, this.connections, announce),
        }),
      },
      allRegions: () => regions.all(),
      regions: config.regions,
      onRegions: (names) => logRegions(logger, names, config.regions),
      onOrphans: (kind, count) => {
        orphans.inc({ kind }, count);
        logger.warn({ kind, count, part: 'engine' }, 'released leases that nobody held');
      },
    });
  }

  static register(config: Config, metrics: Registry): DynamicModule {
    armFailpoint(FAILPOINTS);
    const providers = [
      Work,
      WorkRows,
      EventLog,
      LockedRolloutRepository,
      HeldPlacementRepository,
      UnservedRepository,
      CheckRepository,
      CredentialReader,
      InquiryRepository,
      RevisionCheckRepository,
      RegionRepository,
      { provide: METRICS, useValue: metrics },
    ];
    return { module: WorkerModule, imports: [PlatformModule.register(config)], providers };
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.runtime.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.runtime.close();
    await this.connections.close();
  }
}

const orphanCounter = (metrics: Registry): Counter<'kind'> =>
  new Counter({
    name: 'slipway_work_orphans_total',
    help: 'Leases that this worker had in the database and did not know of; each was released within seconds. Expected to stay 0.',
    labelNames: ['kind'],
    registers: [metrics],
  });

function logRegions(logger: Logger, served: readonly string[], wanted: readonly string[] | null): void {
  if (served.length > 0) logger.info({ regions: served }, 'the worker serves these regions');
  const missing = (wanted ?? []).filter((name) => !served.includes(name));
  if (missing.length > 0) logger.warn({ regions: missing }, 'these regions do not exist yet; each is served once it has been created');
}
