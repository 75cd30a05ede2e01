/** All objects of one cluster, with an increasing version, the recent changes, and an index by owner. */
import { groupVersion } from '../resources.ts';
import type { Resource } from '../resources.ts';
import { withMetadata } from '../objects.ts';
import type { KubernetesObject } from '../objects.ts';
import { expired } from '../status.ts';
import type { Clock } from '../clock.ts';

/** One version of one object. It is serialized once, at the first use of its JSON. */
export class Stored {
  readonly object: KubernetesObject;
  readonly version: number;
  #json: string | undefined;

  constructor(object: KubernetesObject, version: number) {
    this.object = object;
    this.version = version;
  }

  json(): string {
    return (this.#json ??= JSON.stringify(this.object));
  }
}

export interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  version: number;
  at: number;
  resource: Resource;
  /** The object after the change; for a deletion, its last state with the version of the deletion. */
  current: Stored;
  previous: Stored | undefined;
}

/** An object that has another as an owner. */
export interface Owned {
  resource: Resource;
  stored: Stored;
}

export type Listener = (change: Change) => void;

const windowLength = 4000;
const windowMilliseconds = 5 * 60_000;

export class Store {
  /** The version of the last change; also the oldest that a watch may still start from, `oldest`. */
  version = 1;
  oldest = 1;
  readonly #clock: Clock;
  readonly #tables = new Map<Resource, Map<string, Stored>>();
  readonly #owned = new Map<string, Map<string, Owned>>();
  readonly #listeners = new Set<Listener>();
  #window: Change[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(resource: Resource, namespace: string, name: string): Stored | undefined {
    return this.#tables.get(resource)?.get(`${namespace}/${name}`);
  }

  /** Objects in the order of their keys, as in etcd; of all namespaces if none is given. */
  list(resource: Resource, namespace?: string): Stored[] {
    const table = this.#tables.get(resource);
    if (!table) return [];
    const entries = [...table].filter(([key]) => namespace === undefined || key.startsWith(`${namespace}/`));
    return entries.sort(([left], [right]) => (left < right ? -1 : 1)).map(([, stored]) => stored);
  }

  /** Objects in no particular order and without copying, for controllers. */
  *each(resource: Resource, namespace?: string): Iterable<KubernetesObject> {
    for (const stored of this.#tables.get(resource)?.values() ?? []) {
      if (namespace === undefined || stored.object.metadata.namespace === namespace) yield stored.object;
    }
  }

  /** Number of objects of a kind in a namespace. */
  count(resource: Resource, namespace: string): number {
    let count = 0;
    for (const key of this.#tables.get(resource)?.keys() ?? []) if (key.startsWith(`${namespace}/`)) count++;
    return count;
  }

  /** Objects that have this uid as an owner. */
  ownedBy(uid: string): Owned[] {
    return [...(this.#owned.get(uid)?.values() ?? [])];
  }

  /** Creates or replaces an object under the next version. */
  put(resource: Resource, object: KubernetesObject): Stored {
    const version = ++this.version;
    const current = new Stored(withMetadata(object, { resourceVersion: String(version) }), version);
    const key = keyOf(object);
    let table = this.#tables.get(resource);
    if (!table) this.#tables.set(resource, (table = new Map<string, Stored>()));
    const previous = table.get(key);
    table.set(key, current);
    this.#index(resource, key, previous, current);
    this.#announce({ type: previous ? 'MODIFIED' : 'ADDED', version, at: this.#clock.now(), resource, current, previous });
    return current;
  }

  remove(resource: Resource, namespace: string, name: string): Stored | undefined {
    const key = `${namespace}/${name}`;
    const table = this.#tables.get(resource);
    const previous = table?.get(key);
    if (!table || !previous) return undefined;
    const version = ++this.version;
    table.delete(key);
    this.#index(resource, key, previous, undefined);
    const current = new Stored(withMetadata(previous.object, { resourceVersion: String(version) }), version);
    this.#announce({ type: 'DELETED', version, at: this.#clock.now(), resource, current, previous });
    return current;
  }

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The changes after a version. Throws 410 if they are no longer kept. */
  since(version: number): Change[] {
    if (version < this.oldest) throw expired(`too old resource version: ${version} (${this.oldest})`);
    return this.#window.filter((change) => change.version > version);
  }

  /** A list at an earlier version, for `continue` tokens. */
  listAt(version: number, resource: Resource, namespace?: string): Stored[] {
    const found = new Map(this.list(resource, namespace).map((stored) => [keyOf(stored.object), stored]));
    for (const change of this.since(version).reverse()) {
      if (change.resource !== resource || (namespace !== undefined && change.current.object.metadata.namespace !== namespace)) continue;
      const key = keyOf(change.current.object);
      if (change.previous) found.set(key, change.previous);
      else found.delete(key);
    }
    return [...found].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, stored]) => stored);
  }

  /** Drops all changes, so that no older version can be watched from. */
  compact(): void {
    this.oldest = ++this.version;
    this.#window = [];
  }

  #announce(change: Change): void {
    this.#window.push(change);
    if (this.#window.length > windowLength * 1.25) this.#trim(this.#window.length - windowLength);
    else if ((this.#window[0]?.at ?? Infinity) < change.at - windowMilliseconds) {
      this.#trim(this.#window.findIndex(({ at }) => at >= change.at - windowMilliseconds));
    }
    for (const listener of [...this.#listeners]) listener(change);
  }

  #trim(count: number): void {
    this.oldest = this.#window[count - 1]?.version ?? this.oldest;
    this.#window = this.#window.slice(count);
  }

  #index(resource: Resource, key: string, previous: Stored | undefined, current: Stored | undefined): void {
    const id = `${groupVersion(resource)}/${resource.plural}/${key}`;
    for (const { uid } of previous?.object.metadata.ownerReferences ?? []) {
      const owned = this.#owned.get(uid);
      owned?.delete(id);
      if (owned?.size === 0) this.#owned.delete(uid);
    }
    for (const { uid } of current?.object.metadata.ownerReferences ?? []) {
      let owned = this.#owned.get(uid);
      if (!owned) this.#owned.set(uid, (owned = new Map<string, Owned>()));
      if (current) owned.set(id, { resource, stored: current });
    }
  }
}

function keyOf(object: KubernetesObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}
