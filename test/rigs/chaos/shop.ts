/** One workload with a pod set on each cluster, and everything that is asked for it: each request knows how it must end, whatever fails meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../simulator/random.ts';
import { expectStatus } from './system.ts';
import type { Answer, System } from './system.ts';

/** How long a rollout may take, faults included: they last for less than 15 s, and there is one at a time. */
const SETTLES_WITHIN_MILLISECONDS = 180_000;
const SURGE = 2;

interface Rollout {
  id: string;
  phase: string;
  pauseReason: string | null;
  phaseReason: string | null;
}

const ENDED = ['SUCCEEDED', 'ROLLED_BACK', 'FAILED', 'CANCELED', 'SUPERSEDED'];
const ROLLING = { type: 'ROLLING', maxSurge: SURGE, maxUnavailable: 0 };
const BATCHES = { ...ROLLING, type: 'BATCHES', batches: [1, 2] };
const CANARY = { ...ROLLING, type: 'CANARY', steps: [{ weight: 25 }, { pauseSeconds: 1 }, { weight: 50 }] };
const HELD_CANARY = { ...CANARY, steps: [{ weight: 25 }, { pause: true }, { weight: 60 }] };

const document = {
  parameters: { image: { type: 'string', required: true }, replicas: { type: 'integer', default: 4 } },
  pod: { spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'web', image: '${{ params.image }}' }] } },
  replicas: '${{ params.replicas }}',
  strategy: { ...ROLLING, progressDeadlineSeconds: 600 },
};

/** What is known of the workload between two requests. */
export class Shop {
  /** Everything that was asked for. */
  readonly rollouts: string[] = [];
  private pods = 4;
  private version = 0;
  /** Images by the releases that succeeded, the one that runs last. */
  private readonly stack: string[] = [];

  private constructor(
    private readonly system: System,
    readonly name: string,
    private readonly random: Random,
  ) {}

  /** Its first release runs on every cluster. */
  static async open(system: System, name: string, random: Random): Promise<Shop> {
    const shop = new Shop(system, name, random);
    await expectStatus(system.request('POST', '/v1/templates', { name }), 201);
    await expectStatus(system.request('POST', `/v1/templates/${name}/revisions`, document), 201);
    const placements = system.sites.map((site) => ({ cluster: site.name, namespace: 'chaos' }));
    const values = { image: 'shop/web:0' };
    await expectStatus(system.request('POST', '/v1/workloads', { name, template: name, values, placements }), 201);
    await shop.succeeds(await shop.deploy('shop/web:0', ROLLING), 'shop/web:0');
    shop.expect(0);
    return shop;
  }

  /** One of all kinds of requests, to its end. @returns its name */
  async act(): Promise<string> {
    const kinds = Object.entries(this.kinds);
    const [name, act] = kinds[Math.floor(this.random.next() * kinds.length)]!;
    try {
      await act();
      await this.runs();
    } catch (error) {
      throw new Error(`${this.name}, ${name}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
    return name;
  }

  private readonly kinds: Record<string, () => Promise<unknown>> = {
    rolling: () => this.rollsOut(ROLLING),
    batches: () => this.rollsOut(BATCHES),
    canary: () => this.rollsOut(CANARY),
    'a canary that is promoted': async () => {
      const image = this.next();
      const id = await this.deploy(image, HELD_CANARY);
      await this.pauses(id);
      await this.verb(id, 'promote');
      await this.succeeds(id, image);
    },
    'a canary that is aborted': async () => {
      const id = await this.deploy(this.next(), HELD_CANARY);
      await this.pauses(id);
      await this.verb(id, 'abort');
      await this.ends(id, 'ROLLED_BACK');
    },
    'a bad image': async () => this.ends(await this.deploy(`registry.invalid/web:${this.version}`, CANARY), 'ROLLED_BACK'),
    'an abort at any time': async () => {
      const image = this.next();
      const id = await this.deploy(image, ROLLING);
      await sleep(this.random.between(0, 3_000));
      await this.system.request('POST', `/v1/rollouts/${id}/abort`, {});
      const phase = await this.ends(id, 'ROLLED_BACK', 'CANCELED', 'SUCCEEDED');
      if (phase === 'SUCCEEDED') this.stack.push(image);
    },
    superseding: async () => {
      const [first, second] = [this.next(), this.next()];
      const older = await this.deploy(first, CANARY);
      await sleep(this.random.between(0, 3_000));
      const newer = await this.deploy(second, ROLLING, { concurrency: 'SUPERSEDE' });
      if ((await this.ends(older, 'SUPERSEDED', 'SUCCEEDED')) === 'SUCCEEDED') this.stack.push(first);
      await this.succeeds(newer, second);
    },
    restart: async () => this.ends(await this.asked('restart', {}), 'SUCCEEDED'),
    scale: async () => {
      const pods = 2 + Math.floor(this.random.next() * 6);
      this.expect(Math.abs(pods - this.pods), Math.min(pods, this.pods));
      await this.ends(await this.asked('scale', { replicas: pods }), 'SUCCEEDED');
      this.pods = pods;
    },
    rollback: async () => {
      if (this.stack.length < 2) return this.rollsOut(ROLLING);
      const id = await this.asked('rollback', {});
      this.stack.pop();
      await this.ends(id, 'SUCCEEDED');
    },
  };

  private async rollsOut(strategy: object): Promise<void> {
    const image = this.next();
    await this.succeeds(await this.deploy(image, strategy), image);
  }

  private next(): string {
    this.version += 1;
    return `shop/web:${this.version}`;
  }

  private deploy(image: string, strategy: object, more: object = {}): Promise<string> {
    return this.asked('rollouts', { values: { image }, strategy, ...more });
  }

  private async asked(path: string, body: object): Promise<string> {
    const { id } = await expectStatus(this.system.request('POST', `/v1/workloads/${this.name}/${path}`, body), 202);
    this.rollouts.push(String(id));
    return String(id);
  }

  private async verb(id: string, verb: string): Promise<void> {
    await expectStatus(this.system.request('POST', `/v1/rollouts/${id}/${verb}`, {}), 202);
  }

  private async succeeds(id: string, image: string): Promise<void> {
    await this.ends(id, 'SUCCEEDED');
    this.stack.push(image);
  }

  private async pauses(id: string): Promise<void> {
    const { phase, pauseReason, phaseReason } = await this.rests(id);
    if (pauseReason !== 'STEP') throw new Error(`rollout ${id} is ${phase}, not PAUSED/STEP: ${phaseReason ?? ''}`);
  }

  /** Invariants L and T. */
  private async ends(id: string, ...phases: string[]): Promise<string> {
    const { phase, phaseReason } = await this.rests(id);
    if (!phases.includes(phase)) throw new Error(`rollout ${id} is ${phase}, not ${phases.join(' or ')}: ${phaseReason ?? ''}`);
    return phase;
  }

  /** The rollout once it has ended or waits for somebody. */
  private async rests(id: string): Promise<Rollout> {
    const deadline = performance.now() + SETTLES_WITHIN_MILLISECONDS;
    for (;;) {
      const answer: Answer = await this.system.request('GET', `/v1/rollouts/${id}`, undefined, { prefer: 'wait=10' });
      const rollout = (await expectStatus(Promise.resolve(answer), 200)) as unknown as Rollout;
      if (ENDED.includes(rollout.phase) || rollout.phase === 'PAUSED') return rollout;
      if (performance.now() > deadline) throw new Error(`L: rollout ${id} is still ${rollout.phase}: ${rollout.phaseReason ?? ''}`);
    }
  }

  /** Invariant R: exactly what is said to run does so, on every cluster, with all pods Ready. */
  private async runs(): Promise<void> {
    const wanted = `${this.stack.at(-1) ?? ''} x${this.pods}`;
    for (const { name, recorder } of this.system.sites) {
      const holds = (): boolean => recorder.running(this.name) === wanted && recorder.readyPods(this.name) === this.pods;
      await recorder.until(holds, wanted, 15_000).catch(() => {
        throw new Error(`R: ${name} must run ${wanted}, and runs ${recorder.running(this.name)}, ${recorder.readyPods(this.name)} Ready`);
      });
    }
    this.expect(0);
  }

  /** Invariants A and S, from now on. `more`: pods that a change of scale may add; `pods`: how many there are at least. */
  private expect(more: number, pods = this.pods): void {
    for (const { recorder } of this.system.sites) recorder.expect(this.name, { replicas: pods, maxSurge: SURGE + more, maxUnavailable: 0 });
  }
}
