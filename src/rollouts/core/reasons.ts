/**
 * Why something stands as it does: a code with typed data, stored in rows and events, from which the sentence is made here and nowhere else.
 * A code never changes its meaning, and its data only grows, since rows keep both. Sentences may be reworded at any time.
 */
import { sentenceFrom } from './raw.ts';
import { rolloutReasons } from './rollout-reasons.ts';
import { lateText, targetReasons } from './target-reasons.ts';
import type { Unsettled } from './target-reasons.ts';

const legacyReasons = {
  /** A sentence of a row that is older than the codes. */
  LEGACY: ({ message }: { message: string }) => message,
};

/** Reasons that have another one in their data. */
export const nestedReasons = {
  /** `write`: the reason of the write that was made all the same. */
  NOT_SETTLED: ({ write, seconds, ...unsettled }: Unsettled & { seconds: number; write: StoredReason }): string =>
    `${sentenceOf(write)} ${lateText(unsettled, seconds)}`,
};

const sentences = { ...legacyReasons, ...rolloutReasons, ...targetReasons, ...nestedReasons };

export type ReasonCode = keyof typeof sentences;

type ReasonData<C extends ReasonCode> = Parameters<(typeof sentences)[C]>[0];

/** A code with the data that its sentence needs. */
export type Reason = { [C in ReasonCode]: { code: C; data: ReasonData<C> } }[ReasonCode];

/** A reason as rows have it: written by this version or by another one. */
export interface StoredReason {
  code: string;
  data: Readonly<Record<string, unknown>>;
}

/** The reason of a phase, and since when it is that. */
export interface Detail extends StoredReason {
  /** RFC 3339. */
  since: string;
}

export const reasonCodes = Object.keys(sentences) as ReasonCode[];

/** A reason. `data` must be what the code's sentence takes. */
export function because<C extends ReasonCode>(code: C, data: ReasonData<C>): Extract<Reason, { code: C }> {
  return { code, data } as Extract<Reason, { code: C }>;
}

/** The sentence of a reason. A code that this version does not know, or whose data it cannot read, is shown as it is. */
export function sentenceOf(reason: StoredReason): string {
  const sentence = (sentences as Readonly<Record<string, ((data: never) => string) | undefined>>)[reason.code];
  return sentence === undefined ? reason.code : sentenceFrom(sentence, reason.data, reason.code);
}

/** A reason that stands from `now` on; one that stood before with the same code stands since then. */
export function detailOf(reason: StoredReason, before: Detail | null, now: Date): Detail {
  return { code: reason.code, data: reason.data, since: before?.code === reason.code ? before.since : now.toISOString() };
}

/** The reason in a detail, without its time. */
export function reasonOf(detail: Detail | null): StoredReason {
  return detail === null ? plain('') : { code: detail.code, data: detail.data };
}

/** A sentence without a code. */
export const plain = (message: string): Reason => because('LEGACY', { message });
