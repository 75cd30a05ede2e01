/** What a workload ran, and so where a rollback that names no release goes. */
import type { RolloutKind, RolloutPhase } from '../../generated/prisma/enums.ts';
import { kinds } from './kinds.ts';

/** A rollout of a release that SUCCEEDED. */
export interface Done {
  kind: RolloutKind;
  /** The release's number. */
  release: number;
}

export interface History {
  /** What SUCCEEDED, oldest first. */
  done: readonly Done[];
  /** Numbers of the releases that are live on a placement. */
  live: readonly number[];
  /** Of the last rollout that changed what stands on placements; null = there was none. */
  lastPhase: RolloutPhase | null;
}

/** Releases as a stack, the one that runs last: a deployment pushes its release, and a rollback pops down to its own. */
export function stackOf(done: readonly Done[]): number[] {
  const stack: number[] = [];
  for (const { kind, release } of done) {
    const at = stack.lastIndexOf(release);
    if (kinds[kind].success === 'GONE_BACK' && at >= 0) stack.length = at + 1;
    else if (stack.at(-1) !== release) stack.push(release);
  }
  return stack;
}

/**
 * The releases to go back to, the first choice first. Where something else than the top of the stack runs (an active rollout is superseded, the last one FAILED and
 * may have left its release somewhere, or a release that never succeeded is live), the top is what ran before; else the one below it.
 */
export function waysBack({ done, live, lastPhase }: History, superseding: boolean): number[] {
  const stack = stackOf(done);
  const left = lastPhase === 'FAILED' || live.some((release) => !stack.includes(release));
  const below = superseding || left ? stack : stack.slice(0, -1);
  return [...new Set(below.toReversed())];
}
