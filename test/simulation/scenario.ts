/** What happens in a run: everything follows from the seed. */
import type { VerbKind } from '../../src/rollouts/core/decision.ts';
import { Chance } from '../rollouts/model/chance.ts';
import type { Request } from './api.ts';
import { faultsOf } from './faults.ts';
import type { Fault } from './faults.ts';
import { BAD_IMAGES } from './releases.ts';
import type { ReleaseDocument, StrategyDocument } from './releases.ts';
import type { ClusterSetup, Setup } from './world.ts';

/** One thing that the client of the API does, and how long it waits before. */
export interface Step {
  /** SETTLED: until no rollout is active, or paused until somebody acts; otherwise milliseconds. */
  after: 'SETTLED' | number;
  request: Request;
  /** What goes wrong behind it. */
  faults: readonly Fault[];
}

export interface Scenario {
  setup: Setup;
  steps: readonly Step[];
}

const SPEEDS = [1, 3, 10, 40];

function speedsOf(chance: Chance): ClusterSetup {
  const speed = (): number => chance.one(SPEEDS);
  const start = chance.one([50, 200, 600]);
  return {
    speeds: { deployments: speed(), sets: speed(), pods: speed(), deploymentSync: speed(), setSync: speed() },
    podStartMilliseconds: [start, start * chance.between(2, 4)],
    podStopMilliseconds: [20, chance.one([50, 400, 1500])],
    skew: chance.one([0, 0, -120_000, 120_000]) + chance.between(0, 999),
  };
}

function strategyOf(chance: Chance, replicas: number): StrategyDocument {
  const limits = chance.one([
    { maxSurge: 1, maxUnavailable: 0 },
    { maxSurge: '25%', maxUnavailable: 0 },
    { maxSurge: '50%', maxUnavailable: '25%' },
    { maxSurge: 0, maxUnavailable: 1 },
    { maxSurge: 0, maxUnavailable: '34%' },
    { maxSurge: 2, maxUnavailable: 1 },
    { maxSurge: '100%', maxUnavailable: '0%' },
  ] as const);
  const common = { ...limits, progressDeadlineSeconds: 30 };
  const type = chance.one(['ROLLING', 'ROLLING', 'BATCHES', 'CANARY', 'CANARY'] as const);
  if (type === 'ROLLING') return { ...common, type };
  if (type === 'BATCHES')
    return {
      ...common,
      type,
      batches: Array.from({ length: chance.between(1, 3) }, () => chance.between(1, Math.max(1, Math.ceil(replicas / 2)))),
    };
  const weights = [...new Set(Array.from({ length: chance.between(1, 3) }, () => chance.between(1, 99)))].sort((a, b) => a - b);
  const pause = (): object[] => chance.one([[], [{ pauseSeconds: chance.between(1, 4) }], [{ pause: true }]]);
  return { ...common, type, steps: weights.flatMap((weight) => [{ weight }, ...pause()]) };
}

class Plan {
  private images = 0;
  readonly steps: Step[] = [];
  private replicas: number;
  private readonly furnished: boolean;
  private readonly minReadySeconds: number;

  constructor(
    private readonly chance: Chance,
    /** Faults have a chance of their own: a seed has the same requests with and without them. */
    private readonly faults: Chance | null,
  ) {
    this.replicas = chance.one([1, 2, 3, 3, 4, 5, 6, 8, 10, 12]);
    this.furnished = chance.next() < 0.25;
    this.minReadySeconds = chance.one([0, 0, 0, 1, 3]);
  }

  make(): readonly Step[] {
    this.add('SETTLED', this.deploy(false, false));
    for (let count = this.chance.between(1, 4); count > 0; count--) {
      const supersede = this.chance.next() < 0.4;
      const after = supersede || this.chance.next() < 0.2 ? this.chance.between(0, 6_000) : 'SETTLED';
      this.add(after, this.change(supersede));
      for (let verbs = this.chance.between(0, 2); verbs > 0; verbs--) this.add(this.chance.between(0, 4_000), this.beside());
    }
    return this.steps;
  }

  private add(after: Step['after'], request: Request): void {
    this.steps.push({ after, request, faults: this.faults === null ? [] : faultsOf(this.faults) });
  }

  private change(supersede: boolean): Request {
    const kind = this.chance.one(['DEPLOY', 'DEPLOY', 'DEPLOY', 'BAD', 'BAD', 'RESTART', 'ROLLBACK'] as const);
    if (kind === 'RESTART') return { kind, supersede };
    if (kind === 'ROLLBACK') return { kind };
    return this.deploy(kind === 'BAD', supersede);
  }

  private beside(): Request {
    const kind = this.chance.one(['SCALE', 'ABORT', 'ABORT', 'PROMOTE', 'PROMOTE', 'PAUSE', 'RESUME'] as const satisfies readonly (
      VerbKind | 'SCALE'
    )[]);
    if (kind === 'SCALE') {
      this.replicas = Math.max(0, this.replicas + this.chance.between(-4, 4));
      return { kind, replicas: this.replicas };
    }
    if (kind === 'PROMOTE') return { kind: 'VERB', verb: { kind, full: this.chance.next() < 0.3 } };
    return { kind: 'VERB', verb: { kind } };
  }

  private deploy(bad: boolean, supersede: boolean): Request {
    const { chance, furnished, minReadySeconds } = this;
    const document: ReleaseDocument = {
      image: bad ? chance.one(BAD_IMAGES).replace(/9\.0$/, `9.${++this.images}`) : `registry.example/shop/web:1.${++this.images}`,
      replicas: this.replicas,
      minReadySeconds,
      strategy: strategyOf(chance, this.replicas),
      furnished,
    };
    const onFailure = chance.one(['ROLLBACK_ALL', 'ROLLBACK_ALL', 'ROLLBACK_TARGET', 'PAUSE'] as const);
    return { kind: 'DEPLOY', document, supersede, onFailure, maxConcurrent: chance.one([null, null, 1]) };
  }
}

/** One of so many seeds has no faults. */
const FAULTLESS = 3;

export function scenarioOf(seed: number): Scenario {
  const chance = new Chance(seed * 2 + 1);
  const clusters = Array.from({ length: chance.one([1, 1, 2, 2, 3]) }, () => speedsOf(chance));
  const setup: Setup = { seed, clusters, workers: chance.one([1, 2, 2, 3]), databaseSkew: chance.one([0, 0, -300_000, 300_000]) };
  const faults = seed % FAULTLESS === 0 ? null : new Chance(seed * 2);
  return { setup, steps: new Plan(chance, faults).make() };
}
