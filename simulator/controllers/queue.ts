/** Work by key. A key that is added again before its turn runs once. No timer runs while the queue is empty. */
import type { Clock } from '../clock.ts';

/** The part of a key's work that follows later. Until then nothing else is done for that key, since it has one worker. */
export interface Rest {
  milliseconds: number;
  work: () => void;
}

export class WorkQueue {
  readonly #clock: Clock;
  readonly #delay: () => number;
  readonly #work: (key: string) => Rest | undefined | void;
  /** Keys whose work is not finished, and whether they were added again. */
  readonly #busy = new Map<string, { again: boolean; cancel: () => void }>();
  readonly #soon = new Map<string, () => void>();
  readonly #later = new Map<string, { at: number; cancel: () => void }>();

  /** `delay` returns the milliseconds between a change and a controller's reaction. */
  constructor(clock: Clock, delay: () => number, work: (key: string) => Rest | undefined | void) {
    this.#clock = clock;
    this.#delay = delay;
    this.#work = work;
  }

  add(key: string): void {
    const busy = this.#busy.get(key);
    if (busy) busy.again = true;
    if (busy || this.#soon.has(key)) return;
    this.#soon.set(
      key,
      this.#clock.after(this.#delay(), () => this.#begin(key)),
    );
  }

  #begin(key: string): void {
    this.#soon.delete(key);
    const busy = { again: false, cancel: (): void => undefined };
    this.#busy.set(key, busy);
    const rest = this.#work(key);
    const end = (): void => {
      rest?.work();
      this.#busy.delete(key);
      if (busy.again) this.add(key);
    };
    if (rest) busy.cancel = this.#clock.after(rest.milliseconds, end);
    else end();
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
    for (const { cancel } of [...this.#later.values(), ...this.#busy.values()]) cancel();
    this.#busy.clear();
    this.#soon.clear();
    this.#later.clear();
  }
}

export const keyOf = (namespace: string | undefined, name: string): string => `${namespace ?? ''}/${name}`;

export function splitKey(key: string): { namespace: string; name: string } {
  const at = key.indexOf('/');
  return { namespace: key.slice(0, at), name: key.slice(at + 1) };
}
