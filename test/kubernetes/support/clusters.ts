import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { TestProject } from 'vitest/node';
import { Client } from '../control-plane/client.ts';
import { startControlPlane } from '../control-plane/start.ts';
import type { ControlPlane } from '../control-plane/start.ts';

/** What a test is told of a control plane that runs for the whole test run. Plain data: tests run in other processes. */
export type ProvidedCluster = Pick<ControlPlane, 'name' | 'version' | 'server' | 'caData' | 'adminToken' | 'kubeconfig' | 'logsFolder'>;

declare module 'vitest' {
  interface ProvidedContext {
    clusters: readonly ProvidedCluster[];
  }
}

/** Set to 1, nothing is started, and suites that need a cluster skip themselves. */
export const SKIP_VARIABLE = 'SLIPWAY_SKIP_KUBERNETES';

/**
 * Vitest's globalSetup: starts two control planes before the first test and ends them after the last one. SLIPWAY_CONTROL_PLANES names a folder in
 * which `control-plane/main.ts` has published running ones, to be used instead. Rejects with NoControlPlane, which fails the run, where there is no way to have one.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (process.env[SKIP_VARIABLE] === '1') {
    process.stderr.write(`\n  ${SKIP_VARIABLE}=1: NOTHING IS PROVEN AGAINST A REAL KUBERNETES IN THIS RUN.\n\n`);
    project.provide('clusters', []);
    return async () => undefined;
  }
  const published = process.env['SLIPWAY_CONTROL_PLANES'];
  if (published) {
    project.provide('clusters', readPublished(published));
    return async () => undefined;
  }
  const clusters: ControlPlane[] = [];
  const stop = async () => void (await Promise.all(clusters.map((cluster) => cluster.stop())));
  try {
    // One after the other: the first may have to build the binaries.
    for (const name of ['east', 'west']) clusters.push(await startControlPlane({ name, fastControllers: true }));
  } catch (error) {
    await stop();
    throw error;
  }
  project.provide('clusters', clusters.map(facts));
  process.stderr.write(`control planes: ${clusters.map(({ name, version, server }) => `${name} ${version} ${server}`).join(', ')}\n`);
  return stop;
}

function facts({ name, version, server, caData, adminToken, kubeconfig, logsFolder }: ControlPlane): ProvidedCluster {
  return { name, version, server, caData, adminToken, kubeconfig, logsFolder };
}

function readPublished(folder: string): ProvidedCluster[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
  if (files.length < 2) throw new Error(`${folder} must hold two published control planes and holds ${files.length}`);
  return files.sort().map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as ProvidedCluster);
}

/** The control planes of this run: two, or none where Kubernetes is skipped (`describe.skipIf(providedClusters().length === 0)`). */
export function providedClusters(): readonly ProvidedCluster[] {
  return inject('clusters');
}

/** Whether the control planes are there, and of this minor version or a later one. */
export function isAtLeast(minor: number): boolean {
  return providedClusters().some(({ version }) => Number(version.split('.')[1]) >= minor);
}

/** A client with the admin's rights for a provided cluster; close it after the last test. */
export function connect(cluster: ProvidedCluster): Client {
  return new Client({ server: cluster.server, caData: cluster.caData, token: cluster.adminToken });
}
