/** The EndpointSlice controller: the addresses behind each Service, at most 100 to a slice. */
import type { Cluster } from '../cluster.ts';
import { equal, withMetadata } from '../objects.ts';
import type { Fields, KubernetesObject, Pod, Service, ServicePort } from '../objects.ts';
import { resources } from '../resources.ts';
import { mapMatch } from '../store/selector.ts';
import { controlledBy } from './deployment/revisions.ts';
import { createAsController } from './writes.ts';
import { asPod, isReady, isTerminating } from './pod-state.ts';
import { zoneLabel } from './kubelet/scheduler.ts';
import { splitKey } from './queue.ts';

const perSlice = 100;

/** Keys of the Services whose endpoints a pod may be part of. */
export function servicesOf(cluster: Cluster, namespace: string, labels: (KubernetesObject['metadata']['labels'] | undefined)[]): string[] {
  const keys: string[] = [];
  for (const object of cluster.store.each(resources.services, namespace)) {
    const matches = mapMatch((object as Service).spec.selector);
    if (labels.some((one) => matches(one))) keys.push(`${namespace}/${object.metadata.name}`);
  }
  return keys;
}

export function syncEndpoints(cluster: Cluster, key: string): void {
  const { namespace, name } = splitKey(key);
  const service = cluster.store.get(resources.services, namespace, name)?.object as Service | undefined;
  if (!service?.spec.selector || service.metadata.deletionTimestamp) return;
  const matches = mapMatch(service.spec.selector);
  const pods: Pod[] = [];
  for (const object of cluster.store.each(resources.pods, namespace)) {
    const pod = asPod(object);
    if (pod.status.podIP && matches(pod.metadata.labels) && !['Succeeded', 'Failed'].includes(pod.status.phase)) pods.push(pod);
  }
  const groups = new Map<string, { ports: Fields[]; endpoints: Fields[] }>();
  for (const pod of pods) {
    const ports = portsOf(service, pod);
    const group = groups.get(JSON.stringify(ports)) ?? { ports, endpoints: [] };
    group.endpoints.push(endpointOf(pod));
    groups.set(JSON.stringify(ports), group);
  }
  const chunks = [...groups.values()].flatMap(({ ports, endpoints }) =>
    Array.from({ length: Math.ceil(endpoints.length / perSlice) }, (_, index) => ({
      ports,
      endpoints: endpoints.slice(index * perSlice, (index + 1) * perSlice),
    })),
  );
  writeSlices(cluster, service, chunks.length > 0 ? chunks : [{ ports: portsOf(service, undefined), endpoints: [] }]);
}

function endpointOf(pod: Pod): Fields {
  const terminating = isTerminating(pod);
  const zone = pod.metadata.labels?.[zoneLabel];
  const ready = isReady(pod);
  return {
    addresses: [pod.status.podIP],
    conditions: { ready: ready && !terminating, serving: ready, terminating },
    nodeName: pod.spec.nodeName,
    ...(zone === undefined ? {} : { zone }),
    targetRef: { kind: 'Pod', name: pod.metadata.name, namespace: pod.metadata.namespace, uid: pod.metadata.uid },
  };
}

function portsOf(service: Service, pod: Pod | undefined): Fields[] {
  const containers = [
    ...(pod?.spec.containers ?? []),
    ...(pod?.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always'),
  ];
  const resolve = ({ targetPort, port }: ServicePort): number | undefined => {
    if (typeof targetPort !== 'string') return targetPort ?? port;
    return containers.flatMap(({ ports }) => ports ?? []).find(({ name }) => name === targetPort)?.containerPort;
  };
  return (service.spec.ports ?? []).flatMap((port) => {
    const number = pod || typeof port.targetPort !== 'string' ? resolve(port) : undefined;
    return number === undefined ? [] : [{ name: port.name ?? '', protocol: port.protocol ?? 'TCP', port: number }];
  });
}

function writeSlices(cluster: Cluster, service: Service, chunks: readonly { ports: Fields[]; endpoints: Fields[] }[]): void {
  const owned = cluster.store.ownedBy(service.metadata.uid).filter(({ resource }) => resource === resources.endpointSlices);
  const slices = owned.map(({ stored }) => stored.object).sort((left, right) => (left.metadata.name < right.metadata.name ? -1 : 1));
  chunks.forEach(({ ports, endpoints }, index) => {
    const slice = slices[index];
    if (!slice) createSlice(cluster, service, ports, endpoints);
    else if (!equal(slice['ports'], ports) || !equal(slice['endpoints'], endpoints)) {
      const generation = (slice.metadata.generation ?? 1) + 1;
      cluster.store.put(resources.endpointSlices, { ...withMetadata(slice, { generation }), ports, endpoints });
    }
  });
  for (const slice of slices.slice(chunks.length))
    cluster.store.remove(resources.endpointSlices, slice.metadata.namespace ?? '', slice.metadata.name);
}

function createSlice(cluster: Cluster, service: Service, ports: Fields[], endpoints: Fields[]): void {
  const { name, namespace, labels } = service.metadata;
  createAsController(cluster, resources.endpointSlices, {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: {
        ...labels,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        'kubernetes.io/service-name': name,
      },
      ownerReferences: [controlledBy(service)],
    } as unknown as KubernetesObject['metadata'],
    addressType: 'IPv4',
    endpoints,
    ports,
  });
}
