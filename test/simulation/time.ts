/**
 * Virtual time: one queue of events, in the order of their times, in which everything waits that waits for something. What runs inside a process of a simulation
 * gets its timers, its clocks and its random numbers from here; all other code in this Node process keeps the real ones.
 *
 * An event runs together with all that it resolves (microtasks) before the next one, so one process is never interrupted but where it awaits something of another:
 * the order of all that is decided by the times of events, and these by the seed.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import type { Chance } from '../rollouts/model/chance.ts';

/** A place where code runs that can stop at any event: a worker's process, or a client of the API. */
export class Process {
  private dead = false;
  /** Until then nothing of it runs, and everything that comes for it waits. */
  private frozenUntil = 0;
  private readonly endings: (() => void)[] = [];
  /** How many events it still lives for. */
  private left = Number.POSITIVE_INFINITY;

  constructor(
    readonly name: string,
    readonly time: VirtualTime,
    /** Its monotonic clock counts from another moment than others'. */
    readonly clockOffset: number,
  ) {}

  get alive(): boolean {
    return !this.dead;
  }

  /** As in a power failure: nothing of it runs any more, from this event on. */
  kill(): void {
    if (this.dead) return;
    this.dead = true;
    for (const end of this.endings) end();
  }

  /** Kills it at one of its awaits: instead of so many events from now (1 = the next). */
  killBefore(events: number): void {
    this.left = Math.min(this.left, events);
  }

  /** Whether it lives through its next event. */
  lives(): boolean {
    this.left -= 1;
    if (this.left <= 0) this.kill();
    return this.alive;
  }

  /** As by SIGSTOP, or by an event loop that is blocked. */
  freeze(milliseconds: number): void {
    this.frozenUntil = Math.max(this.frozenUntil, this.time.now + milliseconds);
  }

  /** When something that would happen now can happen; null = never. */
  get thawsAt(): number | null {
    if (this.dead) return null;
    return this.frozenUntil > this.time.now ? this.frozenUntil : this.time.now;
  }

  /** Calls back when it is killed: its connections break. */
  onKill(end: () => void): void {
    this.endings.push(end);
  }
}

interface Event {
  at: number;
  order: number;
  /** null: of the world, and synchronous. */
  process: Process | null;
  run: () => void;
  canceled: boolean;
}

const current = new AsyncLocalStorage<Process>();

const real = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setImmediate: globalThis.setImmediate,
  performanceNow: performance.now.bind(performance),
  dateNow: Date.now.bind(Date),
  random: Math.random.bind(Math),
  pause: timers.setTimeout,
  abortTimeout: AbortSignal.timeout.bind(AbortSignal),
};

export class VirtualTime {
  /** Milliseconds since the epoch. */
  now = Date.UTC(2026, 0, 1);
  readonly began = this.now;
  events = 0;
  private readonly queue: Event[] = [];
  private orders = 0;

  constructor(readonly chance: Chance) {}

  /** Runs something of the world in so many milliseconds. It must be synchronous. Returns the function that cancels it. */
  after(milliseconds: number, run: () => void): () => void {
    return this.plan(milliseconds, null, run);
  }

  /** Runs something inside a process in so many milliseconds, if it still lives then. */
  afterIn(process: Process, milliseconds: number, run: () => void): () => void {
    return this.plan(milliseconds, process, run);
  }

  private plan(milliseconds: number, process: Process | null, run: () => void): () => void {
    const event: Event = { at: this.now + Math.max(0, milliseconds), order: ++this.orders, process, run, canceled: false };
    push(this.queue, event);
    return () => (event.canceled = true);
  }

  /** Runs events until the condition holds, nothing is left to happen, or the time is up. */
  async run(until: () => boolean, limit: number): Promise<'DONE' | 'IDLE' | 'LATE'> {
    for (;;) {
      if (until()) return 'DONE';
      const event = pop(this.queue);
      if (event === undefined) return 'IDLE';
      if (event.canceled) continue;
      if (event.at > limit) return 'LATE';
      this.now = Math.max(this.now, event.at);
      const { process } = event;
      const at = process === null ? this.now : process.thawsAt;
      if (at === null) continue;
      if (at > this.now) {
        push(this.queue, { ...event, at });
        continue;
      }
      this.events += 1;
      if (process === null) event.run();
      else if (process.lives()) {
        current.run(process, event.run);
        await new Promise(real.setImmediate);
      }
    }
  }
}

/** The earliest first; of the same time, the one that was planned first. */
const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function push(heap: Event[], event: Event): void {
  let at = heap.push(event) - 1;
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (!isBefore(event, heap[above]!)) break;
    heap[at] = heap[above]!;
    at = above;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined || heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let below = 2 * at + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
    if (!isBefore(heap[below]!, last)) break;
    heap[at] = heap[below]!;
    at = below;
  }
  heap[at] = last;
  return first;
}

/** The process that runs now. @throws outside of one */
export function currentProcess(): Process {
  const process = current.getStore();
  if (process === undefined) throw new Error('nothing of the simulation runs');
  return process;
}

/** A timer as `setTimeout` returns it. */
class Timer {
  private cancel: () => void = () => undefined;

  constructor(
    private readonly process: Process,
    private readonly milliseconds: number,
    private readonly work: () => void,
  ) {
    this.refresh();
  }

  refresh(): this {
    this.clear();
    this.cancel = this.process.time.afterIn(this.process, this.milliseconds, this.work);
    return this;
  }

  clear(): void {
    this.cancel();
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

function startTimer(process: Process, work: () => void, milliseconds: number): Timer {
  // A callback runs in the context in which its timer was started.
  const context = AsyncLocalStorage.snapshot();
  return new Timer(process, Math.max(1, milliseconds), () => context(work));
}

/** `setTimeout` of `node:timers/promises`. */
async function pause<T>(process: Process, milliseconds: number, value: T, signal?: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const aborted = (): void => {
      timer.clear();
      reject(new DOMException('The operation was aborted', 'AbortError'));
    };
    const timer = startTimer(
      process,
      () => {
        signal?.removeEventListener('abort', aborted);
        resolve(value);
      },
      milliseconds,
    );
    if (signal?.aborted) aborted();
    else signal?.addEventListener('abort', aborted, { once: true });
  });
}

function install(): void {
  globalThis.setTimeout = ((work: (...args: unknown[]) => void, milliseconds = 1, ...args: unknown[]) => {
    const process = current.getStore();
    return process ? startTimer(process, () => work(...args), milliseconds) : real.setTimeout(work, milliseconds, ...args);
  }) as typeof setTimeout;
  globalThis.clearTimeout = (timer?: unknown) => {
    if (timer instanceof Timer) timer.clear();
    else real.clearTimeout(timer as NodeJS.Timeout);
  };
  globalThis.setImmediate = ((work: (...args: unknown[]) => void, ...args: unknown[]) => {
    const process = current.getStore();
    return process ? startTimer(process, () => work(...args), 0) : real.setImmediate(work, ...args);
  }) as typeof setImmediate;
  performance.now = () => {
    const process = current.getStore();
    return process ? process.time.now - process.time.began + process.clockOffset : real.performanceNow();
  };
  Date.now = () => current.getStore()?.time.now ?? real.dateNow();
  Math.random = () => current.getStore()?.time.chance.next() ?? real.random();
  timers.setTimeout = ((milliseconds: number, value: unknown, options?: { signal?: AbortSignal }) => {
    const process = current.getStore();
    return process ? pause(process, milliseconds, value, options?.signal) : real.pause(milliseconds, value, options);
  }) as typeof timers.setTimeout;
  AbortSignal.timeout = (milliseconds) => {
    const process = current.getStore();
    if (!process) return real.abortTimeout(milliseconds);
    const controller = new AbortController();
    startTimer(process, () => controller.abort(new DOMException('The operation timed out', 'TimeoutError')), milliseconds);
    return controller.signal;
  };
  syncBuiltinESMExports();
}

function uninstall(): void {
  globalThis.setTimeout = real.setTimeout;
  globalThis.clearTimeout = real.clearTimeout;
  globalThis.setImmediate = real.setImmediate;
  performance.now = real.performanceNow;
  Date.now = real.dateNow;
  Math.random = real.random;
  timers.setTimeout = real.pause;
  AbortSignal.timeout = real.abortTimeout;
  syncBuiltinESMExports();
}

/** With the clocks of the simulation. What does not run inside one of its processes keeps the real ones. */
export async function underVirtualTime<T>(work: () => Promise<T>): Promise<T> {
  install();
  try {
    return await work();
  } finally {
    uninstall();
  }
}
