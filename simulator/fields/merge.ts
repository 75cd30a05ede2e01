/** Merging an applied configuration into a live value, and taking out what nobody states any longer. */
import { isFields } from '../objects.ts';
import type { Fields } from '../objects.ts';
import { fieldType, isLeaf, isList } from '../schema/schema.ts';
import type { ListType, Type } from '../schema/types.ts';
import { descend, elementOf } from './elements.ts';
import type { FieldSet } from './field-set.ts';

/** The live value with everything that the configuration states put into it. */
export function merge(live: unknown, config: unknown, type: Type): unknown {
  if (config === undefined) return live;
  if (live === undefined || live === null || config === null || isLeaf(type)) return config;
  if (isList(type)) return Array.isArray(live) && Array.isArray(config) ? mergeList(live, config, type) : config;
  if (!isFields(live) || !isFields(config)) return config;
  const merged: Fields = { ...live };
  for (const [name, value] of Object.entries(config)) {
    const inner = fieldType(type, name);
    if (inner !== undefined) merged[name] = merge(live[name], value, inner);
  }
  return merged;
}

/** Items keep the configuration's order; those that only the live list has stay where they stood in relation to the others. */
function mergeList(live: readonly unknown[], config: readonly unknown[], type: ListType): unknown[] {
  const liveItems = new Map(live.map((item) => [elementOf(type, item), item]));
  const configItems = new Map(config.map((item) => [elementOf(type, item), item]));
  const liveElements = [...liveItems.keys()];
  const configElements = [...configItems.keys()];
  const merged: unknown[] = [];
  let next = 0;
  let at = 0;
  while (at < liveElements.length || next < configElements.length) {
    const element = liveElements[at];
    if (element !== undefined && !configItems.has(element)) {
      merged.push(liveItems.get(element));
      at++;
    } else if (element !== undefined && element !== configElements.slice(next).find((one) => liveItems.has(one))) {
      // A shared item that the configuration orders differently: it is taken where the configuration has it.
      at++;
    } else {
      const taken = configElements[next++] ?? '';
      merged.push(merge(liveItems.get(taken), configItems.get(taken), type.list));
      if (taken === element) at++;
    }
  }
  return merged;
}

/**
 * Takes out of a value what an applier stated last time (`last`) and nobody states now (`owned`: all managers' fields together).
 * What was never stated by anyone, such as a default, goes with the part that it belongs to and stays otherwise.
 */
export function removeDisowned(value: unknown, type: Type, last: FieldSet, owned: FieldSet | undefined): unknown {
  if (isLeaf(type)) return value;
  const gone = new Set<string>();
  const changed = new Map<string, unknown>();
  for (const part of descend(type, value)) {
    const lastPart = last.children.get(part.element);
    if (!lastPart) continue;
    const ownedPart = owned?.children.get(part.element);
    if (!ownedPart) gone.add(part.element);
    else changed.set(part.element, removeDisowned(part.value, part.type, lastPart, ownedPart));
  }
  if (gone.size === 0 && changed.size === 0) return value;
  if (isList(type) && Array.isArray(value)) {
    return value.flatMap((item: unknown) => {
      const element = elementOf(type, item);
      return gone.has(element) ? [] : [changed.get(element) ?? item];
    });
  }
  if (!isFields(value)) return value;
  const kept: Fields = {};
  for (const [name, part] of Object.entries(value)) if (!gone.has(`f:${name}`)) kept[name] = changed.get(`f:${name}`) ?? part;
  return kept;
}
