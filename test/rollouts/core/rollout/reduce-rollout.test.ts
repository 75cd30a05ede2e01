import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { presentFailure } from '../../../../src/rollouts/core/failure.ts';
import type { RolloutDecision, Supersede, VerbChange } from '../../../../src/rollouts/core/decision.ts';
import type { RolloutObservation, RolloutRows } from '../../../../src/rollouts/core/observation.ts';
import { isSettled, isSteered, isTerminal } from '../../../../src/rollouts/core/phases.ts';
import { because } from '../../../../src/rollouts/core/reasons.ts';
import { advanceRollout, changesOf, reduceRollout } from '../../../../src/rollouts/core/rollout/reduce-rollout.ts';
import type { Reduction } from '../../../../src/rollouts/core/rollout/reduce-rollout.ts';
import { decideVerb } from '../../../../src/rollouts/core/rollout/verbs.ts';
import type { Verb } from '../../../../src/rollouts/core/rollout/verbs.ts';
import { UnknownTransition } from '../../../../src/rollouts/core/transitions.ts';
import { rolloutRow, targetRow, waveRow } from '../model.ts';
import { anyRows, canary, failure, now } from './any-rows.ts';

const observed = (rows: RolloutRows): RolloutObservation => ({ ...rows, quota: null, elsewhere: 0 });
const rowsOf = (fields: Partial<RolloutRows>): RolloutRows => ({
  now,
  rollout: rolloutRow({ phase: 'RUNNING', strategy: canary }),
  waves: [waveRow({ phase: 'OPEN' })],
  targets: [targetRow()],
  ...fields,
});
const verbs: Verb[] = [
  { kind: 'PAUSE' },
  { kind: 'RESUME' },
  { kind: 'PROMOTE', full: false },
  { kind: 'PROMOTE', full: true },
  { kind: 'ABORT' },
  { kind: 'RETRY', takeOver: false },
];
const verb = (rows: RolloutRows, asked: Verb): Reduction => {
  const decision = decideVerb(asked, rows);
  if (decision.kind !== 'CHANGE') throw new Error(`${asked.kind} is ${decision.kind}`);
  return reduceRollout(rows, decision);
};
const told = ({ events }: Reduction): string[] => events.map(({ type, reason }) => `${type} ${reason.code}`);

describe('a decision', () => {
  it('that opens the first wave starts the rollout, and both say so', () => {
    const rows = rowsOf({ rollout: rolloutRow(), waves: [waveRow()] });
    const reason = because('WAVE_OPENED', { wave: 1, of: 1, targets: 1 });
    const reduction = reduceRollout(rows, { kind: 'OPEN_WAVE', reason, waveId: 'wave', evidence: [] });
    expect(told(reduction)).toEqual(['rollout.started WAVE_OPENED', 'wave.opened WAVE_OPENED']);
    expect(reduction.rows.rollout).toMatchObject({ phase: 'RUNNING', startedAt: now, settledAt: null, phaseDetail: { ...reason } });
    expect(reduction.rows.waves[0]).toMatchObject({ phase: 'OPEN', evidence: [] });
  });

  it('that waits changes nothing, or only the reason that it shows, and that once', () => {
    const rows = rowsOf({});
    const waiting = { kind: 'WAIT', reason: because('QUOTA', { quota: 3 }), lookAt: null } as const;
    expect(reduceRollout(rows, { ...waiting, show: false }).rows).toBe(rows);
    const shown = reduceRollout(rows, { ...waiting, show: true }).rows;
    expect(shown.rollout.phaseDetail).toMatchObject({ code: 'QUOTA', since: now.toISOString() });
    expect(reduceRollout(shown, { ...waiting, show: true }).rows).toBe(shown);
  });

  it('changes the rows that it names, and wakes the placements that are steered before or after', () => {
    const targets = [
      targetRow({ id: 'a', placementId: 'at-a', phase: 'PROGRESSING' }),
      targetRow({ id: 'b', placementId: 'at-b', phase: 'PENDING' }),
      targetRow({ id: 'c', placementId: 'at-c', phase: 'FAILED', written: true, failure }),
      targetRow({ id: 'd', placementId: 'at-d', phase: 'SUCCEEDED', written: true }),
    ];
    const rows = rowsOf({ targets });
    const reason = because('ABORTED', {});
    const back = { phase: 'ROLLING_BACK', undoing: true, phaseReason: because('TARGET_ROLLING_BACK', { cause: 'ABORTED' }) } as const;
    const over = { phase: 'SKIPPED', phaseReason: because('TARGET_NOT_STARTED', { cause: 'ABORTED' }) } as const;
    const changes = [
      { targetId: 'a', set: over },
      { targetId: 'b', set: over },
      { targetId: 'c', set: back },
    ];
    const reduction = reduceRollout(rows, { kind: 'ROLL_BACK', reason, targets: changes, scope: 'ALL', failure });
    expect(reduction.wake).toEqual(['at-a', 'at-c']);
    expect(changesOf(rows, reduction.rows).targets.map(({ id, phase }) => `${id} ${phase}`)).toEqual([
      'a SKIPPED',
      'b SKIPPED',
      'c ROLLING_BACK',
    ]);
    expect(reduction.rows.rollout).toMatchObject({ phase: 'ROLLING_BACK', failure });
    const shown = { ...presentFailure(failure) };
    expect(reduction.events).toEqual([{ type: 'rollout.rolling_back', reason, target: null, data: { scope: 'ALL', failure: shown } }]);
  });

  it('that takes one target back leaves the rollout as it is, but for its failure', () => {
    const rows = rowsOf({
      rollout: rolloutRow({ phase: 'PAUSED', pauseReason: 'MANUAL' }),
      targets: [targetRow({ phase: 'FAILED', written: true, failure })],
    });
    const reduction = advanceRollout(observed({ ...rows, rollout: { ...rows.rollout, onFailure: 'ROLLBACK_TARGET' } }));
    expect(told(reduction)).toEqual(['rollout.rolling_back ROLLING_BACK_AFTER_FAILURE']);
    expect(reduction.rows.rollout).toMatchObject({ phase: 'PAUSED', pauseReason: 'MANUAL', phaseDetail: null, failure });
  });

  it('that settles gives the targets their end first, each that fails with its event', () => {
    const rows = rowsOf({ targets: [targetRow({ phase: 'PROGRESSING', written: true })] });
    const set = { phase: 'FAILED', phaseReason: because('TARGET_UNDECIDABLE', {}), failure } as const;
    const reason = because('UNDECIDABLE', {});
    const reduction = reduceRollout(rows, {
      kind: 'SETTLE',
      reason,
      phase: 'FAILED',
      targets: [{ targetId: 'target', set }],
      failure: null,
    });
    expect(told(reduction)).toEqual(['target.failed TARGET_UNDECIDABLE', 'rollout.failed UNDECIDABLE']);
    expect(reduction.events[0]?.target).toMatchObject({ phase: 'FAILED', failure });
    expect(reduction.rows.rollout).toMatchObject({ phase: 'FAILED', settledAt: now });
  });

  it('that takes a number of pods back says which number the placement has then', () => {
    const targets = [targetRow({ phase: 'PROGRESSING', written: true, from: null, to: null, replicasBefore: 3, replicasAfter: 5 })];
    const aborted = { phase: 'RUNNING', intent: 'ABORT' } as const;
    const scale = advanceRollout(observed(rowsOf({ rollout: rolloutRow({ kind: 'SCALE', ...aborted }), targets })));
    expect(scale.numbers).toEqual([{ placementId: 'placement', replicas: 3 }]);
    expect(advanceRollout(observed(rowsOf({ rollout: rolloutRow(aborted), targets }))).numbers).toEqual([]);
  });

  it('that names what is not there is refused', () => {
    const start = { kind: 'START_TARGETS', reason: because('ABORTED', {}), targets: [{ targetId: 'other', set: {} }] } as const;
    expect(() => reduceRollout(rowsOf({}), { ...start, targets: [...start.targets] })).toThrow('target other');
    expect(() => reduceRollout(rowsOf({}), { kind: 'COMPLETE_WAVE', reason: start.reason, waveId: 'other' })).toThrow('wave other');
  });
});

describe('a verb', () => {
  it('changes the rollout with its event and wakes what is steered', () => {
    const rows = rowsOf({ targets: [targetRow({ phase: 'HELD', step: 1 }), targetRow({ id: 'b', placementId: 'at-b' })] });
    const paused = verb(rows, { kind: 'PAUSE' });
    expect(told(paused)).toEqual(['rollout.paused PAUSED_ON_REQUEST']);
    expect(paused.events[0]?.data).toEqual({ phase: 'PAUSED', pauseReason: 'MANUAL' });
    expect(paused.wake).toEqual(['placement']);
    expect(paused.rows.rollout).toMatchObject({ phase: 'PAUSED', pauseReason: 'MANUAL', phaseDetail: { code: 'PAUSED_ON_REQUEST' } });
    const promoted = verb(rows, { kind: 'PROMOTE', full: true });
    expect(promoted.rows.waves[0]).toMatchObject({ promotedStep: 2 });
  });

  it('that aborts keeps the phase and the reason of the pause', () => {
    const rows = rowsOf({ rollout: rolloutRow({ phase: 'PAUSED', pauseReason: 'STEP' }) });
    expect(verb(rows, { kind: 'ABORT' }).rows.rollout).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP', intent: 'ABORT' });
  });
});

describe('superseding', () => {
  it('ends the rollout and every open target with one event, and wakes their holders', () => {
    const rows = rowsOf({
      rollout: rolloutRow({ phase: 'PAUSED', pauseReason: 'STEP' }),
      targets: [
        targetRow({ phase: 'HELD', written: true }),
        targetRow({ id: 'b', placementId: 'at-b', phase: 'SUCCEEDED', written: true }),
      ],
    });
    const reduction = reduceRollout(rows, { kind: 'SUPERSEDE', by: 'ROLLBACK' });
    expect(told(reduction)).toEqual(['rollout.superseded SUPERSEDED']);
    expect(reduction.rows.rollout).toMatchObject({ phase: 'SUPERSEDED', pauseReason: null, settledAt: now });
    expect(reduction.rows.targets.map(({ phase }) => phase)).toEqual(['SKIPPED', 'SUCCEEDED']);
    expect(reduction.wake).toEqual(['placement']);
  });
});

describe('whatever the rows say', () => {
  /** Every event of an end is there once, and what has ended stays as it is. */
  const check = (before: RolloutRows, { rows, events, wake }: Reduction): void => {
    const ends = events.filter(({ type }) => /^rollout\.(succeeded|rolled_back|failed|canceled|superseded)$/.test(type));
    expect(ends).toHaveLength(isSettled(rows.rollout.phase) && !isSettled(before.rollout.phase) ? 1 : 0);
    if (ends.length > 0) expect(rows.targets.every(({ phase }) => isTerminal(phase))).toBe(true);
    if (isSettled(before.rollout.phase)) expect(rows).toBe(before);
    // Who knows no phases reads from this time whether a rollout is active.
    else expect(rows.rollout.settledAt !== null).toBe(isSettled(rows.rollout.phase));
    for (const [i, target] of rows.targets.entries()) {
      const was = before.targets[i];
      if (was && was.phase !== target.phase && (isSteered(was.phase) || isSteered(target.phase)))
        expect(wake).toContain(target.placementId);
    }
  };

  it('the loop comes to a wait or an end over edges of the tables only, and then has nothing left to do', () => {
    fc.assert(
      fc.property(anyRows, (rows) => {
        const start = observed(rows);
        const reduction = advanceRollout(start);
        if (reduction.error !== null) throw reduction.error as Error;
        check(start, reduction);
        expect(advanceRollout(reduction.rows).rows).toBe(reduction.rows);
      }),
      { numRuns: 3000 },
    );
  });

  it('verbs and superseding make edges of the tables only, and the loop goes on from there', () => {
    fc.assert(
      fc.property(anyRows, fc.constantFrom(...verbs, 'SUPERSEDE' as const), (rows, asked) => {
        const change: RolloutDecision | VerbChange | Supersede | null =
          asked === 'SUPERSEDE' ? { kind: 'SUPERSEDE', by: 'DEPLOY' } : changeOf(asked, rows);
        if (change === null || (asked === 'SUPERSEDE' && isSettled(rows.rollout.phase))) return;
        const reduction = reduceRollout(rows, change);
        check(rows, reduction);
        expect(reduction.events.filter(({ target }) => target === null)).toHaveLength(1);
        expect(advanceRollout(observed(reduction.rows)).error).toBeNull();
      }),
      { numRuns: 3000 },
    );
  });

  it('an edge that no table has ends the rollout as undecidable', () => {
    const rows = rowsOf({ rollout: rolloutRow({ phase: 'QUEUED' }), waves: [], targets: [targetRow({ phase: 'PENDING' })] });
    const { error, rows: ended, events } = advanceRollout(observed(rows));
    expect(error).toBeInstanceOf(UnknownTransition);
    expect(ended.rollout).toMatchObject({ phase: 'FAILED', phaseDetail: { code: 'UNDECIDABLE' } });
    expect(events.map(({ type }) => type)).toEqual(['rollout.failed']);
  });
});

function changeOf(asked: Verb, rows: RolloutRows): VerbChange | null {
  const decision = decideVerb(asked, rows);
  return decision.kind === 'CHANGE' ? decision : null;
}

it('a rollout that cannot be undone because a target is at a stage of another version ends with the failure of that target', () => {
  const targets = [targetRow({ phase: 'FAILED', written: true, failure, stages: [{ kind: 'SOAK', step: 0 }] })];
  const { rows, events } = advanceRollout(observed(rowsOf({ targets })));
  expect(rows.rollout).toMatchObject({ phase: 'FAILED', phaseDetail: { code: 'UNDECIDABLE' }, failure });
  expect(events.map(({ type }) => type)).toEqual(['rollout.failed']);
});
