import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

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

  it.skipIf(process.platform !== 'linux').each([
    // The demo, Slipway, the simulator, and whatever makes or runs Postgres.
    ['while everything starts', () => left().length > 3],
    ['in the middle of a rollout', (output: string) => output.includes('PROGRESSING')],
  ])(
    '%s leaves nothing running',
    async (_, has) => {
      const child = (demo = spawn(process.execPath, [path.join(root, 'demo/main.ts')], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'inherit'],
      }));
      const ended = once(child, 'exit');
      let output = '';
      child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
      await expect.poll(() => has(output), { timeout: 100_000 }).toBe(true);

      // Under npm, Ctrl-C comes twice.
      child.kill('SIGINT');
      child.kill('SIGINT');

      expect(await ended).toEqual([130, null]);
      expect(left()).toEqual([]);
      for (const file of ['slipway.pid', 'postgres/postmaster.pid'])
        expect(existsSync(path.join(folder, '.slipway/demo/data', file)), file).toBe(false);
    },
    150_000,
  );
});
