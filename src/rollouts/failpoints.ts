/** Where a rollout can be killed between two effects. */
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

declare module '../platform/failpoint.ts' {
  interface Failpoints {
    rollouts: (typeof FAILPOINTS)[number];
  }
}
