import { execFileSync } from 'node:child_process';
import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { StartError } from '../config.ts';

/** The account that runs Postgres: our own, or where we are root, which Postgres refuses, another. */
export interface Account {
  ids: { uid?: number; gid?: number };
  /** What to add to an error, because another account sees other folders. */
  note: string;
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

/** Postgres does not run as root: then the account `postgres` runs it, or else `nobody`; neither has to be made. It may pass through the folder, not read it. */
export function accountFor(directory: string): Account {
  if (process.getuid?.() !== 0) return { ids: {}, note: '' };
  for (const name of ['postgres', 'nobody']) {
    try {
      const ids = { uid: numberOf('-u', name), gid: numberOf('-g', name) };
      const mode = statSync(directory).mode & 0o777;
      if (!(mode & 0o001)) chmodSync(directory, mode | 0o011);
      return { ids, note: ` as the user ${name} (root must not run Postgres; ${name} must be able to enter ${directory})` };
    } catch {
      continue;
    }
  }
  throw new StartError(
    'Postgres does not run as root, and there is no user postgres or nobody: start Slipway as another user, or set DATABASE_URL.',
  );
}
