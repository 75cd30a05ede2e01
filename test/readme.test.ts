import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startStandalone, type Standalone } from '../src/standalone.ts';

const root = path.resolve(import.meta.dirname, '..');

/** The blocks of commands in a chapter of the README. */
function blocks(chapter: string): string[] {
  const text =
    readFileSync(path.join(root, 'README.md'), 'utf8')
      .split(/^## /m)
      .find((part) => part.startsWith(`${chapter}\n`)) ?? '';
  return [...text.matchAll(/(?:^ {4}.*\n)+/gm)].map(([block]) => block.replaceAll(/^ {4}/gm, ''));
}

/** Runs commands in a folder, with the tests' own curl, jq and kubectl. Ends at the first that fails. Returns what they print, and the requests to the API. */
async function run(commands: string, folder: string): Promise<{ out: string; err: string; requests: string[] }> {
  const [tools, requests] = [path.join(folder, 'tools'), path.join(folder, 'requests')];
  mkdirSync(tools);
  writeFileSync(requests, '');
  for (const tool of ['curl', 'jq', 'kubectl']) {
    const script = `#!/bin/sh\nexec '${process.execPath}' '${path.join(root, 'test/support/tools.ts')}' ${tool} "$@"\n`;
    writeFileSync(path.join(tools, tool), script, { mode: 0o755 });
  }
  const env = { PATH: `${tools}:${process.env['PATH']}`, REQUESTS: requests };
  const [out, err] = await new Promise<[string, string]>((resolve) => {
    execFile('sh', ['-e', '-c', commands], { cwd: folder, env }, (_error, stdout, stderr) => resolve([stdout, stderr]));
  });
  return { out, err, requests: readFileSync(requests, 'utf8').trim().split('\n') };
}

describe("the README's first steps", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-readme-'));
  const [start = '', simulator = '', steps = ''] = blocks('Run it');
  let standalone: Standalone;
  let simulated: ChildProcess;
  beforeAll(async () => {
    cpSync(path.join(root, 'examples'), path.join(folder, 'examples'), { recursive: true });
    const [command, options = ''] = simulator.trim().split(' -- ');
    expect([command, start.split(/ {2,}/)[0]]).toEqual(['npm run simulator', 'npm start']);
    simulated = spawn(process.execPath, [path.join(root, 'simulator/main.ts'), ...options.split(' ')], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    if (simulated.stdout) await once(createInterface(simulated.stdout), 'line');
    standalone = await startStandalone({ PORT: '0', DATA_DIR: path.join(folder, '.slipway'), LOG_LEVEL: 'silent' });
  });
  afterAll(async () => {
    await standalone.close();
    simulated.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  it('roll the example out on a simulated cluster as they stand', async () => {
    const { out, err, requests } = await run(steps.replaceAll('localhost:3000', new URL(standalone.url).host), folder);

    expect(err).toBe('');
    expect(requests).toEqual([
      'POST /v1/regions 201',
      'POST /v1/tenants 201',
      'POST /v1/api-keys 201',
      'POST /v1/clusters 201',
      'POST /v1/templates 201',
      'POST /v1/templates/shop/revisions 201',
      'POST /v1/workloads 201',
      'POST /v1/workloads/shop/rollouts 200',
    ]);
    const rollout = JSON.parse(out.slice(out.lastIndexOf('{"id":"', out.lastIndexOf('"kind":"DEPLOY"')))) as Record<string, unknown>;
    expect(rollout).toMatchObject({ phase: 'SUCCEEDED', failure: null });
  });
});
