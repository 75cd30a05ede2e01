import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideVerb } from '../../../src/rollouts/core/rollout/verbs.ts';
import type { Verb } from '../../../src/rollouts/core/rollout/verbs.ts';
import { isSettled } from '../../../src/rollouts/core/phases.ts';
import type { StrategyStep } from '../../../src/workloads/core/strategy.ts';
import { isIdle, Model, plainPlan } from './model.ts';
import type { Plan } from './model.ts';

type Op =
  | { kind: 'TURN'; crash: boolean }
  | { kind: 'CONTROLLERS' }
  | { kind: 'DEPLOYMENT_CONTROLLER' }
  | { kind: 'REPLICASET_CONTROLLER' }
  | { kind: 'KUBELET'; share: number }
  | { kind: 'ROLLOUT' }
  | { kind: 'TIME'; seconds: number }
  | { kind: 'SCALE'; n: number }
  | { kind: 'STUMBLE'; index: number }
  | { kind: 'AWAY'; away: boolean }
  | { kind: 'VERB'; verb: Verb };

const weights = fc.uniqueArray(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 4 }).map((list) => list.sort((a, b) => a - b));
const pause = fc.oneof(
  fc.constant<StrategyStep>({ pause: true }),
  fc.integer({ min: 1, max: 20 }).map((pauseSeconds): StrategyStep => ({ pauseSeconds })),
);
const steps = weights.chain((list) =>
  fc
    .array(fc.option(pause, { nil: null, freq: 2 }), { minLength: list.length + 1, maxLength: list.length + 1 })
    .map((pauses) =>
      [pauses[0] ?? null, ...list.flatMap((weight, i) => [{ weight }, pauses[i + 1] ?? null])].filter((step) => step !== null),
    ),
);

const amount = fc.oneof(
  fc.integer({ min: 0, max: 5 }),
  fc.integer({ min: 0, max: 100 }).map((p) => `${p}%`),
);
const zero = (value: number | string): boolean => Number.parseInt(String(value), 10) === 0;

const plan = (fields: Partial<{ [K in keyof Plan]: fc.Arbitrary<Plan[K]> } & { keep: fc.Arbitrary<boolean> }> = {}): fc.Arbitrary<Plan> =>
  fc
    .record({
      kind: fc.constant<Plan['kind']>('DEPLOY'),
      n: fc.integer({ min: 0, max: 24 }),
      wanted: fc.integer({ min: 0, max: 24 }),
      keep: fc.boolean(),
      type: fc.constantFrom<Plan['type']>('ROLLING', 'CANARY', 'BATCHES'),
      batches: fc.array(fc.integer({ min: 1, max: 8 }), { minLength: 1, maxLength: 4 }),
      steps,
      maxSurge: amount,
      maxUnavailable: amount,
      minReadySeconds: fc.constantFrom(0, 0, 3),
      behaviour: fc.constantFrom<Plan['behaviour']>('GOOD', 'GOOD', 'NEVER_READY', 'IMAGE_PULL', 'CRASH_LOOP', 'FIRST_GOOD'),
      quota: fc.constant<number | null>(null),
      first: fc.boolean(),
      onFailure: fc.constantFrom<Plan['onFailure']>('ROLLBACK_ALL', 'ROLLBACK_WAVE', 'ROLLBACK_TARGET'),
      ...fields,
    })
    .filter(({ maxSurge, maxUnavailable }) => !(zero(maxSurge) && zero(maxUnavailable)))
    .map(({ keep, ...rest }) => ({ ...rest, wanted: keep ? rest.n : rest.wanted }));

const work = fc.oneof(
  fc.constant<Op>({ kind: 'TURN', crash: false }),
  fc.constant<Op>({ kind: 'TURN', crash: true }),
  fc.constant<Op>({ kind: 'CONTROLLERS' }),
  fc.constant<Op>({ kind: 'DEPLOYMENT_CONTROLLER' }),
  fc.constant<Op>({ kind: 'REPLICASET_CONTROLLER' }),
  fc.double({ min: 0, max: 1, noNaN: true }).map((share): Op => ({ kind: 'KUBELET', share })),
  fc.constant<Op>({ kind: 'ROLLOUT' }),
  // All moves together take less than the deadline, so that no target fails for the clock alone.
  fc.integer({ min: 1, max: 3 }).map((seconds): Op => ({ kind: 'TIME', seconds })),
);
const verb = fc
  .constantFrom<Verb>(
    { kind: 'PAUSE' },
    { kind: 'RESUME' },
    { kind: 'PROMOTE', full: false },
    { kind: 'PROMOTE', full: true },
    { kind: 'ABORT' },
  )
  .map((one): Op => ({ kind: 'VERB', verb: one }));
const foreign = fc.oneof(
  fc.integer({ min: 0, max: 24 }).map((n): Op => ({ kind: 'SCALE', n })),
  fc.integer({ min: 0, max: 30 }).map((index): Op => ({ kind: 'STUMBLE', index })),
  fc.boolean().map((away): Op => ({ kind: 'AWAY', away })),
);

function perform(model: Model, op: Op): void {
  model.now += 200;
  switch (op.kind) {
    case 'TURN':
      model.turn(op.crash);
      return;
    case 'CONTROLLERS':
      return model.controllers();
    case 'DEPLOYMENT_CONTROLLER':
      return model.deploymentController();
    case 'REPLICASET_CONTROLLER':
      return model.replicaSetControllers();
    case 'KUBELET':
      return model.kubelet(op.share);
    case 'ROLLOUT':
      return model.decideAll();
    case 'TIME':
      model.now += op.seconds * 1000;
      return;
    case 'SCALE':
      return model.setReplicas(op.n);
    case 'STUMBLE':
      return model.stumble(op.index);
    case 'AWAY':
      model.away = op.away ? { since: new Date(model.now) } : null;
      return;
    case 'VERB':
      return ask(model, op.verb);
  }
}

function ask(model: Model, one: Verb): void {
  const decision = decideVerb(one, model.rows());
  if (decision.kind !== 'CHANGE') return;
  model.log.push(`VERB ${one.kind}`);
  model.reduce(decision);
}

/** Faults stop, whoever paused resumes, whoever held promotes: then it has to end. */
function settle(model: Model): void {
  model.away = null;
  for (let i = 0; i < 40 && !isSettled(model.rollout.phase); i++) {
    model.drain((one) => one.rollout.phase === 'PAUSED');
    if (model.rollout.phase === 'PAUSED') {
      ask(model, model.rollout.pauseReason === 'MANUAL' ? { kind: 'RESUME' } : { kind: 'PROMOTE', full: false });
    }
  }
  for (let i = 0; i < 5; i++) {
    model.now += 1000;
    model.controllers();
    model.kubelet();
  }
}

function story(model: Model): string {
  return `\n${model.log.join('\n')}\n${model.rollout.phase} ${model.target.phase}: ${model.describeSets()} ${JSON.stringify(model.deployment)}`;
}

function expectEnd(model: Model, one: Plan): void {
  const said = story(model);
  expect(model.breaches, said).toEqual([]);
  expect(isSettled(model.rollout.phase), said).toBe(true);
  expect(
    model.events.filter((event) => /^[A-Z_]+$/.test(event)),
    said,
  ).toHaveLength(1);
  const decision = model.turn();
  expect(isIdle(decision), said).toBe(true);
  const running = model.sets.filter((set) => set.replicas > 0 || model.cluster.podsOf(set).some((pod) => !pod.terminating));
  const d = model.deployment;
  if (model.rollout.phase === 'SUCCEEDED') {
    expect(d?.template, said).toBe('template-2');
    expect(
      running.map((set) => set.template),
      said,
    ).toEqual(d?.replicas === 0 ? [] : ['template-2']);
  } else if (model.target.written && one.first) {
    expect(d, said).toBeNull();
  } else if (!one.first) {
    expect(['ROLLED_BACK', 'CANCELED'], said).toContain(model.rollout.phase);
    expect(d?.template, said).toBe('template-1');
    expect(
      running.map((set) => set.uid),
      said,
    ).toEqual(d?.replicas === 0 ? [] : [model.originalUid]);
  }
  if (d !== null) {
    expect([d.surge, d.unavailable, d.minReadySeconds], said).toEqual([
      String(one.maxSurge),
      String(one.maxUnavailable),
      one.minReadySeconds,
    ]);
    expect(model.readyPods(), said).toBe(d.replicas);
  }
}

const runs = { numRuns: Number(process.env['FC_RUNS'] ?? 200) };

describe('a target, whatever happens to it', () => {
  it('succeeds with a good release that nobody disturbs, and never has fewer Ready pods or more pods than the strategy allows', () => {
    fc.assert(
      fc.property(plan({ behaviour: fc.constant('GOOD') }), (one) => {
        const model = new Model(one);
        settle(model);
        expect(model.rollout.phase, story(model)).toBe('SUCCEEDED');
        expect(model.deployment?.replicas).toBe(one.wanted);
        expectEnd(model, one);
      }),
      runs,
    );
  });

  it('goes back to the original ReplicaSet from a bad release that nobody disturbs', () => {
    const bad = fc.constantFrom<Plan['behaviour']>('NEVER_READY', 'IMAGE_PULL', 'CRASH_LOOP');
    fc.assert(
      fc.property(plan({ behaviour: bad, n: fc.integer({ min: 1, max: 24 }), wanted: fc.integer({ min: 1, max: 24 }) }), (one) => {
        const model = new Model(one);
        settle(model);
        expect(model.rollout.phase, story(model)).toBe('ROLLED_BACK');
        expect(model.target.failure, story(model)).not.toBeNull();
        expectEnd(model, one);
      }),
      runs,
    );
  });

  it('ends with exactly one revision when its holder crashes and verbs come at any moment, and keeps A and S', () => {
    fc.assert(
      fc.property(
        plan(),
        fc.array(fc.oneof({ weight: 6, arbitrary: work }, { weight: 1, arbitrary: verb }), { maxLength: 120 }),
        (one, ops) => {
          const model = new Model(one);
          model.decideAll();
          for (const op of ops) perform(model, op);
          settle(model);
          expectEnd(model, one);
        },
      ),
      runs,
    );
  });

  it('ends with exactly one revision when others scale it, pods stumble and the cluster goes away as well', () => {
    const op = fc.oneof({ weight: 6, arbitrary: work }, { weight: 1, arbitrary: verb }, { weight: 1, arbitrary: foreign });
    fc.assert(
      fc.property(plan(), fc.array(op, { maxLength: 120 }), (one, ops) => {
        const model = new Model(one);
        model.decideAll();
        for (const each of ops) perform(model, each);
        settle(model);
        expectEnd(model, one);
      }),
      runs,
    );
  });

  it('keeps A and S when a rolling update is paused at any moment, with counts that lag behind', () => {
    const moves = fc.oneof(
      { weight: 8, arbitrary: work },
      {
        weight: 1,
        arbitrary: fc.constantFrom<Verb>({ kind: 'PAUSE' }, { kind: 'RESUME' }).map((one): Op => ({ kind: 'VERB', verb: one })),
      },
    );
    const rolling = plan({
      type: fc.constant('ROLLING'),
      behaviour: fc.constant('GOOD'),
      n: fc.integer({ min: 2, max: 12 }),
      keep: fc.constant(true),
      first: fc.constant(false),
    });
    fc.assert(
      fc.property(rolling, fc.array(moves, { minLength: 40, maxLength: 160 }), (one, ops) => {
        const model = new Model(one);
        model.drain((each) => each.target.written);
        for (const op of ops) perform(model, op);
        settle(model);
        expectEnd(model, one);
      }),
      runs,
    );
  });

  it('goes back under a full quota', () => {
    fc.assert(
      fc.property(
        plan({ n: fc.integer({ min: 1, max: 24 }), first: fc.constant(false) }),
        fc.integer({ min: 0, max: 3 }),
        fc.nat(60),
        (one, spare, moment) => {
          const model = new Model({ ...one, wanted: one.n, quota: one.n + spare });
          model.drain(() => false, moment);
          ask(model, { kind: 'ABORT' });
          settle(model);
          expect(isSettled(model.rollout.phase), story(model)).toBe(true);
          expectEnd(model, one);
        },
      ),
      runs,
    );
  });

  describe('a canary that is held and superseded', () => {
    const held = plan({
      type: fc.constant('CANARY'),
      steps: fc.integer({ min: 1, max: 99 }).map((weight) => [{ weight }, { pause: true }] as StrategyStep[]),
      maxSurge: fc.oneof(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 100 }).map((p) => `${p}%`),
      ),
      maxUnavailable: fc.constant(0),
      behaviour: fc.constantFrom('GOOD', 'FIRST_GOOD'),
      n: fc.integer({ min: 2, max: 24 }),
      keep: fc.constant(true),
      first: fc.constant(false),
      onFailure: fc.constant('ROLLBACK_ALL'),
    });
    const next = fc.record({
      type: fc.constantFrom<Plan['type']>('ROLLING', 'CANARY'),
      steps,
      behaviour: fc.constantFrom<Plan['behaviour']>('NEVER_READY', 'IMAGE_PULL', 'CRASH_LOOP', 'FIRST_GOOD'),
    });
    type Next = Pick<Plan, 'type' | 'steps' | 'behaviour'>;
    const superseded = (one: Plan, second: Next): Model => {
      const model = new Model(one);
      model.drain((each) => each.rollout.phase === 'PAUSED', 20);
      model.supersede({ ...second, maxSurge: one.maxSurge });
      model.decideAll();
      return model;
    };

    it('is gone back from with N pods Ready all the time', () => {
      fc.assert(
        fc.property(held, next, fc.nat(6), (one, second, moment) => {
          const model = superseded(one, second);
          model.drain(() => false, moment);
          ask(model, { kind: 'ABORT' });
          settle(model);
          expectEnd(model, one);
        }),
        runs,
      );
    });

    it('is so when its holder crashes and verbs come at any moment', () => {
      const move = fc.oneof({ weight: 12, arbitrary: work }, { weight: 1, arbitrary: verb });
      const moves = fc.array(move, { maxLength: 60 });
      fc.assert(
        fc.property(held, next, moves, moves, (one, second, before, after) => {
          const model = superseded(one, second);
          for (const op of before) perform(model, op);
          ask(model, { kind: 'ABORT' });
          model.decideAll();
          for (const op of after) perform(model, op);
          settle(model);
          expectEnd(model, one);
        }),
        runs,
      );
    });

    it('is gone back from, whatever others do meanwhile', () => {
      const move = fc.oneof({ weight: 8, arbitrary: work }, { weight: 1, arbitrary: foreign });
      fc.assert(
        fc.property(held, next, fc.array(move, { maxLength: 60 }), (one, second, ops) => {
          const model = superseded(one, second);
          model.drain(() => false, 2);
          ask(model, { kind: 'ABORT' });
          model.decideAll();
          for (const op of ops) perform(model, op);
          settle(model);
          expectEnd(model, one);
        }),
        runs,
      );
    });

    it('is so when what superseded it is superseded before its first write', () => {
      fc.assert(
        fc.property(held, next, next, fc.nat(6), (one, second, third, moment) => {
          const model = superseded(one, second);
          model.supersede({ ...third, maxSurge: one.maxSurge });
          model.drain(() => false, moment);
          ask(model, { kind: 'ABORT' });
          settle(model);
          expectEnd(model, one);
        }),
        runs,
      );
    });
  });

  it('takes a bounded number of writes, however often it is asked', () => {
    fc.assert(
      fc.property(plan({ behaviour: fc.constant('GOOD') }), (one) => {
        const model = new Model(one);
        settle(model);
        // Each chunk is one write, each step at most one more for its rest; then the gate, the own numbers and the scale.
        expect(model.writes, story(model)).toBeLessThanOrEqual(one.n + one.steps.length + 4);
      }),
      runs,
    );
  });

  it('replaces ten pods natively with one write', () => {
    const model = new Model(plainPlan);
    settle(model);
    expect(model.rollout.phase).toBe('SUCCEEDED');
    expect(model.writes).toBe(1);
  });
});
