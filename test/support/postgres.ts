import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { accountFor } from '../../src/standalone/data-folder.ts';
import { startEmbeddedPostgres } from '../../src/standalone/embedded-postgres.ts';
import type { EmbeddedPostgresOptions } from '../../src/standalone/embedded-postgres.ts';
import { migrate } from '../../src/platform/db/migrate.ts';

/** A Postgres in its own folder, with an empty migrated database that is copied for tests. */
export interface TestPostgres {
  ownerUrl: string;
  appUrl: string;
  pid: number;
  /** Stops it: `fast` like an administrator, `immediate` like a crash, without notice to clients and with its log to be replayed. */
  end(how: 'fast' | 'immediate'): Promise<void>;
  /** Starts it again with its data, on the same port. */
  again(): Promise<void>;
  close(): Promise<void>;
}

/** Stops the Postgres of a killed run, a second later. */
function watch(folder: string): ChildProcess {
  const script = 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; kill -QUIT "$(head -n 1 "$2/postgres/postmaster.pid")"; rm -rf "$2"';
  const child = spawn('sh', ['-c', script, 'watch', String(process.pid), folder], { detached: true, stdio: 'ignore' });
  child.unref();
  return child;
}

/** Postgres' own program for starting and stopping a server. */
async function controlProgram(): Promise<string> {
  const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const programs = createRequire(wrapper).resolve(`@embedded-postgres/${platform}-${process.arch}`);
  return ((await import(pathToFileURL(programs).href)) as { pg_ctl: string }).pg_ctl;
}

export async function startPostgres(options: EmbeddedPostgresOptions): Promise<TestPostgres> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-test-'));
  const data = path.join(folder, 'postgres');
  const postgres = await startEmbeddedPostgres(folder, options);
  await migrate(postgres.ownerUrl, postgres.appUrl);
  const watching = watch(folder);
  const control = async (...args: string[]): Promise<void> => {
    const program = await controlProgram();
    const as = accountFor(folder, [program]).command(program, [...args, '--pgdata', data, '--wait', '--silent']);
    await promisify(execFile)(as.program, as.args, { ...as.ids, env: { PATH: process.env['PATH'], LC_ALL: 'C' } });
  };
  return {
    ownerUrl: postgres.ownerUrl,
    appUrl: postgres.appUrl,
    pid: postgres.pid,
    end: (how) => control('stop', '--mode', how),
    // A stopped server is only started, with its earlier settings and port.
    again: () => control('restart', '--log', path.join(data, 'again.log')),
    close: async () => {
      watching.kill();
      await control('stop', '--mode', 'immediate').catch(() => undefined);
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
