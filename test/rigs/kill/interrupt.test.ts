import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../../..');

describe('the demo, interrupted', () => {
  let folder: string;
  let demo: ChildProcess | null = null;
  beforeEach(() => {
    // It keeps its data below the folder that it is started in.
    folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'slipway-demo-')));
    for (const name of ['dist', 'simulator']) symlinkSync(path.join(root, name), path.join(folder, name));
  });
  afterEach(async () => {
    if (demo && demo.exitCode === null && demo.kill('SIGTERM')) await once(demo, 'exit');
    // A test that failed may have left some.
    if (process.platform === 'linux') for (const pid of left()) process.kill(Number(pid), 'SIGKILL');
    rmSync(folder, { recursive: true });
  });

  /** Processes that work in the folder. */
  const left = (): string[] =>
    readdirSync('/proc').filter((entry) => {
      try {
        return /^\d+$/.test(entry) && readlinkSync(`/proc/${entry}/cwd`).startsWith(folder);
      } catch {
        return false;
      }
    });

  /** Starts the demo in the folder. */
  function start(environment: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [path.join(root, 'demo/main.ts')], { cwd: folder, env: { ...process.env, ...environment } });
    const said = { output: '', errors: '' };
    child.stdout.on('data', (chunk: Buffer) => (said.output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said.errors += chunk.toString()));
    return { child, said, ended: once(child, 'close') };
  }

  /** What a process leaves in the folder as long as it runs. */
  const marks = ['demo.pid', 'data/slipway.pid', 'data/postgres/postmaster.pid'];
  // The demo, Slipway, the simulator, and whatever makes or runs Postgres.
  const everythingStarts = (): boolean => left().length > 3;
  const rollsOut = (output: string): boolean => output.includes('PROGRESSING');
  /** Settings of another Slipway, with which this one would not start. */
  const foreign = {
    DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none',
    REDIS_URL: 'redis://127.0.0.1:1',
    METRICS_PORT: '1',
    DATA_DIR: '/dev/null',
    SLIPWAY_REGIONS: 'nowhere',
    SLIPWAY_MASTER_KEY: 'none',
  };

  it.skipIf(process.platform !== 'linux').each<[string, (output: string) => boolean, NodeJS.ProcessEnv]>([
    ['while everything starts', everythingStarts, {}],
    ['in the middle of a rollout, whatever is set for another Slipway,', rollsOut, foreign],
  ])(
    '%s leaves nothing running',
    async (_, has, environment) => {
      const { child, said, ended } = start(environment);
      demo = child;
      await expect.poll(() => child.exitCode !== null || has(said.output), { timeout: 100_000 }).toBe(true);

      // Under npm, Ctrl-C comes twice.
      child.kill('SIGINT');
      child.kill('SIGINT');

      expect(await ended, said.errors).toEqual([130, null]);
      expect(left()).toEqual([]);
      for (const file of marks) expect(existsSync(path.join(folder, '.slipway/demo', file)), file).toBe(false);
    },
    150_000,
  );

  it.skipIf(process.platform !== 'linux')(
    'by the end of its terminal in the middle of a rollout, which it was drawing, leaves nothing running',
    async () => {
      const code = path.join(folder, 'code');
      // The terminal is that of util-linux, which closes with it. Its first process, which the system tells, is a shell: it says how the demo ended.
      const run = `"${process.execPath}" "${path.join(root, 'demo/main.ts')}" & wait; wait $!; echo $? > "${code}"`;
      const terminal = spawn('script', ['--quiet', '--command', `trap 'kill -HUP $!' HUP; ${run}`, '/dev/null'], {
        cwd: folder,
        env: { ...process.env, SHELL: '/bin/sh' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let output = '';
      terminal.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      await expect.poll(() => terminal.exitCode !== null || rollsOut(output), { timeout: 100_000 }).toBe(true);

      terminal.kill('SIGKILL');

      await expect.poll(() => existsSync(code) && readFileSync(code, 'utf8'), { timeout: 40_000 }).toBe('130\n');
      await expect.poll(left).toEqual([]);
      for (const file of marks) expect(existsSync(path.join(folder, '.slipway/demo', file)), file).toBe(false);
    },
    150_000,
  );

  it.skipIf(process.platform !== 'linux')(
    'keeps its folder from a second one from its first line on, which says so in one line',
    async () => {
      const first = start();
      demo = first.child;
      await once(first.child.stdout, 'data');
      const files = statSync(path.join(folder, '.slipway/demo')).ino;

      const second = start();

      expect(await second.ended).toEqual([1, null]);
      expect(second.said).toEqual({
        output: '',
        errors: `A demo is running in .slipway/demo, process ${first.child.pid}: stop it first, with Ctrl-C or kill ${first.child.pid}.\n`,
      });
      expect(statSync(path.join(folder, '.slipway/demo')).ino).toBe(files);
      first.child.kill('SIGTERM');
      expect(await first.ended, first.said.errors).toEqual([130, null]);
    },
    150_000,
  );

  it.skipIf(process.platform !== 'linux')(
    'names the Slipway that a killed demo has left, and starts where it is gone',
    async () => {
      const slipway = spawn('sh', ['-c', 'read line']);
      try {
        await once(slipway, 'spawn');
        const began = readFileSync(`/proc/${slipway.pid}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')[19];
        mkdirSync(path.join(folder, '.slipway/demo/data'), { recursive: true });
        const mark = (start?: string): void =>
          writeFileSync(path.join(folder, '.slipway/demo/data/slipway.pid'), JSON.stringify({ pid: slipway.pid, began: start }));
        mark(began);
        const refused = start();
        expect(await refused.ended).toEqual([1, null]);
        expect(refused.said.errors).toContain(`process ${slipway.pid}: stop it first`);

        // The number has gone to another process since.
        mark('1');
        const { child, said, ended } = start();
        demo = child;
        await once(child.stdout, 'data');
        child.kill('SIGINT');
        expect(await ended, said.errors).toEqual([130, null]);
      } finally {
        slipway.kill('SIGKILL');
      }
    },
    60_000,
  );
});
