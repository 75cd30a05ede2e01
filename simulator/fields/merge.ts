/** Merges an applied configuration into a live value, and removes fields that no manager states any more. */
import { isFields } from '../objects.ts';
import type { Fields } from '../objects.ts';
import { fieldType, isLeaf, isList } from '../schema/schema.ts';
import type { ListType, Type } from '../schema/types.ts';
import { descend, elementOf } from './elements.ts';
import type { FieldSet } from './field-set.ts';

/** The live value with all fields of the configuration. */
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

/** Items have the configuration's order. Items only in the live list keep their relative position. */
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
      // A shared item with a different order is placed where the configuration has it.
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
 * Removes from a value the fields that an applier stated last time (`last`) and no manager states now (`owned`: all managers' fields).
 * A field that was never stated, such as a default, is removed with its parent and stays otherwise.
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
