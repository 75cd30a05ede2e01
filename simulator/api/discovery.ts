/** Discovery: versions, groups, resources, and the part of OpenAPI that kubectl needs. */
import { allResources, groupVersion } from '../resources.ts';
import type { Resource } from '../resources.ts';
import { table } from '../schema/schema.ts';

interface GroupedResource {
  name: string;
  singularName: string;
  namespaced: boolean;
  kind: string;
  verbs: string[];
  group?: string;
  version?: string;
  shortNames?: string[];
  categories?: string[];
}

const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** Reviews are not stored; they are only created. */
const reviews: { [apiVersion: string]: GroupedResource[] } = {
  'authorization.k8s.io/v1': ['SelfSubjectAccessReview', 'SelfSubjectRulesReview'].map((kind) => ({
    name: `${kind.toLowerCase()}s`,
    singularName: kind.toLowerCase(),
    namespaced: false,
    kind,
    verbs: ['create'],
  })),
};

const versions = [...new Set([...allResources.map(groupVersion), ...Object.keys(reviews)])];

function entriesOf(resource: Resource): GroupedResource[] {
  const main: GroupedResource = {
    name: resource.plural,
    singularName: resource.singular,
    namespaced: resource.namespaced,
    kind: resource.kind,
    verbs,
    ...(resource.shortNames.length > 0 ? { shortNames: resource.shortNames } : {}),
    ...(resource.all ? { categories: ['all'] } : {}),
  };
  const sub = (name: string): GroupedResource => {
    const base = { name: `${resource.plural}/${name}`, singularName: '', namespaced: resource.namespaced };
    if (name === 'scale') return { ...base, group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] };
    if (name === 'log') return { ...base, kind: resource.kind, verbs: ['get'] };
    if (name === 'token') return { ...base, group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs: ['create'] };
    if (name === 'eviction') return { ...base, group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] };
    return { ...base, kind: resource.kind, verbs: ['get', 'patch', 'update'] };
  };
  return [main, ...resource.subresources.map(sub)];
}

function resourceList(apiVersion: string): unknown {
  const found = allResources.filter((resource) => groupVersion(resource) === apiVersion).flatMap(entriesOf);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersion, resources: [...found, ...(reviews[apiVersion] ?? [])] };
}

function groupOf(apiVersion: string): unknown {
  const [name = '', version = ''] = apiVersion.split('/');
  const only = { groupVersion: apiVersion, version };
  return { name, versions: [only], preferredVersion: only };
}

const [major = '1', minor = '0'] = table.version.split('.');
const version = {
  major,
  minor,
  gitVersion: `v${table.version}`,
  gitCommit: 'simulated',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'linux/amd64',
};

/** The parameters that kubectl checks for before it relies on the server's validation. */
const patchParameters = ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map((name) => ({
  name,
  in: 'query',
  schema: { type: name === 'force' ? 'boolean' : 'string' },
}));

function pathOf(resource: Resource): string {
  const apiVersion = groupVersion(resource);
  return `/${apiVersion.includes('/') ? 'apis' : 'api'}/${apiVersion}${resource.namespaced ? '/namespaces/{namespace}' : ''}/${resource.plural}/{name}`;
}

function openApi(apiVersion: string): unknown {
  const found = allResources.filter((resource) => groupVersion(resource) === apiVersion);
  const paths = found.map((resource) => {
    const kind = { group: resource.group, version: resource.version, kind: resource.kind };
    const patch = {
      operationId: `patch${resource.kind}`,
      parameters: patchParameters,
      responses: {},
      'x-kubernetes-action': 'patch',
      'x-kubernetes-group-version-kind': kind,
    };
    return [pathOf(resource), { patch }] as const;
  });
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: version.gitVersion },
    paths: Object.fromEntries<unknown>(paths),
    components: { schemas: {} },
  };
}

const apiPath = (apiVersion: string): string => (apiVersion.includes('/') ? `apis/${apiVersion}` : `api/${apiVersion}`);

/** The answer for a path without a resource, or undefined. */
export function discover(path: string): unknown {
  switch (path) {
    case '/version':
      return version;
    case '/api':
      return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
    case '/apis':
      return { kind: 'APIGroupList', apiVersion: 'v1', groups: versions.filter((one) => one.includes('/')).map(groupOf) };
    case '/openapi/v3':
      return { paths: Object.fromEntries(versions.map((one) => [apiPath(one), { serverRelativeURL: `/openapi/v3/${apiPath(one)}` }])) };
    default:
      break;
  }
  const wanted = versions.find((one) => path === `/${apiPath(one)}`);
  if (wanted !== undefined) return resourceList(wanted);
  const documented = versions.find((one) => path === `/openapi/v3/${apiPath(one)}`);
  if (documented !== undefined) return openApi(documented);
  const group = versions.find((one) => one.includes('/') && path === `/apis/${one.split('/')[0]}`);
  return group === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...(groupOf(group) as object) };
}
