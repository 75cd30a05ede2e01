/** What stands in the way of a target now, whether or not it will fail it: kept in its row, so that no restart of a worker makes it younger. */
import { adviceOf, causeOf, causeSentence, judgementOf } from './causes.ts';
import { failureReason, placeOf, shownSeverity } from './failure.ts';
import type { FoundCause } from './failure.ts';
import { presentCondition } from './condition-types.ts';
import type { Condition, ShownCondition } from './condition-types.ts';

export interface Hindrance extends FoundCause {
  /** RFC 3339: since when it lasts without a break. */
  since: string;
}

/**
 * The hindrance that is found now. It is the same as before, and as old, while it stands at the same pod; of a cause with several words, through all of them. Those
 * of many pods (`count`) stand at none.
 */
export function lasting(before: Hindrance | null, found: FoundCause, now: Date): Hindrance {
  const since = before !== null && isSame(before, found) ? before.since : now.toISOString();
  return { ...found, since };
}

function isSame(a: FoundCause, b: FoundCause): boolean {
  const many = 'count' in a.data && 'count' in b.data;
  return groupOf(a) === groupOf(b) && judgementOf(a).severity === judgementOf(b).severity && (many || a.pod === b.pod);
}

const groupOf = ({ code }: FoundCause): string => causeOf(code).group ?? code;

/** When it fails the target by having lasted; null where something else does, or nothing. */
export function graceEnd(hindrance: Hindrance, seconds: number): Date | null {
  if (judgementOf(hindrance).severity !== 'TRANSIENT') return null;
  const since = Date.parse(hindrance.since);
  return new Date((Number.isNaN(since) ? 0 : since) + seconds * 1000);
}

/** Everything that a target waits for, what is none of its pods' first. */
export function conditionsOf({ condition, hindrance }: { condition: Condition | null; hindrance: Hindrance | null }): ShownCondition[] {
  return [...(condition === null ? [] : [presentCondition(condition)]), ...(hindrance === null ? [] : [presentHindrance(hindrance)])];
}

/** As a condition of the target: `data` also has where it was found, whom it blames, and how it fails the target. */
function presentHindrance(hindrance: Hindrance): ShownCondition {
  const { since, pod, container } = hindrance;
  const { severity, blames } = judgementOf(hindrance);
  const [sentence, place] = [causeSentence(hindrance), placeOf(hindrance)];
  return {
    type: failureReason(hindrance),
    message: place === '' ? sentence : `${sentence} (${place})`,
    advice: adviceOf(hindrance),
    since,
    data: { ...hindrance.data, pod, container, severity: shownSeverity(severity), blames },
  };
}
