import fc from 'fast-check';
import {
  OnFailure,
  OnUnreachable,
  PauseReason,
  RolloutKind,
  RolloutPhase,
  TargetPhase,
  WavePhase,
} from '../../../../src/generated/prisma/enums.ts';
import type { Failure } from '../../../../src/rollouts/core/failure.ts';
import type { Condition, RolloutRows, TargetState } from '../../../../src/rollouts/core/observation.ts';
import { rolloutRow, strategy, targetRow } from '../model.ts';

export const now = new Date('2026-01-01T12:00:00Z');
export const canary = strategy({ type: 'CANARY', steps: [{ weight: 20 }, { pause: true }] });
export const failure: Failure = {
  code: 'ImagePullBackOff',
  data: { message: '' },
  cluster: 't2',
  pod: null,
  container: null,
  exitCode: null,
  logTail: null,
};

/** The condition of a target that nobody has served for so many seconds. */
export const away = (seconds: number): Condition => ({
  type: 'NO_WORKER',
  data: { region: 'east' },
  since: new Date(now.getTime() - seconds * 1000).toISOString(),
});

const anyTarget = (waveIds: string[]): fc.Arbitrary<Partial<TargetState>> =>
  fc
    .record({
      waveId: fc.constantFrom(...waveIds),
      phase: fc.constantFrom(...Object.values(TargetPhase)),
      written: fc.boolean(),
      undoing: fc.boolean(),
      stage: fc.nat(3),
      failure: fc.option(fc.constant(failure), { nil: null }),
      condition: fc.option(fc.nat(200).map(away), { nil: null }),
    })
    // Rows that no path leads to are left out: what goes or went back was written and is undoing.
    .map((one) => (one.phase === 'ROLLING_BACK' || one.phase === 'ROLLED_BACK' ? { ...one, written: true, undoing: true } : one));
/** Rows of a rollout in any state that some path may lead to. */
export const anyRows: fc.Arbitrary<RolloutRows> = fc.integer({ min: 1, max: 3 }).chain((count) => {
  const ids = Array.from({ length: count }, (_, i) => `wave-${i}`);
  return fc
    .record({
      kind: fc.constantFrom(...Object.values(RolloutKind)),
      phase: fc.constantFrom(...Object.values(RolloutPhase)),
      pauseReason: fc.constantFrom(...Object.values(PauseReason), null),
      intent: fc.constantFrom('ABORT' as const, 'GIVE_UP' as const, null, null),
      onFailure: fc.constantFrom(...Object.values(OnFailure)),
      onUnreachable: fc.constantFrom(...Object.values(OnUnreachable)),
      waves: fc.tuple(
        ...ids.map((id, position) =>
          fc.record({
            id: fc.constant(id),
            position: fc.constant(position),
            phase: fc.constantFrom(...Object.values(WavePhase)),
            promotedStep: fc.integer({ min: -1, max: 3 }),
            maxConcurrent: fc.option(fc.nat(3), { nil: null }),
            maxFailed: fc.nat(2),
            evidence: fc.constant(null),
          }),
        ),
      ),
      targets: fc.array(anyTarget(ids), { maxLength: 6 }),
    })
    .map(({ waves, targets, ...rollout }) => ({
      now,
      rollout: rolloutRow({ strategy: canary, ...rollout }),
      waves: waves.map((wave) => (rollout.phase === 'QUEUED' ? { ...wave, phase: 'PENDING' as const } : wave)),
      targets: targets
        .map((target) => (rollout.phase === 'QUEUED' ? { ...target, phase: 'PENDING' as const } : target))
        .map((target, i) => targetRow({ id: `t${i}`, cluster: `t${i}`, plan: canary, ...target })),
    }));
});
