/** The queue and the announcements between processes: hints that may be late, lost or repeated. */
import type { Announce, Announcement, Listener } from '../../src/platform/queue/announce.ts';
import type { Job, QueueHandle, Queues, QueueWorker } from '../../src/platform/queue/queue.ts';
import type { Chance } from '../rollouts/model/chance.ts';
import type { Process, VirtualTime } from './time.ts';

export interface MessageFaults {
  /** Shares of 1. */
  lost: number;
  repeated: number;
  /** Most additional milliseconds. */
  delay: number;
}

export const NO_MESSAGE_FAULTS: MessageFaults = { lost: 0, repeated: 0, delay: 0 };

interface Consumer {
  process: Process;
  handler: (job: Job) => Promise<void>;
  busy: boolean;
  closed: boolean;
}

/** All that is between processes. */
export class Messages {
  faults: MessageFaults = NO_MESSAGE_FAULTS;
  private readonly waiting = new Map<string, { job: Job; id: string }[]>();
  private readonly consumers = new Map<string, Consumer[]>();
  private readonly listening = new Map<Process, Set<Listener>>();

  constructor(
    private readonly time: VirtualTime,
    private readonly chance: Chance,
  ) {}

  queues(process: Process): Pick<Queues, 'open' | 'work'> {
    return {
      open: (name) => this.handle(name, process),
      work: (name, handler) => this.consume(name, { process, handler, busy: false, closed: false }),
    };
  }

  announce(process: Process): Pick<Announce, 'publish' | 'subscribe'> {
    const own = new Set<Listener>();
    this.listening.set(process, own);
    process.onKill(() => this.listening.delete(process));
    return {
      publish: (announcement) => {
        for (const listener of own) listener(announcement);
        this.toOthers(process, announcement);
      },
      subscribe: (listener) => {
        own.add(listener);
        return () => own.delete(listener);
      },
    };
  }

  private toOthers(from: Process, announcement: Announcement): void {
    for (const [process, listeners] of this.listening) {
      if (process === from) continue;
      if (this.strikes(this.faults.lost)) {
        // The connection was lost, and what it has missed is said by a gap.
        this.time.afterIn(process, 50 + this.way() * 100, () => listeners.forEach((listener) => listener({ kind: 'gap' })));
        continue;
      }
      this.time.afterIn(process, 10 + this.way(), () => listeners.forEach((listener) => listener(announcement)));
    }
  }

  private handle(name: string, process: Process): QueueHandle {
    return {
      add: (job, id) =>
        new Promise((resolve) => {
          if (!this.strikes(this.faults.lost)) this.time.after(this.way(), () => this.add(name, { job, id }));
          if (this.strikes(this.faults.repeated)) this.time.after(this.way() * 50, () => this.add(name, { job, id }));
          this.time.afterIn(process, this.way(), resolve);
        }),
    };
  }

  private consume(name: string, consumer: Consumer): QueueWorker {
    const all = this.consumers.get(name) ?? [];
    this.consumers.set(name, [...all, consumer]);
    this.hand(name);
    return {
      close: () => {
        consumer.closed = true;
        return Promise.resolve();
      },
    };
  }

  /** One that waits already covers another with the same id. */
  private add(name: string, entry: { job: Job; id: string }): void {
    const waiting = this.waiting.get(name) ?? [];
    this.waiting.set(name, waiting);
    if (!waiting.some(({ id }) => id === entry.id)) waiting.push(entry);
    this.hand(name);
  }

  private hand(name: string): void {
    const waiting = this.waiting.get(name) ?? [];
    const idle = (this.consumers.get(name) ?? []).filter((one) => one.process.alive && !one.busy && !one.closed);
    while (waiting.length > 0 && idle.length > 0) {
      const [consumer] = idle.splice(this.chance.between(0, idle.length - 1), 1);
      const entry = waiting.shift();
      if (consumer && entry) this.run(name, consumer, entry.job);
    }
  }

  private run(name: string, consumer: Consumer, job: Job): void {
    consumer.busy = true;
    const { time } = this;
    const done = (): void => {
      consumer.busy = false;
      time.after(this.way(), () => this.hand(name));
    };
    time.afterIn(consumer.process, this.way(), () => void consumer.handler(job).then(done, done));
  }

  private strikes(share: number): boolean {
    return share > 0 && this.chance.next() < share;
  }

  private way(): number {
    return 0.5 + this.chance.next() * 3 + (this.faults.delay > 0 ? this.chance.next() * this.faults.delay : 0);
  }
}
