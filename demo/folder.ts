import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Folder of the demo's data and logs, separate from the product's. */
export const FOLDER = join('.slipway', 'demo');
const MARK = join(FOLDER, 'demo.pid');
/** Slipway's own mark: it goes on in the folder if its demo was killed. */
const MARK_OF_SLIPWAY = join(FOLDER, 'data', 'slipway.pid');

/** An empty folder for this run. Throws if a demo or its Slipway runs there: the folder must not be taken away from them. */
export function prepareFolder(): void {
  const pid = holderOf(MARK) ?? holderOf(MARK_OF_SLIPWAY);
  if (pid !== null) throw new Error(`A demo is running in ${FOLDER}, process ${pid}: stop it first, with Ctrl-C or kill ${pid}.`);
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(MARK, JSON.stringify({ pid: process.pid, began: beginning(process.pid) }));
  process.once('exit', () => rmSync(MARK, { force: true }));
}

/** The live process that a mark names; null if there is none, or if its number now belongs to a later process. */
function holderOf(mark: string): number | null {
  try {
    const { pid, began } = JSON.parse(readFileSync(mark, 'utf8')) as { pid: number; began: string | null };
    return isAlive(pid) && beginning(pid) === began ? pid : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Start time of a process; null where the system does not report it. Slipway's mark has the same. */
function beginning(pid: number): string | null {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return line.slice(line.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
