/**
 * Which phase may follow which, and the event that says so, as tables. Reducers refuse every other change of a phase, the verbs are rows too, and docs/states.md
 * is generated from here.
 */
import type { RolloutPhase, TargetPhase, WavePhase } from '../../generated/prisma/enums.ts';

/** What changes a rollout's phase: a decision of its loop, a verb, or a request that supersedes it. */
export type RolloutCause =
  | 'OPEN_WAVE'
  | 'PAUSE'
  | 'ROLL_BACK'
  | 'SETTLE'
  | 'VERB_PAUSE'
  | 'VERB_RESUME'
  | 'VERB_PROMOTE'
  | 'VERB_ABORT'
  | 'VERB_RETRY'
  | 'SUPERSEDE';

export interface Transition<Phase> {
  from: readonly Phase[];
  to: Phase;
  /** The event's type; null where the change is part of what another event says. */
  event: string | null;
}

export interface RolloutTransition extends Transition<RolloutPhase> {
  by: RolloutCause;
}

/** A row from a phase to itself is an event that changes what else the row says: the reason of the pause, the intent, which targets go back. */
export const rolloutTransitions = [
  { from: ['QUEUED'], to: 'RUNNING', by: 'OPEN_WAVE', event: 'rollout.started' },
  { from: ['RUNNING', 'PAUSED'], to: 'PAUSED', by: 'PAUSE', event: 'rollout.paused' },
  { from: ['RUNNING', 'PAUSED'], to: 'PAUSED', by: 'VERB_PAUSE', event: 'rollout.paused' },
  { from: ['PAUSED'], to: 'RUNNING', by: 'VERB_RESUME', event: 'rollout.resumed' },
  { from: ['RUNNING', 'PAUSED'], to: 'RUNNING', by: 'VERB_PROMOTE', event: 'rollout.promoted' },
  { from: ['PAUSED'], to: 'RUNNING', by: 'VERB_RETRY', event: 'rollout.retried' },
  { from: ['QUEUED'], to: 'QUEUED', by: 'VERB_ABORT', event: 'rollout.aborting' },
  { from: ['RUNNING'], to: 'RUNNING', by: 'VERB_ABORT', event: 'rollout.aborting' },
  { from: ['PAUSED'], to: 'PAUSED', by: 'VERB_ABORT', event: 'rollout.aborting' },
  { from: ['ROLLING_BACK'], to: 'ROLLING_BACK', by: 'VERB_ABORT', event: 'rollout.aborting' },
  { from: ['QUEUED', 'RUNNING', 'PAUSED', 'ROLLING_BACK'], to: 'ROLLING_BACK', by: 'ROLL_BACK', event: 'rollout.rolling_back' },
  { from: ['RUNNING'], to: 'RUNNING', by: 'ROLL_BACK', event: 'rollout.rolling_back' },
  { from: ['PAUSED'], to: 'PAUSED', by: 'ROLL_BACK', event: 'rollout.rolling_back' },
  { from: ['RUNNING', 'PAUSED'], to: 'SUCCEEDED', by: 'SETTLE', event: 'rollout.succeeded' },
  { from: ['RUNNING', 'PAUSED', 'ROLLING_BACK'], to: 'ROLLED_BACK', by: 'SETTLE', event: 'rollout.rolled_back' },
  { from: ['QUEUED', 'RUNNING', 'PAUSED', 'ROLLING_BACK'], to: 'FAILED', by: 'SETTLE', event: 'rollout.failed' },
  { from: ['QUEUED', 'RUNNING', 'PAUSED'], to: 'CANCELED', by: 'SETTLE', event: 'rollout.canceled' },
  { from: ['QUEUED', 'RUNNING', 'PAUSED', 'ROLLING_BACK'], to: 'SUPERSEDED', by: 'SUPERSEDE', event: 'rollout.superseded' },
] as const satisfies readonly RolloutTransition[];

export const waveTransitions = [
  { from: ['PENDING'], to: 'OPEN', event: 'wave.opened' },
  { from: ['OPEN'], to: 'COMPLETED', event: 'wave.completed' },
] as const satisfies readonly Transition<WavePhase>[];

/** BAKING is a phase of the API that no target enters in this version. */
export const targetTransitions = [
  { from: ['PENDING', 'HELD'], to: 'PROGRESSING', event: null },
  { from: ['PROGRESSING'], to: 'HELD', event: 'target.step' },
  { from: ['PROGRESSING', 'HELD', 'BAKING'], to: 'SUCCEEDED', event: 'target.succeeded' },
  { from: ['PENDING', 'PROGRESSING', 'HELD', 'BAKING', 'ROLLING_BACK'], to: 'FAILED', event: 'target.failed' },
  { from: ['PENDING', 'PROGRESSING', 'HELD', 'BAKING', 'ROLLING_BACK'], to: 'SKIPPED', event: null },
  { from: ['PENDING', 'PROGRESSING', 'HELD', 'BAKING', 'SUCCEEDED', 'FAILED'], to: 'ROLLING_BACK', event: null },
  { from: ['ROLLING_BACK'], to: 'ROLLED_BACK', event: 'target.rolled_back' },
  { from: ['FAILED'], to: 'PENDING', event: null },
] as const satisfies readonly Transition<TargetPhase>[];

type EventOf<Rows extends readonly { event: string | null }[]> = NonNullable<Rows[number]['event']>;

export type RolloutEventType = EventOf<typeof rolloutTransitions>;
export type WaveEventType = EventOf<typeof waveTransitions>;

/** A change of phase that no row of the tables allows. What is decided on such rows would be decided so every time, so it ends as undecidable. */
export class UnknownTransition extends Error {
  override readonly name = 'UnknownTransition';
}

/** The event of a rollout's change of phase. */
export function rolloutEvent(from: RolloutPhase, to: RolloutPhase, by: RolloutCause): RolloutEventType {
  return eventAt(rolloutEdges, 'rollout', `${from} -> ${to} by ${by}`);
}

/** The event of a wave's change of phase. */
export function waveEvent(from: WavePhase, to: WavePhase): WaveEventType {
  return eventAt(waveEdges, 'wave', `${from} -> ${to}`);
}

/** The event of a target's change of phase, null where it has none of its own. */
export function targetEvent(from: TargetPhase, to: TargetPhase): EventOf<typeof targetTransitions> | null {
  return eventAt(targetEdges, 'target', `${from} -> ${to}`);
}

const rolloutEdges = new Map(
  rolloutTransitions.flatMap(({ from, to, by, event }) => from.map((one) => [`${one} -> ${to} by ${by}`, event])),
);
const waveEdges = new Map(waveTransitions.flatMap(({ from, to, event }) => from.map((one) => [`${one} -> ${to}`, event])));
const targetEdges = new Map(targetTransitions.flatMap(({ from, to, event }) => from.map((one) => [`${one} -> ${to}`, event])));

function eventAt<Event>(events: ReadonlyMap<string, Event>, of: string, edge: string): Event {
  const event = events.get(edge);
  if (event === undefined) throw new UnknownTransition(`no transition of a ${of}: ${edge}`);
  return event;
}
