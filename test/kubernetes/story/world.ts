import { randomBytes } from 'node:crypto';
import { parseAllDocuments } from 'yaml';
import { Slipway } from '../../../demo/slipway.ts';
import type { StreamedEvent } from '../../../demo/slipway.ts';
import type { Config } from '../../../src/config.ts';
import { startWorker } from '../../../src/worker.ts';
import { expectStatus, makeRegion, startTestApi, testConfig } from '../../support/api.ts';
import type { TestApi, TestTenant } from '../../support/api.ts';
import { startRecorder } from '../../support/recorder.ts';
import type { Recorder } from '../../support/recorder.ts';
import { ask, rolloutOf, settled } from '../../support/world.ts';
import type { RolloutView, TargetView, Worker } from '../../support/world.ts';
import { Client, RequestFailed } from '../control-plane/client.ts';
import type { Access, KubernetesObject } from '../control-plane/client.ts';
import { createNamespace, createServiceAccountToken } from '../control-plane/objects.ts';

const REGIONS = ['eu', 'us'];

/** What is to be known of a control plane, whoever started it. */
export interface Plane {
  name: string;
  server: string;
  caData: string;
  adminToken: string;
}

/** A namespace of a real cluster as the product knows it: a cluster of its own, whose credential may do there what the access manifest says and nothing else. */
export interface Site {
  /** Its name as a cluster of the tenant. */
  name: string;
  namespace: string;
  plane: Plane;
  /** What the product was given. */
  token: string;
  /** With the rights of the cluster's owner, for everything that somebody other than the product does there. */
  admin: Client;
  recorder: Recorder;
}

/** The product with real clusters: the API on a database of its own, workers in this process or in others, one tenant. */
export interface StoryWorld {
  api: TestApi;
  tenant: TestTenant;
  config: Config;
  /** The same tenant's key, as a client that reads streams. */
  slipway: Slipway;
  /** One of each site. */
  recorders: Recorder[];
  /** Every rollout that was asked for. */
  rollouts: Set<string>;
  startWorker(): Promise<Worker>;
  /** One namespace on each of the planes, registered and recorded. */
  sites(planes: readonly Plane[], label: string): Promise<Site[]>;
  close(): Promise<void>;
}

export async function startStoryWorld({ workers = 1 } = {}): Promise<StoryWorld> {
  const masterKey = randomBytes(32);
  const api = await startTestApi({ masterKey });
  const logLevel = (process.env['LOG_LEVEL'] as Config['logLevel'] | undefined) ?? 'silent';
  const config = testConfig(api.database, { masterKey, operatorKey: null, logLevel });
  for (const region of REGIONS) await makeRegion(api, region);
  const tenant = await api.tenant('shop');
  const running: Worker[] = [];
  const all: Site[] = [];
  const world: StoryWorld = {
    api,
    tenant,
    config,
    slipway: new Slipway(api.url, tenant.key),
    recorders: [],
    rollouts: new Set(),
    startWorker: async () => {
      const worker = await startWorker(config);
      running.push(worker);
      return worker;
    },
    sites: async (planes, label) => {
      const made = await Promise.all(planes.map((plane, index) => makeSite(tenant, plane, label, REGIONS[index % REGIONS.length] ?? '')));
      all.push(...made);
      world.recorders.push(...made.map(({ recorder }) => recorder));
      return made;
    },
    close: async () => {
      await Promise.all(world.recorders.map((recorder) => recorder.stop()));
      await Promise.all(running.map((worker) => worker.close()));
      await Promise.all(all.map(leave));
      await api.close();
    },
  };
  for (let index = 0; index < workers; index += 1) await world.startWorker();
  return world;
}

async function makeSite(tenant: TestTenant, plane: Plane, label: string, region: string): Promise<Site> {
  const access: Access = { server: plane.server, caData: plane.caData, token: plane.adminToken };
  const admin = new Client(access);
  const namespace = `${label}-${randomBytes(3).toString('hex')}`;
  const name = `${plane.name}-${label}`;
  await createNamespace(admin, namespace);
  const token = await createServiceAccountToken(admin, namespace, 'slipway');
  const { server, caData } = plane;
  expectStatus(await tenant.rest('POST', '/v1/clusters', { name, region, server, caData, token }), 201);
  const manifest = await tenant.rest('GET', `/v1/clusters/${name}/access-manifest?namespace=${namespace}`);
  for (const document of parseAllDocuments(manifest.text)) await create(admin, document.toJS() as KubernetesObject);
  return { name, namespace, plane, token, admin, recorder: await startRecorder(name, access, namespace) };
}

/** What nobody waits for: the cluster may be gone by now. */
async function leave({ admin, namespace }: Site): Promise<void> {
  await admin.request('DELETE', `/api/v1/namespaces/${namespace}`).catch(() => undefined);
  await admin.close();
}

const COLLECTIONS: Record<string, string> = {
  ServiceAccount: '/api/v1/namespaces/NAMESPACE/serviceaccounts',
  Role: '/apis/rbac.authorization.k8s.io/v1/namespaces/NAMESPACE/roles',
  RoleBinding: '/apis/rbac.authorization.k8s.io/v1/namespaces/NAMESPACE/rolebindings',
};

/** As `kubectl create` of the manifest does, but for the account, which is there because its token is. */
async function create(admin: Client, object: KubernetesObject): Promise<void> {
  const collection = COLLECTIONS[object.kind ?? ''];
  if (collection === undefined) throw new Error(`the access manifest holds a ${object.kind}`);
  await admin.request('POST', collection.replace('NAMESPACE', object.metadata.namespace ?? ''), object).catch((error: unknown) => {
    if (!(error instanceof RequestFailed) || error.reason !== 'AlreadyExists') throw error;
  });
}

/** A document with an init container, whose pods can be told how to behave and where a policy can be told whom to refuse. */
export const storyDocument = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
  parameters: {
    image: { type: 'string', default: 'shop/web:1.0' },
    behaviour: { type: 'string', default: 'good' },
    audience: { type: 'string', default: 'everybody' },
  },
  pod: {
    metadata: { annotations: { 'simulation/behaviour': '${{ params.behaviour }}' }, labels: { audience: '${{ params.audience }}' } },
    spec: {
      initContainers: [{ name: 'migrate', image: 'shop/migrate:1.0' }],
      containers: [{ name: 'web', image: '${{ params.image }}', ports: [{ name: 'http', containerPort: 8080 }] }],
    },
  },
  replicas: 4,
  strategy: { type: 'ROLLING', maxSurge: 1, maxUnavailable: 0, progressDeadlineSeconds: 60 },
  ...change,
});

/** A template with one revision, and a workload of it at every site. */
export async function makeStoryWorkload(
  { tenant }: Pick<StoryWorld, 'tenant'>,
  name: string,
  sites: readonly Site[],
  document: string | Record<string, unknown> = storyDocument(),
  values: Record<string, unknown> = {},
): Promise<void> {
  expectStatus(await tenant.rest('POST', '/v1/templates', { name }), 201);
  const yaml = typeof document === 'string' ? { 'content-type': 'application/yaml' } : undefined;
  expectStatus(await tenant.rest('POST', `/v1/templates/${name}/revisions`, document, yaml), 201);
  const placements = sites.map((site) => ({ cluster: site.name, namespace: site.namespace }));
  expectStatus(await tenant.rest('POST', '/v1/workloads', { name, template: name, values, placements }), 201);
}

/** A workload at a site on each plane, of whose first release ten pods run (`web:1.0`); the recorders judge all that follows. */
export async function startTenPods(
  world: StoryWorld,
  planes: readonly Plane[],
  name: string,
  strategy: { type: string; maxSurge: number; maxUnavailable: number },
): Promise<Site[]> {
  const sites = await world.sites(planes, name);
  await makeStoryWorkload(world, name, sites, storyDocument({ replicas: 10, strategy }));
  const rollout = await settled(world, await ask(world, `/workloads/${name}/rollouts`), 60);
  if (rollout.phase !== 'SUCCEEDED') throw new Error(`the first release of ${name}: ${rollout.phaseReason}`);
  for (const site of sites) await runs(site, name, 'web:1.0', 10);
  const { maxSurge, maxUnavailable } = strategy;
  for (const { recorder } of sites) recorder.expect(name, { replicas: 10, maxSurge, maxUnavailable });
  return sites;
}

/** A failure in all its fields. */
export interface FullFailure {
  reason: string;
  message: string;
  cluster: string;
  pod: string | null;
  container: string | null;
  exitCode: number | null;
  logTail: string | null;
  advice: string;
}

export interface FullTarget extends Omit<TargetView, 'condition' | 'failure'> {
  condition: { type: string; message: string; advice: string; since: string } | null;
  failure: FullFailure | null;
}

export interface FullRollout extends Omit<RolloutView, 'targets' | 'failure'> {
  failure: FullFailure | null;
  targets: FullTarget[];
}

export const read = async (world: StoryWorld, id: string): Promise<FullRollout> => (await rolloutOf(world, id)) as FullRollout;

export const targetAt = ({ targets }: FullRollout, site: Site): FullTarget => {
  const target = targets.find(({ cluster }) => cluster.name === site.name);
  if (!target) throw new Error(`the rollout has no target at ${site.name}`);
  return target;
};

/** The rollout once the condition holds, read anew at everything that its stream tells. */
export async function until(
  world: StoryWorld,
  id: string,
  what: string,
  condition: (rollout: FullRollout) => boolean,
  seconds = 30,
): Promise<FullRollout> {
  const signal = AbortSignal.timeout(seconds * 1000);
  let rollout = await read(world, id);
  try {
    for await (const event of follow(world.slipway, id, signal)) {
      rollout = await read(world, id);
      if (condition(rollout)) return rollout;
      if (event === 'END') break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  throw new Error(`not within ${seconds} s: ${what}: ${JSON.stringify(rollout, null, 1)}`);
}

/** The stream of a rollout's events, with its beginning and its end. */
async function* follow(slipway: Slipway, id: string, signal: AbortSignal): AsyncGenerator<StreamedEvent | 'BEGIN' | 'END'> {
  yield 'BEGIN';
  yield* slipway.events(`/v1/rollouts/${id}/events`, signal);
  yield 'END';
}

/** What runs at a site by its ReplicaSets, as `image xN`, less the images' registries. */
export const running = ({ recorder }: Site, workload: string): string => recorder.running(workload).replaceAll(/\S*\//g, '');

/** Exactly this runs, and all of it is Ready (R). The recorder's own watch may be a moment behind what the product has seen. */
export async function runs(site: Site, workload: string, image: string, replicas: number): Promise<void> {
  const wanted = `${image} x${replicas}`;
  const { recorder } = site;
  const holds = (): boolean => running(site, workload) === wanted && recorder.readyPods(workload) === replicas;
  await recorder.until(holds, `exactly ${wanted} runs`, 2_000).catch(() => {
    throw new Error(`${site.name}: exactly ${wanted} must run; there is ${running(site, workload)}, ${recorder.readyPods(workload)} Ready`);
  });
}

/** The uid of the only ReplicaSet that has pods. */
export function onlyReplicaSet({ recorder, name }: Site, workload: string): string {
  const [only, ...others] = recorder.replicaSets(workload);
  if (!only || others.length > 0) throw new Error(`${name} runs ${others.length + (only ? 1 : 0)} ReplicaSets of ${workload}`);
  return only.uid;
}
