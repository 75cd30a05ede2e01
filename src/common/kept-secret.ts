import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { StartError } from './start-error.ts';

/** A secret that is kept in a file of the data folder. */
export interface Kept<T> {
  file: string;
  /** What the file holds, as in "does not hold the master key (32 bytes in base64)". */
  what: string;
  make(): string;
  /** The secret that the file's text is; null where it is none. */
  parse(text: string): T | null;
  /** What to do about a file that does not hold it. */
  remedy: string;
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

/** Makes the folder and those above it. Not by Node's own `recursive`, which never returns below `/proc`. */
function makeAll(directory: string): void {
  const make = (): void => void mkdirSync(directory, { mode: 0o700 });
  try {
    make();
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && statSync(directory).isDirectory()) return;
    if (codeOf(error) !== 'ENOENT' || path.dirname(directory) === directory) throw error;
    makeAll(path.dirname(directory));
    make();
  }
}

/** Makes the data folder, for its owner alone, unless it is there. Throws `StartError`. */
export function makeFolder(directory: string): void {
  try {
    makeAll(path.resolve(directory));
  } catch (error) {
    throw new StartError(`The folder ${directory} cannot be made (${codeOf(error)}): choose another with DATA_DIR.`);
  }
}

/** Writes the file unless it is there: true = it was written. Whoever finds the file finds all of it, also after the machine has lost its power. */
function writeOnce(name: string, value: string): boolean {
  const draft = `${name}.${process.pid}`;
  try {
    writeFileSync(draft, value, { mode: 0o600, flush: true });
    linkSync(draft, name);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new StartError(`${name} cannot be written (${codeOf(error)}): make room for it, or choose another folder with DATA_DIR.`);
  } finally {
    rmSync(draft, { force: true });
  }
}

function read(name: string): string {
  try {
    return readFileSync(name, 'utf8').trim();
  } catch (error) {
    throw new StartError(`${name} cannot be read (${codeOf(error)}): let this user read the file, or choose another folder with DATA_DIR.`);
  }
}

/** A secret kept in the data folder, for the owner's eyes only; made at the first start. Throws `StartError` for a file that does not hold it. */
export function keptSecret<T>(directory: string, kept: Kept<T>): { value: T; made: boolean } {
  const name = path.join(directory, kept.file);
  makeFolder(directory);
  const made = !existsSync(name) && writeOnce(name, kept.make());
  const value = kept.parse(read(name));
  if (value === null) throw new StartError(`${name} does not hold ${kept.what}: ${kept.remedy}.`);
  return { value, made };
}
