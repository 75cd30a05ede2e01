import type { NewEvent } from '../../events/event-log.ts';
import type { EventTable, EventType } from '../../events/event-types.ts';
import { isSettled } from '../core/phases.ts';
import { sentenceOf } from '../core/reasons.ts';
import type { StoredReason } from '../core/reasons.ts';
import type { RolloutEvent } from '../core/rollout/reduce-rollout.ts';
import { rolloutTransitions } from '../core/transitions.ts';
import { targetData } from './rows.ts';
import type { PlacedTarget } from './rows.ts';
import { storable, storableJson } from '../../platform/db/storable.ts';
import type { LockedRollout } from './locked-rollout.repository.ts';

export const rolloutEvents = {
  'rollout.created': 'A rollout was accepted.',
  'rollout.started': 'Its first wave was opened.',
  'rollout.paused': 'It is paused: at a step, on request, or for a failure (`data.pauseReason`).',
  'rollout.resumed': 'It goes on after a pause, on request.',
  'rollout.promoted': 'A pause of its strategy was ended on request.',
  'rollout.aborting': 'An abort was accepted.',
  'rollout.rolling_back': 'It goes back, in whole, by wave or by target (`data.scope`).',
  'rollout.retried': 'Failed targets are retried, on request.',
  'rollout.succeeded': 'It ended: every target runs what was asked for, or as many as the waves demand. Terminal.',
  'rollout.rolled_back': 'It ended: every target that was changed runs what it ran before. Terminal.',
  'rollout.failed': 'It ended, and an operator is needed. Terminal.',
  'rollout.canceled': 'It ended before anything was written. Terminal.',
  'rollout.superseded': 'Another rollout took its place. Terminal.',
  'wave.opened': 'Targets of a wave may start.',
  'wave.completed': 'Every target of a wave has ended.',
  'target.started': 'The first write to a cluster was decided.',
  'target.step': 'A target moves on, or rests at a step.',
  'target.unreachable': 'A target waits because its cluster is unreachable, refuses access, or has no worker.',
  'target.reachable': 'The cluster of a target is reachable again.',
  'target.unhealthy': 'Pods that a target holds at are not well any more (`data.condition`).',
  'target.healthy': 'Pods that a target holds at are well again.',
  'target.failed': 'A target failed (`data.failure`).',
  'target.succeeded': 'A target runs what was asked for.',
  'target.rolled_back': 'A target runs what it ran before.',
} as const satisfies EventTable;

declare module '../../events/event-types.ts' {
  interface EventTypes {
    rollouts: keyof typeof rolloutEvents;
  }
}

/** Exactly one of them ends a rollout's events. */
export const terminalEvents: ReadonlySet<string> = new Set(rolloutTransitions.filter(({ to }) => isSettled(to)).map(({ event }) => event));

interface EventFacts {
  type: EventType;
  reason: StoredReason;
  data?: object;
}

type Ids = Required<Pick<NewEvent, 'workloadId' | 'rolloutId'>>;

/** The one place that makes an event of a reason. An event of a target names its cluster first and shows the target as it is then. */
export function eventOf(
  ids: Ids,
  { type, reason, data = {} }: EventFacts,
  target: Pick<PlacedTarget, 'place' | 'state'> | null = null,
): NewEvent {
  const sentence = sentenceOf(reason);
  return {
    ...ids,
    type,
    targetId: target?.state.id ?? null,
    reason: JSON.parse(storableJson({ code: reason.code, data: reason.data })) as StoredReason,
    message: storable(target === null ? sentence : `${target.place.cluster}: ${sentence}`),
    data: JSON.parse(storableJson(target === null ? data : { ...targetData(target), ...data })) as object,
  };
}

/** The events of a reduction. */
export function eventsOf({ workloadId, rollout, places }: LockedRollout, events: readonly RolloutEvent[]): NewEvent[] {
  return events.map((event) => {
    const { target: state } = event;
    const place = state && places.get(state.id)?.place;
    return eventOf({ workloadId, rolloutId: rollout.id }, event, state && place ? { place, state } : null);
  });
}
