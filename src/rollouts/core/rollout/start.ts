/** What the targets of a new rollout begin with. */
import { standingUid } from '../failure.ts';
import { kinds } from '../kinds.ts';
import type { Side, TargetState } from '../observation.ts';
import { supersededSide } from '../stages/superseded.ts';
import type { RolloutKind } from '../../../generated/prisma/enums.ts';

/** A target's state without the names of its place. */
export type TargetFields = Omit<TargetState, 'cluster' | 'region' | 'namespace'>;

/** What a target has done to its placement; a rollout that supersedes it goes on from there. */
const UNTOUCHED = {
  written: false,
  uid: null,
  made: false,
  replicasBefore: null,
  replicasAfter: null,
} as const satisfies Partial<TargetState>;

export type TargetStart = Pick<TargetState, 'from' | 'superseded' | keyof typeof UNTOUCHED>;

/** Whether the placement still has what the target wrote. */
export const leftWritten = ({ written, phase }: Pick<TargetState, 'written' | 'phase'>): boolean => written && phase !== 'ROLLED_BACK';

/**
 * What a target goes back to, and what of it has been done already. Where a superseded rollout has written, that is what ran before *it*: an abandoned canary
 * is never gone back to, and an undo is due there even if the new rollout never gets to its first write.
 *
 * @param applied what runs on the placement
 * @param before the superseded rollout's target there, if it has left something written
 */
export function startOf(kind: RolloutKind, applied: Side | null, before: TargetFields | null): TargetStart {
  const from = before ? before.from : applied;
  return {
    from: kinds[kind].writes === 'NUMBER' ? null : from,
    superseded: before && supersededSide(before),
    ...(before ? { ...done(before), uid: standingUid(before) } : UNTOUCHED),
  };
}

function done(target: TargetFields): Pick<TargetState, keyof typeof UNTOUCHED> {
  const fields = Object.keys(UNTOUCHED) as (keyof typeof UNTOUCHED)[];
  return Object.fromEntries(fields.map((field) => [field, target[field]])) as Pick<TargetState, keyof typeof UNTOUCHED>;
}
