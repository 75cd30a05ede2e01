/** The kinds of object that Slipway uses, as `apiVersion kind`, and their names in paths. */
const plurals: Record<string, string> = {
  'apps/v1 Deployment': 'deployments',
  'apps/v1 ReplicaSet': 'replicasets',
  'v1 Pod': 'pods',
  'v1 Service': 'services',
  'v1 ConfigMap': 'configmaps',
  'v1 Event': 'events',
  'autoscaling/v2 HorizontalPodAutoscaler': 'horizontalpodautoscalers',
};

/** Names of objects and namespaces are DNS subdomains (RFC 1123). Anything else could change the rest of a path. */
const namePattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/**
 * The path of a collection, or of the named object, relative to the server's path.
 *
 * @throws Error if the kind is not in the table, or a name is not a DNS subdomain.
 */
export function resourcePath(ref: { apiVersion: string; kind: string; namespace: string; name?: string }): string {
  const plural = plurals[`${ref.apiVersion} ${ref.kind}`];
  if (plural === undefined) throw new Error(`${ref.apiVersion} ${ref.kind} is not a supported kind`);
  const root = ref.apiVersion.includes('/') ? `/apis/${ref.apiVersion}` : `/api/${ref.apiVersion}`;
  const collection = `${root}/namespaces/${checkedName(ref.namespace)}/${plural}`;
  return ref.name === undefined ? collection : `${collection}/${checkedName(ref.name)}`;
}

function checkedName(name: string): string {
  if (!namePattern.test(name) || name.length > 253) throw new Error(`${JSON.stringify(name.slice(0, 60))} is not a valid Kubernetes name`);
  return name;
}
