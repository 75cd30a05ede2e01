/** Work by key. A key that is added again before its turn runs once. No timer runs while the queue is empty. */
import type { Clock } from '../clock.ts';

export class WorkQueue {
  readonly #clock: Clock;
  readonly #delay: () => number;
  readonly #work: (key: string) => void;
  readonly #soon = new Map<string, () => void>();
  readonly #later = new Map<string, { at: number; cancel: () => void }>();

  /** `delay` returns the milliseconds between a change and a controller's reaction. */
  constructor(clock: Clock, delay: () => number, work: (key: string) => void) {
    this.#clock = clock;
    this.#delay = delay;
    this.#work = work;
  }

  add(key: string): void {
    if (this.#soon.has(key)) return;
    const cancel = this.#clock.after(this.#delay(), () => {
      this.#soon.delete(key);
      this.#work(key);
    });
    this.#soon.set(key, cancel);
  }

  /** Runs the key again after some milliseconds. Of several requests the earliest counts. */
  addAfter(key: string, milliseconds: number): void {
    const at = this.#clock.now() + milliseconds;
    const waiting = this.#later.get(key);
    if (waiting && waiting.at <= at) return;
    waiting?.cancel();
    const cancel = this.#clock.after(milliseconds, () => {
      this.#later.delete(key);
      this.add(key);
    });
    this.#later.set(key, { at, cancel });
  }

  stop(): void {
    for (const cancel of this.#soon.values()) cancel();
    for (const { cancel } of this.#later.values()) cancel();
    this.#soon.clear();
    this.#later.clear();
  }
}

export const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? ''}/${name}`;

export function splitKey(key: string): { namespace: string; name: string } {
  const at = key.indexOf('/');
  return { namespace: key.slice(0, at), name: key.slice(at + 1) };
}
