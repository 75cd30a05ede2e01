import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { connect } from './support/client.ts';

const main = fileURLToPath(new URL('../../simulator/main.ts', import.meta.url));

describe('the simulator as a process', () => {
  let folder: string;
  let process_: ChildProcess | undefined;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'simulator-'));
  });
  afterEach(async () => {
    process_?.kill('SIGKILL');
    await rm(folder, { recursive: true });
  });

  const start = (...options: string[]): ChildProcess =>
    (process_ = spawn(process.execPath, [main, ...options], { stdio: ['ignore', 'pipe', 'pipe'] }));

  const ready = async (child: ChildProcess): Promise<any> => {
    if (!child.stdout) throw new Error('no output');
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    return JSON.parse(line);
  };

  it('says in one line that it is ready, writes kubeconfigs that work, and ends on SIGTERM', async () => {
    const child = start('--names', 'east,west', '--kubeconfigs', folder, '--nodes', '2');
    const said = await ready(child);
    expect(said).toMatchObject({ ready: true, pid: child.pid, clusters: [{ name: 'east' }, { name: 'west' }] });
    expect(said.faultUrl).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const config = parse(await readFile(join(folder, 'east.kubeconfig'), 'utf8'));
    expect(config['current-context']).toBe('east');
    const { cluster } = config.clusters[0];
    expect(cluster.server).toBe(`https://127.0.0.1:${said.port}/clusters/east`);
    const client = connect({ server: cluster.server, caData: cluster['certificate-authority-data'], token: config.users[0].user.token });
    expect((await client.get('/api/v1/nodes')).items).toHaveLength(2);
    await client.close();
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  it.each(['SIGINT', 'SIGHUP'] as const)('ends on %s too', async (signal) => {
    const child = start('--nodes', '1');
    await ready(child);
    const ended = once(child, 'exit');
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
  });

  it('refuses options that it does not understand, with the one that is wrong', async () => {
    const child = start('--clusters', 'many');
    const chunks: string[] = [];
    child.stderr?.on('data', (chunk) => chunks.push(String(chunk)));
    const [code] = await once(child, 'close');
    expect(code).toBe(1);
    expect(chunks.join('')).toContain('--clusters must be a whole number, not "many"');
  });

  it('gives the same tokens and uids for the same seed', async () => {
    const seen: string[] = [];
    for (const attempt of ['a', 'b']) {
      const child = start('--seed', '7', '--kubeconfigs', join(folder, attempt));
      await ready(child);
      seen.push(parse(await readFile(join(folder, attempt, 'cluster-1.kubeconfig'), 'utf8')).users[0].user.token);
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    expect(seen[0]).toBe(seen[1]);
  });
});
