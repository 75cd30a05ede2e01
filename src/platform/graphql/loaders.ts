import DataLoader from 'dataloader';
import type { Context } from '../db/context.ts';

/** Context of GraphQL's resolvers. */
export interface GraphqlContext {
  /** The caller. Needed on a socket, because events do not run in the subscriber's asynchronous context. */
  caller: Context;
  loaders: Loaders;
}

/** The loaders of one request. On a long-lived socket nothing is cached. */
export class Loaders {
  private readonly made = new Map<string, DataLoader<string, unknown>>();

  constructor(private readonly cache = true) {}

  get<V>(name: string, load: (keys: string[]) => Promise<Map<string, V>>, otherwise: (key: string) => V): DataLoader<string, V> {
    const before = this.made.get(name);
    if (before) return before as DataLoader<string, V>;
    const batch = async (keys: readonly string[]): Promise<V[]> => {
      const found = await load([...keys]);
      return keys.map((key) => found.get(key) ?? otherwise(key));
    };
    const loader = new DataLoader(batch, { cache: this.cache });
    this.made.set(name, loader);
    return loader;
  }
}

/**
 * Loads one of many values of the same field: the keys of a level are collected and read in one statement. `name` is the field's name plus all arguments that
 * `load` depends on. A key that `load` does not find gives `otherwise`.
 */
export function batched<V>(
  context: GraphqlContext,
  name: string,
  key: string,
  load: (keys: string[]) => Promise<Map<string, V>>,
  otherwise: (key: string) => V,
): Promise<V> {
  return context.loaders.get(name, load, otherwise).load(key);
}
