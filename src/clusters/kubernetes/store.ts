import { bytesText } from '../core/budgets.ts';
import { overBudget } from './errors.ts';
import type { KubernetesError } from './errors.ts';
import type { KubernetesObject, ObjectSink } from './types.ts';

/** A number of bytes that its holders share. A budget within another one counts towards both. */
export class ByteBudget {
  private used = 0;

  constructor(
    private readonly limit: number,
    /** Whose objects they are, for the error: "of this placement". */
    private readonly whose: string,
    private readonly advice: string,
    private readonly within: ByteBudget | null = null,
  ) {}

  /**
   * Takes bytes, or returns them if negative.
   *
   * @throws KubernetesError if that would exceed this budget or one around it; nothing is taken then
   */
  change(bytes: number): void {
    if (bytes > 0 && this.used + bytes > this.limit) throw this.exceeded();
    this.within?.change(bytes);
    this.used += bytes;
  }

  private exceeded(): KubernetesError {
    return overBudget(`The objects ${this.whose} need more than ${bytesText(this.limit)} of memory.`, this.advice);
  }
}

/** The objects of one list-watch, within a budget. */
export class ObjectStore implements ObjectSink {
  private kept = new Map<string, { object: KubernetesObject; bytes: number }>();
  private bytes = 0;

  constructor(private readonly budget: ByteBudget) {}

  get size(): number {
    return this.kept.size;
  }

  get objects(): KubernetesObject[] {
    return [...this.kept.values()].map(({ object }) => object);
  }

  /** @throws KubernetesError if they do not fit; the store is unchanged then, as with `set` */
  replace(objects: readonly KubernetesObject[]): void {
    const next = new Map(objects.map((object) => [keyOf(object), { object, bytes: sizeOf(object) }]));
    const bytes = [...next.values()].reduce((sum, one) => sum + one.bytes, 0);
    this.budget.change(bytes - this.bytes);
    this.kept = next;
    this.bytes = bytes;
  }

  set(object: KubernetesObject): void {
    const bytes = sizeOf(object);
    const difference = bytes - (this.kept.get(keyOf(object))?.bytes ?? 0);
    this.budget.change(difference);
    this.kept.set(keyOf(object), { object, bytes });
    this.bytes += difference;
  }

  delete(object: KubernetesObject): void {
    const bytes = this.kept.get(keyOf(object))?.bytes ?? 0;
    this.kept.delete(keyOf(object));
    this.budget.change(-bytes);
    this.bytes -= bytes;
  }

  clear(): void {
    this.replace([]);
  }
}

/** An object made again under its name is another object, and both may be there for a moment. */
function keyOf(object: KubernetesObject): string {
  return object.metadata.uid ?? object.metadata.name;
}

/** What an object counts besides its fields: its entry in the map, and the time that each decision spends on it. */
const entryBytes = 512;

/** About what a value takes in memory, rather too much: texts may need two bytes a character. */
function sizeOf(object: KubernetesObject): number {
  return entryBytes + bytesOf(object);
}

function bytesOf(value: unknown): number {
  if (typeof value === 'string') return 24 + 2 * value.length;
  if (typeof value !== 'object' || value === null) return 8;
  let bytes = 40;
  if (Array.isArray(value)) for (const item of value as unknown[]) bytes += 8 + bytesOf(item);
  else for (const [key, item] of Object.entries(value)) bytes += 8 + key.length + bytesOf(item);
  return bytes;
}
