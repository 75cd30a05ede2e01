import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';

/** A Redis for one suite. */
export interface TestRedis {
  url: string;
  port: number;
  stop(): Promise<void>;
}

export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

/** Starts `redis-server` from the PATH on a free port, without persistence. `SLIPWAY_SKIP_REDIS=1` skips the suites that need it. */
export async function startRedis(port?: number): Promise<TestRedis> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-redis-'));
  const listens = port ?? (await freePort());
  const args = ['--port', String(listens), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', () =>
      reject(new Error('redis-server is not in the PATH: install it, or set SLIPWAY_SKIP_REDIS=1 to go without its suites')),
    );
    child.once('exit', (code) => reject(new Error(`redis-server ended with code ${code}`)));
  });
  failed.catch(() => undefined);
  const url = `redis://127.0.0.1:${listens}`;
  const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  await Promise.race([client.ping(), failed]).finally(() => client.disconnect());
  return {
    url,
    port: listens,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGTERM');
        await ended;
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
