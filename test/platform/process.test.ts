import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { spawn } from 'node:child_process';
import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { isAlive } from '../../src/standalone/data-folder.ts';
import { serveMetrics } from '../../src/platform/http/metrics.ts';
import { migrate } from '../../src/platform/db/migrate.ts';
import { startFaults } from '../../src/platform/process.ts';
import { StartError } from '../../src/platform/start-error.ts';
import { ConfigError } from '../../src/config.ts';
import { inDatabase, testServer } from '../support/database.ts';

const fault = (work: Promise<unknown>): Promise<string[]> => work.then(() => [], startFaults);

describe('why a process does not start', () => {
  it('is one line where the port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;
    const error = await new Promise((resolve) => createServer().once('error', resolve).listen(port, '127.0.0.1'));
    taken.close();

    expect(startFaults(error)).toEqual([
      `Port ${port} is in use: stop the program that listens there, or choose another port with PORT (0 takes any free one).`,
    ]);
  });

  it('names the variable of the metrics where their port is taken', async () => {
    const taken = createServer().listen(0);
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as AddressInfo;

    const lines = await fault(serveMetrics(port, new Registry()));
    taken.close();

    expect(lines).toEqual([
      `Port ${port} is in use: stop the program that listens there, or choose another port with METRICS_PORT (0 takes any free one).`,
    ]);
  });

  it("is one line with the host where the database's name is not known", async () => {
    expect(await fault(migrate('postgresql://app:hunter2@nowhere.invalid:5433/slipway'))).toEqual([
      expect.stringMatching(/^The database is unreachable at nowhere\.invalid:5433 \((ENOTFOUND|EAI_AGAIN)\): check DATABASE_URL\.$/),
    ]);
  });

  it('is one line where the database is away, however many addresses its name has', async () => {
    for (const host of ['127.0.0.1', 'localhost']) {
      const lines = await fault(migrate(`postgresql://app:hunter2@${host}:1/slipway`));

      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(/^The database is unreachable at .*:1 \(ECONNREFUSED\): check DATABASE_URL\.$/);
    }
  });

  it('is one line where the database refuses the login or does not exist', async () => {
    const { ownerUrl } = await testServer();
    const wrong = Object.assign(new URL(ownerUrl), { password: 'hunter2' }).toString();

    expect(await fault(migrate(wrong))).toEqual([
      expect.stringMatching(/^The database refuses the login \(.*\): check user and password in DATABASE_URL\.$/),
    ]);
    expect(await fault(migrate(inDatabase(ownerUrl, 'nowhere')))).toEqual([expect.stringMatching(/^The database does not exist/)]);
  });

  it('is what the configuration and the data folder say, to the letter', () => {
    expect(startFaults(new ConfigError(['PORT must be one.', 'LOG_LEVEL must be another.']))).toEqual([
      'PORT must be one.',
      'LOG_LEVEL must be another.',
    ]);
    expect(startFaults(new StartError('The folder is in use.'))).toEqual(['The folder is in use.']);
  });

  it('is one line also where it is not known', () => {
    expect(startFaults(new Error('first\n\nsecond'))).toEqual(['Slipway could not start: first second']);
    expect(startFaults('thrown text')).toEqual(['Slipway could not start: thrown text']);
  });
});

describe('a running process', () => {
  /** Runs `body`, the text of a start function's body, until it ends; `signals` are sent one by one when a line of output asks for them. */
  async function run(body: string, signals: NodeJS.Signals[]): Promise<{ code: number | null; out: string; err: string }> {
    const source = path.resolve(import.meta.dirname, '../../src/platform/process.ts');
    const entry = `import { runUntilStopped } from ${JSON.stringify(source)}; await runUntilStopped(async () => { ${body} });`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', entry]);
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (chunk.toString().includes('ready')) child.kill(signals.shift());
    });
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    return { code, out, err };
  }
  const alive = 'setInterval(() => undefined, 1000);';

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('is stopped in good order by %s', async (signal) => {
    const result = await run(`${alive} setTimeout(() => console.log('ready'), 10); return { close: async () => console.log('closed') };`, [
      signal,
    ]);

    expect(result).toEqual({ code: 0, out: 'ready\nclosed\n', err: '' });
  });

  it.skipIf(process.platform !== 'linux')('is stopped in good order by the end of its terminal, whatever it has to say then', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'slipway-terminal-'));
    const [entry, mark] = ['entry.ts', 'closed'].map((name) => path.join(folder, name)) as [string, string];
    const [runner, logger] = ['process.ts', 'log/logger.ts'].map((name) => path.resolve(import.meta.dirname, '../../src/platform', name));
    writeFileSync(
      entry,
      `import { writeFileSync } from 'node:fs';
       import { runUntilStopped } from ${JSON.stringify(runner)};
       import { createLogger } from ${JSON.stringify(logger)};
       await runUntilStopped(async () => {
         const logger = createLogger({ logLevel: 'info' });
         ${alive}
         setTimeout(() => logger.info({ pid: process.pid }, 'ready'), 10);
         return { close: async () => {
           for (const n of [1, 2, 3]) logger.info({ n }, 'stopping');
           process.stdout.write('stopping');
           await new Promise((resolve) => setTimeout(resolve, 10));
           writeFileSync(${JSON.stringify(mark)}, '');
         } };
       });`,
    );
    // util-linux' own terminal, which closes with it.
    const terminal = spawn('script', ['--quiet', '--command', `"${process.execPath}" "${entry}"`, '/dev/null']);
    let pid = 0;
    try {
      for await (const line of createInterface(terminal.stdout)) if ((pid = Number(/"pid":(\d+)/.exec(line)?.[1] ?? 0)) > 0) break;

      terminal.kill('SIGKILL');

      await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
      expect(existsSync(mark)).toBe(true);
    } finally {
      if (pid > 0 && isAlive(pid)) process.kill(pid, 'SIGKILL');
      rmSync(folder, { recursive: true });
    }
  });

  it('ends at once at the second signal', async () => {
    const result = await run(
      `${alive} setTimeout(() => console.log('ready'), 10);
       return { close: () => { setTimeout(() => console.log('ready again'), 1_100); return new Promise(() => undefined); } };`,
      ['SIGTERM', 'SIGINT'],
    );

    expect(result.code).toBe(130);
  });

  it('takes signals that come together for one: Ctrl-C under npm comes from the terminal and from npm', async () => {
    const result = await run(
      `${alive} setTimeout(() => console.log('ready'), 10);
       return { close: () => { console.log('ready again'); return new Promise((resolve) => process.once('SIGINT', () => setTimeout(resolve, 50))); } };`,
      ['SIGINT', 'SIGINT'],
    );

    expect(result).toEqual({ code: 0, out: 'ready\nready again\n', err: '' });
  });

  it('is stopped in good order also where it is told to while it starts', async () => {
    const result = await run(
      `${alive} process.once('SIGTERM', () => setTimeout(started, 50)); console.log('ready'); let started;
       await new Promise((resolve) => (started = resolve)); return { close: async () => console.log('closed') };`,
      ['SIGTERM'],
    );

    expect(result).toEqual({ code: 0, out: 'ready\nclosed\n', err: '' });
  });

  it('that cannot start says why and ends with code 1', async () => {
    const result = await run(`${alive} throw new Error('no luck');`, []);

    expect(result).toEqual({ code: 1, out: '', err: 'Slipway could not start: no luck\n' });
  });

  it('that does not stop in good order says so and ends with code 1', async () => {
    const result = await run(
      `${alive} setTimeout(() => console.log('ready'), 10); return { close: async () => { throw new Error('stuck'); } };`,
      ['SIGTERM'],
    );

    expect(result).toMatchObject({ code: 1, err: 'Slipway did not stop cleanly: stuck\n' });
  });
});
