import { execFileSync, fork, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isAlive } from '../../../src/standalone/data-folder.ts';
import { startEmbeddedPostgres } from '../../../src/standalone/embedded-postgres.ts';
import type { EmbeddedPostgres } from '../../../src/standalone/embedded-postgres.ts';
import { onConnection } from '../../support/database.ts';

let folder: string;
const running: EmbeddedPostgres[] = [];
const children: ChildProcess[] = [];

const made = mkdtempSync(path.join(os.tmpdir(), 'slipway-embedded-'));

beforeAll(async () => {
  await (await startEmbeddedPostgres(made, { durable: false })).stop();
});

// Each case has a copy of a folder that has been started once: making one takes seconds.
beforeEach(() => {
  folder = `${made}-${randomUUID()}`;
  execFileSync('cp', ['-a', made, folder]);
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await Promise.all(running.splice(0).map((postgres) => postgres.stop()));
  rmSync(folder, { recursive: true, force: true });
});

async function start(): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres(folder, { durable: false });
  running.push(postgres);
  return postgres;
}

/** Another process that starts Postgres in the folder and says so. */
async function startElsewhere(): Promise<{ child: ChildProcess; pid: number }> {
  const script = path.join(folder, 'elsewhere.ts');
  const source = path.resolve(import.meta.dirname, '../../../src/standalone/embedded-postgres.ts');
  writeFileSync(
    script,
    `import { startEmbeddedPostgres } from ${JSON.stringify(source)};
     const postgres = await startEmbeddedPostgres(${JSON.stringify(folder)}, { durable: false });
     process.once('message', () => process.exit(1)); process.send?.(postgres.pid); setInterval(() => undefined, 1000);`,
  );
  const child = fork(script, { execArgv: [] });
  children.push(child);
  const pid = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(Number(message)));
    child.once('exit', (code) => reject(new Error(`it ended with code ${code}`)));
  });
  return { child, pid };
}

const ended = (child: ChildProcess): Promise<void> => new Promise((resolve) => child.once('exit', () => resolve()));

afterAll(() => rmSync(made, { recursive: true, force: true }));

describe('the embedded Postgres', () => {
  it('keeps its rows over a restart, on another port, with the same password', async () => {
    const first = await start();
    await onConnection(first.ownerUrl, (client) => client.query('CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)'));
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);

    const second = await start();

    expect(await onConnection(second.ownerUrl, async (client) => (await client.query('SELECT n FROM kept')).rows)).toEqual([{ n: 42 }]);
    expect(new URL(second.ownerUrl).password).toBe(new URL(first.ownerUrl).password);
    expect(new URL(second.ownerUrl).hostname).toBe('127.0.0.1');
  });

  it('lets nobody in without the password, which only the owner of the folder can read', async () => {
    const postgres = await start();
    const wrong = Object.assign(new URL(postgres.ownerUrl), { password: 'wrong' }).toString();

    await expect(onConnection(wrong, (client) => client.query('SELECT 1'))).rejects.toThrow(/password authentication failed/);
    expect(statSync(path.join(folder, 'postgres-password')).mode & 0o777).toBe(0o600);
    expect(existsSync(path.join(folder, 'postgres.password'))).toBe(false);
    expect(statSync(path.join(folder, 'postgres')).mode & 0o077).toBe(0);
  });

  it.each([
    ['through a socket in its folder', '', true],
    ['over the network of the machine where the name of a socket would be too long', '-long'.repeat(20), false],
  ])('is reached %s, and not without the password', async (_, suffix, socket) => {
    const directory = `${folder}${suffix}`;
    if (suffix !== '') renameSync(folder, directory);
    folder = directory;
    const { nearUrl } = await start();
    const address = 'SELECT inet_server_addr() IS NULL AS socket, current_user AS login';
    const { rows } = await onConnection(nearUrl, (client) => client.query(address));
    expect(rows).toEqual([{ socket, login: 'slipway_login' }]);
    const wrong = Object.assign(new URL(nearUrl), { password: 'wrong' }).toString();
    await expect(onConnection(wrong, (client) => client.query('SELECT 1'))).rejects.toThrow(/password authentication failed/);
  });

  it('gives the application a login that is neither superuser nor owner', async () => {
    const postgres = await start();

    const { rows } = await onConnection(postgres.appUrl, (client) =>
      client.query('SELECT rolsuper, rolcreatedb, rolcreaterole, rolinherit FROM pg_roles WHERE rolname = current_user'),
    );

    expect(rows).toEqual([{ rolsuper: false, rolcreatedb: false, rolcreaterole: false, rolinherit: false }]);
  });

  it('refuses a folder that a live Slipway has, naming its process', async () => {
    const { child, pid } = await startElsewhere();

    await expect(startEmbeddedPostgres(folder)).rejects.toThrow(
      new RegExp(`${folder} is in use by another Slipway, process ${child.pid}: .*DATA_DIR`),
    );
    expect(isAlive(pid)).toBe(true);

    process.kill(pid, 'SIGINT');
  });

  it('stops a server whose Slipway was killed, and starts with all that was committed', async () => {
    const { child, pid } = await startElsewhere();
    const over = ended(child);
    child.kill('SIGKILL');
    await over;
    expect(isAlive(pid)).toBe(true);

    const postgres = await start();

    expect(isAlive(pid)).toBe(false);
    expect(isAlive(postgres.pid)).toBe(true);
  });

  it.each([
    ['another program', 'web'],
    ['a Postgres of somebody else', 'postgres'],
  ])('starts where the number of its dead server now belongs to %s, which is left alone', async (_, name) => {
    const data = path.join(folder, 'postgres');
    // Postgres minds only processes of its own account.
    const { uid, gid } = statSync(data);
    const foreign = spawn('sh', ['-c', 'read line', name], { uid, gid });
    children.push(foreign);
    await once(foreign, 'spawn');
    writeFileSync(path.join(data, 'postmaster.pid'), `${foreign.pid}\n${data}\n`);

    const postgres = await start();

    expect(isAlive(postgres.pid)).toBe(true);
    expect([foreign.exitCode, foreign.signalCode]).toEqual([null, null]);
  });

  it('ends by itself after a Slipway that ended without stopping it', async () => {
    const { child, pid } = await startElsewhere();
    const over = ended(child);
    child.send('end');
    await over;

    await expect.poll(() => isAlive(pid), { timeout: 30_000 }).toBe(false);
    expect(readFileSync(path.join(folder, 'postgres.log'), 'utf8')).toContain('database system is shut down');
  });

  it('does not take the process that now has the number of a dead Slipway for it', async () => {
    writeFileSync(path.join(folder, 'slipway.pid'), JSON.stringify({ pid: process.pid, began: '1' }));

    const postgres = await start();

    expect(isAlive(postgres.pid)).toBe(true);
  });

  it('refuses a folder of another major version in one line', async () => {
    writeFileSync(path.join(folder, 'postgres/PG_VERSION'), '13\n');

    const error = await startEmbeddedPostgres(folder).catch((reason: unknown) => reason);

    expect(String((error as Error).message)).toMatch(/was created by Postgres 13, but this Slipway has Postgres 18: .*DATA_DIR\.$/);
    expect(String((error as Error).message)).not.toContain('\n');
  });

  it('starts over after a first start that was killed, and leaves nothing of it', async () => {
    renameSync(path.join(folder, 'postgres'), path.join(folder, 'postgres.unfinished-abcdef'));
    rmSync(path.join(folder, 'postgres.unfinished-abcdef/global/pg_control'));
    writeFileSync(path.join(folder, 'postgres.unfinished-abcdef.password'), 'left');

    const postgres = await start();

    expect(await onConnection(postgres.ownerUrl, async (client) => (await client.query('SELECT 1 AS one')).rows)).toEqual([{ one: 1 }]);
    expect(readdirSync(folder).filter((name) => name.includes('unfinished'))).toEqual([]);
  });

  it('is made in an empty folder', async () => {
    rmSync(path.join(folder, 'postgres'), { recursive: true });
    mkdirSync(path.join(folder, 'postgres'));

    expect(isAlive((await start()).pid)).toBe(true);
  });

  it.each([
    ['with files of somebody else', ['precious'], /contains files but no database of Slipway: move it elsewhere, .*DATA_DIR\.$/],
    [
      'with databases of Debian',
      ['16/main/PG_VERSION', '16/main/global/pg_control'],
      /contains files but no database of Slipway: move it elsewhere, .*DATA_DIR\.$/,
    ],
    ['with what is left of another major version', ['PG_VERSION', 'base/1'], /was created by Postgres 13, .*DATA_DIR\.$/],
  ])('refuses a folder %s in one line and leaves it as it is', async (_, files, line) => {
    const data = path.join(folder, 'postgres');
    rmSync(data, { recursive: true });
    for (const file of files) {
      mkdirSync(path.dirname(path.join(data, file)), { recursive: true });
      writeFileSync(path.join(data, file), '13\n');
    }

    const { message } = (await start().catch((reason: unknown) => reason)) as Error;

    expect(message).toMatch(line);
    expect(message).toContain(data);
    expect(message).not.toContain('\n');
    expect(files.map((file) => readFileSync(path.join(data, file), 'utf8'))).toEqual(files.map(() => '13\n'));
  });

  it('refuses a database that has lost its control file, and leaves it as it is', async () => {
    rmSync(path.join(folder, 'postgres/global/pg_control'));

    await expect(start()).rejects.toThrow(
      /contains an incomplete database \(global\/pg_control is missing\): restore it from a backup, .*DATA_DIR\.$/,
    );

    expect(existsSync(path.join(folder, 'postgres/PG_VERSION'))).toBe(true);
  });

  it.each([
    ['is missing', (file: string) => rmSync(file), /postgres-password is missing: restore it from a backup/],
    [
      'is empty',
      (file: string) => writeFileSync(file, ''),
      /postgres-password does not contain the database's password \(64 hexadecimal digits\): restore it/,
    ],
    [
      'is another',
      (file: string) => writeFileSync(file, 'a'.repeat(64)),
      /The password in .*postgres-password is not that of the database in .*: restore the file/,
    ],
  ])('says so in one line where its password %s, and makes no other', async (_, spoil, line) => {
    const file = path.join(folder, 'postgres-password');
    spoil(file);
    const before = existsSync(file) ? readFileSync(file, 'utf8') : null;

    const { message } = (await start().catch((reason: unknown) => reason)) as Error;

    expect(message).toMatch(line);
    expect(message).not.toContain('\n');
    expect(existsSync(file) ? readFileSync(file, 'utf8') : null).toBe(before);
    expect(existsSync(path.join(folder, 'postgres/postmaster.pid'))).toBe(false);
  });

  it.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')(
    'runs for root also below a folder that is closed to everybody else',
    async () => {
      const closed = mkdtempSync(path.join(os.tmpdir(), 'slipway-closed-'));
      folder = path.join(closed, 'data');
      try {
        for (let turn = 0; turn < 2; turn++) {
          const postgres = await start();
          expect(await onConnection(postgres.ownerUrl, async (client) => (await client.query('SELECT 1 AS one')).rows)).toEqual([
            { one: 1 },
          ]);
          await postgres.stop();
        }
        expect(statSync(closed).mode & 0o777).toBe(0o700);
      } finally {
        rmSync(closed, { recursive: true });
      }
    },
  );

  it('leaves the folder free when it is stopped', async () => {
    const postgres = await start();
    await postgres.stop();
    await postgres.ended;

    expect(existsSync(path.join(folder, 'slipway.pid'))).toBe(false);
    expect(readFileSync(path.join(folder, 'postgres.log'), 'utf8')).toContain('shut down');
  });
});
