import DataLoader from 'dataloader';
import type { Context } from '../context.ts';

/** What GraphQL's resolvers are given besides their arguments. */
export interface GraphqlContext {
  /** On whose behalf: on a socket nothing else says so, because events do not run in the subscriber's asynchronous context. */
  caller: Context;
  loaders: Loaders;
}

/** The loaders of one request; on a socket, which lives long, nothing is remembered. */
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
 * One of many of the same field: the keys of a level are collected and asked for in one statement. `name` is the field's, with whatever arguments
 * `load` depends on; a key that `load` does not find answers `otherwise`.
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
