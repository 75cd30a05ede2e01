import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { FOLDER } from './folder.ts';

/** Slipway stops in a second or two, and in any case after 20 s. It must not be killed earlier, because that leaves its Postgres behind. */
const STOP_MILLISECONDS = 25_000;

/** A started process. It may be stopped before it is ready. */
export interface Service<T> {
  /** Rejects if the process ends before. */
  ready: Promise<T>;
  stop(): Promise<void>;
}

/** Starts a process with its log in a file. It is ready when its output has the expected line. */
function start<T>(
  name: string,
  parameters: string[],
  environment: Record<string, string>,
  readyBy: (line: string) => T | null,
): Service<T> {
  const log = join(FOLDER, `${name}.log`);
  const child = spawn(process.execPath, parameters, {
    stdio: ['ignore', 'pipe', openSync(log, 'a')],
    env: { ...withoutSettings(process.env), ...environment },
    // Its own process group: Ctrl-C reaches only the demo, which then stops the services in order.
    detached: true,
  });
  // However the demo ends, its processes end too.
  process.once('exit', () => child.kill('SIGTERM'));
  const ready = new Promise<T>((resolve, reject) => {
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const value = readyBy(line);
      if (value !== null) resolve(value);
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code} before it was ready:\n${lastLines(log)}`)));
  });
  ready.catch(() => undefined);
  child.stdout!.resume();
  return { ready, stop: () => stopped(child) };
}

/** The demo runs on embedded defaults: nothing that is set for another Slipway, or another program, applies to it. */
const withoutSettings = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(SLIPWAY_|DATABASE_|REDIS_|METRICS_PORT$|DATA_DIR$)/.test(name)));

const lastLines = (file: string): string => readFileSync(file, 'utf8').trimEnd().split('\n').slice(-10).join('\n');

/** Stops the process, and kills it if that takes too long. */
async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MILLISECONDS);
  await gone;
  clearTimeout(timer);
}

/** Starts Slipway as `npm start` does: the built product, API and worker in one process on embedded defaults. */
export function startSlipway(): Service<{ url: string; operatorKey: string }> {
  const operatorKey = randomBytes(24).toString('base64url');
  const environment = {
    PORT: process.env.PORT ?? '0',
    DATA_DIR: join(FOLDER, 'data'),
    SLIPWAY_OPERATOR_KEY: operatorKey,
    // The demo may be run on clusters in the user's private network.
    SLIPWAY_ALLOWED_NETWORKS: '127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7',
  };
  return start('slipway', ['dist/standalone.js'], environment, (line) => {
    const [url] = /https?:\/\/[^\s"]+/.exec(line) ?? [];
    return url === undefined ? null : { url, operatorKey };
  });
}

/** Starts simulated clusters in a separate process; their kubeconfigs are in the folder. */
export function startSimulator(names: string[]): Service<{ kubeconfigs: string[] }> {
  const folder = join(FOLDER, 'kubeconfigs');
  mkdirSync(folder, { recursive: true });
  const parameters = ['simulator/main.ts', '--clusters', String(names.length), '--names', names.join(','), '--kubeconfigs', folder];
  const kubeconfigs = names.map((name) => join(folder, `${name}.kubeconfig`));
  return start('simulator', parameters, {}, (line) => (line.startsWith('{') ? { kubeconfigs } : null));
}
