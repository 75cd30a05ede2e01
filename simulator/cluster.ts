/** One simulated cluster: its objects, controllers and faults. It is idle while nothing changes. */
import type { ServerResponse } from 'node:http';
import type { Clock } from './clock.ts';
import { timestamp } from './clock.ts';
import { Controllers } from './controllers/controllers.ts';
import { Faults } from './faults/faults.ts';
import type { KubernetesObject, Pod, PodStatus } from './objects.ts';
import { seededRandom } from './random.ts';
import type { Random } from './random.ts';
import { resources } from './resources.ts';
import type { Resource } from './resources.ts';
import { Store } from './store/store.ts';
import type { AccountToken } from './api/authentication.ts';
import type { Watch } from './api/watch.ts';

export interface ClusterOptions {
  nodes: number;
  /** Minimum and maximum milliseconds from a pod's creation to Ready, and from its deletion to its removal. */
  podStartMilliseconds: readonly [number, number];
  podStopMilliseconds: readonly [number, number];
  /** The first delay of a crash loop; each next one is twice as long. The reported delays are a kubelet's, which begin at 10 s. */
  backoffMilliseconds: number;
  /** Minimum and maximum milliseconds until a controller reacts to a change. */
  controllerDelayMilliseconds: readonly [number, number];
}

export const defaultClusterOptions: ClusterOptions = {
  nodes: 3,
  podStartMilliseconds: [700, 1500],
  podStopMilliseconds: [300, 1000],
  backoffMilliseconds: 500,
  controllerDelayMilliseconds: [3, 15],
};

export class Cluster {
  readonly name: string;
  readonly user: string;
  readonly token: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly options: ClusterOptions;
  readonly store: Store;
  readonly faults = new Faults();
  readonly watches = new Set<Watch>();
  /** Requests that a partition leaves without an answer. */
  readonly unanswered = new Set<ServerResponse>();
  /** Tokens of service accounts. */
  readonly accountTokens = new Map<string, AccountToken>();
  /** Names of Events by content, so that a repetition finds the first. */
  readonly eventNames = new Map<string, string>();
  /** How often in a row a ReplicaSet could not create its pods. */
  readonly backoff = new Map<string, number>();
  readonly #controllers: Pick<Controllers, 'reconsider' | 'stop'>;
  #pods = 0;
  #services = 0;

  /** @param control starts the controllers; by default those of the simulator */
  constructor(
    name: string,
    token: string,
    seed: number,
    clock: Clock,
    options: ClusterOptions,
    control: (cluster: Cluster) => Pick<Controllers, 'reconsider' | 'stop'> = (cluster) => new Controllers(cluster),
  ) {
    this.name = name;
    this.user = `${name}-admin`;
    this.token = token;
    this.clock = clock;
    this.options = options;
    this.random = seededRandom(seed);
    this.store = new Store(clock);
    this.#controllers = control(this);
    this.#populate();
    this.store.compact();
  }

  /** Retries what waits for something outside the store, such as an image that can be pulled now. */
  reconsider(): void {
    this.#controllers.reconsider();
  }

  stop(): void {
    this.#controllers.stop();
    for (const watch of [...this.watches]) watch.cut();
  }

  nextServiceAddress(): string {
    const number = ++this.#services;
    return `10.96.${(number >> 8) & 255}.${number & 255}`;
  }

  /** A pod's status with the addresses that its node assigns. */
  addressed(pod: Pod, now: string): PodStatus {
    const number = ++this.#pods;
    const podIP = `10.${244 + ((number >> 16) & 7)}.${(number >> 8) & 255}.${number & 255}`;
    const host = Number(/([0-9]+)$/.exec(pod.spec.nodeName ?? '')?.[1] ?? 0);
    const hostIP = `172.18.0.${host + 1}`;
    return { ...pod.status, hostIP, hostIPs: [{ ip: hostIP }], podIP, podIPs: [{ ip: podIP }], startTime: now };
  }

  #populate(): void {
    const put = (
      resource: Resource,
      object: Omit<KubernetesObject, 'metadata'> & { metadata: { name: string; namespace?: string } },
      metadata: object = {},
    ): void => {
      const common = { uid: this.random.uuid(), resourceVersion: '', creationTimestamp: timestamp(this.clock.now()) };
      this.store.put(resource, { ...object, metadata: { ...object.metadata, ...common, ...metadata } } as KubernetesObject);
    };
    for (const name of ['default', 'kube-system']) {
      put(
        resources.namespaces,
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } },
        { labels: { 'kubernetes.io/metadata.name': name } },
      );
    }
    put(resources.services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'kubernetes', namespace: 'default' },
      spec: {
        type: 'ClusterIP',
        clusterIP: this.nextServiceAddress(),
        ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
        sessionAffinity: 'None',
      },
      status: { loadBalancer: {} },
    });
    for (let number = 1; number <= this.options.nodes; number++)
      put(resources.nodes, node(`${this.name}-node-${number}`, timestamp(this.clock.now())), {
        labels: nodeLabels(`${this.name}-node-${number}`, number),
      });
  }
}

const zones = ['a', 'b', 'c'];

const nodeLabels = (name: string, number: number) => ({
  'kubernetes.io/hostname': name,
  'kubernetes.io/os': 'linux',
  'kubernetes.io/arch': 'amd64',
  'topology.kubernetes.io/zone': `zone-${zones[(number - 1) % zones.length]}`,
});

function node(name: string, now: string) {
  const capacity = { cpu: '16', memory: '64Gi', pods: '1000' };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    spec: {},
    status: {
      capacity,
      allocatable: capacity,
      conditions: [
        { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status', lastTransitionTime: now },
      ],
      nodeInfo: {
        kubeletVersion: 'v1.36.3',
        osImage: 'Simulator',
        operatingSystem: 'linux',
        architecture: 'amd64',
        containerRuntimeVersion: 'containerd://2.0.0',
      },
    },
  };
}
