import { type BeforeApplicationShutdown, type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { from, mergeMap, type Observable } from 'rxjs';
import { Answered, idOf, valueOf } from './answer.ts';
import { operationOf } from './operation.ts';
import { invalid } from '../problem.ts';
import { Resources } from './resources.ts';
import { routeOf } from './route.ts';

/** A kind of resource that can be waited for, and how to read whether it has settled. */
export interface Awaitable {
  /** The ids that need no more waiting, of all tenants, read in one statement. */
  settled(ids: string[]): Promise<string[]>;
  /** Whether it has reached its final state: a POST then answers 200 instead of 202. */
  isTerminal(answer: unknown): boolean;
}

export const LONGEST_WAIT_SECONDS = 600;
const REREAD_MILLISECONDS = 5_000;

interface Waiting {
  awaitable: Awaitable;
  /** Id -> callbacks of those who wait for it. */
  held: Map<string, Set<() => void>>;
  dirty: Set<string>;
  reading: boolean;
}

/** Requests that wait for a resource to settle. They hold no database connection. */
@Injectable()
export class Waits implements BeforeApplicationShutdown {
  private readonly kinds = new Map<string, Waiting>();
  private timer: NodeJS.Timeout | null = null;
  private closing = false;

  add(kind: string, awaitable: Awaitable): void {
    this.kinds.set(kind, { awaitable, held: new Map(), dirty: new Set(), reading: false });
  }

  isTerminal(kind: string, answer: unknown): boolean {
    return this.kind(kind).awaitable.isTerminal(answer);
  }

  isAwaited(kind: string, id: string): boolean {
    return this.kind(kind).held.has(id);
  }

  /** A resource may have settled. It is read again if a request waits for it. */
  look(kind: string, id: string): void {
    const waiting = this.kind(kind);
    if (!waiting.held.has(id)) return;
    waiting.dirty.add(id);
    void this.read(waiting);
  }

  /** Resolves when it has settled, when the time is up, or when the process is stopping. */
  until(kind: string, id: string, seconds: number): Promise<void> {
    const waiting = this.kind(kind);
    if (this.closing || seconds <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const holders = waiting.held.get(id) ?? new Set();
      const end = (): void => {
        clearTimeout(timeout);
        holders.delete(end);
        if (holders.size === 0 && waiting.held.get(id) === holders) waiting.held.delete(id);
        resolve();
      };
      const timeout = setTimeout(end, seconds * 1000);
      waiting.held.set(id, holders.add(end));
      this.timer ??= setInterval(() => this.rereadAll(), REREAD_MILLISECONDS).unref();
      this.look(kind, id);
    });
  }

  beforeApplicationShutdown(): void {
    this.closing = true;
    if (this.timer) clearInterval(this.timer);
    for (const { held } of this.kinds.values()) for (const holders of [...held.values()]) for (const end of [...holders]) end();
  }

  private kind(kind: string): Waiting {
    const found = this.kinds.get(kind);
    if (!found) throw new Error(`${kind} cannot be waited for`);
    return found;
  }

  private rereadAll(): void {
    for (const waiting of this.kinds.values()) {
      for (const id of waiting.held.keys()) waiting.dirty.add(id);
      void this.read(waiting);
    }
  }

  /** Runs one statement at a time; ids added in the meantime are read by the next. After a failure, the next periodic read covers everything. */
  private async read(waiting: Waiting): Promise<void> {
    if (waiting.reading) return;
    waiting.reading = true;
    try {
      while (waiting.dirty.size > 0) {
        const ids = [...waiting.dirty];
        waiting.dirty.clear();
        const settled = await waiting.awaitable.settled(ids);
        for (const id of settled) for (const end of [...(waiting.held.get(id) ?? [])]) end();
      }
    } catch {
      waiting.dirty.clear();
    } finally {
      waiting.reading = false;
    }
  }
}

/** Seconds of `Prefer: wait=<seconds>`, at most 600; null = none. Unknown preferences are ignored (RFC 7240). */
export function preferredWait(header: string | string[] | undefined): number | null {
  const wait = [header ?? []]
    .flat()
    .join(',')
    .match(/(?:^|,)\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:[;,]|$)/i);
  return wait ? Math.min(Number(wait[1]), LONGEST_WAIT_SECONDS) : null;
}

/** `Prefer: wait` and the argument `waitSeconds`: answers with the resource once it has settled. Runs outside the idempotent transaction. */
@Injectable()
export class PreferWait implements NestInterceptor {
  constructor(
    private readonly waits: Waits,
    private readonly resources: Resources,
  ) {}

  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const isHttp = execution.getType() === 'http';
    const marked = isHttp ? routeOf(execution.getHandler()) : operationOf(execution.getHandler());
    const kind = marked?.waits;
    if (kind === undefined) return next.handle();
    if (!isHttp) {
      const { waitSeconds } = execution.getArgs<[unknown, { waitSeconds?: number | null }]>()[1];
      if ((waitSeconds ?? 0) < 0) throw invalid({ parameter: 'waitSeconds', detail: 'must be at least 0' });
      return this.held(next, kind, waitSeconds ?? null, false);
    }
    const request = execution.switchToHttp().getRequest<FastifyRequest>();
    // What is made answers with 201 or 200, and is complete then; only what goes on answers with 202 until it has settled.
    const goesOn = request.method === 'POST' && routeOf(execution.getHandler())?.status === 202;
    return this.held(next, kind, preferredWait(request.headers.prefer), goesOn);
  }

  private held(next: CallHandler, kind: string, seconds: number | null, goesOn: boolean): Observable<unknown> {
    if (seconds === null) return next.handle();
    const bounded = Math.max(0, Math.min(seconds, LONGEST_WAIT_SECONDS));
    return next.handle().pipe(mergeMap((answer) => from(this.settle(answer, kind, bounded, goesOn))));
  }

  private async settle(answer: unknown, kind: string, seconds: number, goesOn: boolean): Promise<unknown> {
    const id = idOf(valueOf(answer));
    if (id === null) return answer;
    await this.waits.until(kind, id, seconds);
    const value = await this.resources.read(kind, id);
    const { status, headers } = Answered.of(answer, null);
    const answered = goesOn ? (this.waits.isTerminal(kind, value) ? 200 : 202) : status;
    return new Answered(value, answered, { ...headers, 'preference-applied': `wait=${seconds}` });
  }
}
