import { makeAuthority } from '../clusters/kubernetes/server.ts';
import { expectStatus, makeRegion } from './api.ts';
import type { Client, TestApi, TestTenant } from './api.ts';

export interface Named {
  id: string;
  name: string;
}

export interface WorkloadView extends Named {
  version: number;
  template: Named;
  values: Record<string, unknown>;
  placementRule: { clusterLabels: Record<string, string>; namespace: string } | null;
  placements: {
    id: string;
    cluster: Named;
    namespace: string;
    replicas: number | null;
    values: Record<string, unknown>;
    release: number | null;
    wanted: boolean;
  }[];
  release: number | null;
}

export interface RolloutView {
  id: string;
  kind: string;
  version: number;
  workload: Named;
  release: { id: string; number: number } | null;
  previousRelease: { id: string; number: number } | null;
  strategy: {
    type: string;
    maxSurge: string;
    maxUnavailable: string;
    steps: object[];
    batches: number[];
    progressDeadlineSeconds: number;
  };
  values: Record<string, unknown>;
  reason: string | null;
  retryOf: string | null;
  takeOver: boolean;
  onFailure: string;
  onUnreachable: string;
  phase: string;
  pauseReason: string | null;
  phaseReason: string | null;
  progress: number;
  createdBy: { keyId: string | null; name: string; actor: string | null };
  failure: { reason: string; cluster: string } | null;
  targetCounts: Record<string, number>;
  waves: { id: string; name: string; phase: string; maxConcurrent: number | null; maxFailed: number; targets: string[] }[];
  targets: {
    id: string;
    cluster: Named;
    region: Named;
    namespace: string;
    phase: string;
    phaseReason: string | null;
    step: { index: number; of: number };
    failure: { reason: string } | null;
  }[];
  startedAt: string | null;
  settledAt: string | null;
}

export interface EventView {
  id: string | null;
  type: string;
  time: string;
  workload: string | null;
  rollout: string | null;
  target: string | null;
  message: string;
  data: Record<string, unknown>;
}

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

/** A refusal of the API, the same from REST and GraphQL. */
export interface Refusal {
  code: string;
  errors: { pointer?: string; parameter?: string; detail: string }[];
}

/** A document of one container with two parameters, which cases vary. */
export const document = (change: object = {}): object => ({
  parameters: { image: { type: 'string', default: 'registry.example/web:1' }, greeting: { type: 'string', default: 'hello' } },
  pod: {
    spec: { containers: [{ name: 'web', image: '${{ params.image }}', env: [{ name: 'GREETING', value: '${{ params.greeting }}' }] }] },
  },
  replicas: 2,
  ...change,
});

/** A tenant with clusters that no worker serves: requests are accepted and never carried out. */
export interface Shop {
  tenant: TestTenant;
  region: Named;
  clusters: Named[];
  /** A template with one revision. */
  template(name: string, change?: object): Promise<Named>;
  /** A template and a workload with the same name on every cluster. */
  workload(name: string, change?: object): Promise<WorkloadView>;
  get<T>(path: string): Promise<T>;
  post<T = RolloutView>(path: string, body?: unknown, status?: number): Promise<T>;
  cluster(name: string, labels?: Record<string, string>): Promise<Named>;
}

let authority: ReturnType<typeof makeAuthority> | null = null;

export async function openShop(api: TestApi, name: string, clusters = 2): Promise<Shop> {
  const tenant = await api.tenant(name);
  const region = await makeRegion(api, `${name}-region`);
  const { pem } = await (authority ??= makeAuthority());
  const post = async <T>(path: string, body?: unknown, status = 202): Promise<T> =>
    expectStatus(await tenant.rest<T>('POST', path, body), status);
  const cluster = (clusterName: string, labels: Record<string, string> = {}): Promise<Named> => {
    const connection = { server: 'https://127.0.0.1:1', caData: pem, token: 'a-token-of-these-tests' };
    return post<Named>('/v1/clusters', { name: clusterName, region: region.name, labels, ...connection }, 201);
  };
  const made: Named[] = [];
  for (let i = 1; i <= clusters; i += 1) made.push(await cluster(`${name}-${i}`));
  const shop: Shop = {
    tenant,
    region,
    clusters: made,
    template: async (templateName, change) => {
      const template = await post<Named>('/v1/templates', { name: templateName }, 201);
      await post(`/v1/templates/${template.id}/revisions`, document(change), 201);
      return template;
    },
    workload: async (workloadName, change = {}) => {
      await shop.template(workloadName);
      const placements = made.map((each) => ({ cluster: each.name, namespace: 'default' }));
      return post<WorkloadView>('/v1/workloads', { name: workloadName, template: workloadName, placements, ...change }, 201);
    },
    get: async <T>(path: string) => expectStatus(await tenant.rest<T>('GET', path), 200),
    post,
    cluster,
  };
  return shop;
}

/** Runs a statement as the owner of the tables, to create states that only an engine produces. */
export { onConnection } from './database.ts';

const WORKLOAD =
  'id name version template { id name } values placementRule { clusterLabels namespace } placements { id cluster { id name } namespace replicas values release wanted } release';
const ROLLOUT = `id kind version workload { id name } release { id number } previousRelease { id number } reason retryOf takeOver onFailure onUnreachable phase pauseReason phaseReason
  progress values createdBy { keyId name actor } strategy { type maxSurge maxUnavailable batches progressDeadlineSeconds failureGraceSeconds } waves { id name phase maxConcurrent maxFailed targets }
  targets { id cluster { id name } namespace phase } startedAt settledAt`;

const GRAPHQL: Record<string, [variables: string, call: string, fields: string]> = {
  createWorkload: ['$input: CreateWorkload!', 'createWorkload(input: $input)', WORKLOAD],
  updateWorkload: [
    '$id: String!, $input: UpdateWorkload!, $ifVersion: Int',
    'updateWorkload(workload: $id, input: $input, ifVersion: $ifVersion)',
    WORKLOAD,
  ],
  deleteWorkload: ['$id: String!, $ifVersion: Int', 'deleteWorkload(workload: $id, ifVersion: $ifVersion)', ROLLOUT],
  createRollout: ['$id: String!, $input: CreateRollout', 'createRollout(workload: $id, input: $input)', ROLLOUT],
  rollback: ['$id: String!, $input: RollbackInput', 'rollbackWorkload(workload: $id, input: $input)', ROLLOUT],
  restart: ['$id: String!, $input: RestartInput', 'restartWorkload(workload: $id, input: $input)', ROLLOUT],
  scale: ['$id: String!, $input: ScaleInput!', 'scaleWorkload(workload: $id, input: $input)', ROLLOUT],
  pause: ['$id: String!', 'pauseRollout(id: $id)', ROLLOUT],
  resume: ['$id: String!', 'resumeRollout(id: $id)', ROLLOUT],
  promote: ['$id: String!, $input: PromoteInput', 'promoteRollout(id: $id, input: $input)', ROLLOUT],
  abort: ['$id: String!', 'abortRollout(id: $id)', ROLLOUT],
  retry: ['$id: String!, $input: RetryInput', 'retryRollout(id: $id, input: $input)', ROLLOUT],
};

const REST: Record<string, [method: string, path: (id: string) => string]> = {
  createWorkload: ['POST', () => '/v1/workloads'],
  updateWorkload: ['PATCH', (id) => `/v1/workloads/${id}`],
  deleteWorkload: ['DELETE', (id) => `/v1/workloads/${id}`],
  createRollout: ['POST', (id) => `/v1/workloads/${id}/rollouts`],
  rollback: ['POST', (id) => `/v1/workloads/${id}/rollback`],
  restart: ['POST', (id) => `/v1/workloads/${id}/restart`],
  scale: ['POST', (id) => `/v1/workloads/${id}/scale`],
  pause: ['POST', (id) => `/v1/rollouts/${id}/pause`],
  resume: ['POST', (id) => `/v1/rollouts/${id}/resume`],
  promote: ['POST', (id) => `/v1/rollouts/${id}/promote`],
  abort: ['POST', (id) => `/v1/rollouts/${id}/abort`],
  retry: ['POST', (id) => `/v1/rollouts/${id}/retry`],
};

export type Action = keyof typeof REST;

/** One interface, REST or GraphQL. Returns what was created or changed, or the refusal. */
export type Door = <T = RolloutView>(
  client: Client,
  action: Action,
  id: string,
  input?: object,
  ifVersion?: number,
) => Promise<T & Partial<Refusal>>;

const throughRest: Door = async (client, action, id, input, ifVersion) => {
  const [method, path] = REST[action]!;
  const answer = await client.rest<never>(method, path(id), input, ifVersion === undefined ? {} : { 'if-match': `"${ifVersion}"` });
  if (answer.status >= 500) throw new Error(answer.text);
  return answer.body;
};

/** Placements are a union, bare in REST and `@oneOf` in GraphQL. */
function wrapped(input: Record<string, unknown> | undefined): object | undefined {
  const placements = input?.['placements'];
  if (placements === undefined) return input;
  return { ...input, placements: Array.isArray(placements) ? { list: placements } : { match: placements } };
}

const throughGraphql: Door = async (client, action, id, input, ifVersion) => {
  const [variables, call, fields] = GRAPHQL[action]!;
  const query = `mutation (${variables}) { answer: ${call} { ${fields} } }`;
  const given = { id, input: wrapped(input as Record<string, unknown> | undefined), ifVersion };
  const { data, errors } = await client.graphql<{ answer: never } | null>(query, given);
  const [error] = errors;
  if (error && error.extensions.status >= 500) throw new Error(JSON.stringify(errors));
  return error ? (error.extensions as never) : data!.answer;
};

export const DOORS: [name: string, door: Door][] = [
  ['REST', throughRest],
  ['GraphQL', throughGraphql],
];
