import { setTimeout as pause } from 'node:timers/promises';
import { BUDGETS } from '../core/budgets.ts';
import { KubernetesError, overBudget, unreadableAnswer } from './errors.ts';
import { errorFromTransport } from './failures.ts';
import type { ObjectStore } from './store.ts';
import type { Doubts, KubernetesObject, ObjectList, WatchEvent, WatchOptions } from './types.ts';

export interface WatchTimings {
  /**
   * How long the server keeps one watch. It ends each by itself, so silence that lasts longer is not quiet but death; and it sends a bookmark shortly
   * before (if anything of that kind has changed anywhere), so that the next begins at a version that the server still has.
   */
  watchSeconds: number;
  /** A watch that has said nothing for this long is dead, whatever TCP believes. Longer than `watchSeconds`. */
  silenceMilliseconds: number;
  firstRetryMilliseconds: number;
  /** A rollout waits for the slowest of its watches to come back, and is wanted back soon after its cluster. */
  lastRetryMilliseconds: number;
  /** What a refused credential or an exceeded budget waits at first: somebody has to change something. */
  refusedRetryMilliseconds: number;
  /** Each attempt after an exceeded budget may cost as much as the budget. */
  overBudgetRetryMilliseconds: number;
  /** How long a list older than what was already seen (an API server that lags behind) is not believed; afterwards the cluster was restored from a backup. */
  staleMilliseconds: number;
}

/** Silence followed by a connect timeout (5 s) or an answer timeout (10 s) is reported within 45 s. */
export const defaultTimings: WatchTimings = {
  watchSeconds: 25,
  silenceMilliseconds: 33_000,
  firstRetryMilliseconds: 200,
  lastRetryMilliseconds: 10_000,
  refusedRetryMilliseconds: 5_000,
  overBudgetRetryMilliseconds: BUDGETS.overBudgetRetryMilliseconds,
  staleMilliseconds: 120_000,
};

/** Where a list-watch reads from. Both fail with a `KubernetesError`. */
export interface WatchSource {
  list(signal: AbortSignal): Promise<ObjectList>;
  /** Settles once the server has accepted the watch; what it yields are the lines of the answer. */
  watch(resourceVersion: string, seconds: number, signal: AbortSignal): Promise<AsyncIterable<string>>;
  /** The part of an event's object that is kept. */
  keep(object: KubernetesObject): KubernetesObject;
  /** The error that an ERROR event's Status stands for. */
  failure(status: number, body: string): KubernetesError;
}

interface WireEvent {
  type: string;
  object: KubernetesObject;
}

/** A watch that lasted this long was a working one, so its end is no reason to wait before the next. */
const steadyMilliseconds = 1_000;

/**
 * What was listed is acted on first: opening a watch takes a handshake, of which a placement has three, and from the list's version on none of them misses
 * anything.
 */
const openingMilliseconds = 20;

/** So many watches in a row that ended as soon as they had begun are a trouble to tell of. */
const shortWatchesTolerated = 3;

/** A kept connection that the server has closed in the meantime fails once, and says nothing about the cluster. What does not come in time says something. */
const cutsTolerated = 2;

/** The state of one list-watch, which outlives its connections. */
class ListWatch {
  /** Where the next watch begins; null asks for a list. */
  private version: string | null = null;
  private newestSeen: string | null = null;
  private staleSince: number | null = null;
  /** When the server accepted the watch that is running, or null. */
  private openedAt: number | null = null;
  /** The watch that was running has been ended by us: only a new one tells whether the cluster still answers. */
  private givenUp = false;
  private failures = 0;
  /** The trouble last reported, so that each is reported once. */
  private told: string | null = null;
  private readonly signal: AbortSignal;
  private readonly doubts: Doubts | null;
  private readonly store: ObjectStore | null;

  constructor(
    private readonly source: WatchSource,
    { signal, doubts, store }: WatchOptions,
    private readonly timings: WatchTimings,
  ) {
    this.signal = signal;
    this.doubts = doubts ?? null;
    this.store = store ?? null;
  }

  async *run(): AsyncGenerator<WatchEvent> {
    while (!this.signal.aborted) {
      this.openedAt = null;
      this.givenUp = false;
      let error: KubernetesError | null = null;
      try {
        if (this.version === null) {
          yield await this.resync();
          await pause(openingMilliseconds, undefined, { signal: this.signal });
        }
        yield* this.follow(this.version ?? '');
      } catch (thrown) {
        error = errorFromTransport(thrown);
      }
      if (this.signal.aborted) return;
      // What did not fit is gone or smaller in a later list, but comes again from this version.
      if (error?.kind === 'EXPIRED' || error?.overBudget) this.version = null;
      // A watch that worked and then ended or was cut is the ordinary course of things: the next one takes up where it stopped.
      if (!error?.overBudget && (this.givenUp || this.wasSteady())) {
        this.failures = 0;
        continue;
      }
      yield* this.tell(error ?? unreadableAnswer('a watch ended as soon as it had begun'));
    }
  }

  private wasSteady(): boolean {
    return this.openedAt !== null && performance.now() - this.openedAt >= steadyMilliseconds;
  }

  /** Tells of a trouble once, and waits before the next attempt. */
  private async *tell(error: KubernetesError): AsyncGenerator<WatchEvent> {
    this.failures += 1;
    if (error.kind === 'EXPIRED') {
      if (this.failures > 1) await this.rest(error);
      return;
    }
    const trouble = `${error.kind} ${error.message}`;
    const isCut = error.status === null && !error.timedOut;
    const tolerated = error.overBudget ? 1 : this.openedAt !== null ? shortWatchesTolerated : isCut ? cutsTolerated : 1;
    if (trouble !== this.told && this.failures >= tolerated) {
      this.told = trouble;
      yield { type: 'UNREACHABLE', error };
    }
    await this.rest(error);
  }

  private async resync(): Promise<WatchEvent> {
    const { items, resourceVersion, date } = await this.source.list(this.signal);
    if (isOlder(resourceVersion, this.newestSeen)) {
      this.staleSince ??= performance.now();
      if (performance.now() - this.staleSince < this.timings.staleMilliseconds) {
        throw new KubernetesError({ kind: 'SERVER', message: 'The API server is behind what the cluster has already shown.' });
      }
    }
    this.store?.replace(items);
    this.staleSince = null;
    this.version = resourceVersion;
    this.newestSeen = resourceVersion;
    this.told = null;
    return { type: 'RESYNC', objects: items, date };
  }

  private async *follow(version: string): AsyncGenerator<WatchEvent> {
    const stop = new AbortController();
    const giveUp = (): void => {
      this.givenUp = true;
      stop.abort();
    };
    let silence: NodeJS.Timeout | undefined;
    try {
      const lines = await this.source.watch(version, this.timings.watchSeconds, AbortSignal.any([this.signal, stop.signal]));
      this.openedAt = performance.now();
      silence = setTimeout(giveUp, this.timings.silenceMilliseconds);
      this.doubts?.once('doubt', giveUp);
      if (this.told !== null) yield { type: 'ALIVE' };
      this.told = null;
      for await (const line of lines) {
        silence.refresh();
        yield this.read(line);
      }
    } catch (error) {
      if (!this.givenUp) throw error;
    } finally {
      clearTimeout(silence);
      this.doubts?.off('doubt', giveUp);
      stop.abort();
    }
  }

  private read(line: string): WatchEvent {
    const { type, object } = parseEvent(line);
    if (type === 'ERROR') {
      const code = (object as { code?: unknown }).code;
      throw this.source.failure(typeof code === 'number' ? code : 500, JSON.stringify(object));
    }
    const version = object.metadata.resourceVersion;
    if (typeof version !== 'string') throw unreadableAnswer("a watch's object has no resourceVersion");
    if (version.length > BUDGETS.tokenCharacters) throw overBudget('An event of the cluster has too long a resourceVersion.');
    this.version = version;
    if (!isOlder(version, this.newestSeen)) this.newestSeen = version;
    if (type === 'BOOKMARK') return { type: 'ALIVE' };
    if (type !== 'ADDED' && type !== 'MODIFIED' && type !== 'DELETED') throw unreadableAnswer('a watch sends an event of an unknown type');
    const kept = this.source.keep(object);
    if (type === 'DELETED') this.store?.delete(kept);
    else this.store?.set(kept);
    return { type, object: kept };
  }

  /** Waits longer from failure to failure, each time by chance a little different, so that many watchers do not come back at one moment. */
  private async rest(error: KubernetesError): Promise<void> {
    const { firstRetryMilliseconds, lastRetryMilliseconds, refusedRetryMilliseconds, overBudgetRetryMilliseconds } = this.timings;
    const refused = error.overBudget || error.kind === 'UNAUTHENTICATED' || error.kind === 'FORBIDDEN';
    const last = error.overBudget ? overBudgetRetryMilliseconds : lastRetryMilliseconds;
    const first = refused ? refusedRetryMilliseconds : firstRetryMilliseconds;
    const grown = Math.min(last, first * 2 ** Math.min(this.failures - 1, 16));
    const asked = (error.retryAfterSeconds ?? 0) * 1000;
    // Aborting ends the wait early; the loop sees that by itself.
    await pause(Math.max(asked, grown) * (1 + Math.random() / 2), undefined, { signal: this.signal }).catch(() => undefined);
  }
}

/** Lists and then watches until the signal is aborted. Every trouble is reported as an event and overcome. */
export function listWatch(source: WatchSource, options: WatchOptions, timings: WatchTimings = defaultTimings): AsyncGenerator<WatchEvent> {
  return new ListWatch(source, options, timings).run();
}

function parseEvent(line: string): WireEvent {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    throw unreadableAnswer("a watch's line is not JSON");
  }
  const { type, object } = (event ?? {}) as Partial<WireEvent>;
  if (typeof type !== 'string' || typeof object !== 'object' || object === null) throw unreadableAnswer("a watch's line is not an event");
  if (type !== 'ERROR' && (typeof object.metadata !== 'object' || object.metadata === null))
    throw unreadableAnswer("a watch's object has no metadata");
  return { type, object };
}

/** Versions of one cluster are decimal numbers that grow (Kubernetes promises it from 1.35 on, and it holds for all before); others are not compared. */
function isOlder(version: string, than: string | null): boolean {
  const number = /^\d{1,20}$/;
  return than !== null && number.test(version) && number.test(than) && BigInt(version) < BigInt(than);
}
