/** Watches: streams of changes after a version. */
import type { Cluster } from '../cluster.ts';
import { groupVersion } from '../resources.ts';
import { expired, StatusError } from '../status.ts';
import type { Change, Stored } from '../store/store.ts';
import { isTrue } from './request.ts';
import type { Target } from './request.ts';
import { matchOf } from './read.ts';
import type { Match } from './read.ts';

/** Where the events of a watch go. */
export interface Stream {
  begin(contentType: string): void;
  write(text: string): void;
  /** Ends it as a server does. */
  end(): void;
  /** Closes its connection. */
  cut(): void;
  /** Calls back when it is closed, by whomever. */
  onClose(closed: () => void): void;
}

export type Render = (stored: Stored) => string;

const bookmarkMilliseconds = 60_000;
const lastBookmarkMilliseconds = 2_000;

/** JSON of a change, serialized once for all watches. */
const lines = new WeakMap<Change, string>();

const line = (type: string, json: string): string => `{"type":"${type}","object":${json}}\n`;

/** The event of a change for a watch with a selector. */
function lineOf(change: Change, match: Match, render: Render | undefined): string | undefined {
  const now = change.type !== 'DELETED' && match(change.current);
  const before = change.previous !== undefined && match(change.previous);
  if (!now && !before) return undefined;
  const type = now ? (before ? 'MODIFIED' : 'ADDED') : 'DELETED';
  if (render || type !== change.type) return line(type, (render ?? ((stored) => stored.json()))(change.current));
  const cached = lines.get(change) ?? line(type, change.current.json());
  lines.set(change, cached);
  return cached;
}

export class Watch {
  readonly cluster: Cluster;
  readonly #target: Target;
  readonly #stream: Stream;
  readonly #match: Match;
  readonly #render: Render | undefined;
  readonly #query: URLSearchParams;
  readonly #cancels: (() => void)[] = [];
  #cancelBookmark: () => void = () => undefined;
  #sent = 0;
  #began = 0;
  #ends = 0;
  #frozen: string[] | undefined;

  constructor(cluster: Cluster, target: Target, query: URLSearchParams, stream: Stream, render: Render | undefined) {
    this.cluster = cluster;
    this.#target = target;
    this.#query = query;
    this.#stream = stream;
    this.#render = render;
    this.#match = matchOf(query, target);
  }

  start(): void {
    const { store, clock, watches } = this.cluster;
    this.#stream.begin(this.#render ? 'application/json;as=Table;v=v1;g=meta.k8s.io' : 'application/json');
    this.#stream.onClose(() => this.stop());
    watches.add(this);
    if (this.cluster.faults.partitioned) this.freeze();
    try {
      this.#catchUp();
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.#write(line('ERROR', JSON.stringify(error.body)));
      this.end();
      return;
    }
    this.#sent = store.version;
    this.#cancels.push(store.listen((change) => this.#onChange(change)));
    const seconds = Number(this.#query.get('timeoutSeconds') ?? 0);
    const lasts = (seconds > 0 ? seconds : 1800 + this.cluster.random.next() * 1800) * 1000;
    this.#began = store.version;
    this.#ends = clock.now() + lasts;
    this.#cancels.push(clock.after(lasts, () => this.end()));
    if (isTrue(this.#query.get('allowWatchBookmarks'))) this.#planBookmark();
  }

  stop(): void {
    for (const cancel of this.#cancels.splice(0)) cancel();
    this.#cancelBookmark();
    this.cluster.watches.delete(this);
  }

  /** Ends the stream as the server does at its timeout. */
  end(): void {
    this.stop();
    this.#stream.end();
  }

  /** Closes the connection without ending the stream. */
  cut(): void {
    this.stop();
    this.#stream.cut();
  }

  /** Reports in the stream that the version is no longer kept, and ends it. */
  expire(): void {
    this.#write(line('ERROR', JSON.stringify(expired(`too old resource version: ${this.#sent} (${this.cluster.store.oldest})`).body)));
    this.end();
  }

  /** Stops sending but keeps the connection open. */
  freeze(): void {
    this.#frozen ??= [];
  }

  /** Sends what was held back. */
  thaw(): void {
    const held = this.#frozen ?? [];
    this.#frozen = undefined;
    for (const text of held) this.#write(text);
  }

  #catchUp(): void {
    const { store } = this.cluster;
    const { resource, namespace } = this.#target;
    const version = this.#query.get('resourceVersion') ?? '';
    const initial = this.#query.get('sendInitialEvents') === 'true';
    if (version === '' || version === '0' || initial) {
      for (const stored of store.list(resource, namespace))
        if (this.#match(stored)) this.#write(line('ADDED', (this.#render ?? ((one) => one.json()))(stored)));
      if (initial && isTrue(this.#query.get('allowWatchBookmarks'))) this.#bookmark(true);
      return;
    }
    for (const change of store.since(Number(version))) this.#onChange(change);
  }

  #onChange(change: Change): void {
    const { resource, namespace } = this.#target;
    if (change.resource !== resource || (namespace !== undefined && namespace !== (change.current.object.metadata.namespace ?? ''))) return;
    const text = lineOf(change, this.#match, this.#render);
    this.#sent = change.version;
    if (text !== undefined) this.#write(text);
  }

  /** A bookmark every minute and one shortly before the stream ends, if anything has changed since it began. */
  #planBookmark(): void {
    const { clock, random, store } = this.cluster;
    const regular = bookmarkMilliseconds * (0.9 + random.next() * 0.2);
    const last = this.#ends - clock.now() - lastBookmarkMilliseconds;
    this.#cancelBookmark = clock.after(last > 0 ? Math.min(regular, last) : regular, () => {
      this.#sent = store.version;
      if (store.version > this.#began) this.#bookmark(false);
      this.#planBookmark();
    });
  }

  #bookmark(initialEventsEnd: boolean): void {
    const { resource } = this.#target;
    const resourceVersion = String(initialEventsEnd ? this.cluster.store.version : this.#sent);
    const metadata = {
      resourceVersion,
      creationTimestamp: null,
      ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
    };
    this.#write(line('BOOKMARK', JSON.stringify({ kind: resource.kind, apiVersion: groupVersion(resource), metadata })));
  }

  #write(text: string): void {
    if (this.#frozen) this.#frozen.push(text);
    else this.#stream.write(text);
  }
}
