import { describe, expect, it } from 'vitest';
import { RolloutPhase } from '../../../../src/generated/prisma/enums.ts';
import { edited, internalFailure } from '../../../../src/rollouts/core/failure.ts';
import type { RolloutState, TargetState, WaveState } from '../../../../src/rollouts/core/observation.ts';
import { because } from '../../../../src/rollouts/core/reasons.ts';
import { decideVerb } from '../../../../src/rollouts/core/rollout/verbs.ts';
import type { Verb } from '../../../../src/rollouts/core/rollout/verbs.ts';
import { rolloutTransitions } from '../../../../src/rollouts/core/transitions.ts';
import { rolloutRow, strategy, targetRow, waveRow } from '../model.ts';

const now = new Date('2026-01-01T00:00:00Z');
const canary = strategy({ type: 'CANARY', steps: [{ weight: 20 }, { pause: true }, { weight: 50 }, { pauseSeconds: 60 }] });

function ask(
  verb: Verb,
  rollout: Partial<RolloutState>,
  waves: WaveState[] = [waveRow({ phase: 'OPEN' })],
  targets: TargetState[] = [],
): ReturnType<typeof decideVerb> {
  return decideVerb(verb, { now, rollout: rolloutRow({ strategy: canary, ...rollout }), waves, targets });
}

const PAUSE: Verb = { kind: 'PAUSE' };
const RESUME: Verb = { kind: 'RESUME' };
const PROMOTE: Verb = { kind: 'PROMOTE', full: false };
const FULL: Verb = { kind: 'PROMOTE', full: true };
const ABORT: Verb = { kind: 'ABORT' };
const RETRY: Verb = { kind: 'RETRY', takeOver: false };

describe('a verb that comes too late', () => {
  it('is told how the rollout has ended, whatever it was asked before', () => {
    const late = ask(PAUSE, { phase: 'ROLLED_BACK', intent: 'ABORT' });
    expect(late).toMatchObject({ kind: 'WRONG_PHASE', detail: expect.stringMatching(/^A rollout that is (?!about to end)/) as string });
  });
});

/** Phase (and reason of the pause) by verb: what it comes to. */
const table: [RolloutState['phase'], RolloutState['pauseReason'], Record<string, string>][] = [
  [
    'QUEUED',
    null,
    { PAUSE: 'WRONG_PHASE', RESUME: 'WRONG_PHASE', PROMOTE: 'WRONG_PHASE', FULL: 'WRONG_PHASE', ABORT: 'CHANGE', RETRY: 'WRONG_PHASE' },
  ],
  ['RUNNING', null, { PAUSE: 'CHANGE', RESUME: 'DONE', PROMOTE: 'WRONG_PHASE', FULL: 'CHANGE', ABORT: 'CHANGE', RETRY: 'WRONG_PHASE' }],
  ['PAUSED', 'STEP', { PAUSE: 'CHANGE', RESUME: 'WRONG_PHASE', PROMOTE: 'CHANGE', FULL: 'CHANGE', ABORT: 'CHANGE', RETRY: 'WRONG_PHASE' }],
  [
    'PAUSED',
    'MANUAL',
    { PAUSE: 'DONE', RESUME: 'CHANGE', PROMOTE: 'WRONG_PHASE', FULL: 'WRONG_PHASE', ABORT: 'CHANGE', RETRY: 'WRONG_PHASE' },
  ],
  [
    'PAUSED',
    'FAILURE',
    { PAUSE: 'WRONG_PHASE', RESUME: 'WRONG_PHASE', PROMOTE: 'WRONG_PHASE', FULL: 'WRONG_PHASE', ABORT: 'CHANGE', RETRY: 'CHANGE' },
  ],
  [
    'PAUSED',
    'APPROVAL',
    { PAUSE: 'WRONG_PHASE', RESUME: 'WRONG_PHASE', PROMOTE: 'WRONG_PHASE', FULL: 'WRONG_PHASE', ABORT: 'CHANGE', RETRY: 'WRONG_PHASE' },
  ],
  [
    'ROLLING_BACK',
    null,
    { PAUSE: 'WRONG_PHASE', RESUME: 'WRONG_PHASE', PROMOTE: 'WRONG_PHASE', FULL: 'WRONG_PHASE', ABORT: 'CHANGE', RETRY: 'WRONG_PHASE' },
  ],
  [
    'SUCCEEDED',
    null,
    {
      PAUSE: 'WRONG_PHASE',
      RESUME: 'WRONG_PHASE',
      PROMOTE: 'WRONG_PHASE',
      FULL: 'WRONG_PHASE',
      ABORT: 'WRONG_PHASE',
      RETRY: 'WRONG_PHASE',
    },
  ],
  [
    'ROLLED_BACK',
    null,
    { PAUSE: 'WRONG_PHASE', RESUME: 'WRONG_PHASE', PROMOTE: 'WRONG_PHASE', FULL: 'WRONG_PHASE', ABORT: 'DONE', RETRY: 'NEW_ROLLOUT' },
  ],
  [
    'FAILED',
    null,
    {
      PAUSE: 'WRONG_PHASE',
      RESUME: 'WRONG_PHASE',
      PROMOTE: 'WRONG_PHASE',
      FULL: 'WRONG_PHASE',
      ABORT: 'WRONG_PHASE',
      RETRY: 'NEW_ROLLOUT',
    },
  ],
  [
    'CANCELED',
    null,
    { PAUSE: 'WRONG_PHASE', RESUME: 'WRONG_PHASE', PROMOTE: 'WRONG_PHASE', FULL: 'WRONG_PHASE', ABORT: 'DONE', RETRY: 'NEW_ROLLOUT' },
  ],
  [
    'SUPERSEDED',
    null,
    {
      PAUSE: 'WRONG_PHASE',
      RESUME: 'WRONG_PHASE',
      PROMOTE: 'WRONG_PHASE',
      FULL: 'WRONG_PHASE',
      ABORT: 'WRONG_PHASE',
      RETRY: 'WRONG_PHASE',
    },
  ],
];
const verbs: Record<string, Verb> = { PAUSE, RESUME, PROMOTE, FULL, ABORT, RETRY };
const cases = table.flatMap(([phase, pauseReason, row]) =>
  Object.entries(verbs).map(([name, verb]) => ({ name, verb, phase, pauseReason, kind: row[name] ?? '' })),
);

describe('the table of verbs', () => {
  it('changes a phase where the table of transitions has a row for it, and nowhere else', () => {
    for (const [phase, , row] of table) {
      for (const [name, verb] of Object.entries(verbs)) {
        const edges = rolloutTransitions.filter(
          ({ from, by }) => by === `VERB_${verb.kind}` && (from as readonly string[]).includes(phase),
        );
        const changing = table.some(([other, , kinds]) => other === phase && kinds[name] === 'CHANGE');
        if (row[name] === 'CHANGE') expect(edges, `${name} in ${phase}`).toHaveLength(1);
        if (edges.length > 0 && name !== 'PROMOTE') expect(changing, `${name} in ${phase}`).toBe(true);
      }
    }
  });

  it('speaks of every phase', () => {
    expect(new Set(table.map(([phase]) => phase))).toEqual(new Set(Object.values(RolloutPhase)));
  });

  it.each(cases)('$name in $phase ($pauseReason) is $kind', ({ verb, phase, pauseReason, kind }) => {
    const decision = ask(verb, { phase, pauseReason });
    expect(decision.kind).toBe(kind);
    if (decision.kind === 'WRONG_PHASE') expect(decision.detail).toContain(phase);
  });
});

describe('what a verb changes', () => {
  it('promotes the open wave past the step that its targets are held at, and no other wave', () => {
    const held = targetRow({ plan: canary, phase: 'HELD', step: 1 });
    const waves = [waveRow({ phase: 'OPEN' }), waveRow({ id: 'next', position: 1 })];
    expect(ask(PROMOTE, { phase: 'PAUSED', pauseReason: 'STEP' }, waves, [held])).toMatchObject({
      rollout: { phase: 'RUNNING', pauseReason: null },
      waves: [{ waveId: 'wave', promotedStep: 1 }],
      verb: 'PROMOTE',
      reason: because('PROMOTED', { full: false }),
    });
  });

  it('promotes in full past every step there is; its twin has nothing left to do', () => {
    expect(ask(FULL, { phase: 'RUNNING' })).toMatchObject({ kind: 'CHANGE', waves: [{ waveId: 'wave', promotedStep: 4 }] });
    expect(ask(FULL, { phase: 'RUNNING' }, [waveRow({ phase: 'OPEN', promotedStep: 4 })])).toEqual({ kind: 'DONE' });
  });

  it('pauses a held rollout by hand, so that promoting is no longer what it waits for', () => {
    expect(ask(PAUSE, { phase: 'PAUSED', pauseReason: 'STEP' })).toMatchObject({ rollout: { phase: 'PAUSED', pauseReason: 'MANUAL' } });
  });

  it('aborts once: the intent stands until the loop carries it out, and the second abort gives up on what stays away', () => {
    expect(ask(ABORT, { phase: 'RUNNING' })).toMatchObject({ rollout: { intent: 'ABORT' }, reason: { code: 'ABORTING' } });
    expect(ask(ABORT, { phase: 'RUNNING', intent: 'ABORT' })).toEqual({ kind: 'DONE' });
    expect(ask(ABORT, { phase: 'ROLLING_BACK', intent: 'ABORT' })).toMatchObject({
      rollout: { intent: 'GIVE_UP' },
      reason: { code: 'GIVING_UP' },
    });
    expect(ask(ABORT, { phase: 'ROLLING_BACK', intent: 'GIVE_UP' })).toEqual({ kind: 'DONE' });
  });

  it.each([PAUSE, RESUME, PROMOTE, FULL, RETRY])('refuses $kind once an abort was accepted', (verb) => {
    expect(ask(verb, { phase: 'RUNNING', intent: 'ABORT' }).kind).toBe('WRONG_PHASE');
  });

  it('retries what failed in the same rollout, where it stood, as soon as it is its turn', () => {
    const failed = targetRow({ plan: canary, phase: 'FAILED', step: 2, written: true, enteredAt: new Date(0) });
    const fine = targetRow({ id: 'fine', phase: 'SUCCEEDED' });
    const decision = ask(RETRY, { phase: 'PAUSED', pauseReason: 'FAILURE' }, undefined, [failed, fine]);
    expect(decision).toMatchObject({
      kind: 'CHANGE',
      rollout: { phase: 'RUNNING' },
      reason: because('RETRIED', { count: 1, clusters: ['east-1'] }),
    });
    const targets = decision.kind === 'CHANGE' ? decision.targets : [];
    expect(targets).toEqual([{ targetId: 'target', set: expect.objectContaining({ phase: 'PENDING', failure: null, retriedAt: now }) }]);
    expect(targets[0]?.set).not.toHaveProperty('stage');
    expect(decision.kind === 'CHANGE' && decision.rollout).not.toHaveProperty('takeOver');
  });

  it('retries what others have edited from its first stage, and takes it over if that is asked for', () => {
    const failed = targetRow({
      plan: canary,
      phase: 'FAILED',
      step: 2,
      written: true,
      failure: edited({ cluster: 'east-1' }, { name: 'web' }, null),
    });
    const decision = ask({ kind: 'RETRY', takeOver: true }, { phase: 'PAUSED', pauseReason: 'FAILURE' }, undefined, [failed]);
    expect(decision).toMatchObject({ rollout: { takeOver: true }, targets: [{ set: { stage: 0, to: { replicaSet: null } } }] });
  });

  it.each([
    ['DELETED', null],
    ['REPLACED', null],
    ['ErrImagePull', 'd-1'],
  ])('retries after %s with uid %s: what somebody took away is made again', (code, uid) => {
    const failed = targetRow({ phase: 'FAILED', written: true, uid: 'd-1', failure: { ...internalFailure({ cluster: 'east-1' }), code } });
    const decision = ask(RETRY, { phase: 'PAUSED', pauseReason: 'FAILURE' }, undefined, [failed]);
    expect(decision.kind === 'CHANGE' ? decision.targets[0]?.set.uid : undefined).toBe(uid);
  });
});
