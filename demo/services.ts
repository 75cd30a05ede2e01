import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Where the demo keeps its data and logs; the product's own folder beside it stays as it is. */
export const FOLDER = join('.slipway', 'demo');

/** Longer than a service takes at most to stop by itself (30 s): one that is killed before that leaves its Postgres behind. */
const STOP_MILLISECONDS = 35_000;

export interface Service {
  name: string;
  stop(): Promise<void>;
}

/** Starts a process, with its log in a file, and waits for the line on its output that says that it is ready. */
async function start<T>(
  name: string,
  parameters: string[],
  environment: Record<string, string>,
  ready: (line: string) => T | null,
): Promise<Service & { ready: T }> {
  const log = join(FOLDER, `${name}.log`);
  const child = spawn(process.execPath, parameters, {
    stdio: ['ignore', 'pipe', openSync(log, 'a')],
    env: { ...process.env, ...environment },
    // A group of its own: Ctrl-C reaches the demo alone, which then stops the services in their order.
    detached: true,
  });
  const stop = () => stopped(child);
  const found = await new Promise<T>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const value = ready(line);
      if (value !== null) resolve(value);
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code} before it was ready:\n${lastLines(log)}`)));
  });
  child.stdout!.resume();
  return { name, stop, ready: found };
}

const lastLines = (file: string): string => readFileSync(file, 'utf8').trimEnd().split('\n').slice(-10).join('\n');

/** Asks it to stop, and makes it. */
async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MILLISECONDS);
  await gone;
  clearTimeout(timer);
}

/** An empty folder for this run. */
export function prepareFolder(): void {
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
}

/** Slipway, API and worker in one process on embedded defaults: the built product, as `npm start` runs it. */
export async function startSlipway(): Promise<Service & { url: string; operatorKey: string }> {
  const operatorKey = randomBytes(24).toString('base64url');
  const environment = {
    PORT: process.env.PORT ?? '0',
    DATA_DIR: join(FOLDER, 'data'),
    SLIPWAY_OPERATOR_KEY: operatorKey,
    // Clusters on the user's own network are what the demo is pointed at.
    SLIPWAY_ALLOWED_NETWORKS: '127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7',
  };
  const service = await start('slipway', ['dist/standalone.js'], environment, (line) => /https?:\/\/[^\s"]+/.exec(line)?.[0] ?? null);
  return { ...service, url: service.ready, operatorKey };
}

/** Simulated clusters, in a process of their own; their kubeconfigs are in the folder. */
export async function startSimulator(names: string[]): Promise<Service & { kubeconfigs: string[] }> {
  const folder = join(FOLDER, 'kubeconfigs');
  mkdirSync(folder, { recursive: true });
  const parameters = ['simulator/main.ts', '--clusters', String(names.length), '--names', names.join(','), '--kubeconfigs', folder];
  const service = await start('simulator', parameters, {}, (line) => (line.startsWith('{') ? line : null));
  return { ...service, kubeconfigs: names.map((name) => join(folder, `${name}.kubeconfig`)) };
}
