import { startControlPlane } from '../test/kubernetes/control-plane/start.ts';
import type { ControlPlane } from '../test/kubernetes/control-plane/start.ts';
import { Recorder } from '../test/support/recorder.ts';
import { spread, verdict } from './support/figures.ts';
import { rollOut, startProduct, template } from './support/product.ts';
import type { Product } from './support/product.ts';

const PODS = 10;
const RUNS = 5;
/** kwok's pods are Ready after 0.7 to 1.5 s. */
const POD_START_SECONDS = 1.5;
const GOOD = 'example.test/web:1';
const BAD = 'registry.example/web:missing';

interface Pod {
  metadata: { uid: string };
  status?: { containerStatuses?: { state?: { waiting?: { reason?: string } } }[] };
}

const CANNOT_PULL = ['ErrImagePull', 'ImagePullBackOff'];

/** Time of this namespace's first failed image pull, seen by an independent watch. The product may act before the kubelet backs off. */
async function firstTrouble(plane: ControlPlane, namespace: string, signal: AbortSignal): Promise<number> {
  for await (const event of plane.client.watch(`/api/v1/namespaces/${namespace}/pods`, signal)) {
    const pod = event.object as unknown as Pod;
    if (pod.status?.containerStatuses?.some((status) => CANNOT_PULL.includes(status.state?.waiting?.reason ?? '')))
      return performance.now();
  }
  return Number.POSITIVE_INFINITY;
}

interface Place {
  plane: ControlPlane;
  cluster: string;
  namespace: string;
  recorder: Recorder;
}

async function measure(product: Product, places: Place[], workload: string, strategy: object): Promise<void> {
  const { slipway } = product;
  await slipway.post('/v1/templates', { name: workload });
  await slipway.post(`/v1/templates/${workload}/revisions`, template(strategy));
  const placements = places.map(({ cluster, namespace }) => ({ cluster, namespace }));
  await slipway.post('/v1/workloads', { name: workload, template: workload, values: { image: GOOD, replicas: PODS }, placements });
  await rollOut(slipway, workload, {});
  const seconds: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    // One target at a time, the first with a good image, so that it has succeeded when the second gets the bad one.
    const [first, ...others] = placements;
    await slipway.send('PATCH', `/v1/workloads/${workload}`, {
      placements: [{ ...first, values: { image: `example.test/web:a${run}` } }, ...others],
    });
    const watching = new AbortController();
    const trouble = Promise.race(places.map(({ plane, namespace }) => firstTrouble(plane, namespace, watching.signal)));
    const rollout = rollOut(slipway, workload, { image: BAD }, 'ROLLED_BACK', { waves: [{ maxConcurrent: 1 }] });
    const began = await trouble;
    watching.abort();
    await Promise.all(
      places.map(({ recorder }) =>
        recorder.until(
          () => {
            const sets = recorder.replicaSets(workload);
            return (
              sets.length === 1 &&
              sets[0]!.image === GOOD &&
              recorder.readyPods(workload) === PODS &&
              recorder.names('pods', workload).length === PODS
            );
          },
          'the old release alone',
          60_000,
        ),
      ),
    );
    seconds.push((performance.now() - began) / 1000);
    await rollout;
  }
  console.log(`${JSON.stringify(strategy)}: ${spread(seconds)} s`);
  verdict('  first pull that fails to the old release alone', Math.max(...seconds), 5 + POD_START_SECONDS, 's');
}

export async function run(): Promise<void> {
  const planes = await Promise.all(['one', 'two'].map((name) => startControlPlane({ name, fastControllers: true })));
  const product = await startProduct();
  const places: Place[] = [];
  try {
    for (const [i, namespace] of ['a', 'b', 'c'].entries()) {
      const plane = planes[i % planes.length]!;
      await plane.request('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
      const recorder = new Recorder(namespace, { server: plane.server, caData: plane.caData, token: plane.adminToken }, namespace);
      await recorder.start();
      places.push({ plane, cluster: plane.name, namespace, recorder });
    }
    for (const plane of planes) await product.register(plane.name, { server: plane.server, caData: plane.caData, token: plane.adminToken });
    await measure(product, places, 'surging', { type: 'ROLLING', maxSurge: '25%', maxUnavailable: 0 });
    await measure(product, places, 'halving', { type: 'ROLLING', maxSurge: 0, maxUnavailable: '50%' });
  } finally {
    await Promise.all(places.map(({ recorder }) => recorder.stop()));
    await product.stop();
    await Promise.all(planes.map((plane) => plane.stop()));
  }
}
