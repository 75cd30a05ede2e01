import type { EventTable, EventType } from '../events/event-types.ts';

export const rolloutEvents = {
  'rollout.created': 'A rollout was accepted.',
  'rollout.started': 'Its first wave was opened.',
  'rollout.paused': 'It is paused: at a step, on request, or for a failure (`data.pauseReason`).',
  'rollout.resumed': 'It goes on after a pause, on request.',
  'rollout.promoted': 'A pause of its strategy was ended on request.',
  'rollout.aborting': 'An abort was accepted.',
  'rollout.rolling_back': 'It goes back, in whole, by wave or by target (`data.scope`).',
  'rollout.retried': 'What failed is tried again, on request.',
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
  'target.reachable': 'The cluster of a target answers again.',
  'target.failed': 'A target failed (`data.failure`).',
  'target.succeeded': 'A target runs what was asked for.',
  'target.rolled_back': 'A target runs what it ran before.',
} as const satisfies EventTable;

declare module '../events/event-types.ts' {
  interface EventTypes {
    rollouts: keyof typeof rolloutEvents;
  }
}

/** Exactly one of them ends a rollout's events. */
export const terminalEvents: ReadonlySet<string> = new Set([
  'rollout.succeeded',
  'rollout.rolled_back',
  'rollout.failed',
  'rollout.canceled',
  'rollout.superseded',
] satisfies EventType[]);
