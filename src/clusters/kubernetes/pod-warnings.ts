/** A cluster's events about a pod, as far as they are read. */
import { isRecord } from '../../platform/json.ts';
import { unreadableAnswer } from './errors.ts';
import type { PodWarning } from './types.ts';

/** @param items of an EventList; newer controllers write `eventTime` and `series` in place of `lastTimestamp` */
export function podWarnings(items: unknown, most: number, publicText: (text: unknown) => string): PodWarning[] {
  if (!Array.isArray(items)) throw unreadableAnswer('a list of events has no items');
  return items
    .filter(isRecord)
    .slice(0, most)
    .map((event) => ({ reason: publicText(event['reason']), message: publicText(event['message']), at: timeOf(event) }))
    .toSorted((a, b) => b.at - a.at);
}

function timeOf(event: Record<string, unknown>): number {
  const series = isRecord(event['series']) ? event['series']['lastObservedTime'] : null;
  const times = [event['lastTimestamp'], series, event['eventTime'], event['firstTimestamp']];
  const known = times.filter((one) => typeof one === 'string').map((one) => Date.parse(one));
  return Math.max(0, ...known.filter((one) => !Number.isNaN(one)));
}
