/** What a superseded rollout leaves to the one that takes its place. */
import type { Side, TargetState } from './observation.ts';

/**
 * What a rollout that supersedes this target finds beside its own sides: what the target had written, or, where it had written nothing of its own yet, what it
 * had found itself.
 */
export function supersededSide({
  to,
  superseded,
  surge,
  undoing,
}: Pick<TargetState, 'to' | 'superseded' | 'surge' | 'undoing'>): Side | null {
  // Going back resets what was written last, so that null says nothing there.
  return surge === null && !undoing ? (superseded ?? to) : to;
}
