/**
 * Places at which a test may kill the process as if the power had failed. Each lies between two effects that a crash could part:
 * what is named here is what must be survivable.
 */
export const FAILPOINTS = [
  /** The lease on a rollout is ours, nothing has been decided. */
  'rollout-claimed',
  /** A rollout's decisions are written in the open transaction. */
  'rollout-before-commit',
  /** They are committed, nobody has been told. */
  'rollout-after-commit',
  /** The rollout has settled in the open transaction. */
  'settle-before-commit',
  /** The lease on a placement is ours, nothing has been observed. */
  'placement-claimed',
  /** The preflight has been taken and lives in memory alone. */
  'preflight-taken',
  /** A target's decision is written in the open transaction. */
  'target-before-commit',
  /** It is committed; the cluster has not been written to. */
  'after-commit-before-write',
  /** New objects have been created, the Deployment has not been applied. */
  'objects-created',
  /** The cluster has been written to, the answer has not been looked at. */
  'after-write',
  /** A target's last objects have been applied and pruned, which only memory knows. */
  'target-finished',
  /** The leases have been given up, the process still runs. */
  'leases-released',
] as const;

export type Failpoint = (typeof FAILPOINTS)[number];

/** `name` or `name:nth`: which one to die at, and at which time of coming by (1 = the first). */
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

/** Ends the process by SIGKILL where a test asked for it; else nothing. */
export function failpoint(name: Failpoint): void {
  if (armed?.name !== name) return;
  passed += 1;
  if (passed === armed.nth) process.kill(process.pid, 'SIGKILL');
}
