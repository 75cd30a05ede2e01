/** Runs a seed, and says what was wrong. */
import { changeFaults } from '../../simulator/faults/inject.ts';
import type { Request } from './api.ts';
import { strike } from './faults.ts';
import type { Fault } from './faults.ts';
import { Recorder } from './recorder.ts';
import type { Violation } from './recorder.ts';
import { scenarioOf } from './scenario.ts';
import type { Scenario, Step } from './scenario.ts';
import { World } from './world.ts';

/** By then everything has settled, in milliseconds of virtual time behind the last request. */
const SETTLES_WITHIN = 600_000;
/** A livelock, if it takes more. */
const MOST_EVENTS = 400_000;
const LOOK = 250;
const SETTLED = new Set(['SUCCEEDED', 'ROLLED_BACK', 'FAILED', 'CANCELED', 'SUPERSEDED']);

export interface Result {
  seed: number;
  violations: readonly Violation[];
  /** What happened, for people. */
  log: readonly string[];
  events: number;
  virtualSeconds: number;
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

class Run {
  readonly world: World;
  readonly recorder: Recorder;
  private readonly asked: { at: number; what: string }[] = [];

  constructor(private readonly scenario: Scenario) {
    this.world = new World(scenario.setup);
    this.recorder = new Recorder(this.world);
    const behaviours = [
      { image: 'never-ready', behaviour: 'never-ready' },
      { image: 'crashes', behaviour: 'crash-loop' },
    ];
    for (const { cluster } of this.world.places) changeFaults(cluster, { behaviours });
  }

  async go(): Promise<Result> {
    const { world, recorder } = this;
    const state = world.drive((ask) => this.script(ask));
    const outcome = await world.time.run(() => state.ended || world.time.events > MOST_EVENTS, Number.POSITIVE_INFINITY);
    if (state.error) throw state.error instanceof Error ? state.error : new Error('the script failed');
    if (world.time.events > MOST_EVENTS) recorder.breach('L', `more than ${MOST_EVENTS} events`);
    else if (outcome === 'IDLE') recorder.breach('L', 'nothing is left to happen');
    recorder.end();
    for (const process of world.workers) process.kill();
    return {
      seed: this.scenario.setup.seed,
      violations: recorder.violations,
      log: this.log(),
      events: world.time.events,
      virtualSeconds: Math.round((world.time.now - world.time.began) / 1000),
    };
  }

  private async script(ask: (request: Request) => Promise<unknown>): Promise<void> {
    for (const step of this.scenario.steps) {
      await this.wait(step);
      const answer = await ask(step.request);
      this.note(`${JSON.stringify(step.request)} -> ${JSON.stringify(answer)}`);
      for (const fault of step.faults) this.plan(fault);
    }
    await this.settle(ask);
  }

  private plan(fault: Fault): void {
    this.world.time.after(fault.after, () => {
      this.note(`fault: ${JSON.stringify({ ...fault.what, lasts: fault.lasts })}`);
      strike(this.world, this.recorder, fault);
    });
  }

  private async wait({ after }: Step): Promise<void> {
    if (after !== 'SETTLED') return pause(after);
    const until = this.world.time.now + 120_000;
    while (this.active.length > 0 && !this.active.every((row) => row.phase === 'PAUSED') && this.world.time.now < until) await pause(LOOK);
  }

  /** L: whatever is paused is acted on, and everything ends. */
  private async settle(ask: (request: Request) => Promise<unknown>): Promise<void> {
    const until = this.world.time.now + SETTLES_WITHIN;
    while (this.active.length > 0) {
      if (this.world.time.now > until) {
        this.recorder.breach(
          'L',
          `not settled after ${SETTLES_WITHIN / 1000} s: ${this.active.map((row) => `${row.id.slice(-3)} ${row.phase}`).join()}`,
        );
        return;
      }
      for (const row of this.active.filter((one) => one.phase === 'PAUSED' && one.intent === null)) {
        const kind = row.pause_reason === 'STEP' ? 'PROMOTE' : row.pause_reason === 'MANUAL' ? 'RESUME' : 'ABORT';
        await ask({ kind: 'VERB', verb: kind === 'PROMOTE' ? { kind, full: true } : { kind }, rollout: row.id });
        this.note(`operator: ${kind} ${row.id.slice(-3)}`);
      }
      await pause(LOOK * 4);
    }
    // What the controllers still do is judged too.
    await pause(5_000);
  }

  private get active() {
    return [...this.world.postgres.rows('rollouts').values()].filter((row) => !SETTLED.has(row.phase));
  }

  private note(what: string): void {
    this.asked.push({ at: this.world.time.now, what });
  }

  private log(): string[] {
    const { postgres, time } = this.world;
    const events = postgres.events.map((event) => ({
      at: event.at - postgres.skew,
      what: `${event.type} ${event.rolloutId?.slice(-3)} ${event.message}`,
    }));
    const breaches = this.recorder.violations.map(({ at, invariant, what }) => ({ at: at + time.began, what: `!!! ${invariant} ${what}` }));
    const all = [...this.asked, ...events, ...breaches].sort((a, b) => a.at - b.at);
    return all.map(({ at, what }) => `${((at - time.began) / 1000).toFixed(3).padStart(9)} ${what}`);
  }
}

export const runSeed = (seed: number): Promise<Result> => new Run(scenarioOf(seed)).go();
