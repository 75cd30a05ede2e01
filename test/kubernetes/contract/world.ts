import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import { connectCluster } from '../../../src/clusters/kubernetes/client.ts';
import type { ConnectOptions } from '../../../src/clusters/kubernetes/client.ts';
import { KubernetesError } from '../../../src/clusters/kubernetes/errors.ts';
import type { KubernetesClient, KubernetesObject } from '../../../src/clusters/kubernetes/types.ts';
import { Client } from '../control-plane/client.ts';
import { createNamespace } from '../control-plane/objects.ts';

/** A cluster that the contract is held against: a real control plane or a simulated one. The token may do anything. */
export interface ContractCluster {
  server: string;
  /** Base64 of PEM. */
  caData: string;
  adminToken: string;
  /** Its text. */
  kubeconfig: string;
}

export type Cluster = () => ContractCluster;

/** What the cases work with: our client, and another that shares no code with it and so is evidence. */
export interface World {
  cluster: ContractCluster;
  kubernetes: KubernetesClient;
  admin: Client;
  /** Makes a namespace of the case's own, in which pods can be made. It goes with the world. */
  namespace: (labels?: Record<string, string>) => Promise<string>;
  /** Our client with other options or another token; closed with the world. */
  connect: (options?: ConnectOptions & { token?: string; server?: string; ca?: string }) => KubernetesClient;
}

export const loopback = ['127.0.0.0/8', '::1/128'];

/** A world for the cases of the enclosing `describe`. */
export function makeWorld(cluster: Cluster): () => World {
  let world: World | undefined;
  const namespaces: string[] = [];
  const clients: KubernetesClient[] = [];
  beforeAll(() => {
    const { server, caData, adminToken, kubeconfig } = cluster();
    const connect: World['connect'] = ({ token = adminToken, server: other = server, ca = pem(caData), ...options } = {}) => {
      const client = connectCluster({ server: other, ca, auth: { token } }, { allowedNetworks: loopback, ...options });
      clients.push(client);
      return client;
    };
    const admin = new Client({ server, caData, token: adminToken });
    const namespace = async (labels?: Record<string, string>): Promise<string> => {
      const name = `contract-${randomUUID().slice(0, 8)}`;
      await createNamespace(admin, name, labels);
      namespaces.push(name);
      return name;
    };
    world = { cluster: { server, caData, adminToken, kubeconfig }, kubernetes: connect(), admin, namespace, connect };
  });
  afterAll(async () => {
    for (const name of namespaces) await world?.admin.request('DELETE', `/api/v1/namespaces/${name}`);
    await Promise.all(clients.map((client) => client.close()));
    await world?.admin.close();
  });
  return () => {
    if (world === undefined) throw new Error('the world is made in beforeAll');
    return world;
  };
}

export function pem(caData: string): string {
  return Buffer.from(caData, 'base64').toString('utf8');
}

/** The error that the work fails with; a success is an error of its own. */
export async function failure(work: Promise<unknown>): Promise<KubernetesError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof KubernetesError) return error;
    throw error;
  }
  throw new Error('this should have been refused');
}

/** The gate of a held rollout: new pods become Ready, and never available. */
export const closedGate = { minReadySeconds: 2_147_483_646, progressDeadlineSeconds: 2_147_483_647 };

export const workloadId = '0192f0c1-0000-7000-8000-00000000c0de';

export interface DeploymentOptions {
  name?: string;
  /** Goes into the image and a label of the pods, so each revision has a ReplicaSet of its own. */
  revision?: string;
  image?: string;
  surge?: number | string;
  unavailable?: number | string;
  gate?: typeof closedGate;
  /** `simulation/behaviour` of the pods. */
  behaviour?: string;
  spec?: Record<string, unknown>;
  container?: Record<string, unknown>;
  pod?: Record<string, unknown>;
}

/** A Deployment as the engine would apply it: without replicas, which belong to `/scale`. */
export function deployment(namespace: string, options: DeploymentOptions = {}): KubernetesObject {
  const { name = 'web', revision = 'v1', image = `registry.example/shop/web:${revision}`, surge = '25%', unavailable = 0 } = options;
  const workload = { 'slipway.dev/workload': name, 'slipway.dev/workload-id': workloadId };
  const annotations = options.behaviour === undefined ? {} : { annotations: { 'simulation/behaviour': options.behaviour } };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      namespace,
      labels: { 'slipway.dev/workload-id': workloadId },
      annotations: { 'slipway.dev/template': `digest-of-${revision}` },
    },
    spec: {
      selector: { matchLabels: workload },
      revisionHistoryLimit: 10,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } },
      ...(options.gate ?? { minReadySeconds: 0, progressDeadlineSeconds: 600 }),
      template: {
        metadata: { labels: { ...workload, revision }, ...annotations },
        spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'web', image, ...options.container }], ...options.pod },
      },
      ...options.spec,
    },
  };
}

export function configMap(namespace: string, name: string, data: Record<string, string> = {}): KubernetesObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace, labels: { 'slipway.dev/workload-id': workloadId } }, data };
}

export function service(namespace: string, name = 'web'): KubernetesObject {
  const spec = { selector: { 'slipway.dev/workload': name }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace, labels: { 'slipway.dev/workload-id': workloadId } }, spec };
}

export const selector = `slipway.dev/workload-id=${workloadId}`;

export const refs = {
  deployments: (namespace: string) => ({ apiVersion: 'apps/v1', kind: 'Deployment', namespace }),
  replicaSets: (namespace: string) => ({ apiVersion: 'apps/v1', kind: 'ReplicaSet', namespace }),
  pods: (namespace: string) => ({ apiVersion: 'v1', kind: 'Pod', namespace }),
  configMaps: (namespace: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', namespace }),
  services: (namespace: string) => ({ apiVersion: 'v1', kind: 'Service', namespace }),
};

/** What a write is fenced with. */
export function preconditionOf(object: KubernetesObject): { uid: string; resourceVersion: string } {
  const { uid, resourceVersion } = object.metadata;
  if (uid === undefined || resourceVersion === undefined) throw new Error('an object of a cluster has both');
  return { uid, resourceVersion };
}

/** Writes what `decide` makes of the live object; another's write in between is observed and decided anew, as the engine does. */
export async function fenced<T>(read: () => Promise<KubernetesObject | null>, write: (live: KubernetesObject) => Promise<T>): Promise<T> {
  for (;;) {
    const live = await read();
    if (live === null) throw new Error('the object is gone');
    try {
      return await write(live);
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.kind !== 'CONFLICT') throw error;
    }
  }
}
