/** The served kinds and their API properties. */
export interface Resource {
  group: string;
  version: string;
  plural: string;
  singular: string;
  kind: string;
  /** The name of its type in the schema table. */
  type: string;
  namespaced: boolean;
  shortNames: string[];
  subresources: ('status' | 'scale' | 'log' | 'eviction' | 'token')[];
  /** Whether a change of the spec raises `metadata.generation`. */
  generation: boolean;
  /** Whether `kubectl get all` includes it. */
  all: boolean;
}

function resource(apiVersion: string, plural: string, kind: string, more: Partial<Resource> = {}): Resource {
  const [group, version] = apiVersion.includes('/') ? (apiVersion.split('/') as [string, string]) : ['', apiVersion];
  const type = `${group === '' ? 'core' : (group.split('.')[0] ?? '')}.${version}.${kind}`;
  return {
    group,
    version,
    plural,
    kind,
    type,
    singular: kind.toLowerCase(),
    namespaced: true,
    shortNames: [],
    subresources: [],
    generation: false,
    all: false,
    ...more,
  };
}

export const resources = {
  configMaps: resource('v1', 'configmaps', 'ConfigMap', { shortNames: ['cm'] }),
  endpoints: resource('v1', 'endpoints', 'Endpoints', { shortNames: ['ep'] }),
  events: resource('v1', 'events', 'Event', { shortNames: ['ev'] }),
  namespaces: resource('v1', 'namespaces', 'Namespace', { namespaced: false, shortNames: ['ns'], subresources: ['status'] }),
  nodes: resource('v1', 'nodes', 'Node', { namespaced: false, shortNames: ['no'], subresources: ['status'] }),
  pods: resource('v1', 'pods', 'Pod', { shortNames: ['po'], subresources: ['status', 'log', 'eviction'], generation: true, all: true }),
  resourceQuotas: resource('v1', 'resourcequotas', 'ResourceQuota', { shortNames: ['quota'], subresources: ['status'] }),
  secrets: resource('v1', 'secrets', 'Secret'),
  serviceAccounts: resource('v1', 'serviceaccounts', 'ServiceAccount', { shortNames: ['sa'], subresources: ['token'] }),
  services: resource('v1', 'services', 'Service', { shortNames: ['svc'], subresources: ['status'], all: true }),
  deployments: resource('apps/v1', 'deployments', 'Deployment', {
    shortNames: ['deploy'],
    subresources: ['status', 'scale'],
    generation: true,
    all: true,
  }),
  replicaSets: resource('apps/v1', 'replicasets', 'ReplicaSet', {
    shortNames: ['rs'],
    subresources: ['status', 'scale'],
    generation: true,
    all: true,
  }),
  autoscalers: resource('autoscaling/v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler', {
    shortNames: ['hpa'],
    subresources: ['status'],
    all: true,
  }),
  disruptionBudgets: resource('policy/v1', 'poddisruptionbudgets', 'PodDisruptionBudget', {
    shortNames: ['pdb'],
    subresources: ['status'],
    generation: true,
  }),
  endpointSlices: resource('discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice', { generation: true }),
  ingresses: resource('networking.k8s.io/v1', 'ingresses', 'Ingress', { shortNames: ['ing'], subresources: ['status'], generation: true }),
  networkPolicies: resource('networking.k8s.io/v1', 'networkpolicies', 'NetworkPolicy', { shortNames: ['netpol'], generation: true }),
  roles: resource('rbac.authorization.k8s.io/v1', 'roles', 'Role'),
  roleBindings: resource('rbac.authorization.k8s.io/v1', 'rolebindings', 'RoleBinding'),
} satisfies { [name: string]: Resource };

export const allResources: readonly Resource[] = Object.values(resources);

const byPath = new Map(allResources.map((found) => [`${groupVersion(found)}/${found.plural}`, found]));
const byKind = new Map(allResources.map((found) => [`${groupVersion(found)}/${found.kind}`, found]));

export function groupVersion(found: Pick<Resource, 'group' | 'version'>): string {
  return found.group === '' ? found.version : `${found.group}/${found.version}`;
}

/** The name of a resource in messages: `deployments.apps`, `pods`. */
export function qualifiedName(found: Pick<Resource, 'group' | 'plural'>): string {
  return found.group === '' ? found.plural : `${found.plural}.${found.group}`;
}

export function resourceAt(apiVersion: string, plural: string): Resource | undefined {
  return byPath.get(`${apiVersion}/${plural}`);
}

export function resourceOfKind(apiVersion: string, kind: string): Resource | undefined {
  return byKind.get(`${apiVersion}/${kind}`);
}
