import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { because } from '../../../src/rollouts/core/reasons.ts';
import { stageHandlers } from '../../../src/rollouts/core/stages/handlers.ts';
import { stepOf } from '../../../src/rollouts/core/stages/stage.ts';
import type { AnyStage } from '../../../src/rollouts/core/observation.ts';
import type { StageHandler, StageKind, StageOf } from '../../../src/rollouts/core/stages/stage.ts';
import { compile, compileUndo, stepsOf } from '../../../src/rollouts/core/strategies/compile.ts';
import { Model, plainPlan, side, strategy } from './model.ts';

const short = (stages: readonly AnyStage[]): string[] =>
  stages.map(({ kind, step, ...rest }) => `${step} ${kind} ${JSON.stringify(rest)}`.replace(' {}', ''));

const LAST = (step: number): string[] => [
  `${step} OPEN`,
  `${step} SCALE {"number":"WANTED","alone":false}`,
  `${step} FINISH {"side":"TO"}`,
];
const pods = (step: number, share: object, rest = true): string => `${step} PODS ${JSON.stringify({ share, rest })}`;

describe('a strategy is compiled to stages', () => {
  const [from, to] = [side(1), side(2)];
  const steps = [{ weight: 20 }, { pauseSeconds: 60 }, { weight: 50 }, { pause: true as const }];

  it.each([
    ['ROLLING', strategy(), LAST(0)],
    [
      'CANARY',
      strategy({ type: 'CANARY', steps }),
      [
        pods(0, { weight: 20 }),
        '1 PAUSE {"seconds":60}',
        pods(2, { weight: 50 }),
        '3 PAUSE {"seconds":null}',
        pods(4, { weight: 100 }),
        ...LAST(4),
      ],
    ],
    [
      'BATCHES of several sizes',
      strategy({ type: 'BATCHES', batches: [1, 2, 2] }),
      [pods(0, { count: 1 }, false), pods(1, { count: 3 }, false), pods(2, { each: 2 }, false), ...LAST(3)],
    ],
    ['BATCHES of one size', strategy({ type: 'BATCHES', batches: [4] }), [pods(0, { each: 4 }, false), ...LAST(1)]],
  ])('%s', (_what, one, stages) => {
    expect(short(compile({ kind: 'DEPLOY', strategy: one, from, to }))).toEqual(stages);
  });

  it('is native where nothing ran before, and not for equal renderings, since somebody may have edited what runs', () => {
    const canary = strategy({ type: 'CANARY', steps });
    expect(short(compile({ kind: 'DEPLOY', strategy: canary, from: null, to }))).toEqual(LAST(0));
    const same = side(2, { templateDigest: from.templateDigest });
    const whole = compile({ kind: 'DEPLOY', strategy: canary, from, to });
    expect(compile({ kind: 'DEPLOY', strategy: canary, from, to: same })).toEqual(whole);
  });

  it('has lists of their own for a change of scale and a removal, and for what undoes each', () => {
    const scale = compile({ kind: 'SCALE', strategy: strategy(), from: null, to: null });
    const removal = compile({ kind: 'DELETE', strategy: strategy(), from, to: null });
    const deploy = compile({ kind: 'DEPLOY', strategy: strategy({ type: 'CANARY', steps }), from, to });
    const undo = (stages: AnyStage[], stage: number, before: typeof from | null, more: object = {}): string[] =>
      short(compileUndo({ stages, stage, from: before, superseded: null, failure: null, ...more }));
    expect(short(scale)).toEqual(['0 SCALE {"number":"WANTED","alone":true}']);
    expect(undo(scale, 0, null)).toEqual(['0 SCALE {"number":"BEFORE","alone":true}']);
    expect(short(removal)).toEqual(['0 REMOVE']);
    expect(undo(deploy, 0, null)).toEqual(['0 REMOVE']);
    const back = ['2 BACK', '2 SCALE {"number":"BEFORE","alone":false}', '2 FINISH {"side":"FROM","untouched":true}'];
    expect(undo(deploy, 2, from)).toEqual(back);
    expect(undo(removal, 0, from)).toEqual(back.map((one) => one.replace('2', '0')));
    const restoring = [...back.slice(0, 2), '2 FINISH {"side":"FROM"}'].map((one) => one.replace('2', '4'));
    expect(undo(deploy, deploy.length - 1, from).slice(-3)).toEqual(restoring);
  });

  it.each([
    ['ROLLING', strategy(), 0],
    ['CANARY', strategy({ type: 'CANARY', steps }), 4],
    ['BATCHES', strategy({ type: 'BATCHES', batches: [1, 2, 2] }), 3],
  ])('%s shows as many steps as it ends on', (_what, one, count) => {
    const stages = compile({ kind: 'DEPLOY', strategy: one, from, to });
    expect([stepsOf(one), stepOf({ stages, stage: stages.length })]).toEqual([count, count]);
  });
});

/** How many new pods were found healthy at each decision to go on, while a model of the Deployment controller does what is written. */
function standings(model: Model): number[] {
  model.drain();
  const counts = model.log.flatMap((line) => /(\d+) of \d+ pods run release 2 and are Ready[;.]/.exec(line)?.[1] ?? []);
  return [...new Set(counts.map(Number))];
}

describe('BATCHES', () => {
  it.each([
    { n: 10, batches: [1, 2, 2], maxSurge: 3, maxUnavailable: 0, counts: [1, 3, 5, 7, 9, 10] },
    { n: 10, batches: [3], maxSurge: 3, maxUnavailable: 0, counts: [3, 6, 9, 10] },
    { n: 10, batches: [4], maxSurge: 2, maxUnavailable: 0, counts: [2, 4, 6, 8, 10] },
    { n: 10, batches: [4], maxSurge: 0, maxUnavailable: 4, counts: [4, 8, 10] },
    { n: 4, batches: [2, 100], maxSurge: 2, maxUnavailable: 0, counts: [2, 4] },
    { n: 3, batches: [10], maxSurge: 5, maxUnavailable: 0, counts: [3] },
    { n: 1, batches: [1], maxSurge: 1, maxUnavailable: 0, counts: [1] },
    { n: 1, batches: [1], maxSurge: 0, maxUnavailable: 1, counts: [1] },
  ])('$batches of $n pods with surge $maxSurge, unavailable $maxUnavailable: $counts', ({ n, counts, ...plan }) => {
    const model = new Model({ ...plainPlan, ...plan, n, wanted: n, type: 'BATCHES' });
    expect(standings(model), model.log.join('\n')).toEqual(counts);
    expect([model.rollout.phase, model.breaches]).toEqual(['SUCCEEDED', []]);
  });

  it('take one write for each batch, one to give up the last surge, and one to open the gate', () => {
    const model = new Model({ ...plainPlan, type: 'BATCHES', batches: [2], maxSurge: 2 });
    model.drain();
    expect(model.log.flatMap((line) => /APPLY TO (.*)\]/.exec(line)?.[1] ?? [])).toEqual([
      'closed (2, 0%)',
      'closed (2, 20%)',
      'closed (2, 40%)',
      'closed (2, 60%)',
      'closed (2, 80%)',
      'closed (0, 100%)',
      'open (2, 0)',
    ]);
  });

  it('go on from what stands when the number of pods changes on the way', () => {
    const model = new Model({ ...plainPlan, type: 'BATCHES', batches: [1, 2], maxSurge: 2 });
    model.drain((one) => one.target.stage === 1);
    model.setReplicas(4);
    model.drain();
    expect(model.rollout.phase, model.log.join('\n')).toBe('SUCCEEDED');
  });

  it('go back as a whole when a pod of one fails', () => {
    const model = new Model({ ...plainPlan, type: 'BATCHES', batches: [2], maxSurge: 2, behaviour: 'FIRST_GOOD' });
    model.drain();
    expect([model.rollout.phase, model.readyPods(), model.breaches]).toEqual(['ROLLED_BACK', 10, []]);
    expect(model.sets.find((set) => set.template === 'template-1')?.uid).toBe(model.originalUid);
  });
});

/** A kind of stage that the product does not have: it watches the pods of the stage before for so many seconds, and leaves a note that is undone. */
interface Soak extends AnyStage {
  kind: 'SOAK';
  seconds: number;
}
const soak: StageHandler<Soak, { since: string }> = {
  codec: z.object({ since: z.iso.datetime() }),
  look({ seconds }, progress, { o }) {
    const since = progress?.since ?? o.now.toISOString();
    const ends = new Date(Date.parse(since) + seconds * 1000);
    if (o.now >= ends) return { kind: 'DONE', reason: because('PAUSE_OVER', {}) };
    return { kind: 'STAY', draft: { reason: because('PAUSE_OVER', {}), lookAt: ends }, progress: { since } };
  },
  undo: ({ step }) => [{ kind: 'UNSOAK', step }],
};
const unsoak: StageHandler = {
  codec: z.object({}),
  look: () => ({ kind: 'DONE', reason: because('PAUSE_OVER', {}) }),
};

describe("a kind of stage of one's own", () => {
  const handlers = { ...stageHandlers, SOAK: soak, UNSOAK: unsoak };
  const half: AnyStage[] = [
    { kind: 'PODS', step: 0, ...{ share: { weight: 50 }, rest: true } },
    { kind: 'SOAK', step: 1, ...{ seconds: 30 } },
    { kind: 'PODS', step: 2, ...{ share: { weight: 100 }, rest: true } },
    ...compile({ kind: 'DEPLOY', strategy: strategy(), from: side(1), to: side(2) }),
  ];

  it('is walked like any other, and remembers what it has to in the row', () => {
    const model = new Model(plainPlan, handlers, half);
    model.drain((one) => one.target.stage === 1 && one.target.progress !== null);
    const since = model.target.progress;
    model.turn(true);
    const rounds = model.drain((one) => one.target.stage > 1);
    expect([since, rounds]).toEqual([{ since: expect.any(String) as string }, 8]);
    model.drain();
    expect([model.rollout.phase, model.breaches], model.log.join('\n')).toEqual(['SUCCEEDED', []]);
  });

  it('is undone before the template goes back', () => {
    expect(
      compileUndo({ stages: half, stage: 2, from: side(1), superseded: null, failure: null }, handlers).map(({ kind }) => kind),
    ).toEqual(['UNSOAK', 'BACK', 'SCALE', 'FINISH']);
  });

  it('that nothing handles does not compile, and one of a row is an error that names it', () => {
    const { PODS: _pods, ...rest } = stageHandlers;
    // @ts-expect-error PODS has no handler
    const incomplete: { [K in StageKind]: StageHandler<StageOf<K>> } = rest;
    expect(Object.keys(incomplete)).not.toContain('PODS');
    const model = new Model(plainPlan, stageHandlers, half);
    expect(() => model.drain()).toThrow('no handler for a stage of kind SOAK');
  });
});
