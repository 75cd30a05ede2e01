/** The whole product as it is run in production, each part of it its own process that can fail: two APIs, three workers, a Postgres, a Redis and two control planes. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseAllDocuments } from 'yaml';
import type { Config } from '../../../src/config.ts';
import { createNamespace, createServiceAccountToken } from '../../kubernetes/control-plane/objects.ts';
import { startControlPlane } from '../../kubernetes/control-plane/start.ts';
import type { ControlPlane } from '../../kubernetes/control-plane/start.ts';
import { OPERATOR_KEY, testConfig } from '../../support/api.ts';
import { startPostgres } from '../../support/postgres.ts';
import type { TestPostgres } from '../../support/postgres.ts';
import { buildProgram, spawnApi, spawnWorker } from '../../support/program.ts';
import type { WorkerProcess } from '../../support/program.ts';
import { startRecorder } from '../../support/recorder.ts';
import type { Recorder } from '../../support/recorder.ts';
import { freePort, startRedis } from '../../support/redis.ts';
import type { TestRedis } from '../../support/redis.ts';
import { severable } from '../../support/severable.ts';
import type { Severable } from '../../support/severable.ts';

const APIS = 2;
const WORKERS = 3;

/** A control plane as the product reaches it: through a way that can be cut. */
export interface Site {
  name: string;
  plane: ControlPlane;
  way: Severable;
  recorder: Recorder;
}

export interface Answer {
  status: number;
  body: Record<string, unknown>;
}

export interface System {
  postgres: TestPostgres;
  redis: { server: TestRedis; way: Severable };
  /** The way of all APIs and workers to Postgres. */
  database: Severable;
  apis: WorkerProcess[];
  workers: WorkerProcess[];
  sites: Site[];
  startApi(index: number): void;
  startWorker(index: number): void;
  /** As a client does that wants its request carried out: the same request, under the same idempotency key, to one API after the other until there is an answer. */
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Resolves when every process is ready. */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

/** How long a client tries. Longer than any fault, and than the restart after it. */
const PATIENCE_MILLISECONDS = 120_000;

/** JSON as it is; other text as `text`. */
const read = (said: string): Record<string, unknown> => {
  if (said === '') return {};
  return said.startsWith('{') ? (JSON.parse(said) as Record<string, unknown>) : { text: said };
};

const clientOf =
  (urls: readonly string[], key: string, always: Record<string, string> = {}) =>
  async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> => {
    const idempotency = method === 'POST' ? { 'idempotency-key': randomBytes(12).toString('hex') } : {};
    const deadline = performance.now() + PATIENCE_MILLISECONDS;
    for (let attempt = 0; ; attempt += 1) {
      const url = urls[attempt % urls.length]!;
      const sent = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...always, ...idempotency, ...headers };
      try {
        const text = body === undefined ? {} : { body: JSON.stringify(body) };
        const response = await fetch(url + path, { method, headers: sent, ...text, signal: AbortSignal.timeout(30_000) });
        const said = await response.text();
        const isFinal = response.status < 500 && response.status !== 429 && !said.includes('"IN_PROGRESS"');
        if (isFinal) return { status: response.status, body: read(said) };
        if (performance.now() > deadline) throw new Error(`${method} ${path}: ${response.status} ${said}`);
      } catch (error) {
        if (performance.now() > deadline) throw error;
      }
      await sleep(200);
    }
  };

export async function startSystem(): Promise<System> {
  const planes: ControlPlane[] = [];
  for (const name of ['east', 'west']) planes.push(await startControlPlane({ name, fastControllers: true }));
  const [postgres, server] = await Promise.all([startPostgres({ durable: true, maxConnections: 200 }), startRedis(), buildProgram()]);
  const [database, redisWay] = await Promise.all([severable(postgres.appUrl), severable(server.url)]);
  const config = async (): Promise<Config> => ({
    ...testConfig({ ownerUrl: postgres.ownerUrl, appUrl: database.url, drop: async () => undefined }),
    port: await freePort(),
    redisUrl: redisWay.url,
    masterKey,
    operatorKey: OPERATOR_KEY,
  });
  const masterKey = randomBytes(32);
  const apiConfigs = await Promise.all(Array.from({ length: APIS }, config));
  const workerConfig = await config();
  const urls = apiConfigs.map(({ port }) => `http://127.0.0.1:${port}`);
  const operator = clientOf(urls, OPERATOR_KEY);
  const system: System = {
    postgres,
    redis: { server, way: redisWay },
    database,
    apis: apiConfigs.map((one) => spawnApi(one)),
    workers: [],
    sites: [],
    startApi: (index) => void (system.apis[index] = spawnApi(apiConfigs[index]!)),
    startWorker: (index) => void (system.workers[index] = spawnWorker(workerConfig)),
    request: operator,
    ready: async () => void (await Promise.all([...system.apis, ...system.workers].map(({ ready }) => ready))),
    stop: async () => {
      for (const child of [...system.apis, ...system.workers]) child.kill('SIGKILL');
      await Promise.all([...system.apis, ...system.workers].map(({ ended }) => ended));
      await Promise.all(system.sites.map(({ recorder, way }) => Promise.all([recorder.stop(), way.close()])));
      await Promise.all([database.close(), redisWay.close(), system.redis.server.stop(), postgres.close()]);
      await Promise.all(planes.map((plane) => plane.stop()));
    },
  };
  await system.ready();
  for (const name of ['eu', 'us']) await expectStatus(operator('POST', '/v1/regions', { name }), 201);
  for (let index = 0; index < WORKERS; index += 1) system.startWorker(index);
  const quotas = { requestsPerSecond: 10_000, requestBurst: 10_000 };
  await expectStatus(operator('POST', '/v1/tenants', { name: 'shop', quotas }), 201);
  const key = await expectStatus(
    clientOf(urls, OPERATOR_KEY, { 'slipway-tenant': 'shop' })('POST', '/v1/api-keys', { name: 'chaos', role: 'ADMIN' }),
    201,
  );
  system.request = clientOf(urls, String(key['secret']));
  for (const [index, plane] of planes.entries()) system.sites.push(await makeSite(system, plane, ['eu', 'us'][index]!));
  return system;
}

export async function expectStatus(asked: Promise<Answer>, status: number): Promise<Record<string, unknown>> {
  const answer = await asked;
  if (answer.status !== status) throw new Error(`expected ${status}, got ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

const NAMESPACE = 'chaos';
const COLLECTIONS: Record<string, string> = {
  Role: `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/roles`,
  RoleBinding: `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/rolebindings`,
};

/** The namespace `chaos` of a control plane, registered with the rights of the access manifest and no others. */
async function makeSite(system: System, plane: ControlPlane, region: string): Promise<Site> {
  const { name, client, caData, adminToken } = plane;
  const way = await severable(plane.server);
  await createNamespace(client, NAMESPACE);
  const token = await createServiceAccountToken(client, NAMESPACE, 'slipway');
  const server = new URL(way.url).origin;
  await expectStatus(system.request('POST', '/v1/clusters', { name, region, server, caData, token }), 201);
  const manifest = await system.request('GET', `/v1/clusters/${name}/access-manifest?namespace=${NAMESPACE}`, undefined, {
    accept: 'application/yaml',
  });
  for (const document of parseAllDocuments(String(manifest.body['text']))) {
    const object = document.toJS() as { kind: string };
    const collection = COLLECTIONS[object.kind];
    if (collection !== undefined) await client.request('POST', collection, object);
  }
  const recorder = await startRecorder(name, { server: plane.server, caData, token: adminToken }, NAMESPACE);
  return { name, plane, way, recorder };
}
