import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RolloutPhase } from '../../../../src/generated/prisma/enums.ts';
import type { RolloutDecision } from '../../../../src/rollouts/core/decision.ts';
import { decideRollout } from '../../../../src/rollouts/core/rollout/decide-rollout.ts';
import type { RolloutRows, RolloutState, TargetState } from '../../../../src/rollouts/core/observation.ts';
import { isSettled, isTerminal, targetPhases } from '../../../../src/rollouts/core/phases.ts';
import { because, plain } from '../../../../src/rollouts/core/reasons.ts';
import type { Reason } from '../../../../src/rollouts/core/reasons.ts';
import { reduceRollout } from '../../../../src/rollouts/core/rollout/reduce-rollout.ts';
import { undecidableRollout } from '../../../../src/rollouts/core/rollout/undecidable.ts';
import { rolloutRow, strategy, targetRow, waveRow } from '../model.ts';
import type { Row } from '../model.ts';
import { anyRows, away, canary, failure, now } from './any-rows.ts';

type Rows = Omit<RolloutRows, 'now'>;

const ago = (seconds: number): Date => new Date(now.getTime() - seconds * 1000);
const t = (id: string, phase: TargetState['phase'], fields: Row = {}): TargetState => {
  const started = !['PENDING', 'SKIPPED'].includes(phase);
  return targetRow({
    id,
    cluster: id,
    phase,
    plan: canary,
    written: started,
    failure: phase === 'FAILED' ? { ...failure, cluster: id } : null,
    ...fields,
  });
};
const running = (targets: TargetState[], rollout: Partial<RolloutState> = {}, wave = {}): Rows => ({
  rollout: rolloutRow({ phase: 'RUNNING', strategy: canary, ...rollout }),
  waves: [waveRow({ phase: 'OPEN', ...wave })],
  targets,
});
const decide = (rows: Rows): RolloutDecision => decideRollout({ now, quota: null, elsewhere: 0, ...rows });
const applied = (decision: RolloutDecision, rows: Rows): Rows => reduceRollout({ now, ...rows }, decision).rows;
const phases = (rows: Rows): Record<string, string> => Object.fromEntries(rows.targets.map((target) => [target.id, target.phase]));

/** Applies decisions as the engine does until there is none left. */
function exhaust(rows: Rows): { rows: Rows; kinds: string[]; reasons: Reason[] } {
  const kinds: string[] = [];
  const reasons: Reason[] = [];
  for (;;) {
    const decision = decide(rows);
    if (decision.kind === 'WAIT') return { rows, kinds, reasons };
    kinds.push(decision.kind);
    reasons.push(decision.reason);
    rows = applied(decision, rows);
    if (kinds.length > 100) throw new Error(`decided without end: ${kinds.slice(-5).join(', ')}`);
  }
}

describe('waves', () => {
  it('opens the first, starts as many targets as may run at once, and starts the next as they end', () => {
    const rows = running(
      [t('t1', 'PENDING'), t('t2', 'PENDING'), t('t3', 'PENDING')],
      { phase: 'QUEUED' },
      { phase: 'PENDING', maxConcurrent: 2 },
    );
    const first = exhaust(rows);
    expect(first.kinds).toEqual(['OPEN_WAVE', 'START_TARGETS']);
    expect(phases(first.rows)).toEqual({ t1: 'PROGRESSING', t2: 'PROGRESSING', t3: 'PENDING' });
    expect(first.rows.rollout.phase).toBe('RUNNING');
    const [one, ...rest] = first.rows.targets;
    const next = exhaust({ ...first.rows, targets: [{ ...(one ?? t('t1', 'PENDING')), phase: 'SUCCEEDED', written: true }, ...rest] });
    expect(phases(next.rows)).toEqual({ t1: 'SUCCEEDED', t2: 'PROGRESSING', t3: 'PROGRESSING' });
  });

  it('does not count a held target as running', () => {
    const rows = running([t('t1', 'HELD', { step: 1 }), t('t2', 'PENDING')], {}, { maxConcurrent: 1 });
    expect(decide(rows)).toMatchObject({ kind: 'START_TARGETS', targets: [{ targetId: 't2' }] });
  });

  it('lets held targets go on after their pause as there is room, before others begin', () => {
    const held = ['t1', 't2', 't3'].map((id) => t(id, 'HELD', { step: 1, heldAt: ago(30) }));
    const rows = running([...held, t('t4', 'PENDING')], {}, { promotedStep: 1, maxConcurrent: 2 });
    expect(decide(rows)).toMatchObject({
      kind: 'START_TARGETS',
      reason: because('TARGETS_STARTED', { resumed: { count: 2, clusters: ['t1', 't2'] }, started: null, wave: 1, of: 4 }),
      targets: [
        { targetId: 't1', set: { phase: 'PROGRESSING', enteredAt: now } },
        { targetId: 't2', set: { phase: 'PROGRESSING', enteredAt: now } },
      ],
    });
    const next = exhaust(rows);
    expect(phases(next.rows)).toEqual({ t1: 'PROGRESSING', t2: 'PROGRESSING', t3: 'HELD', t4: 'PENDING' });
    const ended = next.rows.targets.map((one) => (one.id === 't1' || one.id === 't2' ? { ...one, phase: 'SUCCEEDED' as const } : one));
    expect(decide({ ...next.rows, targets: ended }).reason).toEqual(
      because('TARGETS_STARTED', { resumed: { count: 1, clusters: ['t3'] }, started: { count: 1, clusters: ['t4'] }, wave: 1, of: 4 }),
    );
  });

  it('looks again when the next timed pause ends, and not at one that is over behind a pause of the whole rollout', () => {
    const timed = strategy({ type: 'CANARY', steps: [{ weight: 20 }, { pauseSeconds: 60 }] });
    const held = (id: string, seconds: number): TargetState => t(id, 'HELD', { plan: timed, step: 1, heldAt: ago(seconds) });
    const both = [held('t1', 10), held('t2', 40)];
    expect(decide(running(both, { strategy: timed }))).toMatchObject({ kind: 'WAIT', lookAt: new Date(now.getTime() + 20_000) });
    expect(decide(running([held('t1', 10), held('t2', 60)], { strategy: timed }))).toMatchObject({ targets: [{ targetId: 't2' }] });
    const manual = { strategy: timed, phase: 'PAUSED', pauseReason: 'MANUAL' } as const;
    expect(decide(running([held('t1', 60)], manual))).toMatchObject({ kind: 'WAIT', lookAt: null });
  });

  it('says at an open pause which of its targets are not well, for as long as they are', () => {
    const hindrance = { code: 'NotReady', data: { message: 'unready.' }, pod: 'web-1', container: 'web', since: ago(5).toISOString() };
    const steps = [{ weight: 20 }, { pause: true as const }];
    const open = strategy({ type: 'CANARY', steps });
    const held = (id: string, fields: Row = {}): TargetState => t(id, 'HELD', { plan: open, step: 1, heldAt: ago(30), ...fields });
    const rows = (targets: TargetState[]): Rows => running(targets, { strategy: open, phase: 'PAUSED', pauseReason: 'STEP' });
    const well = rows([held('t1'), held('t2')]);
    expect(decide(well)).toMatchObject({ kind: 'WAIT', show: false });
    const unwell = rows([held('t1'), held('t2', { hindrance }), held('t3', { hindrance })]);
    const { since: _, ...cause } = hindrance;
    const decision = decide(unwell);
    expect(decision).toMatchObject({
      kind: 'WAIT',
      show: true,
      reason: because('HELD_UNWELL_AT_STEP', { step: 2, of: 2, cluster: 't2', cause, more: 1 }),
    });
    const shown = applied(decision, unwell);
    expect(decide({ ...shown, targets: well.targets })).toMatchObject({
      kind: 'WAIT',
      show: true,
      reason: because('HELD_AT_STEP', { step: 2, of: 2 }),
    });
  });

  it('gives no room to a held target whose cluster stays away', () => {
    const gone = t('t1', 'HELD', { step: 1, condition: away(5) });
    const rows = running([gone, t('t2', 'HELD', { step: 1 })], {}, { promotedStep: 1, maxConcurrent: 1 });
    expect(decide(rows)).toMatchObject({ kind: 'START_TARGETS', targets: [{ targetId: 't2' }] });
  });

  it("starts no more targets than the tenant's quota leaves beside its other rollouts, and looks again by itself", () => {
    const rows = running([t('t1', 'PROGRESSING'), t('t2', 'PENDING'), t('t3', 'PENDING')]);
    expect(decideRollout({ now, ...rows, quota: 5, elsewhere: 3 })).toMatchObject({ kind: 'START_TARGETS', targets: [{ targetId: 't2' }] });
    expect(decideRollout({ now, ...rows, quota: 4, elsewhere: 3 })).toEqual({
      kind: 'WAIT',
      reason: because('QUOTA', { quota: 4 }),
      lookAt: new Date(now.getTime() + 1_000),
      show: true,
    });
  });

  it("looks again by itself where only targets whose pause is over wait for the tenant's quota", () => {
    const rows = running([t('t1', 'HELD', { step: 1 })], {}, { promotedStep: 1 });
    expect(decideRollout({ now, ...rows, quota: 1, elsewhere: 1 })).toMatchObject({
      kind: 'WAIT',
      lookAt: new Date(now.getTime() + 1_000),
    });
    expect(decideRollout({ now, ...rows, quota: 1, elsewhere: 0 })).toMatchObject({ kind: 'START_TARGETS' });
  });

  it('opens the next wave on what the one before stands at, and ends after the last', () => {
    const rows: Rows = {
      rollout: rolloutRow({ phase: 'RUNNING' }),
      waves: [waveRow({ id: 'b', position: 1 }), waveRow({ id: 'a', phase: 'OPEN' })],
      targets: [
        t('t1', 'SUCCEEDED', {
          waveId: 'a',
          phaseDetail: { ...plain('10 of 10 pods run release 2 and are Ready.'), since: '2026-01-01T00:00:00Z' },
        }),
        t('t2', 'PENDING', { waveId: 'b' }),
      ],
    };
    expect(decide(rows)).toMatchObject({ kind: 'COMPLETE_WAVE', waveId: 'a' });
    const opened = decide(
      applied({ kind: 'COMPLETE_WAVE', reason: because('WAVE_COMPLETED', { wave: 1, targets: 1 }), waveId: 'a' }, rows),
    );
    expect(opened).toMatchObject({
      kind: 'OPEN_WAVE',
      waveId: 'b',
      evidence: [{ targetId: 't1', phase: 'SUCCEEDED', release: 2, reason: '10 of 10 pods run release 2 and are Ready.' }],
    });
    const end = exhaust({ ...exhaust(rows).rows, targets: [t('t1', 'SUCCEEDED', { waveId: 'a' }), t('t2', 'SUCCEEDED', { waveId: 'b' })] });
    expect(end.kinds).toEqual(['COMPLETE_WAVE', 'SETTLE']);
    expect(end.rows.rollout.phase).toBe('SUCCEEDED');
  });

  it('succeeds at once where there is nothing to do', () => {
    expect(decide({ rollout: rolloutRow({ kind: 'DELETE' }), waves: [waveRow({ phase: 'COMPLETED' })], targets: [] })).toMatchObject({
      kind: 'SETTLE',
      phase: 'SUCCEEDED',
      reason: because('NOTHING_TO_DO', {}),
    });
  });

  it('pauses once every target is at the open pause or at its end, and not before', () => {
    const held = t('t1', 'HELD', { step: 1 });
    expect(decide(running([held, t('t2', 'PROGRESSING')])).kind).toBe('WAIT');
    expect(decide(running([held, t('t2', 'SUCCEEDED')]))).toMatchObject({ kind: 'PAUSE', pauseReason: 'STEP' });
    expect(decide(running([held], { phase: 'PAUSED', pauseReason: 'STEP' })).kind).toBe('WAIT');
    expect(decide(running([held], {}, { promotedStep: 1 })).kind).toBe('START_TARGETS');
    const timed = strategy({ type: 'CANARY', steps: [{ weight: 20 }, { pauseSeconds: 5 }] });
    expect(decide(running([t('t1', 'HELD', { plan: timed, step: 1 })], { strategy: timed })).kind).toBe('WAIT');
  });

  it('does not stay at a pause that nobody is held at any more', () => {
    const rows = running([t('t1', 'FAILED'), t('t2', 'SUCCEEDED')], { phase: 'PAUSED', pauseReason: 'STEP' }, { maxFailed: 1 });
    expect(exhaust(rows).rows.rollout.phase).toBe('SUCCEEDED');
  });

  it.each(['MANUAL', 'APPROVAL', 'FAILURE'] as const)('starts nothing while paused (%s)', (pauseReason) => {
    expect(decide(running([t('t1', 'PENDING')], { phase: 'PAUSED', pauseReason })).kind).toBe('WAIT');
  });
});

describe('onFailure', () => {
  const mixed = (): TargetState[] => [
    t('t1', 'SUCCEEDED'),
    t('t2', 'FAILED'),
    t('t3', 'PROGRESSING'),
    t('t4', 'PROGRESSING', { written: false }),
    t('t5', 'PENDING'),
    t('t6', 'HELD'),
  ];

  it('ROLLBACK_ALL takes every target back that was written, and starts no other', () => {
    const { rows, kinds } = exhaust(running(mixed(), { onFailure: 'ROLLBACK_ALL' }));
    expect(kinds).toEqual(['ROLL_BACK']);
    expect(rows.rollout.phase).toBe('ROLLING_BACK');
    expect(phases(rows)).toEqual({
      t1: 'ROLLING_BACK',
      t2: 'ROLLING_BACK',
      t3: 'ROLLING_BACK',
      t4: 'SKIPPED',
      t5: 'SKIPPED',
      t6: 'ROLLING_BACK',
    });
    const back = rows.targets.map((target) => (target.phase === 'ROLLING_BACK' ? { ...target, phase: 'ROLLED_BACK' as const } : target));
    expect(decide({ ...rows, targets: back })).toMatchObject({ kind: 'SETTLE', phase: 'ROLLED_BACK', failure: { cluster: 't2' } });
    const stuck = back.map((target) => (target.id === 't3' ? { ...target, phase: 'FAILED' as const } : target));
    expect(decide({ ...rows, targets: stuck })).toMatchObject({ kind: 'SETTLE', phase: 'FAILED' });
  });

  it.each(['PAUSED', 'RUNNING'] as const)('acts in %s', (phase) => {
    const pauseReason = phase === 'PAUSED' ? ('MANUAL' as const) : null;
    expect(decide(running(mixed(), { phase, pauseReason }))).toMatchObject({ kind: 'ROLL_BACK', scope: 'ALL', failure: { cluster: 't2' } });
  });

  it('keeps the failure of a target that nothing was written to: there is nothing to undo', () => {
    const { rows, reasons } = exhaust(running([t('t1', 'FAILED', { written: false }), t('t2', 'PENDING')]));
    expect(phases(rows)).toEqual({ t1: 'FAILED', t2: 'SKIPPED' });
    expect(rows.rollout.phase).toBe('ROLLED_BACK');
    expect(reasons.at(-1)).toEqual(because('NOTHING_CHANGED', { cause: { cluster: 't1', reason: 'ImagePullBackOff' } }));
  });

  it('ROLLBACK_WAVE leaves earlier waves alone, and the rollout is then an operator’s', () => {
    const rows: Rows = {
      rollout: rolloutRow({ phase: 'RUNNING', onFailure: 'ROLLBACK_WAVE' }),
      waves: [
        waveRow({ id: 'a', phase: 'COMPLETED' }),
        waveRow({ id: 'b', position: 1, phase: 'OPEN' }),
        waveRow({ id: 'c', position: 2 }),
      ],
      targets: [
        t('t1', 'SUCCEEDED', { waveId: 'a' }),
        t('t2', 'FAILED', { waveId: 'b' }),
        t('t3', 'SUCCEEDED', { waveId: 'b' }),
        t('t4', 'PENDING', { waveId: 'c' }),
      ],
    };
    const next = exhaust(rows).rows;
    expect(phases(next)).toEqual({ t1: 'SUCCEEDED', t2: 'ROLLING_BACK', t3: 'ROLLING_BACK', t4: 'SKIPPED' });
    const back = next.targets.map((target) => (target.phase === 'ROLLING_BACK' ? { ...target, phase: 'ROLLED_BACK' as const } : target));
    expect(decide({ ...next, targets: back })).toMatchObject({ kind: 'SETTLE', phase: 'FAILED' });
  });

  it('ROLLBACK_TARGET takes that one back, once, while the others go on', () => {
    const first = exhaust(
      running([t('t1', 'FAILED'), t('t2', 'PROGRESSING'), t('t3', 'PENDING')], { onFailure: 'ROLLBACK_TARGET' }, { maxConcurrent: 2 }),
    );
    expect(first.rows.rollout.phase).toBe('RUNNING');
    expect(phases(first.rows)).toEqual({ t1: 'ROLLING_BACK', t2: 'PROGRESSING', t3: 'PENDING' });
    const failedAgain = first.rows.targets.map((target) =>
      target.id === 't1' ? { ...target, phase: 'FAILED' as const } : { ...target, phase: 'SUCCEEDED' as const },
    );
    const end = exhaust({ ...first.rows, targets: failedAgain });
    expect(end.kinds).toEqual(['COMPLETE_WAVE', 'SETTLE']);
    expect(end.rows.rollout.phase).toBe('FAILED');
    expect(exhaust({ ...first.rows, waves: [waveRow({ phase: 'OPEN', maxFailed: 1 })], targets: failedAgain }).rows.rollout.phase).toBe(
      'SUCCEEDED',
    );
  });

  it('ROLLBACK_TARGET opens no later wave after more failures than a wave may have', () => {
    const rows: Rows = {
      rollout: rolloutRow({ phase: 'RUNNING', onFailure: 'ROLLBACK_TARGET' }),
      waves: [waveRow({ id: 'a', phase: 'COMPLETED' }), waveRow({ id: 'b', position: 1 })],
      targets: [
        t('t1', 'ROLLED_BACK', { waveId: 'a', undoing: true, failure }),
        t('t2', 'SUCCEEDED', { waveId: 'a' }),
        t('t3', 'PENDING', { waveId: 'b' }),
      ],
    };
    const end = exhaust(rows).rows;
    expect([end.rollout.phase, end.targets[2]?.phase]).toEqual(['FAILED', 'SKIPPED']);
    expect(exhaust(rows).reasons.at(-1)).toEqual(
      because('ROLLOUT_FAILED', { failed: [{ cluster: 't1', reason: failure.code, back: true }], count: 1, succeeded: 1 }),
    );
  });

  it('PAUSE holds everything until it is retried or aborted', () => {
    const { rows, kinds } = exhaust(running(mixed(), { onFailure: 'PAUSE' }));
    expect(kinds).toEqual(['PAUSE']);
    expect(rows.rollout).toMatchObject({ phase: 'PAUSED', pauseReason: 'FAILURE' });
    expect(decide({ ...rows, rollout: { ...rows.rollout, intent: 'ABORT' } })).toMatchObject({ kind: 'ROLL_BACK', scope: 'ALL' });
  });

  it('passes over as many failures as the wave may have', () => {
    const rows = running([t('t1', 'FAILED'), t('t2', 'SUCCEEDED')], {}, { maxFailed: 1 });
    expect(exhaust(rows).rows.rollout.phase).toBe('SUCCEEDED');
  });
});

describe('an abort', () => {
  it('cancels what has written nothing', () => {
    const end = exhaust(running([t('t1', 'PROGRESSING', { written: false }), t('t2', 'PENDING')], { intent: 'ABORT' }));
    expect([end.rows.rollout.phase, phases(end.rows)]).toEqual(['CANCELED', { t1: 'SKIPPED', t2: 'SKIPPED' }]);
  });

  it('takes back even what has succeeded, as long as the rollout has not ended', () => {
    const { rows } = exhaust(running([t('t1', 'SUCCEEDED'), t('t2', 'SUCCEEDED')], { intent: 'ABORT' }));
    expect(phases(rows)).toEqual({ t1: 'ROLLING_BACK', t2: 'ROLLING_BACK' });
  });

  it('ends as rolled back where everything was back already', () => {
    const end = exhaust(
      running([t('t1', 'ROLLED_BACK', { undoing: true, failure }), t('t2', 'PENDING')], { intent: 'ABORT', onFailure: 'ROLLBACK_TARGET' }),
    );
    expect(end.rows.rollout.phase).toBe('ROLLED_BACK');
  });

  it('comes too late for what has ended', () => {
    for (const phase of Object.values(RolloutPhase).filter(isSettled)) {
      expect(decide(running([t('t1', 'PROGRESSING')], { phase, intent: 'ABORT' })).kind).toBe('WAIT');
    }
  });

  it('gives up on clusters that stay away when it is repeated, and neither on others nor on one that has just gone', () => {
    const gone = t('t1', 'ROLLING_BACK', { undoing: true, condition: away(5) });
    const blip = t('t2', 'ROLLING_BACK', { undoing: true, condition: away(1) });
    const rows = running([gone, blip, t('t3', 'ROLLING_BACK', { undoing: true })], { phase: 'ROLLING_BACK' });
    expect(decide(rows).kind).toBe('WAIT');
    const end = exhaust({ ...rows, rollout: { ...rows.rollout, intent: 'GIVE_UP' } }).rows;
    expect(phases(end)).toEqual({ t1: 'FAILED', t2: 'ROLLING_BACK', t3: 'ROLLING_BACK' });
    expect(end.targets[0]?.failure).toMatchObject({ code: 'UNREACHABLE' });
    expect(decide(end)).toMatchObject({ kind: 'WAIT', lookAt: new Date(now.getTime() + 4_000) });
  });
});

describe('rows on which deciding itself fails', () => {
  it('end FAILED: what was written as failed, the rest as skipped, what has ended as it was', () => {
    const rows = running([t('t1', 'SUCCEEDED'), t('t2', 'HELD'), t('t3', 'ROLLING_BACK', { undoing: true }), t('t4', 'PENDING')]);
    const decision = undecidableRollout({ now, quota: null, elsewhere: 0, ...rows });
    const end = applied(decision, rows);
    expect(phases(end)).toEqual({ t1: 'SUCCEEDED', t2: 'FAILED', t3: 'FAILED', t4: 'SKIPPED' });
    expect(end.rollout.phase).toBe('FAILED');
    expect(decision).toMatchObject({ failure: { code: 'INTERNAL_ERROR', cluster: 't2' } });
  });
});

describe('onUnreachable', () => {
  it.each([
    ['WAIT', true, 5000, 'PROGRESSING'],
    ['SKIP', false, 61, 'SKIPPED'],
    ['FAIL', false, 61, 'FAILED'],
  ] as const)('%s (written: %s), %i s away: %s', (onUnreachable, written, seconds, phase) => {
    const rows = running([t('t1', 'PROGRESSING', { written, condition: away(seconds) })], { onUnreachable });
    const decision = decide(rows);
    expect(decision.kind === 'GIVE_UP_TARGETS' ? decision.targets[0]?.set.phase : 'PROGRESSING').toBe(phase);
  });

  it('looks again when the patience ends', () => {
    const rows = running([t('t1', 'PROGRESSING', { condition: away(10) })], { onUnreachable: 'FAIL' });
    expect(decide(rows)).toMatchObject({ kind: 'WAIT', lookAt: new Date(now.getTime() + 50_000) });
  });
});

describe('whatever the rows say', () => {
  it('comes to a wait or to its one end after finitely many decisions, each with a reason', () => {
    fc.assert(
      fc.property(anyRows, (start) => {
        let rows: Rows = start;
        let settles = 0;
        for (let i = 0; i < 60; i++) {
          const decision = decide(rows);
          expect(decision).toEqual(decide(rows));
          expect(decision.reason.code).not.toBe('LEGACY');
          if (decision.kind === 'WAIT') break;
          expect(i).toBeLessThan(50);
          if (decision.kind === 'SETTLE') settles++;
          rows = applied(decision, rows);
        }
        expect(settles).toBe(isSettled(rows.rollout.phase) && !isSettled(start.rollout.phase) ? 1 : 0);
        if (settles === 1) expect(rows.targets.every((target) => isTerminal(target.phase))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('is ROLLED_BACK only when every target that was written runs what it ran, CANCELED only when none was', () => {
    fc.assert(
      fc.property(anyRows, (rows) => {
        const decision = decide(rows);
        if (decision.kind !== 'SETTLE') return;
        const written = rows.targets.filter((target) => target.written);
        if (decision.phase === 'ROLLED_BACK') expect(written.every((target) => target.phase === 'ROLLED_BACK')).toBe(true);
        if (decision.phase === 'CANCELED') expect(written).toEqual([]);
        if (decision.phase === 'SUCCEEDED')
          expect(rows.targets.some((target) => ['ROLLING_BACK', 'PROGRESSING', 'HELD', 'BAKING'].includes(target.phase))).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  it('never has more targets running than may run at once by its own doing', () => {
    fc.assert(
      fc.property(anyRows, (rows) => {
        const decision = decide(rows);
        if (decision.kind !== 'START_TARGETS') return;
        const next = applied(decision, rows);
        for (const wave of next.waves) {
          const busy = next.targets.filter((target) => target.waveId === wave.id && targetPhases[target.phase].concurrent).length;
          const started = decision.targets.some(
            ({ targetId }) => next.targets.find((target) => target.id === targetId)?.waveId === wave.id,
          );
          if (started && wave.maxConcurrent !== null) expect(busy).toBeLessThanOrEqual(Math.max(1, wave.maxConcurrent));
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('settles, whatever its targets come to, once nobody is away and pauses are taken away', () => {
    const outcome = fc.constantFrom<TargetState['phase']>('SUCCEEDED', 'FAILED', 'HELD');
    const undone = fc.constantFrom<TargetState['phase']>('ROLLED_BACK', 'ROLLED_BACK', 'FAILED');
    const fresh = anyRows.map((rows) => ({
      rollout: { ...rows.rollout, phase: 'QUEUED' as const, pauseReason: null, intent: null },
      waves: rows.waves.map((wave) => ({ ...wave, phase: 'PENDING' as const, promotedStep: -1 })),
      targets: rows.targets.map((target) => targetRow({ id: target.id, cluster: target.cluster, waveId: target.waveId, to: target.to })),
    }));
    fc.assert(
      fc.property(
        fresh,
        fc.array(outcome, { minLength: 30, maxLength: 30 }),
        fc.array(undone, { minLength: 30, maxLength: 30 }),
        fc.option(fc.nat(20), { nil: null }),
        (start, ends, backs, abortAt) => {
          let { rows } = exhaust(start);
          for (let i = 0; i < 60 && !isSettled(rows.rollout.phase); i++) {
            if (i === abortAt && rows.rollout.phase !== 'ROLLING_BACK') rows = { ...rows, rollout: { ...rows.rollout, intent: 'ABORT' } };
            if (rows.rollout.phase === 'PAUSED') {
              const again = (target: TargetState): TargetState =>
                target.phase === 'FAILED' && !target.undoing ? { ...target, phase: 'SUCCEEDED', failure: null } : target;
              const waves = rows.waves.map((wave) => (wave.phase === 'OPEN' ? { ...wave, promotedStep: 1 } : wave));
              rows = { rollout: { ...rows.rollout, phase: 'RUNNING', pauseReason: null }, waves, targets: rows.targets.map(again) };
            }
            const at = rows.targets.findIndex((target) => ['PROGRESSING', 'ROLLING_BACK', 'HELD'].includes(target.phase));
            const targets = rows.targets.map((target, index) => {
              if (index !== at) return target;
              if (target.phase === 'ROLLING_BACK') return { ...target, phase: backs[i % 30] ?? 'ROLLED_BACK' };
              const phase = target.phase === 'HELD' ? 'SUCCEEDED' : (ends[i % 30] ?? 'SUCCEEDED');
              return { ...target, phase, written: true, step: 1, failure: phase === 'FAILED' ? failure : null };
            });
            ({ rows } = exhaust({ ...rows, targets }));
          }
          expect(isSettled(rows.rollout.phase), JSON.stringify(rows)).toBe(true);
          const written = rows.targets.filter((target) => target.written);
          if (rows.rollout.phase === 'ROLLED_BACK') expect(written.every((target) => target.phase === 'ROLLED_BACK')).toBe(true);
          if (rows.rollout.onFailure === 'ROLLBACK_ALL' && rows.rollout.phase === 'SUCCEEDED') {
            for (const wave of rows.waves)
              expect(rows.targets.filter((target) => target.waveId === wave.id && target.phase === 'FAILED').length).toBeLessThanOrEqual(
                wave.maxFailed,
              );
          }
        },
      ),
      { numRuns: 1000 },
    );
  });
});
