import type { Event } from './event.model.ts';

/** How many events a reader may lag behind before it is cut: it comes back with its last id. */
const BUFFER = 1000;

/** One stream's end of the hub: what it has not yet taken. */
export class Reader {
  private readonly events: Event[] = [];
  private readonly end = new AbortController();
  private wake: () => void = () => undefined;

  constructor(private readonly wants: (event: Event) => boolean) {}

  /** Aborted once nothing more comes, whether or not what came before has been taken. */
  get over(): AbortSignal {
    return this.end.signal;
  }

  push(event: Event): void {
    if (!this.wants(event)) return;
    if (this.events.length >= BUFFER) return this.close();
    this.events.push(event);
    this.wake();
  }

  /** The next events, oldest first; none when none came for this long; null when it is over. */
  async next(milliseconds: number): Promise<Event[] | null> {
    if (this.events.length === 0 && !this.over.aborted) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        timer = setTimeout(resolve, milliseconds);
      });
      clearTimeout(timer);
      this.wake = () => undefined;
    }
    return this.over.aborted ? null : this.events.splice(0);
  }

  close(): void {
    this.end.abort();
    this.wake();
  }
}
