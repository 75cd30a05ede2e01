import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { verdict } from './support/figures.ts';
import { startProduct } from './support/product.ts';

const SETTLE_MILLISECONDS = 10_000;
const WATCHED_MILLISECONDS = 60_000;
const MIB = 1024 * 1024;
/** Clock ticks per second in /proc, on every current Linux. */
const TICKS = 100;

const fieldsOf = (pid: number): string[] =>
  readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
const residentMiB = (pid: number): number =>
  (Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024) / MIB;
const cpuSeconds = (pid: number): number => (Number(fieldsOf(pid)[11]) + Number(fieldsOf(pid)[12])) / TICKS;

/** Whether the process exists: Postgres starts and ends processes. */
const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}/status`);

/** The process and all its descendants. */
function familyOf(pid: number): number[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const parents = new Map(
    all.flatMap((each) => {
      try {
        return [[each, Number(fieldsOf(each)[1])] as const];
      } catch {
        return []; // It has ended in the meantime.
      }
    }),
  );
  const family = [pid];
  for (const member of family) family.push(...[...parents].filter(([, parent]) => parent === member).map(([child]) => child));
  return family;
}

export async function run(): Promise<void> {
  const product = await startProduct();
  try {
    await sleep(SETTLE_MILLISECONDS);
    const others = familyOf(product.pid).slice(1);
    const sum = (figure: (pid: number) => number): number => others.filter(isAlive).reduce((all, pid) => all + figure(pid), 0);
    const before = { node: cpuSeconds(product.pid), others: sum(cpuSeconds) };
    await sleep(WATCHED_MILLISECONDS);
    const share = (from: number, to: number): number => (100 * (to - from)) / (WATCHED_MILLISECONDS / 1000);
    verdict('resident memory of the node process', residentMiB(product.pid), 350, 'MiB', 0);
    console.log(
      `resident memory of Postgres, shared pages counted in each: ${sum(residentMiB).toFixed(0)} MiB in ${others.filter(isAlive).length} processes`,
    );
    verdict('CPU of the node process', share(before.node, cpuSeconds(product.pid)), 1, '% of a core');
    console.log(`CPU of Postgres: ${share(before.others, sum(cpuSeconds)).toFixed(2)} % of a core`);
  } finally {
    await product.stop();
  }
}
