import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { StartError } from './start-error.ts';

/** The account that runs Postgres: our own, or where we are root, which Postgres refuses, another. */
export interface Account {
  /** Whose the data are to be; empty = our own. */
  ids: { uid?: number; gid?: number };
  /** What to add to an error, because another account sees other folders. */
  note: string;
  /** What to spawn so that the program runs as the account. */
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

/** When a process began, so that its number, used again by another, is not taken for it; null where the system does not say. */
function beginning(pid: number): string | null {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

/**
 * Marks the folder as ours until the returned function is called. A mark that a dead process left is taken over.
 * Throws `StartError` naming the live process that has it.
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
        `${directory} is in use by Slipway, process ${holder.pid}: stop that one, or choose another folder with DATA_DIR.`,
      );
    }
    rmSync(file, { force: true });
  }
  throw new StartError(`${directory} is being taken by another Slipway that starts: choose another folder with DATA_DIR.`);
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

/** Whether anybody may pass through every folder above the file, as home folders rarely allow. */
function isOpen(file: string): boolean {
  const above = path.dirname(file);
  if (above === file) return true;
  return (statSync(above).mode & 0o001) !== 0 && isOpen(above);
}

/** In a user namespace of its own a program of root's takes itself for `name`, and reaches what root reaches. Linux only, and not in every container. */
const inNamespace = (uid: number, gid: number): string[] => ['--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'];

function canRunInNamespace(uid: number, gid: number, program: string): boolean {
  try {
    execFileSync('unshare', [...inNamespace(uid, gid), program, '--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** The account by its name; throws where there is none. */
function otherAccount(name: string, data: string, programs: string[]): Account {
  const [uid, gid] = [numberOf('-u', name), numberOf('-g', name)];
  const closed = [data, ...programs].find((file) => !isOpen(file));
  const [program = ''] = programs;
  const ids = { uid, gid };
  // Who made the data runs them: what the account owns is beyond the namespace, which knows nobody but root.
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
    closed === undefined ? '' : `, who cannot enter ${path.dirname(closed)} (Postgres does not run as root: choose another folder)`;
  return { ids, note: ` as the user ${name}${cannot}`, command: (file, args) => ({ program: file, args, ids }) };
}

/**
 * Postgres does not run as root: then the account `postgres` runs it, or else `nobody`; neither has to be made. It may pass through the data folder, not
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
    'Postgres does not run as root, and there is no user postgres or nobody: start Slipway as another user, or set DATABASE_URL.',
  );
}
