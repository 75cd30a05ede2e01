import type { NewEvent } from '../events/event-log.ts';
import type { EventType } from '../events/event-types.ts';
import { sentenceOf } from './core/reasons.ts';
import type { StoredReason } from './core/reasons.ts';
import type { RolloutEvent } from './core/rollout/reduce.ts';
import { targetData } from './engine/rows.ts';
import type { TargetRow } from './engine/rows.ts';
import { storable, storableJson } from './engine/storable.ts';
import type { LockedRollout } from './locked-rollout.repository.ts';

interface Said {
  type: EventType;
  reason: StoredReason;
  data?: object;
}

type Ids = Required<Pick<NewEvent, 'workloadId' | 'rolloutId'>>;

/** The one place that makes an event of a reason. An event of a target names its cluster first and shows the target as it is then. */
export function eventOf(ids: Ids, { type, reason, data = {} }: Said, target: Pick<TargetRow, 'place' | 'state'> | null = null): NewEvent {
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
