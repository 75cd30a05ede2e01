import { startSimulator } from '../simulator/simulator.ts';
import { verdict } from './support/figures.ts';

const CLUSTERS = 1000;
const KIB = 1024;

export async function run(): Promise<void> {
  const warm = await startSimulator({ clusters: 1 });
  await warm.stop();
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  const simulator = await startSimulator({ clusters: CLUSTERS });
  globalThis.gc?.();
  verdict(`memory of each of ${CLUSTERS} idle simulated clusters`, (process.memoryUsage.rss() - before) / KIB / CLUSTERS, 200, 'KiB', 0);
  await simulator.stop();
}
