import { setTimeout as pause } from 'node:timers/promises';
import { BUDGETS } from '../core/budgets.ts';
import { KubernetesError, overBudget, unreadableAnswer } from './errors.ts';
import { errorFromTransport } from './failures.ts';
import type { ReconnectRequests, KubernetesObject, ObjectList, ObjectSink, WatchEvent, WatchOptions } from './types.ts';

export interface WatchTimings {
  /**
   * The `timeoutSeconds` of a watch, after which the server ends it. It sends a bookmark shortly before (if anything of that kind has changed anywhere), so that
   * the next watch starts at a version that the server still has.
   */
  watchSeconds: number;
  /** No data for this long, past the server's watch timeout: treat the connection as dead. Longer than `watchSeconds`. */
  silenceMilliseconds: number;
  firstRetryMilliseconds: number;
  /** Upper limit of the backoff: a rollout continues when the slowest of its watches has reconnected. */
  lastRetryMilliseconds: number;
  /** First backoff after refused credentials or an exceeded budget, which last until somebody changes something. */
  refusedRetryMilliseconds: number;
  /** Each attempt after an exceeded budget may cost as much as the budget. */
  overBudgetRetryMilliseconds: number;
  /** How long a list older than a version already seen is refused, as that of a lagging API server. After that, assume a cluster restored from a backup. */
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

/** The requests of a list-watch. They fail with a `KubernetesError`. */
export interface WatchSource {
  list(signal: AbortSignal): Promise<ObjectList>;
  /** Resolves when the server has accepted the watch, to the lines of the response. */
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

/** A watch that lasted this long worked, so that the next one starts without backoff. */
const steadyMilliseconds = 1_000;

/**
 * Delay between a list and its watch, so that the list is acted on before the handshakes of a placement's three watches. A watch from the list's version misses
 * nothing.
 */
const openingMilliseconds = 20;

/** This many watches in a row that end as soon as they have begun are reported as an error. */
const shortWatchesTolerated = 3;

/** A pooled connection that the server has closed fails once, which is no sign of an unreachable cluster. A timeout is. */
const cutsTolerated = 2;

/** The state of one list-watch, which outlives its connections. */
class ListWatch {
  /** Where the next watch begins; null asks for a list. */
  private version: string | null = null;
  private newestSeen: string | null = null;
  private staleSince: number | null = null;
  /** When the server accepted the watch that is running, or null. */
  private openedAt: number | null = null;
  /** We have ended the running watch, to find out by a new one whether the cluster is reachable. */
  private endedByUs = false;
  private failures = 0;
  /** The error reported last, so that each is reported once. */
  private reported: string | null = null;
  private readonly signal: AbortSignal;
  private readonly reconnects: ReconnectRequests | null;
  private readonly store: ObjectSink | null;

  constructor(
    private readonly source: WatchSource,
    { signal, reconnects, store }: WatchOptions,
    private readonly timings: WatchTimings,
  ) {
    this.signal = signal;
    this.reconnects = reconnects ?? null;
    this.store = store ?? null;
  }

  async *run(): AsyncGenerator<WatchEvent> {
    while (!this.signal.aborted) {
      this.openedAt = null;
      this.endedByUs = false;
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
      // A relist may fit into the budget; resuming from this version would send the same objects once more.
      if (error?.kind === 'EXPIRED' || error?.overBudget) this.version = null;
      // Watches end or are cut in normal operation: resume from the last version.
      if (!error?.overBudget && (this.endedByUs || this.wasSteady())) {
        this.failures = 0;
        continue;
      }
      yield* this.report(error ?? unreadableAnswer('a watch ended as soon as it had begun'));
    }
  }

  private wasSteady(): boolean {
    return this.openedAt !== null && performance.now() - this.openedAt >= steadyMilliseconds;
  }

  /** Reports an error once, and waits before the next attempt. */
  private async *report(error: KubernetesError): AsyncGenerator<WatchEvent> {
    this.failures += 1;
    if (error.kind === 'EXPIRED') {
      if (this.failures > 1) await this.backOff(error);
      return;
    }
    const symptom = `${error.kind} ${error.message}`;
    const isCut = error.status === null && !error.timedOut;
    const tolerated = error.overBudget ? 1 : this.openedAt !== null ? shortWatchesTolerated : isCut ? cutsTolerated : 1;
    if (symptom !== this.reported && this.failures >= tolerated) {
      this.reported = symptom;
      yield { type: 'UNREACHABLE', error };
    }
    await this.backOff(error);
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
    this.reported = null;
    return { type: 'RESYNC', objects: items, date };
  }

  private async *follow(version: string): AsyncGenerator<WatchEvent> {
    const stop = new AbortController();
    const endWatch = (): void => {
      this.endedByUs = true;
      stop.abort();
    };
    let silence: NodeJS.Timeout | undefined;
    try {
      const lines = await this.source.watch(version, this.timings.watchSeconds, AbortSignal.any([this.signal, stop.signal]));
      this.openedAt = performance.now();
      silence = setTimeout(endWatch, this.timings.silenceMilliseconds);
      this.reconnects?.once('reconnect', endWatch);
      if (this.reported !== null) yield { type: 'ALIVE' };
      this.reported = null;
      for await (const line of lines) {
        silence.refresh();
        yield this.read(line);
      }
    } catch (error) {
      if (!this.endedByUs) throw error;
    } finally {
      clearTimeout(silence);
      this.reconnects?.off('reconnect', endWatch);
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

  /** Exponential backoff with jitter, so that many watches do not reconnect at the same moment. */
  private async backOff(error: KubernetesError): Promise<void> {
    const { firstRetryMilliseconds, lastRetryMilliseconds, refusedRetryMilliseconds, overBudgetRetryMilliseconds } = this.timings;
    const refused = error.overBudget || error.kind === 'UNAUTHENTICATED' || error.kind === 'FORBIDDEN';
    const last = error.overBudget ? overBudgetRetryMilliseconds : lastRetryMilliseconds;
    const first = refused ? refusedRetryMilliseconds : firstRetryMilliseconds;
    const grown = Math.min(last, first * 2 ** Math.min(this.failures - 1, 16));
    const asked = (error.retryAfterSeconds ?? 0) * 1000;
    // An abort ends the wait; the loop checks for it.
    await pause(Math.max(asked, grown) * (1 + Math.random() / 2), undefined, { signal: this.signal }).catch(() => undefined);
  }
}

/** Lists and then watches until the signal is aborted. Errors are reported as events and retried. */
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

/** Resource versions are increasing decimal numbers (documented from Kubernetes 1.35 on, true before); others are not compared. */
function isOlder(version: string, than: string | null): boolean {
  const number = /^\d{1,20}$/;
  return than !== null && number.test(version) && number.test(than) && BigInt(version) < BigInt(than);
}
