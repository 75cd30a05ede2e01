/** A simulated cluster under a clock of the test's own, with a Deployment to change. */
import { startSimulator } from '../../../simulator/simulator.ts';
import type { SimulatedCluster, SimulatorOptions } from '../../../simulator/simulator.ts';
import { connect } from './client.ts';
import type { Client, WatchEvent } from './client.ts';
import { ManualClock } from './manual-clock.ts';

export const deployments = '/apis/apps/v1/namespaces/default/deployments';
export const replicaSets = '/apis/apps/v1/namespaces/default/replicasets';
export const pods = '/api/v1/namespaces/default/pods';
export const web = `${deployments}/web`;

export const closed = { minReadySeconds: 2147483646, progressDeadlineSeconds: 2147483647 };

/** A Deployment `web`; its image says which revision it is. */
export function deployment(revision: number | string, spec: object = {}, metadata: object = {}) {
  const image = typeof revision === 'number' ? `example/web:${revision}` : revision;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', ...metadata },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } },
      ...spec,
    },
  };
}

export const surge = (maxSurge: number | string, maxUnavailable: number | string) => ({
  strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
});

export interface World {
  clock: ManualClock;
  cluster: SimulatedCluster;
  client: Client;
  /** Pods by the tag of their image, terminating ones left out: `{ '1': 8, '2': 2 }`. */
  split(): Promise<{ [tag: string]: number }>;
  ready(): Promise<number>;
  setOf(tag: number | string): Promise<any>;
  /** Applies the Deployment, force, as the manager `tester`, and lets so many seconds pass. */
  deploy(revision: number | string, spec?: object, seconds?: number): Promise<any>;
  scale(replicas: number, seconds?: number): Promise<void>;
  /** Every change under a path since a version, in order; at least one. */
  history(path: string, version: string): Promise<WatchEvent[]>;
  version(): Promise<string>;
  stop(): Promise<void>;
}

const tagOf = (object: { spec: { containers: { image: string }[] } }): string => object.spec.containers[0]?.image.split(':').pop() ?? '';

export async function startWorld(options: SimulatorOptions = {}): Promise<World> {
  const clock = new ManualClock();
  const simulator = await startSimulator({ clusters: 1, seed: 1, clock, ...options });
  const cluster = simulator.clusters[0];
  if (!cluster) throw new Error('the simulator has no cluster');
  const client = connect(cluster);
  const living = async (): Promise<any[]> => (await client.get(pods)).items.filter((pod: any) => !pod.metadata.deletionTimestamp);
  return {
    clock,
    cluster,
    client,
    async split() {
      const counts: { [tag: string]: number } = {};
      for (const pod of await living()) counts[tagOf(pod)] = (counts[tagOf(pod)] ?? 0) + 1;
      return counts;
    },
    async ready() {
      return (await living()).filter((pod) => pod.status.conditions?.some((one: any) => one.type === 'Ready' && one.status === 'True'))
        .length;
    },
    async setOf(tag) {
      return (await client.get(replicaSets)).items.find((set: any) => tagOf(set.spec.template) === String(tag));
    },
    async deploy(revision, spec = {}, seconds = 60) {
      const answer = await client.apply(web, deployment(revision, spec), 'tester', '&force=true');
      if (answer.code >= 300) throw new Error(answer.text);
      clock.advance(seconds * 1000);
      return client.get(web);
    },
    async scale(replicas, seconds = 60) {
      const answer = await client.merge(`${web}/scale`, { spec: { replicas } }, 'fieldManager=scaler');
      if (answer.code >= 300) throw new Error(answer.text);
      clock.advance(seconds * 1000);
    },
    async history(path, version) {
      const events: WatchEvent[] = [];
      for await (const event of client.watch(`${path}?watch=1&resourceVersion=${version}&timeoutSeconds=1`)) {
        // The stream is there once its first event is; a second later it ends.
        if (events.push(event) === 1) clock.advance(1_000);
      }
      return events;
    },
    async version() {
      return (await client.get(replicaSets)).metadata.resourceVersion;
    },
    async stop() {
      await client.close();
      await simulator.stop();
    },
  };
}
