import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { StartError } from '../platform/start-error.ts';

/** The account that runs Postgres: our own, or another one if we are root, which Postgres refuses. */
export interface Account {
  /** Owner of the data; empty = our own account. */
  ids: { uid?: number; gid?: number };
  /** Added to error messages, because another account may lack access to a folder. */
  note: string;
  /** The command to spawn so that the program runs as this account. */
  command(program: string, args: string[]): { program: string; args: string[]; ids: { uid?: number; gid?: number } };
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Start time of a process, to detect a reused process id; null where the system does not report it. */
function beginning(pid: number): string | null {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

/**
 * Marks the folder as in use by this process until the returned function is called. The mark of a dead process is replaced.
 * Throws `StartError` with the id of the live process that uses the folder.
 */
export function takeFolder(directory: string): () => void {
  const file = path.join(directory, 'slipway.pid');
  const mine = JSON.stringify({ pid: process.pid, began: beginning(process.pid) });
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      writeFileSync(file, mine, { flag: 'wx', mode: 0o600 });
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = readHolder(file);
    if (holder && isAlive(holder.pid) && beginning(holder.pid) === holder.began) {
      throw new StartError(
        `${directory} is in use by another Slipway, process ${holder.pid}: stop that process, or choose another folder with DATA_DIR.`,
      );
    }
    rmSync(file, { force: true });
  }
  throw new StartError(`${directory} is in use by another Slipway that is starting: choose another folder with DATA_DIR.`);
}

function readHolder(file: string): { pid: number; began: string | null } | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as { pid: number; began: string | null };
  } catch {
    return null;
  }
}

const numberOf = (flag: '-u' | '-g', name: string): number =>
  Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));

/** Whether every account may traverse all folders above the file; home folders rarely allow it. */
function isOpen(file: string): boolean {
  const above = path.dirname(file);
  if (above === file) return true;
  return (statSync(above).mode & 0o001) !== 0 && isOpen(above);
}

/** In its own user namespace a program run by root appears to run as `uid` but keeps root's access. Linux only, and not in every container. */
const inNamespace = (uid: number, gid: number): string[] => ['--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'];

function canRunInNamespace(uid: number, gid: number, program: string): boolean {
  try {
    execFileSync('unshare', [...inNamespace(uid, gid), program, '--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The account with this name. Throws if there is none. */
function otherAccount(name: string, data: string, programs: string[]): Account {
  const [uid, gid] = [numberOf('-u', name), numberOf('-g', name)];
  const closed = [data, ...programs].find((file) => !isOpen(file));
  const [program = ''] = programs;
  const ids = { uid, gid };
  // Existing data must be used by their owner: in the namespace, which maps only root, files of the account are not accessible.
  const owner = existsSync(data) ? statSync(data).uid : null;
  const asRoot = owner === null ? closed !== undefined : owner !== uid;
  if (asRoot && canRunInNamespace(uid, gid, program)) {
    return {
      ids: {},
      note: '',
      command: (file, args) => ({ program: 'unshare', args: [...inNamespace(uid, gid), file, ...args], ids: {} }),
    };
  }
  const cannot =
    closed === undefined ? '' : `, who cannot enter ${path.dirname(closed)} (Postgres refuses to run as root: choose another folder)`;
  return { ids, note: ` as the user ${name}${cannot}`, command: (file, args) => ({ program: file, args, ids }) };
}

/**
 * Postgres refuses to run as root. In that case the existing account `postgres` runs it, or else `nobody`. That account may traverse the data folder but not
 * read it.
 */
export function accountFor(directory: string, programs: string[]): Account {
  if (process.getuid?.() !== 0) return { ids: {}, note: '', command: (program, args) => ({ program, args, ids: {} }) };
  const mode = statSync(directory).mode & 0o777;
  if (!(mode & 0o001)) chmodSync(directory, mode | 0o011);
  for (const name of ['postgres', 'nobody']) {
    try {
      return otherAccount(name, path.join(directory, 'postgres'), programs);
    } catch {
      continue;
    }
  }
  throw new StartError(
    'Postgres refuses to run as root, and there is no user postgres or nobody: start Slipway as another user, or set DATABASE_URL.',
  );
}
