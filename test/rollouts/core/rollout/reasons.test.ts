import { describe, expect, it } from 'vitest';
import { because, sentenceOf } from '../../../../src/rollouts/core/reasons.ts';
import type { Reason } from '../../../../src/rollouts/core/reasons.ts';
import { rolloutReasons } from '../../../../src/rollouts/core/rollout/reasons.ts';
import { targetReasons } from '../../../../src/rollouts/core/target/reasons.ts';

const two = { count: 2, clusters: ['a', 'b'] };
const many = { count: 7, clusters: ['a', 'b', 'c', 'd', 'e'] };
const failures = { cluster: 'a', reason: 'ImagePullBackOff', more: 0 };
const cause = { cluster: 'a', reason: 'OOMKilled' };

const table: [Reason, string][] = [
  [
    because('ACCEPTED', { kind: 'DEPLOY', workload: 'shop', release: 7, targets: 2 }),
    'Release 7 of shop is to be rolled out to 2 targets.',
  ],
  [because('SUPERSEDED', { by: 'RESTART' }), 'Superseded: a restart was asked for.'],
  [because('WAVE_OPENED', { wave: 1, of: 3, targets: 1 }), 'Wave 1 of 3 opens: 1 target.'],
  [because('WAVE_OPENED', { wave: 2, of: 3, targets: 4 }), 'Wave 2 of 3 opens, with wave 1 as its evidence: 4 targets.'],
  [because('WAVE_COMPLETED', { wave: 1, targets: 1 }), 'Wave 1 is complete: 1 target has ended.'],
  [because('WAVE_COMPLETED', { wave: 1, targets: 2 }), 'Wave 1 is complete: 2 targets have ended.'],
  [because('TARGETS_STARTED', { resumed: null, started: two, wave: 1, of: null }), 'Starting a, b.'],
  [
    because('TARGETS_STARTED', { resumed: two, started: many, wave: 1, of: 20 }),
    'Going on after the pause: a, b. Starting a, b, c, d, e and 2 more (20 targets in wave 1).',
  ],
  [because('TARGET_STARTED', {}), 'Started.'],
  [because('ROLLOUT_ENDED', {}), 'The rollout has ended.'],
  [because('ROLLOUT_PAUSED', { pauseReason: 'MANUAL' }), 'Paused (MANUAL).'],
  [because('TARGETS_UNDER_WAY', two), '2 targets under way: a, b.'],
  [because('TARGETS_ROLLING_BACK', many), '7 targets on the way back: a, b, c, d, e and 2 more.'],
  [because('TARGETS_HELD', two), 'Held at a pause until it is promoted: a, b.'],
  [because('QUOTA', { quota: 1 }), "Waiting for other rollouts: the tenant's quota lets 1 target move at once."],
  [because('HELD_AT_STEP', { step: 2, of: 4 }), 'Every target is at the pause of step 2 of 4: promote to go on.'],
  [because('PAUSED_BY_FAILURE', { ...failures, allowed: 0 }), 'Paused: a failed: ImagePullBackOff.'],
  [
    because('PAUSED_BY_FAILURE', { ...failures, more: 2, allowed: 1 }),
    'Paused: a failed: ImagePullBackOff. And 2 more failed. (1 may fail)',
  ],
  [because('ROLLING_BACK_AFTER_FAILURE', { scope: 'ALL', ...failures, allowed: 0 }), 'Going back everywhere: a failed: ImagePullBackOff.'],
  [because('ROLLING_BACK_AFTER_FAILURE', { scope: 'WAVE', ...failures, allowed: 0 }), 'Going back: a failed: ImagePullBackOff.'],
  [because('ROLLING_BACK_AFTER_FAILURE', { scope: 'TARGET', ...failures, allowed: 0 }), 'Going back there: a failed: ImagePullBackOff.'],
  [because('ROLLING_BACK_THE_REST', two), 'The rest goes back too: a, b.'],
  [because('ABORTED', {}), 'Aborted on request.'],
  [because('TARGET_ROLLING_BACK', { cause: 'ABORTED' }), 'Going back: the rollout was aborted.'],
  [because('TARGET_ROLLING_BACK', { cause: 'ROLLOUT_GOES_BACK' }), 'Going back: the rollout goes back.'],
  [because('TARGET_ROLLING_BACK', { cause: 'FAILURE', ...failures, allowed: 0 }), 'Going back: a failed: ImagePullBackOff.'],
  [because('TARGET_NOT_STARTED', { cause: 'ROLLOUT_ENDED' }), 'Not started: the rollout ended before.'],
  [because('TARGETS_GIVEN_UP', two), 'Given up on a, b.'],
  [
    because('UNREACHABLE_TOO_LONG', { cluster: 'a', since: '2026-01-01T12:00:00Z', message: 'refused' }),
    'a has been unreachable since 2026-01-01T12:00:00Z: refused',
  ],
  [because('UNREACHABLE_TOO_LONG', { cluster: 'a', since: null, message: '' }), 'a has been unreachable since long ago: '],
  [because('NO_WORKER', { region: 'east' }), 'No worker serves region east.'],
  [because('NOTHING_TO_DO', {}), 'There was nothing to do.'],
  [because('ROLLOUT_SUCCEEDED', { succeeded: 2, of: 2, skipped: 0, failed: 0 }), '2 of 2 targets succeeded.'],
  [
    because('ROLLOUT_SUCCEEDED', { succeeded: 1, of: 3, skipped: 1, failed: 1 }),
    '1 of 3 targets succeeded, 1 skipped, 1 failed, which the wave allows.',
  ],
  [because('NOTHING_CHANGED', { cause: null }), 'Nothing was changed.'],
  [because('NOTHING_CHANGED', { cause }), 'Nothing was changed. The cause: a: OOMKilled.'],
  [
    because('ROLLOUT_ROLLED_BACK', { back: 2, of: 3, cause }),
    'Every target that was changed runs what it ran before (2 of 3). The cause: a: OOMKilled.',
  ],
  [
    because('ROLLOUT_FAILED', { failed: [], count: 0, succeeded: 0 }),
    'An operator is needed: some targets run the new release and some the old one.',
  ],
  [
    because('ROLLOUT_FAILED', {
      failed: [
        { ...cause, back: true },
        { ...failures, back: false },
      ],
      count: 5,
      succeeded: 4,
    }),
    'An operator is needed: a (OOMKilled, went back), a (ImagePullBackOff), 3 more. 4 run the new release.',
  ],
  [because('UNDECIDABLE', {}), 'An operator is needed: Slipway failed to decide about this rollout. What it has changed stands as it is.'],
  [because('TARGET_UNDECIDABLE', {}), 'Slipway failed to decide about this target. What runs in the cluster stands as it is.'],
  [because('PAUSED_ON_REQUEST', {}), 'Paused on request: nothing moves forward until it is resumed.'],
  [because('RESUMED_ON_REQUEST', {}), 'Resumed on request.'],
  [because('PROMOTED', { full: true }), 'Promoted in full: every pause is skipped, health is still waited for.'],
  [because('PROMOTED', { full: false }), 'Promoted past the pause that it was held at.'],
  [because('ABORTING', {}), 'Aborted on request: every target that was changed goes back.'],
  [because('GIVING_UP', {}), 'Aborted a second time: clusters that stay unreachable are given up on.'],
  [because('RETRIED', two), 'To be retried on request: a, b.'],
  [because('RETRIED', { count: 0, clusters: [] }), 'To be retried on request: nothing had failed.'],
  [because('TARGET_RETRIED', {}), 'To be retried on request.'],
];

describe('the reasons of rollouts', () => {
  it.each(table)('%j', (reason, sentence) => {
    expect(sentenceOf(reason)).toBe(sentence);
    expect(JSON.parse(JSON.stringify(reason))).toEqual(reason);
  });

  it('are all in this table, and no code is also one of a target', () => {
    const codes = Object.keys(rolloutReasons);
    expect([...new Set(table.map(([{ code }]) => code))].sort()).toEqual([...codes].sort());
    expect(codes.filter((code) => code in targetReasons || code === 'LEGACY')).toEqual([]);
    for (const code of codes) expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
  });
});
