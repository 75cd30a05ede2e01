/**
 * A pod that is stuck without a word in its status: its sandbox cannot be made, a volume not attached or mounted, its node does not report. Then its events are
 * read, and a warning among them is what is wrong.
 */
import { wordRow, generalCause } from '../cause-words.ts';
import type { Draft } from '../draft.ts';
import type { Blame, PodFault } from '../failure.ts';
import type { TargetObservation } from '../observation.ts';
import { because } from '../reasons.ts';
import { asSentence, faultOf } from './diagnosis.ts';

/** Every pod is silent for a moment while it starts. */
const SILENCE_MILLISECONDS = 10_000;
/** A reading counts for so long. */
const FRESH_MILLISECONDS = 30_000;

/** What the status says in its own words: a warning about it is older. */
const spoken: ReadonlySet<string> = new Set(['FailedScheduling', 'Failed', 'BackOff', 'Unhealthy', 'InspectFailed', 'ErrImageNeverPull']);

const isSilent = ({ reason, container }: PodFault): boolean =>
  container === null && (reason === 'ContainersNotReady' || reason === 'NotReady');

/** What a pod's events say is wrong, where its status says nothing: the newest warning, but one of the table before any other. */
export function explained({ warnings, now }: Pick<TargetObservation, 'warnings' | 'now'>, uid: string, fault: PodFault): PodFault {
  const read = isSilent(fault) ? warnings.get(uid) : undefined;
  const telling = (read?.events ?? []).filter(({ reason }) => !spoken.has(reason));
  const found = telling.find(({ reason }) => wordRow(reason) !== generalCause) ?? telling[0];
  if (found === undefined) return fault;
  const { ageMilliseconds, details: _, ...rest } = fault;
  const at = now.getTime() - ageMilliseconds;
  return faultOf({ ...rest, reason: found.reason, message: asSentence(found.message), at }, now.getTime());
}

/** The reading of events that is due about the pod that stands in the way; a time where it will be; null where its status says enough. */
export function eventsDue(o: TargetObservation, blame: Blame | null): Draft | Date | null {
  const { live } = o;
  const pod = live.kind === 'PRESENT' && blame !== null ? live.current?.pods.find(({ name }) => name === blame.pod) : undefined;
  if (!pod || pod.fault === null || !isSilent(pod.fault)) return null;
  const read = o.warnings.get(pod.uid);
  const silent = o.now.getTime() + SILENCE_MILLISECONDS - pod.fault.ageMilliseconds;
  const due = Math.max(silent, read === undefined ? 0 : read.at.getTime() + FRESH_MILLISECONDS);
  if (o.now.getTime() < due) return new Date(due);
  return { reason: because('READING_EVENTS', { pod: pod.name }), action: { kind: 'READ_EVENTS', pod: pod.name, uid: pod.uid } };
}
