import { startControlPlane } from '../test/kubernetes/control-plane/start.ts';
import type { ControlPlane } from '../test/kubernetes/control-plane/start.ts';
import { Recorder } from '../test/support/recorder.ts';
import { median, spread, verdict } from './support/figures.ts';
import { rollOut, startProduct, template } from './support/product.ts';
import type { Product } from './support/product.ts';
import { isPlainRead, isWrite, startProxy } from './support/proxy.ts';
import type { Proxy } from './support/proxy.ts';

const PODS = 200;
const RUNS = 11;
const STRATEGY = { type: 'ROLLING', maxSurge: '25%', maxUnavailable: 0 };
const image = (run: number): string => `example.test/web:${run}`;

interface Bench {
  plane: ControlPlane;
  product: Product;
  proxy: Proxy;
}

/** Resolves when only this image runs, on that many Ready pods, and no other pod is left. */
const standing = (recorder: Recorder, workload: string, wanted: string, pods: number): Promise<void> =>
  recorder.until(
    () => {
      const sets = recorder.replicaSets(workload);
      return (
        sets.length === 1 &&
        sets[0]!.image === wanted &&
        recorder.names('pods', workload).length === pods &&
        recorder.readyPods(workload) === pods
      );
    },
    `${pods} pods of ${wanted}`,
    120_000,
  );

async function recorderOf({ plane }: Bench, namespace: string): Promise<Recorder> {
  const recorder = new Recorder(namespace, { server: plane.server, caData: plane.caData, token: plane.adminToken }, namespace);
  await recorder.start();
  return recorder;
}

/** A workload in a namespace with the same name, with its first release running. */
async function ours(bench: Bench, workload: string, cluster: string, pods: number): Promise<Recorder> {
  await bench.plane.request('POST', '/api/v1/namespaces', { metadata: { name: workload } });
  const recorder = await recorderOf(bench, workload);
  await bench.product.slipway.post('/v1/workloads', {
    name: workload,
    template: 'web',
    values: { image: image(0), replicas: pods },
    placements: [{ cluster, namespace: workload }],
  });
  await rollOut(bench.product.slipway, workload, {});
  await standing(recorder, workload, image(0), pods);
  return recorder;
}

/** The same objects, applied directly and rolled out by the Deployment controller alone. */
async function bare(bench: Bench, namespace: string, run: number): Promise<void> {
  const { objects } = await bench.product.slipway.post<{ objects: { kind: string; metadata: { name: string }; spec: object }[] }>(
    '/v1/templates/web/revisions/1/render',
    {
      values: { image: image(run), replicas: PODS },
      namespace,
    },
  );
  const deployment = objects.find((object) => object.kind === 'Deployment')!;
  await bench.plane.client.apply(
    `/apis/apps/v1/namespaces/${namespace}/deployments/${deployment.metadata.name}`,
    { ...deployment, spec: { ...deployment.spec, replicas: PODS } },
    'kubectl',
  );
}

async function wallTimes(bench: Bench): Promise<void> {
  const mine = await ours(bench, 'mine', 'direct', PODS);
  await bench.plane.request('POST', '/api/v1/namespaces', { metadata: { name: 'bare' } });
  const theirs = await recorderOf(bench, 'bare');
  await bare(bench, 'bare', 0);
  await standing(theirs, 'web', image(0), PODS);
  const seconds = { ours: [] as number[], bare: [] as number[] };
  for (let run = 1; run <= RUNS; run++) {
    let began = performance.now();
    const settled = rollOut(bench.product.slipway, 'mine', { image: image(run) });
    await standing(mine, 'mine', image(run), PODS);
    seconds.ours.push((performance.now() - began) / 1000);
    await settled;
    began = performance.now();
    await bare(bench, 'bare', run);
    await standing(theirs, 'web', image(run), PODS);
    seconds.bare.push((performance.now() - began) / 1000);
    console.log(`  run ${run}: ours ${seconds.ours.at(-1)!.toFixed(2)} s, bare ${seconds.bare.at(-1)!.toFixed(2)} s`);
  }
  console.log(`ours ${spread(seconds.ours)} s, bare ${spread(seconds.bare)} s`);
  verdict(`wall time of ${PODS} pods, ours / bare`, median(seconds.ours.map((each, i) => each / seconds.bare[i]!)), 1.05, 'x');
  await Promise.all([mine.stop(), theirs.stop()]);
}

async function writes(bench: Bench): Promise<void> {
  for (const pods of [10, PODS]) {
    const recorder = await ours(bench, `counted-${pods}`, 'proxied', pods);
    bench.proxy.seen.length = 0;
    await rollOut(bench.product.slipway, `counted-${pods}`, { image: image(1) });
    const reads = bench.proxy.seen.filter(isPlainRead);
    console.log(
      `  ${pods} pods: ${bench.proxy.seen.filter(isWrite).length} writes; ${reads.length} reads that are no watch: ${reads.map((read) => read.path).join(' ')}`,
    );
    verdict(`writes of a rollout of ${pods} pods`, bench.proxy.seen.filter(isWrite).length, 6, 'writes', 0);
    await recorder.stop();
  }
}

export async function run(): Promise<void> {
  const plane = await startControlPlane({ name: 'bench', nodes: 10, fastControllers: true });
  const proxy = await startProxy(plane);
  const product = await startProduct();
  try {
    await product.register('direct', { server: plane.server, caData: plane.caData, token: plane.adminToken });
    await product.register('proxied', { server: proxy.server, caData: proxy.caData, token: plane.adminToken });
    await product.slipway.post('/v1/templates', { name: 'web' });
    await product.slipway.post('/v1/templates/web/revisions', template(STRATEGY));
    const bench = { plane, product, proxy };
    await writes(bench);
    await wallTimes(bench);
  } finally {
    await product.stop();
    await proxy.close();
    await plane.stop();
  }
}
