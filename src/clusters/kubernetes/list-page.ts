import { bytesText } from '../core/budgets.ts';
import type { Budgets } from '../core/budgets.ts';
import { Bytes } from './bytes.ts';
import { overBudget, unreadableAnswer } from './errors.ts';
import { JsonScan, parseScanned } from './json.ts';
import type { Mark } from './json.ts';
import type { KindRef, KubernetesObject } from './types.ts';

/** What is done with each object as soon as it has arrived. */
export type Keep = (object: KubernetesObject) => KubernetesObject;

/** What one list has used of its budgets, over all its pages. */
export class ListReading {
  readonly items: KubernetesObject[] = [];
  private bytes = 0;

  constructor(
    readonly ref: KindRef,
    readonly budgets: Budgets,
    private readonly keep: Keep,
  ) {}

  count(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes > this.budgets.listBytes) throw overBudget(`${this.name} is longer than ${bytesText(this.budgets.listBytes)}.`, fewer);
  }

  /** Items are of the kind that was asked for. Those of a list do not say it, and a hostile cluster may say anything. */
  take(item: Record<string, unknown>): void {
    if (this.items.length >= this.budgets.listObjects)
      throw overBudget(`${this.name} has more than ${this.budgets.listObjects} objects.`, fewer);
    const { apiVersion, kind } = this.ref;
    this.items.push(this.keep(readObject({ ...item, apiVersion, kind })));
  }

  get name(): string {
    return `The list of ${this.ref.kind}s in namespace ${this.ref.namespace}`;
  }
}

const fewer = "Check what the API server sends; if the objects are real, reduce the number or the size of those with the workload's label.";

/**
 * Reads one page of a list. Each item is parsed by itself as soon as it has arrived and cut to what is kept, so that neither the text nor the parsed form of
 * a page is ever in memory as a whole, and no single parse takes long.
 */
export class PageReader {
  private readonly envelope = new Bytes();
  private readonly item = new Bytes();
  private readonly scan: JsonScan;
  private inItems = false;
  private hasItems = false;
  private chunk: Buffer = Buffer.alloc(0);
  /** Where in the chunk the bytes begin that have not been collected. */
  private start = 0;

  constructor(private readonly list: ListReading) {
    this.scan = new JsonScan(list.budgets, (mark) => this.mark(mark));
  }

  add(chunk: Buffer): void {
    this.list.count(chunk.length);
    this.chunk = chunk;
    this.start = 0;
    this.scan.feed(chunk);
    this.collect(chunk.length);
  }

  /** What surrounds the items, once the page is complete. */
  end(): { resourceVersion: string; next: string } {
    const { metadata } = parseScanned(this.envelope.view()) as { metadata?: { resourceVersion?: unknown; continue?: unknown } };
    const version = metadata?.resourceVersion;
    if (typeof version !== 'string') throw unreadableAnswer('a list has no resourceVersion');
    if (!this.hasItems) throw unreadableAnswer('a list has no items');
    const next = typeof metadata?.continue === 'string' ? metadata.continue : '';
    if (Math.max(version.length, next.length) > this.list.budgets.tokenCharacters)
      throw overBudget(`${this.list.name} has a token longer than ${this.list.budgets.tokenCharacters} characters.`);
    return { resourceVersion: version, next };
  }

  private mark({ kind, depth, index }: Mark): void {
    if (!this.inItems) {
      if (kind !== 'OPEN_LIST' || depth !== 2) return;
      this.collect(index + 1);
      this.inItems = /"items"\s*:\s*\[$/.test(this.envelope.view().subarray(-64).toString('latin1'));
      this.hasItems ||= this.inItems;
      this.scan.restart();
    } else if (kind === 'COMMA' && depth === 2) {
      this.collect(index);
      this.endItem();
      this.start = index + 1;
    } else if (kind === 'CLOSE' && depth === 1) {
      this.collect(index);
      if (this.item.view().some((byte) => byte > 32)) this.endItem();
      this.inItems = false;
    }
  }

  private collect(end: number): void {
    if (end > this.start) (this.inItems ? this.item : this.envelope).add(this.chunk.subarray(this.start, end));
    this.start = end;
  }

  private endItem(): void {
    this.list.take(parseScanned(this.item.view()));
    this.item.clear();
    this.scan.restart();
  }
}

/** @throws KubernetesError if it is not an object with kind and name */
export function readObject(value: Record<string, unknown>): KubernetesObject {
  const { metadata, kind, apiVersion } = value as Partial<KubernetesObject>;
  if (typeof metadata?.name !== 'string' || typeof kind !== 'string' || typeof apiVersion !== 'string')
    throw unreadableAnswer('it is not an object');
  return { ...value, metadata, kind, apiVersion };
}
