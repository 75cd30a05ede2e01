/** A product with its clusters, in one thread and under virtual time: what it consists of, and how it is run. What happens in it is `Scenario`'s. */
import { Cluster, defaultClusterOptions } from '../../simulator/cluster.ts';
import type { Clock } from '../../simulator/clock.ts';
import { createAsController } from '../../simulator/controllers/writes.ts';
import { resources } from '../../simulator/resources.ts';
import { Chance } from '../rollouts/model/chance.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { SimulatedApi } from './api.ts';
import type { Outcome, Request } from './api.ts';
import { SimulatedControllers } from './controllers.ts';
import type { Speeds } from './controllers.ts';
import { Messages } from './messages.ts';
import { SimulatedNetwork } from './network.ts';
import { Postgres } from './postgres.ts';
import { NAMESPACE, WORKLOAD } from './releases.ts';
import { newRow } from './schema.ts';
import { Process, VirtualTime } from './time.ts';
import { makeWorker } from './worker.ts';

export interface ClusterSetup {
  speeds: Speeds;
  podStartMilliseconds: readonly [number, number];
  podStopMilliseconds: readonly [number, number];
  /** Its clock is ahead by so many milliseconds. */
  skew: number;
}

export interface Setup {
  seed: number;
  clusters: readonly ClusterSetup[];
  workers: number;
  /** The database's clock is ahead by so many milliseconds. */
  databaseSkew: number;
}

/** A cluster with everything around it. */
export interface Place {
  id: string;
  name: string;
  placementId: string;
  cluster: Cluster;
  controllers: SimulatedControllers;
  network: SimulatedNetwork;
}

const REGION = { id: '00000000-0000-7000-8000-00000000cccc', name: 'eu' };
const RESTART_MILLISECONDS = 1_000;
/** Longer than any timer that is ever waited for. */
const LONGEST = 2 ** 31 - 1;

export class World {
  readonly chance: Chance;
  readonly time: VirtualTime;
  readonly postgres: Postgres;
  readonly messages: Messages;
  readonly places: Place[];
  readonly workers: Process[] = [];
  readonly errors: { process: string; error: unknown }[] = [];
  private readonly networks: Map<string, SimulatedNetwork>;
  private readonly runtimes = new Map<Process, Runtime>();
  private starts = 0;

  constructor(readonly setup: Setup) {
    this.chance = new Chance(setup.seed);
    this.time = new VirtualTime(this.chance);
    this.postgres = new Postgres(this.time, this.chance);
    this.postgres.skew = setup.databaseSkew;
    this.messages = new Messages(this.time, this.chance);
    this.places = setup.clusters.map((cluster, index) => this.makePlace(cluster, index));
    this.networks = new Map(this.places.map(({ id, network }) => [id, network]));
    this.makeRows();
    for (let count = 0; count < setup.workers; count++) this.startWorker();
  }

  private get around() {
    const report = (process: Process, error: unknown): void => void this.errors.push({ process: process.name, error });
    return { postgres: this.postgres, messages: this.messages, networks: this.networks, regions: [REGION], report };
  }

  startWorker(): Process {
    const process = this.newProcess(`worker-${++this.starts}`);
    this.workers.push(process);
    this.time.afterIn(process, this.chance.next() * 50, () => {
      const runtime = makeWorker(process, this.around, null);
      this.runtimes.set(process, runtime);
      runtime.start().catch(() => this.startAgain(process));
    });
    return process;
  }

  /** A process that cannot start ends, and is started again by whoever runs it. */
  private startAgain(process: Process): void {
    process.kill();
    this.time.after(RESTART_MILLISECONDS, () => void this.startWorker());
  }

  /** As by SIGTERM: it releases its leases and ends. */
  stopWorker(process: Process): void {
    this.time.afterIn(
      process,
      0,
      () =>
        void this.runtimes
          .get(process)
          ?.close()
          .then(() => process.kill()),
    );
  }

  /** Runs what a client of the API does, as a process. Resolves when it has done so. */
  drive(script: (ask: (request: Request) => Promise<Outcome | null>) => Promise<void>): { ended: boolean; error: unknown } {
    const process = this.newProcess('client');
    const state: { ended: boolean; error: unknown } = { ended: false, error: null };
    this.time.afterIn(process, 0, () => {
      const api = new SimulatedApi(process, this.around);
      void script((request) => api.ask(request)).then(
        () => (state.ended = true),
        (error: unknown) => Object.assign(state, { ended: true, error }),
      );
    });
    return state;
  }

  private newProcess(name: string): Process {
    return new Process(name, this.time, this.chance.between(0, 100_000));
  }

  private makePlace(setup: ClusterSetup, index: number): Place {
    const id = `00000000-0000-7000-8000-00000000d00${index}`;
    const name = `cluster-${index + 1}`;
    const clock: Clock = {
      now: () => this.time.now + setup.skew,
      after: (milliseconds, work) => (milliseconds > LONGEST ? () => undefined : this.time.after(milliseconds, work)),
    };
    const { podStartMilliseconds, podStopMilliseconds, speeds } = setup;
    const options = { ...defaultClusterOptions, podStartMilliseconds, podStopMilliseconds };
    let controllers: SimulatedControllers | undefined;
    const cluster = new Cluster(name, `token of ${id}`, this.chance.between(0, 2 ** 31), clock, options, (of) => {
      controllers = new SimulatedControllers(of, NAMESPACE, this.chance, speeds);
      return controllers;
    });
    const metadata = { name: NAMESPACE } as Parameters<typeof createAsController>[2]['metadata'];
    createAsController(cluster, resources.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata });
    const placementId = `00000000-0000-7000-8000-00000000e00${index}`;
    return { id, name, placementId, cluster, controllers: controllers!, network: new SimulatedNetwork(cluster, this.time, this.chance) };
  }

  private makeRows(): void {
    const { postgres } = this;
    postgres.rows('workloads').set(WORKLOAD.id, newRow('workloads', { ...WORKLOAD }));
    for (const { id: clusterId, name, placementId: id } of this.places) {
      const place = { cluster_id: clusterId, region_id: REGION.id, namespace: NAMESPACE, workload_id: WORKLOAD.id };
      const names = { cluster: name, region: REGION.name, credential_version: 1 };
      postgres.rows('placements').set(id, newRow('placements', { id, ...place, ...names }));
    }
  }
}
