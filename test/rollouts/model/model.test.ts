/** The model of the controllers against what was observed on a real control plane (1.36). */
import { describe, expect, it } from 'vitest';
import { expectedSplit, fallMayCost, nextWrite, restAt } from '../../../src/rollouts/core/steps.ts';
import type { Amounts } from '../../../src/rollouts/core/steps.ts';
import { Chance } from './chance.ts';
import { CLOSED, ModelCluster } from './cluster.ts';
import type { DeploymentSpec } from './cluster.ts';
import { ControllerManager } from './controllers.ts';

/** A cluster with its controllers, and nobody else: everything moves one step at a time, in an order of chance. */
class Lone {
  readonly cluster = new ModelCluster();
  readonly manager = new ControllerManager(this.cluster);
  leastReady = Number.POSITIVE_INFINITY;

  constructor(
    n: number,
    private readonly chance: Chance,
  ) {
    const template = { template: 'v1', release: 1, paused: null };
    this.cluster.create({ ...template, replicas: n, minReadySeconds: 0, surge: '25%', unavailable: '0' });
    this.settle();
    this.cluster.onDeletion = () => (this.leastReady = Math.min(this.leastReady, this.cluster.readyPods.length));
  }

  write(fields: Partial<DeploymentSpec>): void {
    this.cluster.write(fields);
    this.settle();
  }

  /** With the gate closed. */
  hold(template: string, surge: string, unavailable: string): void {
    this.write({ template, surge, unavailable, minReadySeconds: CLOSED });
  }

  settle(): void {
    while (this.step());
  }

  step(): boolean {
    const { manager, cluster } = this;
    const moves: (() => void)[] = [];
    if (manager.deployments.behind > 0) moves.push(() => manager.deliverDeployment());
    if (manager.sets.behind > 0) moves.push(() => manager.deliverSet());
    if (manager.pods.behind > 0) moves.push(() => manager.deliverPod());
    if (manager.deploymentHasWork) moves.push(() => manager.stepDeployment());
    for (const uid of manager.setsWithWork) moves.push(() => manager.stepSet(uid));
    for (const pod of cluster.pods.all) {
      if (cluster.canStart(pod) && !this.bad.has(cluster.sets.get(pod.owner)?.template ?? '')) moves.push(() => cluster.becomeReady(pod));
      if (pod.terminating) moves.push(() => cluster.removePod(pod));
    }
    if (moves.length === 0) return false;
    cluster.now += 5;
    this.chance.one(moves)();
    return true;
  }

  /** Templates whose pods never become Ready. */
  readonly bad = new Set<string>();

  get split(): Record<string, number> {
    const sets = this.cluster.sets.all.filter((set) => set.replicas > 0);
    for (const set of sets) expect(this.cluster.podsOf(set)).toHaveLength(set.replicas);
    return Object.fromEntries(sets.map((set) => [set.template, set.replicas]));
  }
}

const seeds = Array.from({ length: 20 }, (_, i) => i + 1);

describe.each(seeds)('the closed gate, in any order of what happens (seed %i)', (seed) => {
  const start = (n: number): Lone => new Lone(n, new Chance(seed));

  it('holds 10 + 2, 8 + 2, 8 + 5, 5 + 5', () => {
    const lone = start(10);
    const walk: [string, string, object][] = [
      ['2', '0', { v1: 10, v2: 2 }],
      ['0', '20%', { v1: 8, v2: 2 }],
      ['3', '20%', { v1: 8, v2: 5 }],
      ['0', '50%', { v1: 5, v2: 5 }],
    ];
    for (const [surge, unavailable, split] of walk) {
      lone.hold('v2', surge, unavailable);
      expect(lone.split).toEqual(split);
    }
    expect(lone.leastReady).toBeGreaterThanOrEqual(10);
  });

  it('walks in strict batches of 3 to the end, and opening it makes no pod', () => {
    const lone = start(10);
    const walk: [string, string, object][] = [
      ['3', '0', { v1: 10, v2: 3 }],
      ['3', '30%', { v1: 7, v2: 6 }],
      ['3', '60%', { v1: 4, v2: 9 }],
      ['1', '90%', { v1: 1, v2: 10 }],
      ['0', '100%', { v2: 10 }],
    ];
    for (const [surge, unavailable, split] of walk) {
      lone.hold('v2', surge, unavailable);
      expect(lone.split).toEqual(split);
    }
    const pods = lone.cluster.pods.all.map(({ uid }) => uid);
    lone.write({ minReadySeconds: 0, surge: '25%', unavailable: '0' });
    expect(lone.cluster.pods.all.map(({ uid }) => uid)).toEqual(pods);
    expect(lone.leastReady).toBeGreaterThanOrEqual(10);
  });

  it('never takes a new pod away nor gives an old one back: (0, 50%), then (2, 0) is 5 + 7', () => {
    const lone = start(10);
    lone.hold('v2', '0', '50%');
    lone.hold('v2', '2', '0');
    expect(lone.split).toEqual({ v1: 5, v2: 7 });
  });

  it('ratchets the new side up when N dips, and ends on it alone at 1 and 0', () => {
    const dips = start(10);
    dips.hold('v2', '1', '0');
    dips.hold('v2', '0', '10%');
    for (const replicas of [2, 10]) dips.write({ replicas });
    expect(dips.split).toEqual({ v1: 5, v2: 5 });
    for (const replicas of [1, 0]) {
      const lone = start(4);
      lone.hold('v2', '1', '0');
      lone.hold('v2', '0', '25%');
      lone.write({ replicas });
      expect(lone.split).toEqual(replicas === 0 ? {} : { v2: replicas });
    }
  });

  it('leaves a bad image beside all old pods, and going back brings the same ReplicaSet', () => {
    const lone = start(10);
    const [stable] = lone.cluster.sets.all;
    lone.bad.add('v2');
    lone.hold('v2', '3', '0');
    expect(lone.split).toEqual({ v1: 10, v2: 3 });
    lone.write({ template: 'v1', surge: '1', unavailable: '0', minReadySeconds: 0 });
    expect(lone.split).toEqual({ v1: 10 });
    expect(lone.cluster.sets.all.find((set) => set.replicas > 0)?.uid).toBe(stable?.uid);
    expect(lone.leastReady).toBe(10);
  });
});

describe('what the model has of the real controllers that can cost pods', () => {
  const counts = (test: (seed: number) => boolean): number => Array.from({ length: 400 }, (_, i) => test(i + 1)).filter(Boolean).length;

  it('is a count of available pods that lags behind a scale-down: going back at once is not safe', () => {
    const dips = counts((seed) => {
      const chance = new Chance(seed);
      const lone = new Lone(10, chance);
      lone.hold('v2', '5', '0%');
      lone.cluster.write({ surge: '0', unavailable: '50%' });
      for (let steps = chance.between(0, 40); steps > 0; steps--) lone.step();
      lone.write({ template: 'v1', surge: '3', unavailable: '0', minReadySeconds: 0 });
      return lone.leastReady < 10;
    });
    expect(dips).toBeGreaterThan(20);
  });

  it('is a status with the new generation that was counted before the deletions', () => {
    const seen = counts((seed) => {
      const lone = new Lone(4, new Chance(seed));
      const [set] = lone.cluster.sets.all;
      lone.cluster.write({ replicas: 2 });
      while (lone.step()) {
        const live = lone.cluster.sets.get(set?.uid ?? '');
        if (live?.replicas === 2 && live.status.observedGeneration === live.generation && live.status.replicas === 4) return true;
      }
      return false;
    });
    expect(seen).toBeGreaterThan(200);
  });

  /** N falls to N' while c of N are held; the least Ready pods since. */
  function fall(seed: number, n: number, c: number, to: number, surge: string, unavailable: string): number {
    const lone = new Lone(n, new Chance(seed));
    lone.hold('v2', String(c), '0%');
    lone.hold('v2', surge, unavailable);
    lone.leastReady = Number.POSITIVE_INFINITY;
    lone.write({ replicas: to });
    return Math.min(to, lone.leastReady);
  }

  it('is a fall of N while (0, p%) is held: from 4 to 1, and to 2, a pod is gone before the next one is there', () => {
    const least = (to: number): number => Math.min(...seeds.map((seed) => fall(seed, 4, 1, to, '0', '25%')));
    expect([least(1), least(2), least(3)]).toEqual([0, 1, 3]);
  });

  it('is said to cost pods wherever it does', () => {
    for (let n = 2; n <= 12; n++) {
      for (let c = 1; c < n; c++) {
        const rest = restAt(n, c);
        for (let to = 1; to < n; to++) {
          if (fallMayCost(rest, n, to, c)) continue;
          for (const seed of seeds.slice(0, 5)) {
            const least = fall(seed, n, c, to, rest.surge, rest.unavailable);
            expect([n, c, to, least]).toEqual([n, c, to, to]);
          }
        }
      }
    }
  });

  /** A canary of c of N, raised by at most `chunk` pods at a time. */
  function canary(seed: number, n: number, c: number, chunk: number): { lone: Lone; rest: Amounts } {
    const lone = new Lone(n, new Chance(seed));
    const rest = restAt(n, c);
    let next = nextWrite({ kind: 'REST', canary: c }, n, { surge: chunk, unavailable: 0 }, null, 0);
    while (next !== null) {
      lone.hold('v2', next.surge, next.unavailable);
      next = nextWrite({ kind: 'REST', canary: c }, n, { surge: chunk, unavailable: 0 }, next, lone.split['v2'] ?? 0);
    }
    return { lone, rest };
  }

  it.each([1, 3, 12])('costs nothing where one pod more is held before it (raised by %i at a time)', (chunk) => {
    for (let n = 2; n <= 12; n++) {
      for (let c = 1; c < n; c++) {
        for (let to = 1; to < n; to++) {
          for (const seed of seeds.slice(0, 3)) {
            const { lone, rest } = canary(seed, n, c, chunk);
            if (!fallMayCost(rest, n, to, chunk)) break;
            const amounts = { surge: '1', unavailable: rest.unavailable };
            lone.hold('v2', amounts.surge, amounts.unavailable);
            lone.leastReady = Number.POSITIVE_INFINITY;
            lone.write({ replicas: to });
            expect([n, c, to, Math.min(to, lone.leastReady)]).toEqual([n, c, to, to]);
            const { v1 = 0, v2 = 0 } = lone.split;
            // With more surge than that, rounding may take the last old pod or leave more new ones.
            if (chunk <= 3) expect([n, c, to, v1 > 0, v2 <= expectedSplit(amounts, to).new]).toEqual([n, c, to, true, true]);
          }
        }
      }
    }
  });

  it('costs never more than what may be unavailable then, and nothing where one pod more is held: (1, p%)', () => {
    for (let n = 2; n <= 8; n++) {
      for (let c = 1; c < n; c++) {
        for (let to = 1; to < n; to++) {
          for (const seed of seeds.slice(0, 5)) {
            const [percent, less] = [percentOf(n, c), percentOf(n, c - 1)];
            const held = fall(seed, n, c, to, '0', `${percent}%`);
            expect([n, c, to, held >= to - Math.max(1, Math.floor((percent * to) / 100))]).toEqual([n, c, to, true]);
            expect([n, c, to, fall(seed, n, c, to, '1', `${less}%`)]).toEqual([n, c, to, to]);
          }
        }
      }
    }
  });
});

/** The smallest percentage of n that comes to so many pods, rounded down. */
function percentOf(n: number, count: number): number {
  for (let percent = 0; ; percent++) if (Math.floor((percent * n) / 100) >= count) return percent;
}
