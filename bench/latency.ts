import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { startSimulator } from '../simulator/simulator.ts';
import { freePort } from './support/ports.ts';
import { median, percentile, spread, verdict } from './support/figures.ts';
import { rollOut, startProduct, template } from './support/product.ts';
import { inFlight, isWrite, startProxy } from './support/proxy.ts';

const RUNS = 60;
const WARM_UP = 5;
/** Pause between rollouts, so that nothing is in flight. */
const IDLE_MILLISECONDS = 500;

async function measure(backend: string, environment: Record<string, string>): Promise<void> {
  const simulator = await startSimulator({ clusters: 1, podStartMilliseconds: [20, 40], podStopMilliseconds: [5, 20] });
  const [cluster] = simulator.clusters;
  const proxy = await startProxy(cluster!);
  const product = await startProduct(environment);
  try {
    await product.register('proxied', { server: `${proxy.server}`, caData: proxy.caData, token: cluster!.token });
    await product.slipway.post('/v1/templates', { name: 'web' });
    await product.slipway.post('/v1/templates/web/revisions', template({ type: 'ROLLING' }));
    await product.slipway.post('/v1/workloads', {
      name: 'web',
      template: 'web',
      values: { image: 'example.test/web:0' },
      placements: [{ cluster: 'proxied', namespace: 'default' }],
    });
    await rollOut(product.slipway, 'web', {});
    const own: number[] = [];
    const whole: number[] = [];
    for (let run = -WARM_UP; run < RUNS; run++) {
      await sleep(IDLE_MILLISECONDS);
      proxy.seen.length = 0;
      const began = performance.now();
      await rollOut(product.slipway, 'web', { image: `example.test/web:${run}` });
      const first = proxy.seen.find(isWrite)!.began;
      if (run < 0) continue;
      whole.push(first - began);
      own.push(first - began - inFlight(proxy.seen, began, first));
    }
    console.log(`${backend}: whole ${spread(whole, 1)} ms, of which ours ${spread(own, 1)} ms`);
    verdict(`  ${backend}: our own time, p50`, median(own), 30, 'ms', 1);
    verdict(`  ${backend}: our own time, p99`, percentile(own, 0.99), 150, 'ms', 1);
  } finally {
    await product.stop();
    await proxy.close();
    await simulator.stop();
  }
}

export async function run(): Promise<void> {
  await measure('queue in Postgres', {});
  const port = await freePort();
  const redis = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
    stdio: 'ignore',
  });
  try {
    await measure('queue in Redis', { REDIS_URL: `redis://127.0.0.1:${port}` });
  } finally {
    redis.kill();
  }
}
