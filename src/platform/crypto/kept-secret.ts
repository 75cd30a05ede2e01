import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { StartError } from '../start-error.ts';

/** A secret that is kept in a file of the data folder. */
export interface Kept<T> {
  file: string;
  /** The file's content, as in "does not contain the master key (32 bytes in base64)". */
  what: string;
  make(): string;
  /** The secret in the file's text; null if it is not valid. */
  parse(text: string): T | null;
  /** What to do if the file is not valid. */
  remedy: string;
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

/** Creates the folder and its parents. Node's `recursive` is not used, because it never returns below `/proc`. */
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

/** Creates the data folder, accessible to its owner only, unless it exists. Throws `StartError`. */
export function makeFolder(directory: string): void {
  try {
    makeAll(path.resolve(directory));
  } catch (error) {
    throw new StartError(`The folder ${directory} cannot be created (${codeOf(error)}): choose another with DATA_DIR.`);
  }
}

/** Writes the file unless it exists; true = it was written. The file is always complete, even after a power failure. */
function writeOnce(name: string, value: string): boolean {
  const draft = `${name}.${process.pid}`;
  try {
    writeFileSync(draft, value, { mode: 0o600, flush: true });
    linkSync(draft, name);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new StartError(`${name} cannot be written (${codeOf(error)}): make it writable, or choose another folder with DATA_DIR.`);
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

/** A secret in the data folder, readable by its owner only and generated at the first start. Throws `StartError` if the file is not valid. */
export function keptSecret<T>(directory: string, kept: Kept<T>): { value: T; made: boolean } {
  const name = path.join(directory, kept.file);
  makeFolder(directory);
  const made = !existsSync(name) && writeOnce(name, kept.make());
  const value = kept.parse(read(name));
  if (value === null) throw new StartError(`${name} does not contain ${kept.what}: ${kept.remedy}.`);
  return { value, made };
}
