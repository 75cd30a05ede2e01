/** The fields of a value, and those that differ between two values, by the rules of server-side apply. */
import { equal, isFields } from '../objects.ts';
import { isLeaf, isList, isMap } from '../schema/schema.ts';
import type { Type } from '../schema/types.ts';
import { descend } from './elements.ts';
import { FieldSet } from './field-set.ts';

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (Array.isArray(value) ? value.length === 0 : isFields(value) && Object.keys(value).length === 0);

/** The set of fields that an applied configuration states. Structs that only lead to fields are not members; list items and map entries are. */
export function fieldsOf(value: unknown, type: Type): FieldSet {
  const set = new FieldSet();
  if (isLeaf(type)) {
    set.member = true;
    return set;
  }
  const entries = isList(type) || isMap(type);
  for (const part of descend(type, value)) {
    const child = fieldsOf(part.value, part.type);
    if (entries || part.value === null || (isFields(part.value) && Object.keys(part.value).length === 0)) child.member = true;
    if (!child.empty) set.children.set(part.element, child);
  }
  return set;
}

export interface Comparison {
  added: FieldSet;
  removed: FieldSet;
  modified: FieldSet;
}

/** The fields that are only in the second value, only in the first, or in both with different values. */
export function compare(left: unknown, right: unknown, type: Type): Comparison {
  const comparison = { added: new FieldSet(), removed: new FieldSet(), modified: new FieldSet() };
  walk(left, right, type, [], comparison);
  return comparison;
}

function walk(left: unknown, right: unknown, type: Type, path: string[], into: Comparison): void {
  const leaf = isLeaf(type) || (isEmpty(left) && isEmpty(right));
  if (left === undefined || right === undefined) {
    if (path.length > 0) (left === undefined ? into.added : into.removed).insert(path);
  } else if (leaf && !equal(left, right)) into.modified.insert(path);
  if (leaf) return;
  // An unchanged branch is by far the most frequent case, because versions share their unchanged parts.
  if (left === right) return;
  const rights = new Map(descend(type, right).map((part) => [part.element, part]));
  for (const part of descend(type, left)) {
    walk(part.value, rights.get(part.element)?.value, part.type, [...path, part.element], into);
    rights.delete(part.element);
  }
  for (const part of rights.values()) walk(undefined, part.value, part.type, [...path, part.element], into);
}
