import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { EmbeddedPostgres } from '../../src/common/embedded-postgres.ts';

/** Where a test process asks for the run's Postgres. */
export const SUPPORT_VARIABLE = 'SLIPWAY_TEST_SUPPORT';

interface Running {
  postgres: EmbeddedPostgres;
  folder: string;
  watch: ChildProcess;
}

/** A run that is killed cannot stop its Postgres: this does, a second later. */
function watch(pid: number, folder: string): ChildProcess {
  const script = 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; kill -QUIT "$2"; rm -rf "$3"';
  const child = spawn('sh', ['-c', script, 'watch', String(process.pid), String(pid), folder], { detached: true, stdio: 'ignore' });
  child.unref();
  return child;
}

/**
 * One Postgres for a whole run, started when the first suite asks for a database and never for a run that needs none.
 * Returns what stops it. For vitest's `globalSetup`.
 */
export default async function setup(): Promise<() => Promise<void>> {
  let starting: Promise<Running> | null = null;
  const start = async (): Promise<Running> => {
    const { startEmbeddedPostgres } = await import('../../src/common/embedded-postgres.ts');
    const { migrate } = await import('../../src/common/migrate.ts');
    const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-test-'));
    const postgres = await startEmbeddedPostgres(folder, { durable: false, maxConnections: 400 });
    await migrate(postgres.ownerUrl, postgres.appUrl);
    return { postgres, folder, watch: watch(postgres.pid, folder) };
  };
  const server = createServer((_request, response) => {
    starting ??= start();
    starting.then(
      ({ postgres: { ownerUrl, appUrl, pid } }) => response.end(JSON.stringify({ ownerUrl, appUrl, pid })),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env[SUPPORT_VARIABLE] = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return async () => {
    server.closeAllConnections();
    server.close();
    const running = await starting?.catch(() => null);
    if (!running) return;
    running.watch.kill();
    await running.postgres.stop();
    rmSync(running.folder, { recursive: true, force: true });
  };
}
