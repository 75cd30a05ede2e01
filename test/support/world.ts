import { vi } from 'vitest';
import { startSimulator } from '../../simulator/simulator.ts';
import type { Simulator, SimulatedCluster, SimulatorOptions } from '../../simulator/simulator.ts';
import type { Config } from '../../src/config.ts';
import { startWorker } from '../../src/worker.ts';
import { expectStatus, makeRegion, startTestApi, testConfig } from './api.ts';
import type { TestApi, TestTenant } from './api.ts';
import { onConnection } from './database.ts';
import type { FreshDatabase } from './database.ts';
import type { QueueBackend } from './queues.ts';
import { startRecorder } from './recorder.ts';
import type { Expectation, Recorder } from './recorder.ts';
import { startRedis } from './redis.ts';
import type { TestRedis } from './redis.ts';

/** The fields of a rollout that scenarios read. */
export interface RolloutView {
  id: string;
  kind: string;
  phase: string;
  pauseReason: string | null;
  phaseReason: string | null;
  failure: {
    reason: string;
    message: string;
    cluster: string;
    pod: string | null;
    container: string | null;
    logTail: string | null;
    advice: string;
  } | null;
  targets: TargetView[];
}

export interface TargetView {
  id: string;
  cluster: { id: string; name: string };
  phase: string;
  phaseReason: string | null;
  step: { index: number; of: number; weight: number | null } | null;
  pods: { desired: number; old: number; new: number; ready: number } | null;
  condition: { type: string; message: string } | null;
  conditions: { code: string; message: string; advice: string; since: string; data: Record<string, unknown> }[];
  failure: { reason: string; message: string } | null;
}

export interface EventView {
  id: string;
  type: string;
  rollout: string | null;
  target: string | null;
  message: string;
  data: Record<string, unknown>;
}

export interface WorldOptions {
  clusters?: number;
  /** Names of regions; clusters are assigned to them in turn. */
  regions?: string[];
  workers?: number;
  /** Where the jobs are stored: Postgres by default; a Redis is only for this world. */
  queue?: QueueBackend;
  /** A new one of the run's server by default. */
  database?: FreshDatabase;
  change?: Partial<Config>;
}

export interface Worker {
  close(): Promise<void>;
}

/** A product with simulated clusters: the API on its own database, workers in this process, a tenant with its clusters registered. */
export interface World {
  api: TestApi;
  tenant: TestTenant;
  config: Config;
  /** Set if the queue is in Redis. */
  redis: TestRedis | null;
  simulator: Simulator;
  clusters: SimulatedCluster[];
  /** One recorder for each cluster, from the start. */
  recorders: Recorder[];
  /** Every requested rollout. */
  rollouts: Set<string>;
  regions: { id: string; name: string }[];
  workers: Worker[];
  startWorker(change?: Partial<Config>): Promise<Worker>;
  close(): Promise<void>;
}

/** An API client of a tenant. */
export type Speaker = Pick<World, 'tenant' | 'rollouts'>;

const FAST: SimulatorOptions = { podStartMilliseconds: [60, 150], podStopMilliseconds: [20, 60], backoffMilliseconds: 100 };

/** A tenant, and clusters that are registered as its own. */
type Fleet = Pick<World, 'tenant' | 'simulator' | 'clusters' | 'recorders' | 'rollouts' | 'close'>;

async function startFleet(api: TestApi, name: string, clusters: number, regions: readonly string[]): Promise<Fleet> {
  const simulator = await startSimulator({ clusters, seed: 7, ...FAST });
  const tenant = await api.tenant(name);
  for (const [index, cluster] of simulator.clusters.entries()) {
    const region = regions[index % regions.length];
    expectStatus(await tenant.rest('POST', '/v1/clusters', { name: cluster.name, region, kubeconfig: cluster.kubeconfig }), 201);
  }
  const recorders = await Promise.all(simulator.clusters.map((cluster) => startRecorder(cluster.name, cluster)));
  const close = async (): Promise<void> => {
    await Promise.all(recorders.map((recorder) => recorder.stop()));
    await simulator.stop();
  };
  return { tenant, simulator, clusters: simulator.clusters, recorders, rollouts: new Set(), close };
}

/** The same product with another tenant, and clusters that are its own: for cases that disturb nothing else. */
export async function startTenant(world: World, name: string, clusters = 2): Promise<World> {
  const regions = world.regions.map((region) => region.name);
  return { ...world, ...(await startFleet(world.api, name, clusters, regions)) };
}

export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const { clusters = 2, regions = ['eu', 'us'], workers = 1, queue = 'Postgres', database } = options;
  const redis = queue === 'Redis' ? await startRedis() : null;
  const change = { redisUrl: redis?.url ?? null, ...options.change };
  const masterKey = Buffer.alloc(32, 7);
  const api = await startTestApi({ masterKey, ...change }, database);
  const config = testConfig(api.database, {
    masterKey,
    operatorKey: null,
    logLevel: (process.env['LOG_LEVEL'] as Config['logLevel'] | undefined) ?? 'silent',
    ...change,
  });
  const made = [];
  for (const name of regions) made.push(await makeRegion(api, name));
  const fleet = await startFleet(api, 'shop', clusters, regions);
  const world: World = {
    ...fleet,
    api,
    config,
    redis,
    regions: made,
    workers: [],
    startWorker: async (more = {}) => {
      const worker = await startWorker({ ...config, ...more });
      world.workers.push(worker);
      return worker;
    },
    close: async () => {
      await Promise.all(world.recorders.map((recorder) => recorder.stop()));
      if (world.workers.length > 0) await vi.waitUntil(async () => (await leftBehind(world)) === 0, { timeout: 20_000, interval: 50 });
      await Promise.all(world.workers.map((worker) => worker.close()));
      await api.close();
      await Promise.all([fleet.simulator.stop(), redis?.stop()]);
    },
  };
  for (let index = 0; index < workers; index += 1) await world.startWorker();
  return world;
}

/** A document with one container, which scenarios vary. */
export const webDocument = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
  parameters: { image: { type: 'string', required: true } },
  pod: { spec: { containers: [{ name: 'web', image: '${{ params.image }}', ports: [{ name: 'http', containerPort: 8080 }] }] } },
  replicas: 4,
  strategy: { type: 'ROLLING', maxSurge: 1, maxUnavailable: 0, progressDeadlineSeconds: 30 },
  ...change,
});

export const GOOD = 'registry.example/shop/web:1.0';
export const BETTER = 'registry.example/shop/web:2.0';
export const BAD = 'registry.example/shop/web:missing';

/** Creates a template with one revision, and a workload of it on every cluster, in the namespace `default`. */
export async function makeWorkload(
  world: World,
  name: string,
  document = webDocument(),
  values: Record<string, unknown> = { image: GOOD },
): Promise<string> {
  const { tenant } = world;
  expectStatus(await tenant.rest('POST', '/v1/templates', { name }), 201);
  expectStatus(await tenant.rest('POST', `/v1/templates/${name}/revisions`, document), 201);
  const placements = { list: world.clusters.map((cluster) => ({ cluster: cluster.name, namespace: 'default' })) };
  const { id } = expectStatus(
    await tenant.rest<{ id: string }>('POST', '/v1/workloads', { name, template: name, values, placements: placements.list }),
    201,
  );
  return id;
}

/** Requests something that creates or changes a rollout. Returns the rollout's id. */
export async function ask({ tenant, rollouts }: Speaker, path: string, body: unknown = {}): Promise<string> {
  const { id } = expectStatus(await tenant.rest<{ id: string }>('POST', `/v1${path}`, body), 202);
  rollouts.add(id);
  return id;
}

export const deploy = (world: Speaker, workload: string, body: unknown = {}): Promise<string> =>
  ask(world, `/workloads/${workload}/rollouts`, body);

/** Requests the removal of the workload. Returns the rollout's id. */
export async function remove({ tenant, rollouts }: Speaker, workload: string): Promise<string> {
  const { id } = expectStatus(await tenant.rest<{ id: string }>('DELETE', `/v1/workloads/${workload}`), 202);
  rollouts.add(id);
  return id;
}

/** Waits until the rollout is terminal, or paused until someone acts. */
export async function settled(world: Speaker, id: string, seconds = 60): Promise<RolloutView> {
  const answer = await world.tenant.rest<RolloutView>('GET', `/v1/rollouts/${id}`, undefined, { prefer: `wait=${seconds}` });
  return expectStatus(answer, 200);
}

export const rolloutOf = async (world: Speaker, id: string): Promise<RolloutView> =>
  expectStatus(await world.tenant.rest<RolloutView>('GET', `/v1/rollouts/${id}`), 200);

/** Every event of a rollout, oldest first. */
export async function eventsOf(world: Speaker, id: string): Promise<EventView[]> {
  const page = expectStatus(await world.tenant.rest<{ items: EventView[] }>('GET', `/v1/rollouts/${id}/events?after=0&limit=200`), 200);
  return page.items;
}

/** How many targets were PROGRESSING at once at the most, as their events say in this order. */
export function mostMoving(events: readonly EventView[]): number {
  const moving = new Set<string>();
  const counts = events.map(({ target, data }) => {
    if (target !== null) moving[data['phase'] === 'PROGRESSING' ? 'add' : 'delete'](target);
    return moving.size;
  });
  return Math.max(...counts);
}

const TERMINAL = ['rollout.succeeded', 'rollout.rolled_back', 'rollout.failed', 'rollout.canceled', 'rollout.superseded'];

/** Work of what has ended: rollouts that have settled, and placements that a worker holds though no target is under way there. Every end releases what it held. */
const leftBehind = (world: World): Promise<number> =>
  onConnection(world.api.database.ownerUrl, async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM work w
       WHERE (w.kind = 'rollouts' AND EXISTS (SELECT 1 FROM rollouts r WHERE r.id = w.id AND r.settled_at IS NOT NULL))
         OR (w.kind = 'placements' AND w.lease_until > now() AND NOT EXISTS (
           SELECT 1 FROM targets t JOIN rollouts r ON r.id = t.rollout_id WHERE t.placement_id = w.id AND r.settled_at IS NULL))`,
    );
    return rows[0]?.count ?? 0;
  });

/** Sets what must hold for the workload on every cluster from now on. */
export function expectEverywhere({ recorders }: World, workload: string, expectation: Expectation | null): void {
  for (const recorder of recorders) recorder.expect(workload, expectation);
}

/** What the workload runs, by cluster. */
export const running = ({ recorders }: World, workload: string): string[] => recorders.map((recorder) => recorder.running(workload));

/** Violations of invariants: at a recorded change (A, S), or in a rollout's events (T, E). A workload that no recorder saw is also one. */
export async function violations(world: Speaker & { recorders: readonly Recorder[] }): Promise<string[]> {
  const seen = world.recorders.flatMap((recorder) => [
    ...recorder.violations,
    ...recorder.unseen().map((workload) => `${workload} was not seen`),
  ]);
  return [...seen, ...(await eventViolations(world))];
}

/** Reads all events of the tenant and returns violations of T (exactly one terminal event per settled rollout, none after it) and E (no gap in the sequence). */
async function eventViolations(world: Speaker): Promise<string[]> {
  const events: EventView[] = [];
  for (let after = '0'; ;) {
    const { items } = expectStatus(await world.tenant.rest<{ items: EventView[] }>('GET', `/v1/events?after=${after}&limit=200`), 200);
    events.push(...items);
    const last = items.at(-1);
    if (!last) break;
    after = last.id;
  }
  const gaps = events.flatMap((event, index) => (Number(event.id) === index + 1 ? [] : [`E: event ${event.id} is number ${index + 1}`]));
  const terminal = [...world.rollouts].flatMap((id) => {
    const own = events.filter((event) => event.rollout === id);
    const ends = own.filter((event) => TERMINAL.includes(event.type));
    if (ends.length !== 1) return [`T: rollout ${id} has ${ends.length} terminal events`];
    return own.at(-1) === ends[0] ? [] : [`T: rollout ${id} goes on after its end: ${own.at(-1)?.type ?? ''}`];
  });
  return [...gaps, ...terminal];
}
