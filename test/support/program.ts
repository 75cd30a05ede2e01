import { execFile, spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Config } from '../../src/config.ts';

const root = path.resolve(import.meta.dirname, '../..');
/** The build that `npm test` created before the tests began. */
const built = path.join(root, 'dist');
/** Next to the build, because the program reads its migrations next to its own folder. */
const own = path.join(root, '.cache');

/** Most of a worker's start is compiling. A worker that ends cleanly leaves its compile cache to the next ones. */
const compiled = path.join(own, 'compiled');
/** Flags for short-lived processes, without optimizations that only pay off later. */
const SHORT_LIVED = ['--min-semi-space-size=16', '--max-semi-space-size=32', '--no-wasm-tier-up'];

let folder = built;
let building: Promise<void> | null = null;

/** Makes sure that the build, which tests run as separate processes, is current. */
export const buildProgram = (): Promise<void> => (building ??= build());

async function build(): Promise<void> {
  if (isBuilt()) return;
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const parameters = ['-p', path.join(root, 'tsconfig.build.json'), '--noCheck', '--outDir', own, '--sourceMap', 'false'];
  await promisify(execFile)(process.execPath, [tsc, ...parameters]);
  folder = own;
}

/** Whether nothing in `src` is newer than the build's stamp. Folders are checked too, because they show removals. */
function isBuilt(): boolean {
  const stamp = statSync(path.join(built, '.ready'), { throwIfNoEntry: false });
  const sources = path.join(root, 'src');
  return (
    stamp !== undefined &&
    readdirSync(sources, { recursive: true }).every((name) => changedAt(path.join(sources, String(name))) < stamp.mtimeMs)
  );
}

const changedAt = (file: string): number => statSync(file).mtimeMs;

/** A worker, or an API, in a separate process. */
export interface WorkerProcess {
  pid: number;
  /** Resolves when it serves its regions, or requests. */
  ready: Promise<void>;
  /** Resolves with the signal that ended it, or its exit code. */
  ended: Promise<string | number>;
  kill(signal: NodeJS.Signals): void;
}

export const spawnWorker = (config: Config, environment: Record<string, string> = {}): WorkerProcess =>
  spawnProgram('worker', 'the worker serves these regions', config, environment);

/** The API in a separate process, on the config's port. */
export const spawnApi = (config: Config): WorkerProcess =>
  spawnProgram('main', "Slipway's API is at", config, {
    PORT: String(config.port),
    ...(config.operatorKey === null ? {} : { SLIPWAY_OPERATOR_KEY: config.operatorKey }),
  });

/** @param readyLine part of the line on which it says that it is ready */
function spawnProgram(name: string, readyLine: string, config: Config, environment: Record<string, string>): WorkerProcess {
  const settings: Record<string, string> = {
    SLIPWAY_ENV: 'test',
    DATABASE_URL: config.databaseUrl,
    DATABASE_OWNER_URL: config.databaseOwnerUrl,
    SLIPWAY_MASTER_KEY: config.masterKey.toString('base64'),
    SLIPWAY_ALLOWED_NETWORKS: config.allowedNetworks.join(','),
    LOG_LEVEL: 'info',
    ...(config.redisUrl === null ? {} : { REDIS_URL: config.redisUrl }),
  };
  const child = spawn(process.execPath, [...SHORT_LIVED, path.join(folder, `${name}.js`)], {
    env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: compiled, ...settings, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes(readyLine)) resolve();
  });
  const ended = new Promise<string | number>((done) => child.once('exit', (code, signal) => done(signal ?? code ?? -1)));
  void ended.then((how) => reject(new Error(`${name} ended (${how}) before it was ready`)));
  ready.catch(() => undefined);
  return { pid: child.pid ?? -1, ready, ended, kill: (signal) => child.kill(signal) };
}

/** Runs the API, a worker or both until it ends by itself. Returns its output and exit code. */
export async function runProgram(
  name: 'main' | 'worker' | 'standalone',
  environment: Record<string, string>,
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [...SHORT_LIVED, path.join(folder, `${name}.js`)], {
    env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: compiled, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, out, err };
}
