/**
 * A set of field paths, as server-side apply tracks them: a tree whose edges are written as in FieldsV1
 * (`f:name`, `k:{"name":"web"}`, `v:"x"`). A node is a member of the set, or only leads to members.
 */
import { isFields } from '../objects.ts';
import type { Fields } from '../objects.ts';

export class FieldSet {
  member: boolean;
  readonly children: Map<string, FieldSet>;

  constructor(member = false, children = new Map<string, FieldSet>()) {
    this.member = member;
    this.children = children;
  }

  get empty(): boolean {
    return !this.member && this.children.size === 0;
  }

  insert(path: readonly string[]): void {
    let at = this as FieldSet;
    for (const element of path) {
      let next = at.children.get(element);
      if (!next) at.children.set(element, (next = new FieldSet()));
      at = next;
    }
    at.member = true;
  }

  /** The members, parents before what is below them. */
  *paths(prefix: readonly string[] = []): Iterable<string[]> {
    const sorted = [...this.children].sort(([left], [right]) => (left < right ? -1 : 1));
    for (const [element, child] of sorted) if (child.member) yield [...prefix, element];
    for (const [element, child] of sorted) yield* child.paths([...prefix, element]);
  }
}

/** Combines two sets member by member; subtrees without members are left out. */
function combine(left: FieldSet | undefined, right: FieldSet | undefined, keep: (left: boolean, right: boolean) => boolean): FieldSet {
  const combined = new FieldSet(keep(left?.member ?? false, right?.member ?? false));
  for (const element of new Set([...(left?.children.keys() ?? []), ...(right?.children.keys() ?? [])])) {
    const child = combine(left?.children.get(element), right?.children.get(element), keep);
    if (!child.empty) combined.children.set(element, child);
  }
  return combined;
}

export const union = (left: FieldSet, right: FieldSet): FieldSet => combine(left, right, (one, other) => one || other);
export const intersection = (left: FieldSet, right: FieldSet): FieldSet => combine(left, right, (one, other) => one && other);
export const difference = (left: FieldSet, right: FieldSet): FieldSet => combine(left, right, (one, other) => one && !other);

/** The set without a path and everything below it. */
export function without(set: FieldSet, path: readonly string[]): FieldSet {
  const [element, ...rest] = path;
  const child = element === undefined ? undefined : set.children.get(element);
  if (element === undefined || !child) return set;
  const children = new Map(set.children);
  const left = rest.length === 0 ? undefined : without(child, rest);
  if (left && !left.empty) children.set(element, left);
  else children.delete(element);
  return new FieldSet(set.member, children);
}

export function fromFieldsV1(json: unknown): FieldSet {
  const set = new FieldSet();
  if (!isFields(json)) return set;
  const names = Object.keys(json);
  for (const name of names) {
    if (name === '.') set.member = true;
    else set.children.set(name, childFromFieldsV1(json[name]));
  }
  return set;
}

function childFromFieldsV1(json: unknown): FieldSet {
  const child = fromFieldsV1(json);
  if (child.children.size === 0) child.member = true;
  return child;
}

export function toFieldsV1(set: FieldSet): Fields {
  const json: Fields = {};
  if (set.member && set.children.size > 0) json['.'] = {};
  for (const [element, child] of [...set.children].sort(([left], [right]) => (left < right ? -1 : 1))) json[element] = toFieldsV1(child);
  return json;
}

/** `.spec.template.spec.containers[name="web"].image` */
export function pathText(path: readonly string[]): string {
  return path
    .map((element) => {
      const value = element.slice(2);
      if (element.startsWith('f:')) return `.${value}`;
      if (element.startsWith('v:')) return `[=${value}]`;
      if (element.startsWith('i:')) return `[${value}]`;
      const keys = Object.entries(JSON.parse(value) as Fields);
      return `[${keys.map(([name, key]) => `${name}=${JSON.stringify(key)}`).join(',')}]`;
    })
    .join('');
}
