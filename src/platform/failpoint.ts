/**
 * Places where a test may kill the process as in a power failure. Each is between two effects that a crash could separate, and a crash at each must be
 * survivable.
 */
export const FAILPOINTS = [
  /** This process has the rollout's lease; nothing has been decided. */
  'rollout-claimed',
  /** A rollout's decisions are written in the open transaction. */
  'rollout-before-commit',
  /** The decisions are committed; nothing has been announced. */
  'rollout-after-commit',
  /** The rollout has settled in the open transaction. */
  'settle-before-commit',
  /** This process has the placement's lease; nothing has been observed. */
  'placement-claimed',
  /** The preflight has been done; its result is in memory only. */
  'preflight-taken',
  /** A target's decision is written in the open transaction. */
  'target-before-commit',
  /** The decision is committed; the cluster has not been written to. */
  'after-commit-before-write',
  /** New objects have been created, the Deployment has not been applied. */
  'objects-created',
  /** The cluster has been written to; the response has not been read. */
  'after-write',
  /** A target's last objects have been applied and pruned; this is in memory only. */
  'target-finished',
  /** The leases have been released; the process is still running. */
  'leases-released',
] as const;

export type Failpoint = (typeof FAILPOINTS)[number];

/** Parses `name` or `name:nth`: the failpoint, and at which pass to end the process (1 = the first). */
export function parseFailpoint(text: string | undefined): { name: Failpoint; nth: number } | null {
  if (!text) return null;
  const [name = '', nth = '1'] = text.split(':');
  const known = FAILPOINTS.find((each) => each === name);
  if (!known || !/^[1-9]\d*$/.test(nth))
    throw new Error(`SLIPWAY_FAILPOINT must be <name> or <name>:<nth> with a name of ${FAILPOINTS.join(', ')}`);
  return { name: known, nth: Number(nth) };
}

const armed = parseFailpoint(process.env['SLIPWAY_FAILPOINT']);
let passed = 0;

/** Ends the process by SIGKILL if a test armed this failpoint. */
export function failpoint(name: Failpoint): void {
  if (armed?.name !== name) return;
  passed += 1;
  if (passed === armed.nth) process.kill(process.pid, 'SIGKILL');
}
