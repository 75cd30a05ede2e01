/** The API server of the model: objects that never change, only give way to their next version, and streams of versions for whoever watches. */

interface Versioned {
  readonly uid: string;
  readonly version: number;
}

/** What somebody has seen so far of one kind: its objects as of some moment, in the order of their versions. */
export class Informer<T extends Versioned> {
  private readonly seen: Map<string, T>;
  private waiting: { uid: string; object: T | null }[] = [];

  constructor(objects: Iterable<T>) {
    this.seen = new Map([...objects].map((object) => [object.uid, object]));
  }

  /** How many versions are on their way. */
  get behind(): number {
    return this.waiting.length;
  }

  get all(): T[] {
    return [...this.seen.values()];
  }

  get(uid: string): T | null {
    return this.seen.get(uid) ?? null;
  }

  push(uid: string, object: T | null): void {
    this.waiting.push({ uid, object });
  }

  /** The next version arrives: the object as it is seen now, or as it was seen last. Null where none was on its way. */
  deliver(): T | null {
    const next = this.waiting.shift();
    if (next === undefined) return null;
    const last = this.seen.get(next.uid) ?? null;
    if (next.object === null) this.seen.delete(next.uid);
    else this.seen.set(next.uid, next.object);
    return next.object ?? last;
  }
}

export class Conflict extends Error {}

/** The objects of one kind. */
export class Kind<T extends Versioned> {
  private readonly objects = new Map<string, T>();
  private readonly informers: Informer<T>[] = [];
  private readonly next: () => number;

  /** @param next gives each version its number */
  constructor(next: () => number) {
    this.next = next;
  }

  get all(): T[] {
    return [...this.objects.values()];
  }

  get(uid: string): T | null {
    return this.objects.get(uid) ?? null;
  }

  put(object: Omit<T, 'version'>): T {
    const stored = { ...object, version: this.next() } as T;
    this.objects.set(stored.uid, stored);
    for (const informer of this.informers) informer.push(stored.uid, stored);
    return stored;
  }

  /** As a writer does that has seen `seen`. @throws Conflict where that is not the object's last version */
  update(seen: T, changes: Partial<T>): T {
    if (this.objects.get(seen.uid)?.version !== seen.version) throw new Conflict();
    return this.put({ ...seen, ...changes });
  }

  remove(uid: string): void {
    if (!this.objects.delete(uid)) return;
    for (const informer of this.informers) informer.push(uid, null);
  }

  clear(): void {
    for (const uid of [...this.objects.keys()]) this.remove(uid);
  }

  watch(): Informer<T> {
    const informer = new Informer(this.objects.values());
    this.informers.push(informer);
    return informer;
  }
}
