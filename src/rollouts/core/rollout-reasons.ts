/** The reasons of rollouts and waves, and of what they do to their targets: code, typed data and sentence. */
import type { PauseReason, RolloutKind } from '../../generated/prisma/enums.ts';
import { overwriteText, unreadyText } from './before.ts';
import type { UnreadyEdit } from './before.ts';
import { conditionTypes } from './condition-types.ts';
import { describeFailure } from './failure.ts';
import type { FoundCause } from './failure.ts';
import { countTargets, kinds } from './kinds.ts';
import type { Accepted } from './kinds.ts';

/** Some targets by their clusters: how many there are, and the first of them by name. */
export type Clusters = {
  count: number;
  clusters: readonly string[];
};

/** Failures that decide something: the first one, and how many more there are. */
export type Failures = {
  cluster: string;
  reason: string;
  more: number;
};

/** Why a target goes back, or is not started. */
export type TargetCause = { cause: 'ABORTED' | 'ROLLOUT_GOES_BACK' | 'ROLLOUT_ENDED' } | ({ cause: 'FAILURE'; allowed: number } & Failures);

type NamedCause = {
  cluster: string;
  reason: string;
};

/** What a target was to go back to: an edit that was not Ready before. */
export type EditBefore = UnreadyEdit & { cluster: string };

type None = Record<string, never>;

export const rolloutReasons = {
  ACCEPTED: ({ kind, ...accepted }: Accepted & { kind: RolloutKind }) => kinds[kind].accepted(accepted),
  /** `by`: the kind of the rollout that was accepted instead. */
  SUPERSEDED: ({ by }: { by: RolloutKind }) => `Superseded: ${kinds[by].asked}.`,

  WAVE_OPENED: ({ wave, of, targets }: { wave: number; of: number; targets: number }) => {
    return `Wave ${wave} of ${of} opens${wave > 1 ? `, with wave ${wave - 1} as its evidence` : ''}: ${countTargets(targets)}.`;
  },
  WAVE_COMPLETED: ({ wave, targets }: { wave: number; targets: number }) => {
    return `Wave ${wave} is complete: ${targets === 1 ? '1 target has' : `${targets} targets have`} ended.`;
  },
  /** `of`: how many targets the wave has, null where all of them start. */
  TARGETS_STARTED: ({
    resumed,
    started,
    wave,
    of,
  }: {
    resumed: Clusters | null;
    started: Clusters | null;
    wave: number;
    of: number | null;
  }) => {
    const share = of === null ? '' : ` (${countTargets(of)} in wave ${wave})`;
    const parts = [
      ...(resumed === null ? [] : [`Going on after the pause: ${named(resumed)}.`]),
      ...(started === null ? [] : [`Starting ${named(started)}${share}.`]),
    ];
    return parts.join(' ');
  },
  TARGET_STARTED: (_: None) => 'Started.',

  ROLLOUT_ENDED: (_: None) => 'The rollout has ended.',
  ROLLOUT_PAUSED: ({ pauseReason }: { pauseReason: PauseReason }) => `Paused (${pauseReason}).`,
  TARGETS_UNDER_WAY: (some: Clusters) => `${countTargets(some.count)} under way: ${named(some)}.`,
  TARGETS_ROLLING_BACK: (some: Clusters) => `${countTargets(some.count)} on the way back: ${named(some)}.`,
  TARGETS_HELD: (some: Clusters) => `Held at a pause until it is promoted: ${named(some)}.`,
  QUOTA: ({ quota }: { quota: number }) => `Waiting for other rollouts: the tenant's quota lets ${countTargets(quota)} move at once.`,

  HELD_AT_STEP: ({ step, of }: { step: number; of: number }) => `Every target is at the pause of step ${step} of ${of}: promote to go on.`,
  /** `more`: other targets that are not well. */
  HELD_UNWELL_AT_STEP: ({
    step,
    of,
    cluster,
    cause,
    more,
  }: {
    step: number;
    of: number;
    cluster: string;
    cause: FoundCause;
    more: number;
  }) =>
    `Every target is at the pause of step ${step} of ${of}, but ${cluster} is not well: ${describeFailure(cause)}${more > 0 ? ` So ${more === 1 ? 'is 1 more' : `are ${more} more`}.` : ''}`,
  PAUSED_BY_FAILURE: (failures: Failures & { allowed: number }) => `Paused: ${failedText(failures)}`,
  ROLLING_BACK_AFTER_FAILURE: (failures: Failures & { scope: 'ALL' | 'WAVE' | 'TARGET'; allowed: number }) => {
    const { scope } = failures;
    return `Going back${scope === 'ALL' ? ' everywhere' : scope === 'TARGET' ? ' there' : ''}: ${failedText(failures)}`;
  },
  ROLLING_BACK_THE_REST: (some: Clusters) => `The rest goes back too: ${named(some)}.`,
  ABORTED: (_: None) => 'Aborted on request.',
  TARGET_ROLLING_BACK: (cause: TargetCause) => `Going back: ${targetCauseText(cause)}`,
  TARGET_NOT_STARTED: (cause: TargetCause) => `Not started: ${targetCauseText(cause)}`,

  TARGETS_GIVEN_UP: (some: Clusters) => `Given up on ${named(some)}.`,
  /** `since`: RFC 3339, null where it is not known. */
  UNREACHABLE_TOO_LONG: ({ cluster, since, message }: { cluster: string; since: string | null; message: string }) => {
    return `${cluster} has been unreachable since ${since ?? 'long ago'}: ${message}`;
  },
  NO_WORKER: ({ region }: { region: string }) => conditionTypes.NO_WORKER.sentence({ region }),

  NOTHING_TO_DO: (_: None) => 'There was nothing to do.',
  ROLLOUT_SUCCEEDED: ({ succeeded, of, skipped, failed }: { succeeded: number; of: number; skipped: number; failed: number }) => {
    const parts = [
      `${succeeded} of ${of} targets succeeded`,
      ...(skipped > 0 ? [`${skipped} skipped`] : []),
      ...(failed > 0 ? [`${failed} failed, which the wave allows`] : []),
    ];
    return `${parts.join(', ')}.`;
  },
  NOTHING_CHANGED: ({ cause }: { cause: NamedCause | null }) => `Nothing was changed.${causedBy(cause)}`,
  ROLLOUT_ROLLED_BACK: ({ back, of, cause, edit }: { back: number; of: number; cause: NamedCause | null; edit?: EditBefore }) => {
    return `Every target that was changed runs what it ran before (${back} of ${of}).${causedBy(cause)}${editText(edit)}`;
  },
  /** `failed`: the first of `count` targets that failed; `back`: it was rolled back there. */
  ROLLOUT_FAILED: ({
    failed,
    count,
    succeeded,
    edit,
  }: {
    failed: readonly { cluster: string; reason: string; back: boolean }[];
    count: number;
    succeeded: number;
    edit?: EditBefore;
  }) => {
    const which = failed.map(({ cluster, reason, back }) => `${cluster} (${reason}${back ? ', went back' : ''})`);
    const more = count - failed.length > 0 ? `, ${count - failed.length} more` : '';
    const mixed = succeeded > 0 ? ` ${succeeded} run the new release.` : '';
    return `An operator is needed: ${which.join(', ') || 'some targets run the new release and some the old one'}${more}.${mixed}${editText(edit)}`;
  },
  UNDECIDABLE: (_: None) => {
    return 'An operator is needed: Slipway failed to decide about this rollout. What it has changed stands as it is.';
  },
  TARGET_UNDECIDABLE: (_: None) => 'Slipway failed to decide about this target. What runs in the cluster stands as it is.',

  PAUSED_ON_REQUEST: (_: None) => 'Paused on request: nothing moves forward until it is resumed.',
  RESUMED_ON_REQUEST: (_: None) => 'Resumed on request.',
  PROMOTED: ({ full }: { full: boolean }) => {
    if (full) return 'Promoted in full: every pause is skipped, health is still waited for.';
    return 'Promoted past the pause that it was held at.';
  },
  ABORTING: (_: None) => 'Aborted on request: every target that was changed goes back.',
  GIVING_UP: (_: None) => 'Aborted a second time: clusters that stay unreachable are given up on.',
  RETRIED: (some: Clusters) => `To be retried on request: ${some.count === 0 ? 'nothing had failed' : named(some)}.`,
  TARGET_RETRIED: (_: None) => 'To be retried on request.',
};

function named({ count, clusters }: Clusters): string {
  const more = count - clusters.length;
  return `${clusters.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function failedText({ cluster, reason, more, allowed }: Failures & { allowed: number }): string {
  return `${cluster} failed: ${reason}.${more > 0 ? ` And ${more} more failed.` : ''}${allowed > 0 ? ` (${allowed} may fail)` : ''}`;
}

function causedBy(cause: NamedCause | null): string {
  return cause === null ? '' : ` The cause: ${cause.cluster}: ${cause.reason}.`;
}

function editText(edit: EditBefore | undefined): string {
  return edit === undefined ? '' : ` What ran before on ${edit.cluster} is ${unreadyText(edit)}; ${overwriteText(edit)}.`;
}

function targetCauseText(cause: TargetCause): string {
  switch (cause.cause) {
    case 'ABORTED':
      return 'the rollout was aborted.';
    case 'ROLLOUT_GOES_BACK':
      return 'the rollout goes back.';
    case 'ROLLOUT_ENDED':
      return 'the rollout ended before.';
    case 'FAILURE':
      return failedText(cause);
  }
}
