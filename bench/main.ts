/** `npm run bench -- NAME`: one measurement, as ratios within one run. */
import '../require-node.mjs';

const BENCHES: Record<string, { what: string; run: () => Promise<void> }> = {
  rollout: {
    what: '200 pods on a real control plane: our ROLLING against the bare Deployment controller; our writes by number of pods',
    run: async () => (await import('./rollout.ts')).run(),
  },
  latency: {
    what: "our own time from POST to the first write at the cluster, less the cluster's, on both queue backends",
    run: async () => (await import('./latency.ts')).run(),
  },
  failure: {
    what: 'a bad image on three targets of two real control planes: from the first ImagePullBackOff to the old release alone everywhere',
    run: async () => (await import('./failure.ts')).run(),
  },
  idle: {
    what: 'standalone with nothing in flight: memory of its processes, and CPU',
    run: async () => (await import('./idle.ts')).run(),
  },
  simulator: {
    what: 'memory of an idle simulated cluster, of 1,000 in one process',
    run: async () => (await import('./simulator.ts')).run(),
  },
};

const name = process.argv[2] ?? '';
const bench = BENCHES[name];
if (!bench) {
  console.error(
    `npm run bench -- NAME, where NAME is one of:\n${Object.entries(BENCHES)
      .map(([known, { what }]) => `  ${known.padEnd(10)} ${what}`)
      .join('\n')}`,
  );
  process.exit(1);
}
console.log(`${name}: ${bench.what}\n`);
// Services that are being stopped may not keep the process alive.
setInterval(() => undefined, 1000);
await bench.run();
process.exit();
