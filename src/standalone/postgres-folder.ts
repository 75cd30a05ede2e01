import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { StartError } from '../platform/start-error.ts';

/** Names that only drafts have. Nothing else in the data folder may be removed. */
const draftPrefix = (data: string): string => `${path.basename(data)}.unfinished-`;

/**
 * Whether the folder contains a complete database of this major version; false if it is empty or does not exist. Throws `StartError` for any other content,
 * which is not ours: a database gets this name only when it is complete.
 */
export function holdsDatabase(data: string, major: string): boolean {
  const remedy = 'move it elsewhere, or choose another folder with DATA_DIR.';
  const files = filesIn(data);
  if (files.length === 0) return false;
  if (!files.includes('PG_VERSION')) throw new StartError(`${data} contains files but no database of Slipway: ${remedy}`);
  const made = readFileSync(path.join(data, 'PG_VERSION'), 'utf8').trim();
  if (made !== major)
    throw new StartError(
      `${data} was created by Postgres ${made}, but this Slipway has Postgres ${major}: dump it with the old version, or choose another folder with DATA_DIR.`,
    );
  if (!existsSync(path.join(data, 'global', 'pg_control')))
    throw new StartError(`${data} contains an incomplete database (global/pg_control is missing): restore it from a backup, ${remedy}`);
  return true;
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    throw new StartError(`${folder} cannot be read as a folder (${code}): move it elsewhere, or choose another folder with DATA_DIR.`);
  }
}

/**
 * Creates a new folder next to `data` to build the database in, and removes those left by killed first starts. Each has its own name, because the program
 * that fills one may briefly outlive its Slipway.
 */
export function draftFolder(data: string): string {
  const directory = path.dirname(data);
  for (const left of readdirSync(directory).filter((name) => name.startsWith(draftPrefix(data)))) {
    try {
      rmSync(path.join(directory, left), { recursive: true, force: true });
    } catch {
      continue; // still being written to; the next first start removes it
    }
  }
  return mkdtempSync(path.join(directory, draftPrefix(data)));
}

/** Moves the finished draft to its place, which must be empty or not exist. */
export function moveInto(draft: string, data: string): void {
  try {
    // Fails unless the folder is empty.
    if (existsSync(data)) rmdirSync(data);
    renameSync(draft, data);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError(
      `The database cannot be moved to ${data} (${code}): move its content elsewhere, or choose another folder with DATA_DIR.`,
    );
  }
}
