/** Kubernetes Events of controllers and the kubelet. Repetitions increase a count; the oldest are dropped. */
import type { Cluster } from '../cluster.ts';
import { timestamp } from '../clock.ts';
import type { Fields, KubernetesObject } from '../objects.ts';
import { resources } from '../resources.ts';

const most = 500;

/** `path` names a part of the object, e.g. `spec.containers{web}`. */
export function recordEvent(
  cluster: Cluster,
  about: KubernetesObject,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
  component: string,
  path?: string,
): void {
  const now = timestamp(cluster.clock.now());
  const { name, uid, resourceVersion } = about.metadata;
  const namespace = about.metadata.namespace ?? 'default';
  const key = `${uid}/${reason}/${path ?? ''}/${message}`;
  const known = cluster.eventNames.get(key);
  const existing = known === undefined ? undefined : cluster.store.get(resources.events, namespace, known)?.object;
  if (existing) {
    cluster.store.put(resources.events, { ...existing, count: Number(existing['count']) + 1, lastTimestamp: now });
    return;
  }
  if (cluster.store.get(resources.namespaces, '', namespace) === undefined) return;
  const eventName = `${name}.${cluster.random.uuid().replaceAll('-', '').slice(0, 16)}`;
  const involvedObject: Fields = { kind: about.kind, namespace, name, uid, apiVersion: about.apiVersion, resourceVersion };
  if (path !== undefined) involvedObject['fieldPath'] = path;
  cluster.eventNames.set(key, eventName);
  cluster.store.put(resources.events, {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: eventName, namespace, uid: cluster.random.uuid(), resourceVersion: '', creationTimestamp: now },
    involvedObject,
    reason,
    message,
    source: { component },
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
    type,
    eventTime: null,
    reportingComponent: component,
    reportingInstance: '',
  });
  dropOldest(cluster);
}

function dropOldest(cluster: Cluster): void {
  if (cluster.eventNames.size <= most) return;
  const [key, name] = cluster.eventNames.entries().next().value ?? [];
  if (key === undefined || name === undefined) return;
  cluster.eventNames.delete(key);
  for (const event of cluster.store.each(resources.events)) {
    if (event.metadata.name !== name) continue;
    cluster.store.remove(resources.events, event.metadata.namespace ?? '', name);
    return;
  }
}
