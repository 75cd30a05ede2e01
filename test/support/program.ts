import { execFile, spawn } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Config } from '../../src/config.ts';

const root = path.resolve(import.meta.dirname, '../..');
/** What `npm test` has made of the sources before the tests began. */
const built = path.join(root, 'dist');
/** A sibling of it, since the program looks for its migrations beside its own folder. */
const own = path.join(root, '.cache');

/** Most of what a worker does before it serves anything is compiling: one that ends in good order leaves what it has compiled to the next ones. */
const compiled = path.join(own, 'compiled');
/** For those that do not live long: what pays off later, or is collected later, is not begun. */
const SHORT_LIVED = ['--min-semi-space-size=16', '--max-semi-space-size=32', '--no-wasm-tier-up'];

let folder = built;
let building: Promise<void> | null = null;

/** Makes sure that there is the product as it is built, of the sources as they are now: what tests run as processes of their own. */
export const buildProgram = (): Promise<void> => (building ??= build());

async function build(): Promise<void> {
  if (isBuilt()) return;
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const parameters = ['-p', path.join(root, 'tsconfig.build.json'), '--noCheck', '--outDir', own, '--sourceMap', 'false'];
  await promisify(execFile)(process.execPath, [tsc, ...parameters]);
  folder = own;
}

/** Whether nothing in `src` is newer than the stamp of the build, folders included, which tell of what was removed. */
function isBuilt(): boolean {
  const stamp = statSync(path.join(built, '.ready'), { throwIfNoEntry: false });
  const sources = path.join(root, 'src');
  return (
    stamp !== undefined &&
    readdirSync(sources, { recursive: true }).every((name) => changedAt(path.join(sources, String(name))) < stamp.mtimeMs)
  );
}

const changedAt = (file: string): number => statSync(file).mtimeMs;

/** A worker in a process of its own. */
export interface WorkerProcess {
  pid: number;
  /** Resolves when it serves its regions. */
  ready: Promise<void>;
  /** Resolves with the signal that ended it, or its exit code. */
  ended: Promise<string | number>;
  kill(signal: NodeJS.Signals): void;
}

export function spawnWorker(config: Config, environment: Record<string, string> = {}): WorkerProcess {
  const settings: Record<string, string> = {
    SLIPWAY_ENV: 'test',
    DATABASE_URL: config.databaseUrl,
    DATABASE_OWNER_URL: config.databaseOwnerUrl,
    SLIPWAY_MASTER_KEY: config.masterKey.toString('base64'),
    SLIPWAY_ALLOWED_NETWORKS: config.allowedNetworks.join(','),
    LOG_LEVEL: 'info',
    ...(config.redisUrl === null ? {} : { REDIS_URL: config.redisUrl }),
  };
  const child = spawn(process.execPath, [...SHORT_LIVED, path.join(folder, 'worker.js')], {
    env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: compiled, ...settings, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes('the worker serves these regions')) resolve();
  });
  const ended = new Promise<string | number>((done) => child.once('exit', (code, signal) => done(signal ?? code ?? -1)));
  void ended.then((how) => reject(new Error(`the worker ended (${how}) before it served anything`)));
  ready.catch(() => undefined);
  return { pid: child.pid ?? -1, ready, ended, kill: (signal) => child.kill(signal) };
}

/** Runs the API or a worker until it ends by itself: what it said, and its exit code. */
export async function runProgram(
  name: 'main' | 'worker',
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
