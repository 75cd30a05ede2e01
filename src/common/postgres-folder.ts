import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { StartError } from './start-error.ts';

/** Names that only drafts have: whatever else lies in the data folder is not ours to remove. */
const draftPrefix = (data: string): string => `${path.basename(data)}.unfinished-`;

/**
 * Whether the folder holds a whole database of this major version; false where it is empty or not there. Throws `StartError` for whatever else it holds,
 * which somebody put there: what we make appears under this name when it is whole.
 */
export function holdsDatabase(data: string, major: string): boolean {
  const remedy = 'move it away, or choose another folder with DATA_DIR.';
  const files = filesIn(data);
  if (files.length === 0) return false;
  if (!files.includes('PG_VERSION')) throw new StartError(`${data} holds files but no database of Slipway's: ${remedy}`);
  const made = readFileSync(path.join(data, 'PG_VERSION'), 'utf8').trim();
  if (made !== major)
    throw new StartError(
      `${data} was made by Postgres ${made}, and this Slipway brings Postgres ${major}: dump it with the old one, or choose another folder with DATA_DIR.`,
    );
  if (!existsSync(path.join(data, 'global', 'pg_control')))
    throw new StartError(`${data} holds a database that is not whole (global/pg_control is missing): put it back from a copy, ${remedy}`);
  return true;
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw new StartError(`${folder} cannot be read as a folder (${code}): move it away, or choose another folder with DATA_DIR.`);
  }
}

/**
 * A new folder beside `data` to make the database in. Those that first starts left behind which were killed are removed; each has a name of its own, because
 * the program that fills one may outlive its Slipway for a moment.
 */
export function draftFolder(data: string): string {
  const directory = path.dirname(data);
  for (const left of readdirSync(directory).filter((name) => name.startsWith(draftPrefix(data)))) {
    try {
      rmSync(path.join(directory, left), { recursive: true, force: true });
    } catch {
      continue; // it is still being written to: the next one who makes a database removes it
    }
  }
  return mkdtempSync(path.join(directory, draftPrefix(data)));
}

/** Puts the finished draft in its place, where there is nothing or an empty folder. */
export function moveInto(draft: string, data: string): void {
  try {
    // Removes an empty folder only.
    if (existsSync(data)) rmdirSync(data);
    renameSync(draft, data);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError(
      `The database cannot be put into ${data} (${code}): move what is there away, or choose another folder with DATA_DIR.`,
    );
  }
}
