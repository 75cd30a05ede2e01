/**
 * The real core drives the model of a cluster in which everything is late: what controllers, kubelets and the engine do is interleaved by chance, and the recorder
 * judges every pod that is deleted. Each seed is one story from its first write to its end.
 *
 * A seed that fails is replayed, with everything that was said, by `SEED=123 npx vitest run test/rollouts/model/interleavings.test.ts`; `SEEDS` sets how many there are.
 */
import { describe, expect, it } from 'vitest';
import { isSettled } from '../../../src/rollouts/core/phases.ts';
import { decideVerb } from '../../../src/rollouts/core/rollout/verbs.ts';
import type { Verb } from '../../../src/rollouts/core/rollout/verbs.ts';
import { Model, plainPlan } from '../core/model.ts';
import type { Plan } from '../core/model.ts';
import { Chance } from './chance.ts';
import { CLOSED } from './cluster.ts';
import { Interleaving } from './interleaving.ts';

function anyPlan(chance: Chance): Plan {
  const n = chance.between(1, 20);
  const type = chance.one(['ROLLING', 'CANARY', 'CANARY', 'BATCHES'] as const);
  const maxSurge = chance.one([0, 1, 1, 2, 5, '25%', '50%']);
  const maxUnavailable = maxSurge === 0 ? chance.one([1, 2, '25%']) : chance.one([0, 0, 1, '25%']);
  const weights = [...new Set([chance.between(1, 99), chance.between(1, 99)])].sort((one, other) => one - other);
  const steps = weights.flatMap((weight) => [{ weight }, ...(chance.next() < 0.5 ? [{ pause: true as const }] : [])]);
  const behaviour = chance.one(['GOOD', 'GOOD', 'FIRST_GOOD', 'NEVER_READY'] as const);
  return {
    ...plainPlan,
    n,
    wanted: n,
    type,
    maxSurge,
    maxUnavailable,
    steps,
    batches: [chance.between(1, 5)],
    behaviour,
    minReadySeconds: chance.one([0, 0, 0, 1]),
  };
}

function ask(model: Model, one: Verb): void {
  const decision = decideVerb(one, model.rows());
  if (decision.kind !== 'CHANGE') return;
  model.log.push(`VERB ${one.kind}`);
  model.reduce(decision);
}

/** A story: something is asked for at moments of chance, and then it goes on to its end. */
function tell(seed: number, story: (chance: Chance, interleaving: Interleaving, plan: Plan) => void): Model {
  const chance = new Chance(seed);
  const plan = anyPlan(chance);
  const model = new Model(plan);
  const interleaving = new Interleaving(model, seed + 1_000_000);
  story(chance, interleaving, plan);
  for (let i = 0; i < 30 && !model.isSettled; i++) {
    interleaving.run(3000);
    model.now += 1000;
  }
  return model;
}

interface Verdict {
  seed: number;
  /** What went wrong, with everything that was said before it; null where nothing did. */
  fault: string | null;
  /** Something was so late that a write had to be made before its time: then pods may be missing. */
  isLate: boolean;
}

/** Nobody but ours changes N, and a SCALE of ours is never what ends a rollout, unless one pod is left, which may be the new one. */
const endedByScale = ({ scale, target, deployment }: Model): boolean =>
  target.failure?.code === 'SCALED_WHILE_HELD' && (scale === null || deployment?.replicas !== 1);

function judge(model: Model, seed: number): Verdict {
  const isLate = model.log.some((line) => line.includes('Written after'));
  const scaled = endedByScale(model) ? ['it has ended as if somebody had scaled'] : [];
  const faults = [...(model.isSettled ? [] : ['it has not ended']), ...(isLate ? [] : model.breaches), ...scaled];
  return { seed, isLate, fault: faults.length === 0 ? null : [`SEED=${seed}`, ...model.log, ...faults].join('\n') };
}

function eachSeed(story: (seed: number) => Model): void {
  const verdicts = seeds.map((seed) => judge(story(seed), seed));
  const faulty = verdicts.filter(({ fault }) => fault !== null);
  expect(faulty.length, `${faulty.map(({ seed }) => seed).join(', ')}\n${faulty[0]?.fault}`).toBe(0);
  const late = verdicts.filter(({ isLate }) => isLate).map(({ seed }) => seed);
  expect(late.length, `late: ${late.join(', ')}`).toBeLessThanOrEqual(seeds.length / 500);
}

const only = process.env['SEED'];
const count = Number(process.env['SEEDS'] ?? 500);
const seeds = only === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(only)];
const someVerb: Verb[] = [{ kind: 'PAUSE' }, { kind: 'PROMOTE', full: false }, { kind: 'RESUME' }, { kind: 'PROMOTE', full: true }];

/** A watchdog, which grows with what is asked for. */
const timeout = Math.max(90_000, 60 * seeds.length);

describe(`in ${seeds.length} orders of what happens, no pod is missing that has to be there`, { timeout }, () => {
  it('when a rollout is paused, promoted and aborted at any moment', () => {
    eachSeed((seed) =>
      tell(seed, (chance, interleaving) => {
        interleaving.run(chance.between(0, 250));
        for (let verbs = chance.between(0, 2); verbs > 0; verbs--) {
          ask(interleaving.model, chance.one(someVerb));
          interleaving.run(chance.between(0, 100));
        }
        ask(interleaving.model, { kind: 'ABORT' });
      }),
    );
  });

  it('when it is aborted while pods of either side fail and recover', () => {
    eachSeed((seed) =>
      tell(seed, (chance, interleaving) => {
        interleaving.run(chance.between(0, 250));
        const abortsAfter = chance.between(0, 3);
        for (let failures = 0; failures <= 3; failures++) {
          if (failures === abortsAfter) ask(interleaving.model, { kind: 'ABORT' });
          interleaving.loseReadiness();
          interleaving.run(chance.between(0, 60));
        }
      }),
    );
  });

  /** What is aborted at a moment of chance has superseded others; of those, only the first one's pods serve. */
  const superseding = (times: number, again?: number) => (seed: number) =>
    tell(seed, (chance, interleaving, plan) => {
      const { model } = interleaving;
      interleaving.run(chance.between(0, 300));
      for (let left = times; left > 0 && !isSettled(model.rollout.phase); left--) {
        const behaviour = left > 1 ? ('NEVER_READY' as const) : chance.one(['GOOD', 'FIRST_GOOD', 'NEVER_READY'] as const);
        const steps = [{ weight: chance.between(1, 99) }, { pause: true as const }];
        model.supersede(
          { type: chance.one(['ROLLING', 'CANARY'] as const), steps, maxSurge: plan.maxSurge, behaviour },
          left === 1 ? again : undefined,
        );
        interleaving.run(chance.between(0, 200));
      }
      ask(model, { kind: 'ABORT' });
    });

  it('when a rollout is superseded at any moment, and what supersedes it is aborted', () => {
    eachSeed(superseding(1));
  });

  it('when a rollout is superseded by one whose pods never serve, and that by a third', () => {
    eachSeed(superseding(2));
  });

  it('when a rollout is superseded by one whose pods never serve, and that by the template of before', () => {
    eachSeed(superseding(2, 2));
  });

  it('when somebody opens the gate, as often as not while it is held', () => {
    eachSeed((seed) =>
      tell(seed, (chance, interleaving, { maxSurge, maxUnavailable }) => {
        const { model } = interleaving;
        const isClosed = (): boolean => model.deployment?.minReadySeconds === CLOSED;
        interleaving.run(chance.between(0, 250));
        for (let times = chance.between(1, 2); times > 0; times--) {
          interleaving.run(300, isClosed);
          if (isClosed()) model.openGate({ surge: String(maxSurge), unavailable: String(maxUnavailable) });
          interleaving.run(chance.between(0, 100));
        }
        ask(model, chance.one([{ kind: 'ABORT' }, { kind: 'PROMOTE', full: true }] as const));
        interleaving.run(chance.between(0, 500));
        ask(model, { kind: 'ABORT' });
      }),
    );
  });

  /** A SCALE of ours at a moment of chance, once pods of the rollout are asked for. */
  const scaling = (seed: number, aborts: boolean): Model =>
    tell(seed, (chance, interleaving, { n, maxSurge }) => {
      const { model } = interleaving;
      interleaving.run(300, () => model.sets.length > 1);
      interleaving.run(chance.between(0, 200));
      if (aborts && chance.next() < 0.5) {
        ask(model, { kind: 'ABORT' });
        interleaving.run(chance.between(0, 100));
      }
      // Without surge one pod cannot be split; and a conflict between the two writes of the Deployment controller's scaling then keeps it from rolling for good.
      const least = maxSurge === 0 ? 2 : 1;
      model.askForScale(chance.between(least, Math.max(least, n - 1)));
      interleaving.run(chance.between(0, 300));
      if (!aborts) {
        ask(model, { kind: 'PROMOTE', full: true });
        interleaving.run(2000);
      }
      ask(model, { kind: 'ABORT' });
    });

  it('when a SCALE of ours lowers N beside a rollout', () => {
    eachSeed((seed) => scaling(seed, false));
  });

  it('when a SCALE of ours lowers N beside a rollout that is aborted', () => {
    eachSeed((seed) => scaling(seed, true));
  });

  it('when it is aborted under a full quota', () => {
    eachSeed((seed) =>
      tell(seed, (chance, interleaving, { n }) => {
        interleaving.model.cluster.quota = n + chance.between(0, 2);
        interleaving.run(chance.between(0, 300));
        ask(interleaving.model, { kind: 'ABORT' });
      }),
    );
  });
});
