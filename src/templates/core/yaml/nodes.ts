import type { Fault } from '../../../platform/fault.ts';
import { at, type JsonValue } from '../json.ts';
import { MAX_DEPTH, MAX_FAULTS } from '../limits.ts';
import { detailAt, type Text } from './text.ts';

/** Maximum number of values, counted where aliases have put them: far more than a template has, far fewer than would block the process. */
export const MAX_NODES = 100_000;

/** A value and where it stands. An alias has the content of the node that it names, so content may have several parents; there are no cycles. */
export interface Node {
  offset: number;
  /** Number of values in it, itself included. */
  size: number;
  /** Levels of lists and maps in it. */
  height: number;
  isAlias?: true;
  content: Scalar | { list: Node[] } | { map: Map<string, Node> };
}
/** The value that an anchor names, as soon as it has been read. */
export interface Anchor {
  node: Node | null;
}

interface Scalar {
  value: string | number | boolean | null;
  /** As written, if it was written without quotes; else null. */
  plain: string | null;
}

export const scalarNode = (offset: number, value: Scalar['value'], plain: string | null): Node => ({
  offset,
  size: 1,
  height: 0,
  content: { value, plain },
});

/** Where a value is: the way from the root, innermost first. */
export type Path = { key: string | number; parent: Path } | null;

const pointerOf = (path: Path): string => (path === null ? '' : at(pointerOf(path.parent), path.key));

/** Makes lists and maps, and keeps their bounds and the rules for keys. */
export class Builder {
  readonly faults: Fault[] = [];
  /** By name. One that is used again replaces the older one, from where it stands. */
  private readonly anchors = new Map<string, Anchor>();
  private readonly text: Text;
  private count = 0;

  constructor(text: Text) {
    this.text = text;
  }

  scalar(offset: number, value: Scalar['value'], plain: string | null): Node {
    this.counted(offset);
    return scalarNode(offset, value, plain);
  }

  list(offset: number, list: Node[]): Node {
    return this.collection(offset, { list }, list);
  }

  /** A map of entries, in their order. */
  map(offset: number, entries: readonly Entry[], path: Path): Node {
    const map = new Map<string, Node>();
    const merged = new Set<string>();
    for (const { key, value } of entries) {
      if (isMerge(key)) {
        this.merge(map, merged, key.offset, value);
        continue;
      }
      const name = this.keyOf(key, path);
      if (name === null) continue;
      if (map.has(name) && !merged.delete(name)) this.blame(key.offset, 'occurs twice in its map', { key: name, parent: path });
      map.set(name, value);
    }
    return this.collection(offset, { map }, [...map.values()]);
  }

  /** Begins a value with an anchor. */
  anchor(name: string): Anchor {
    const anchor: Anchor = { node: null };
    this.anchors.set(name, anchor);
    return anchor;
  }

  alias(offset: number, name: string): Node {
    const node = this.anchors.get(name)?.node;
    if (!node) throw this.text.refuse(`there is no value with the anchor &${name} before this alias`, offset);
    this.counted(offset);
    return { ...node, isAlias: true };
  }

  blame(offset: number, detail: string, path: Path): void {
    if (this.faults.length < MAX_FAULTS) this.faults.push({ pointer: pointerOf(path), detail: detailAt(this.text.source, offset, detail) });
  }

  /** The key's text, if `kubectl` has the same: a number or boolean becomes a text there that can be another one than is written here. */
  private keyOf({ offset, content }: Node, path: Path): string | null {
    if ('value' in content && typeof content.value === 'string') return content.value;
    if ('value' in content && content.value !== null && String(content.value) === content.plain && !content.plain.includes('.'))
      return content.plain;
    this.blame(offset, 'a key must be a string (quote it)', path);
    return null;
  }

  /** Adds what `<<` names: a map, or several, of which the first one with a key has it. Keys that follow replace it; before it they would be replaced. */
  private merge(map: Map<string, Node>, merged: Set<string>, offset: number, node: Node): void {
    const sources = 'list' in node.content && !node.isAlias ? node.content.list : [node];
    for (const source of sources.toReversed()) {
      if (!('map' in source.content)) throw this.text.refuse('"<<" must be followed by a map, or a list of maps', offset);
      for (const [key, value] of source.content.map) {
        if (map.has(key) && !merged.has(key))
          throw this.text.refuse(`"<<" would replace the key "${key}" above it: write "<<" before the keys of its map`, offset);
        this.counted(offset);
        map.set(key, value);
        merged.add(key);
      }
    }
  }

  private collection(offset: number, content: Node['content'], inner: readonly Node[]): Node {
    this.counted(offset);
    const size = inner.reduce((sum, node) => sum + node.size, 1);
    const height = inner.reduce((most, node) => Math.max(most, node.height), 0) + 1;
    if (size > MAX_NODES) throw this.text.refuse('aliases make too many values of it for a template', offset);
    if (height > MAX_DEPTH + 1) throw this.text.refuse(`is nested deeper than ${MAX_DEPTH} levels`, offset);
    return { offset, size, height, content };
  }

  private counted(offset: number): void {
    if (++this.count > MAX_NODES) throw this.text.refuse('has too many parts to be a template', offset);
  }
}

export interface Entry {
  key: Node;
  value: Node;
}

const isMerge = ({ content }: Node): boolean => 'value' in content && content.plain === '<<';

/** The value of a node as JSON has it. */
export function jsonOf({ content }: Node): JsonValue {
  if ('value' in content) return content.value;
  if ('list' in content) return content.list.map(jsonOf);
  return Object.fromEntries([...content.map].map(([key, node]) => [key, jsonOf(node)]));
}

/** The innermost node on the way to a place; what is missing there is missing in it. */
export function nodeAt(root: Node, segments: readonly string[]): Node {
  let node = root;
  for (const segment of segments) {
    const { content } = node;
    const next = 'map' in content ? content.map.get(segment) : 'list' in content ? content.list[Number(segment)] : undefined;
    if (!next) break;
    node = next;
  }
  return node;
}
