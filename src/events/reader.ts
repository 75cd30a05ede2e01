import type { Event } from './event.model.ts';

/** How many events a reader may lag before it is disconnected. It can resume with its last id. */
const BUFFER = 1000;

/** The events that one stream has not taken yet. */
export class Reader {
  private readonly events: Event[] = [];
  private readonly end = new AbortController();
  private wake: () => void = () => undefined;

  constructor(private readonly wants: (event: Event) => boolean) {}

  /** Aborted once no more events follow, even if earlier ones have not been taken yet. */
  get over(): AbortSignal {
    return this.end.signal;
  }

  push(event: Event): void {
    if (!this.wants(event)) return;
    if (this.events.length >= BUFFER) return this.close();
    this.events.push(event);
    this.wake();
  }

  /** The next events, oldest first; empty if none arrived in this time; null if it has ended. */
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
