/** `npm run simulator -- --clusters 3 --kubeconfigs DIR`: simulated clusters as a separate process. See README.md. */
import '../require-node.mjs';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startSimulator } from './simulator.ts';
import type { SimulatorOptions } from './simulator.ts';

const usage = `usage: npm run simulator -- [--clusters N] [--names a,b,c] [--kubeconfigs DIR] [--port 0] [--fault-port 0] [--seed N] [--nodes 3]
  --kubeconfigs DIR   writes DIR/NAME.kubeconfig for each cluster
  --pod-start A-B     milliseconds from a pod's creation to its readiness (700-1500)
  --pod-stop A-B      milliseconds from a pod's deletion to its end (300-1000)`;

function whole(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-9]+$/.test(text)) throw new Error(`--${name} must be a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}

function range(name: string, text: string | undefined): readonly [number, number] | undefined {
  if (text === undefined) return undefined;
  const found = /^([0-9]+)-([0-9]+)$/.exec(text);
  if (!found || Number(found[1]) > Number(found[2]))
    throw new Error(`--${name} must be two whole numbers such as 700-1500, not ${JSON.stringify(text)}`);
  return [Number(found[1]), Number(found[2])];
}

function readOptions(): { options: SimulatorOptions; kubeconfigs: string | undefined } {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      clusters: text,
      names: text,
      kubeconfigs: text,
      port: text,
      'fault-port': text,
      seed: text,
      nodes: text,
      'pod-start': text,
      'pod-stop': text,
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const options: { [name: string]: unknown } = {
    clusters: whole('clusters', values.clusters),
    names: values.names?.split(',').filter(Boolean),
    port: whole('port', values.port),
    faultPort: whole('fault-port', values['fault-port']),
    seed: whole('seed', values.seed),
    nodes: whole('nodes', values.nodes),
    podStartMilliseconds: range('pod-start', values['pod-start']),
    podStopMilliseconds: range('pod-stop', values['pod-stop']),
  };
  return {
    options: Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    kubeconfigs: values.kubeconfigs,
  };
}

async function main(): Promise<void> {
  const { options, kubeconfigs } = readOptions();
  const simulator = await startSimulator(options);
  const files = new Map<string, string>();
  if (kubeconfigs !== undefined) {
    mkdirSync(kubeconfigs, { recursive: true });
    for (const { name, kubeconfig } of simulator.clusters) {
      const file = join(kubeconfigs, `${name}.kubeconfig`);
      writeFileSync(file, kubeconfig, { mode: 0o600 });
      files.set(name, file);
    }
  }
  const clusters = simulator.clusters.map(({ name, server }) => ({ name, server, kubeconfig: files.get(name) }));
  const stop = (): void => void simulator.stop().then(() => process.exit(0));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, stop);
  console.log(JSON.stringify({ ready: true, port: simulator.port, faultUrl: simulator.faultUrl, pid: process.pid, clusters }));
}

main().catch((error: unknown) => {
  console.error(`simulator: ${(error as Error).message}\n${usage}`);
  process.exit(1);
});
