/** `npm run demo`: the whole story from the first request to the last pod, as a client of the public API. */
import '../require-node.mjs';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { FOLDER, prepareFolder } from './folder.ts';
import { optionsOf } from './options.ts';
import type { Options } from './options.ts';
import { OwnedCluster } from './kubernetes.ts';
import { startSimulator, startSlipway } from './services.ts';
import { Slipway } from './slipway.ts';
import { Story, WORKLOAD } from './story.ts';
import type { Place } from './story.ts';

const REGIONS = ['eu', 'us'];
const SIMULATED = [
  { name: 'eu-1', region: 'eu' },
  { name: 'eu-2', region: 'eu' },
  { name: 'us-1', region: 'us' },
];

interface Cluster {
  cluster: OwnedCluster;
  region: string;
  /** Set if Slipway gets the cluster's own kubeconfig, as for a simulated one. */
  kubeconfig: string | null;
}

type Undo = () => Promise<void>;

/** What to undo at the end, in this order: Slipway, objects created in the clusters, and the clusters. */
const cleaning: { slipway: Undo[]; namespaces: Undo[]; clusters: Undo[] } = { slipway: [], namespaces: [], clusters: [] };
const interrupted = new AbortController();
/** Signals this close to the first are duplicates: Ctrl-C under npm arrives from the terminal and from npm. */
const SAME_SIGNAL_MILLISECONDS = 1_000;

/** @param story may still be creating objects when it is interrupted; it ends when Slipway does */
async function clean(story: Promise<unknown>): Promise<void> {
  const undo = (each: Undo): Promise<void> => each().catch((error: unknown) => console.error(`cleaning up: ${(error as Error).message}`));
  await Promise.all(cleaning.slipway.map(undo));
  await story.catch(() => undefined);
  await Promise.all(cleaning.namespaces.map(undo));
  await Promise.all(cleaning.clusters.map(undo));
}

async function clustersOf(options: Options): Promise<Cluster[]> {
  if (options.kubeconfig !== null) {
    const file = options.kubeconfig;
    const contexts = options.contexts.length > 0 ? options.contexts : [undefined];
    return contexts.map((context, i) => ({
      cluster: new OwnedCluster(nameOf(context ?? 'cluster'), file, context),
      region: REGIONS[i % REGIONS.length]!,
      kubeconfig: null,
    }));
  }
  const simulator = startSimulator(SIMULATED.map(({ name }) => name));
  cleaning.clusters.push(() => simulator.stop());
  const { kubeconfigs } = await simulator.ready;
  return SIMULATED.map(({ name, region }, i) => ({
    cluster: new OwnedCluster(name, kubeconfigs[i]!),
    region,
    kubeconfig: kubeconfigs[i]!,
  }));
}

/** A context's name as a DNS label. */
const nameOf = (context: string): string =>
  context
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 60) || 'cluster';

/** The operator creates a tenant with a key; everything else uses that key. */
async function tenantOf(url: string, operatorKey: string): Promise<{ slipway: Slipway; key: string }> {
  const operator = new Slipway(url, operatorKey);
  for (const name of REGIONS) await operator.post('/v1/regions', { name });
  await operator.post('/v1/tenants', { name: 'demo' });
  const { secret } = await new Slipway(url, operatorKey, 'demo').post<{ secret: string }>('/v1/api-keys', { name: 'demo', role: 'ADMIN' });
  return { slipway: new Slipway(url, secret), key: secret };
}

/** Registers a cluster with an account that has only Slipway's permissions in one namespace. */
async function register(slipway: Slipway, { cluster, region, kubeconfig }: Cluster, namespace: string): Promise<Place> {
  await cluster.makeNamespace(namespace);
  cleaning.namespaces.push(() => cluster.removeNamespace(namespace));
  interrupted.signal.throwIfAborted();
  const credential =
    kubeconfig === null
      ? { server: cluster.server, caData: cluster.caData, token: await cluster.makeAccount(namespace, 'slipway') }
      : { kubeconfig: await readFile(kubeconfig, 'utf8') };
  await slipway.post('/v1/clusters', { name: cluster.name, region, ...credential });
  if (kubeconfig === null)
    await cluster.apply(await slipway.get<string>(`/v1/clusters/${cluster.name}/access-manifest?namespace=${namespace}`));
  const { status, statusReason } = await slipway.post<{ status: string; statusReason: string | null }>(
    `/v1/clusters/${cluster.name}/check`,
  );
  if (status !== 'CONNECTED') throw new Error(`cluster ${cluster.name} is ${status}: ${statusReason}`);
  return { cluster, region, namespace };
}

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  const began = performance.now();
  prepareFolder();
  console.log('Slipway on embedded defaults (Postgres, queue, API and worker in one process), and the clusters ...');
  const service = startSlipway();
  cleaning.slipway.push(() => service.stop());
  const [{ url, operatorKey }, clusters] = await Promise.all([service.ready, clustersOf(options)]);
  const { slipway, key } = await tenantOf(url, operatorKey);
  const namespace = `slipway-demo-${randomBytes(3).toString('hex')}`;
  const places: Place[] = [];
  for (const cluster of clusters) places.push(await register(slipway, cluster, namespace));
  const kind = options.kubeconfig === null ? 'simulated clusters' : 'clusters';
  console.log(`  ${url}; ${clusters.length} ${kind}: ${clusters.map(({ cluster, region }) => `${cluster.name} (${region})`).join(', ')}`);
  await new Story(slipway, places, interrupted.signal).tell();
  console.log(`\nAll of it in ${((performance.now() - began) / 1000).toFixed(1)} s.`);
  if (options.keep) await keep(url, key, options);
}

/** Leaves everything running until Ctrl-C. */
async function keep(url: string, key: string, options: Options): Promise<void> {
  const kubeconfigs = options.kubeconfig ?? `${FOLDER}/kubeconfigs/*.kubeconfig`;
  console.log(`
Left running until Ctrl-C:
  URL          ${url}        (REST under /v1, GraphQL at /graphql, /docs, /graphiql)
  key          ${key}
  kubeconfigs  ${kubeconfigs}
Three things to try:
  curl -H 'Authorization: Bearer ${key}' ${url}/v1/workloads/${WORKLOAD}
  curl -X POST -H 'Authorization: Bearer ${key}' -H 'Prefer: wait=60' ${url}/v1/workloads/${WORKLOAD}/rollback
  curl -N -H 'Authorization: Bearer ${key}' -H 'Accept: text/event-stream' '${url}/v1/events?after=0'`);
  await once(interrupted.signal, 'abort');
}

/** Stops everything in order. A second, later Ctrl-C ends the demo at once. */
function interrupt(): void {
  if (interrupted.signal.aborted) return;
  console.log('\nStopping ...');
  setTimeout(() => process.on('SIGINT', () => process.exit(130)), SAME_SIGNAL_MILLISECONDS).unref();
  process.exitCode ??= 130;
  interrupted.abort();
}

/** Says why the demo failed. Until Slipway was started, there are no logs to look into. */
function tellFailure({ message }: Error): void {
  console.error(cleaning.slipway.length > 0 ? `\n${message}\nLogs: ${FOLDER}/*.log` : message);
}

// A terminal that is closed takes no more output, but there is still something to stop.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
const story = main();
try {
  await Promise.race([story, once(interrupted.signal, 'abort')]);
} catch (error) {
  if (!interrupted.signal.aborted) {
    tellFailure(error as Error);
    process.exitCode = 1;
  }
} finally {
  await clean(story);
}
process.exit();
