import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Slipway } from '../../demo/slipway.ts';
import type { Rollout } from '../../demo/slipway.ts';

export interface Product {
  /** With the key of the tenant `bench`. */
  slipway: Slipway;
  pid: number;
  /** Registers a cluster in the region `here` and waits until it is connected. */
  register(name: string, cluster: { server: string; caData: string; token: string }): Promise<void>;
  stop(): Promise<void>;
}

/** A template with one container. */
export const template = (strategy: object) => ({
  parameters: { image: { type: 'string', required: true }, replicas: { type: 'integer', default: 1, minimum: 0, maximum: 5000 } },
  pod: { spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'web', image: '${{ params.image }}' }] } },
  replicas: '${{ params.replicas }}',
  strategy,
});

/** Starts the built product, standalone, in its own folder. */
export async function startProduct(environment: Record<string, string> = {}): Promise<Product> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  chmodSync(folder, 0o755); // if we are root, Postgres runs as another user
  const operatorKey = randomBytes(24).toString('base64url');
  const child = spawn(process.execPath, ['dist/standalone.js'], {
    stdio: ['ignore', 'pipe', openSync(join(folder, 'log'), 'a')],
    env: {
      ...process.env,
      PORT: '0',
      DATA_DIR: join(folder, 'data'),
      SLIPWAY_OPERATOR_KEY: operatorKey,
      LOG_LEVEL: 'warn',
      ...environment,
    },
  });
  const url = await urlOf(child);
  const operator = new Slipway(url, operatorKey);
  await operator.post('/v1/regions', { name: 'here' });
  await operator.post('/v1/tenants', { name: 'bench', quotas: { requestsPerSecond: 10_000, requestBurst: 10_000 } });
  const { secret } = await new Slipway(url, operatorKey, 'bench').post<{ secret: string }>('/v1/api-keys', {
    name: 'bench',
    role: 'ADMIN',
  });
  const slipway = new Slipway(url, secret);
  return {
    slipway,
    pid: child.pid!,
    register: async (name, { server, caData, token }) => {
      await slipway.post('/v1/clusters', { name, region: 'here', server, caData, token });
      const { status, statusReason } = await slipway.post<{ status: string; statusReason: string }>(`/v1/clusters/${name}/check`);
      if (status !== 'CONNECTED') throw new Error(`${name} is ${status}: ${statusReason}`);
    },
    stop: async () => {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const urlOf = (child: ChildProcess): Promise<string> =>
  new Promise((resolve, reject) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const found = /https?:\/\/[^\s"]+/.exec(line)?.[0];
      if (found) resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`the product ended with ${code}`)));
  });

/** Rolls out values and waits for the end. @throws Error if it does not end in this phase */
export async function rollOut(
  slipway: Slipway,
  workload: string,
  values: object,
  phase = 'SUCCEEDED',
  more: object = {},
): Promise<Rollout> {
  const rollout = await slipway.post<Rollout>(`/v1/workloads/${workload}/rollouts`, { values, ...more }, { prefer: 'wait=300' });
  if (rollout.phase !== phase) throw new Error(`${workload}: ${rollout.phase} instead of ${phase}: ${rollout.phaseReason}`);
  return rollout;
}
