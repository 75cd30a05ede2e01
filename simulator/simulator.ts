/** Starts simulated clusters, in this process. */
import { randomBytes } from 'node:crypto';
import { makeCertificates } from './certificates.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { Cluster, defaultClusterOptions } from './cluster.ts';
import type { ClusterOptions } from './cluster.ts';
import type { FaultSettings } from './faults/faults.ts';
import { listenForFaults } from './faults/fault-server.ts';
import { changeFaults, clearFaults, dropWatches, expireWatches } from './faults/inject.ts';
import { listen } from './api/server.ts';
import { kubeconfigOf } from './kubeconfig.ts';
import type { KubernetesObject } from './objects.ts';
import { hash } from './random.ts';
import { resourceOfKind } from './resources.ts';

export interface SimulatorOptions extends Partial<ClusterOptions> {
  /** Number of clusters, named `cluster-1` and so on, unless `names` is given. */
  clusters?: number;
  names?: string[];
  /** Port of the clusters and of the fault endpoint; 0, the default, takes any free one. */
  port?: number;
  faultPort?: number;
  /** The same seed gives the same uids, names, tokens and start times. */
  seed?: number;
  clock?: Clock;
  /** Objects that stand in a cluster from the start, as another one has shown them, by the cluster's name. Controllers go on from there. */
  contents?: Record<string, KubernetesObject[]>;
}

export interface SimulatedCluster {
  name: string;
  /** `https://127.0.0.1:PORT/clusters/NAME` */
  server: string;
  /** PEM of the authority, in base64 as in a kubeconfig. */
  caData: string;
  token: string;
  kubeconfig: string;
  /** Merges faults into the current ones; null removes one. */
  setFaults(settings: FaultSettings | { [name: string]: unknown }): void;
  clearFaults(): void;
  /** Makes all earlier versions too old, also for running watches (410 in the stream). */
  expireWatches(): void;
  /** Closes the connections of all watches. */
  dropWatches(): void;
}

export interface Simulator {
  port: number;
  faultPort: number;
  /** `http://127.0.0.1:PORT`, to which faults are posted. */
  faultUrl: string;
  clusters: SimulatedCluster[];
  stop(): Promise<void>;
}

export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { clusters: count = 1, port = 0, faultPort = 0, seed = randomBytes(4).readUInt32LE(), clock = systemClock } = options;
  const names = options.names ?? Array.from({ length: count }, (_, index) => `cluster-${index + 1}`);
  const clusterOptions: ClusterOptions = {
    ...defaultClusterOptions,
    ...Object.fromEntries(Object.entries(options).filter(([name, value]) => name in defaultClusterOptions && value !== undefined)),
  };
  const clusters = new Map(
    names.map((name) => {
      const token =
        options.seed === undefined ? randomBytes(24).toString('base64url') : `token-${hash(`${seed}/${name}`).toString(36)}-${name}`;
      return [name, new Cluster(name, token, hash(`${seed}/${name}`), clock, clusterOptions)];
    }),
  );
  for (const [name, objects] of Object.entries(options.contents ?? {})) fill(clusters.get(name), objects);
  const certificates = await makeCertificates();
  const listener = await listen(clusters, certificates, port);
  const faults = await listenForFaults(clusters, faultPort);
  const caData = Buffer.from(certificates.authority).toString('base64');
  return {
    port: listener.port,
    faultPort: faults.port,
    faultUrl: `http://127.0.0.1:${faults.port}`,
    clusters: [...clusters.values()].map((cluster) => describe(cluster, listener.port, caData)),
    async stop() {
      for (const cluster of clusters.values()) cluster.stop();
      await Promise.all([listener.close(), faults.close()]);
    },
  };
}

function fill(cluster: Cluster | undefined, objects: KubernetesObject[]): void {
  for (const object of objects) {
    const resource = resourceOfKind(object.apiVersion, object.kind);
    if (!cluster || !resource) throw new Error(`a ${object.kind} cannot be put into a simulated cluster`);
    cluster.store.put(resource, object);
  }
}

function describe(cluster: Cluster, port: number, caData: string): SimulatedCluster {
  const { name, token } = cluster;
  const server = `https://127.0.0.1:${port}/clusters/${encodeURIComponent(name)}`;
  return {
    name,
    server,
    caData,
    token,
    kubeconfig: kubeconfigOf({ name, server, caData, token }),
    setFaults: (settings) => changeFaults(cluster, settings),
    clearFaults: () => clearFaults(cluster),
    expireWatches: () => expireWatches(cluster),
    dropWatches: () => dropWatches(cluster),
  };
}
