// Starts control planes for a developer and keeps them until Ctrl-C:
//   npx node test/kubernetes/control-plane/main.ts [--clusters 2] [--nodes 5] [--fast] [--folder DIR]
import '../../../require-node.mjs';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { NoControlPlane } from './binaries.ts';
import { startControlPlane } from './start.ts';
import type { ControlPlane } from './start.ts';

const { values } = parseArgs({
  options: {
    clusters: { type: 'string', default: '2' },
    nodes: { type: 'string', default: '5' },
    fast: { type: 'boolean', default: false },
    folder: { type: 'string' },
  },
});

const folder = values.folder ?? join(tmpdir(), `slipway-control-planes-${process.pid}`);
const clusters: ControlPlane[] = [];
const written: string[] = [];

/** Beside each kubeconfig lies a JSON file with the same facts, which the tests take instead of starting their own (SLIPWAY_CONTROL_PLANES). */
function publish(cluster: ControlPlane): void {
  const { name, version, server, caData, adminToken, kubeconfig, logsFolder } = cluster;
  const path = join(folder, `${name}.kubeconfig`);
  const facts = join(folder, `${name}.json`);
  writeFileSync(path, kubeconfig, { mode: 0o600 });
  writeFileSync(facts, JSON.stringify({ name, version, server, caData, adminToken, kubeconfig, logsFolder }, null, 2), { mode: 0o600 });
  written.push(path, facts);
  console.log(`${name}  ${version}  ${server}  kubeconfig ${path}  logs ${logsFolder}`);
}

async function stop(): Promise<void> {
  await Promise.all(clusters.map((cluster) => cluster.stop()));
  for (const path of written) rmSync(path, { force: true });
  if (!values.folder) rmSync(folder, { recursive: true, force: true });
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => void stop().then(() => process.exit(0)));
}

try {
  mkdirSync(folder, { recursive: true });
  for (let number = 1; number <= Number(values.clusters); number += 1) {
    const cluster = await startControlPlane({ name: `cluster-${number}`, nodes: Number(values.nodes), fastControllers: values.fast });
    clusters.push(cluster);
    publish(cluster);
  }
  console.log(`${clusters.length} running until Ctrl-C`);
  setInterval(() => undefined, 60_000);
} catch (error) {
  console.error(error instanceof NoControlPlane ? error.message : error);
  await stop();
  process.exit(1);
}
