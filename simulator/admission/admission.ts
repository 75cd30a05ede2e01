/** Admission of valid objects: refusals by namespace, quotas and injected denials, and values assigned by the server. */
import type { Cluster } from '../cluster.ts';
import { isFields } from '../objects.ts';
import type { KubernetesObject, Pod, Service, StringMap } from '../objects.ts';
import { qualifiedName, resources } from '../resources.ts';
import type { Resource } from '../resources.ts';
import { forbidden, internal, notFound } from '../status.ts';
import { quantity } from './quantity.ts';

/** Refuses an object whose namespace does not exist or is being deleted. */
export function requireNamespace(cluster: Cluster, resource: Resource, namespace: string, name: string): void {
  if (!resource.namespaced) return;
  const found = cluster.store.get(resources.namespaces, '', namespace)?.object;
  if (!found) throw notFound(resources.namespaces, namespace);
  if (!found.metadata.deletionTimestamp) return;
  const error = forbidden(resource, name, `unable to create new content in namespace ${namespace} because it is being terminated`);
  const causes = [{ reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' }];
  error.body.details = { ...error.body.details, causes };
  throw error;
}

/** Refuses an object that an injected fault denies or that exceeds a quota. */
export function admit(cluster: Cluster, resource: Resource, object: KubernetesObject): void {
  askWebhooks(cluster, resource, object);
  for (const quota of [...cluster.store.each(resources.resourceQuotas, object.metadata.namespace)])
    admitUnder(cluster, quota, resource, object);
}

/** The injected webhooks: one that does not answer refuses as well. */
export function askWebhooks(cluster: Cluster, resource: Resource, object: KubernetesObject): void {
  const outage = cluster.faults.outageOf(object);
  if (outage !== undefined) throw internal(`Internal error occurred: ${outage}`);
  const denied = cluster.faults.denialOf(object);
  if (denied !== undefined) throw forbidden(resource, object.metadata.name, denied);
}

function admitUnder(cluster: Cluster, quota: KubernetesObject, resource: Resource, object: KubernetesObject): void {
  const hard = hardOf(quota);
  const adds = usageOf(resource, object);
  const used = quotaUsage(cluster, object.metadata.namespace ?? '', Object.keys(hard));
  const over = Object.keys(hard)
    .sort()
    .filter((name) => (adds[name] ?? 0) > 0 && (used[name] ?? 0) + (adds[name] ?? 0) > quantity(hard[name]));
  if (over.length === 0) return;
  const list = (values: (name: string) => string): string => over.map((name) => `${name}=${values(name)}`).join(',');
  const why = `exceeded quota: ${quota.metadata.name}, requested: ${list((name) => amount(name, adds[name]))}, used: ${list((name) => amount(name, used[name]))}, limited: ${list((name) => String(hard[name]))}`;
  throw forbidden(resource, object.metadata.name, why);
}

export function hardOf(quota: KubernetesObject): StringMap {
  const spec = isFields(quota['spec']) ? quota['spec'] : {};
  return (spec['hard'] ?? {}) as StringMap;
}

/** Formats CPU in thousandths if it is not a whole number. */
export function amount(name: string, value = 0): string {
  return name.endsWith('cpu') && !Number.isInteger(value) ? `${Math.round(value * 1000)}m` : String(value);
}

interface Usage {
  [name: string]: number;
}

function usageOf(resource: Resource, object: KubernetesObject): Usage {
  const usage: Usage = { [`count/${qualifiedName(resource)}`]: 1 };
  if (['pods', 'services', 'configmaps', 'secrets', 'resourcequotas'].includes(resource.plural)) usage[resource.plural] = 1;
  if (resource !== resources.pods) return usage;
  for (const container of (object as Pod).spec.containers) {
    for (const kind of ['requests', 'limits'] as const) {
      for (const [name, value] of Object.entries(container.resources?.[kind] ?? {})) {
        usage[`${kind}.${name}`] = (usage[`${kind}.${name}`] ?? 0) + quantity(value);
        if (kind === 'requests') usage[name] = (usage[name] ?? 0) + quantity(value);
      }
    }
  }
  return usage;
}

const counted = [resources.pods, resources.services, resources.configMaps, resources.secrets, resources.deployments, resources.replicaSets];

/** Current use of these resources in a namespace, without finished pods. */
export function quotaUsage(cluster: Cluster, namespace: string, names: readonly string[]): Usage {
  const total: Usage = Object.fromEntries(names.map((name) => [name, 0]));
  for (const resource of counted) {
    for (const object of cluster.store.each(resource, namespace)) {
      if (resource === resources.pods && ['Succeeded', 'Failed'].includes((object as Pod).status.phase)) continue;
      for (const [name, value] of Object.entries(usageOf(resource, object))) if (name in total) total[name] = (total[name] ?? 0) + value;
    }
  }
  return total;
}

/** Assigns a Service its address; headless and external ones have none. */
export function allocate(cluster: Cluster, object: KubernetesObject): void {
  if (object.kind !== 'Service') return;
  const { spec } = object as Service;
  if (spec.type === 'ExternalName' || spec.clusterIP !== undefined) return;
  spec.clusterIP = cluster.nextServiceAddress();
  spec['clusterIPs'] = [spec.clusterIP];
}
