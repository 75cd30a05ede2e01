import type { Fault } from '../../../platform/fault.ts';
import { segmentsOf, type JsonValue } from '../json.ts';
import { limitFaults, MAX_DOCUMENT_BYTES } from '../limits.ts';
import { blockNode, skipLines } from './block.ts';
import { Builder, jsonOf, nodeAt, type Node } from './nodes.ts';
import { checkCharacters, detailAt, normalized, Text, Unreadable } from './text.ts';

/** A document that was read. */
export interface Read {
  document: JsonValue;
  /** Faults of the document, with line and column of their pointers. */
  located(faults: readonly Fault[]): Fault[];
}

/**
 * Reads a text as exactly one YAML document. What is returned is what `kubectl` reads (YAML 1.1, as sigs.k8s.io/yaml has it). Refused, with line and column, are
 * tags, directives, several documents, keys that are not strings or occur twice, keys behind `?`, numbers that would lose digits, more than 1 MiB, and more than
 * 50 levels or 100,000 values, counted where aliases have put them.
 */
export function readYaml(text: string): Read | { faults: Fault[] } {
  if (Buffer.byteLength(text) > MAX_DOCUMENT_BYTES) return { faults: [{ pointer: '', detail: 'is larger than 1 MiB' }] };
  const source = normalized(text);
  try {
    checkCharacters(source);
    return readSource(source);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    return { faults: [{ pointer: '', detail: detailAt(source, error.offset, error.detail) }] };
  }
}

function readSource(source: string): Read | { faults: Fault[] } {
  const [first, second] = documentsIn(source);
  if (!first) return { faults: [{ pointer: '', detail: 'is empty' }] };
  const text = new Text(source, first.start, first.end);
  const builder = new Builder(text);
  const root = rootOf(text, builder);
  if (second) throw new Unreadable(second.start, 'a second document begins here; only one is accepted');
  if (builder.faults.length) return { faults: builder.faults };
  const document = jsonOf(root);
  const located = (faults: readonly Fault[]): Fault[] =>
    faults.map((fault) => {
      const { offset } = nodeAt(root, segmentsOf(fault.pointer ?? ''));
      return { ...fault, detail: detailAt(source, offset, fault.detail) };
    });
  const beyond = limitFaults(document);
  return beyond.length ? { faults: located(beyond) } : { document, located };
}

function rootOf(text: Text, builder: Builder): Node {
  skipLines(text);
  if (text.atMarker) throw text.refuse('"..." stands before the document');
  const root = blockNode(text, builder, { indent: -1, depth: 0, path: null, opens: true, ofKey: false });
  skipLines(text);
  const hasMarker = text.atMarker;
  if (hasMarker) {
    text.pos += 3;
    skipLines(text);
  }
  if (!text.atEnd) throw text.refuse(hasMarker ? 'nothing may follow "..."' : 'is indented less than what it should belong to');
  return root;
}

/** The parts of a text between lines that begin with `---`, without those that have nothing but comments. */
function documentsIn(source: string): { start: number; end: number }[] {
  const found: { start: number; end: number }[] = [];
  const add = (start: number, end: number): void => {
    const hasText = /^ *[^ \n#]/m.test(source.slice(start, end));
    if (hasText) found.push({ start, end });
  };
  let start = 0;
  for (const { index } of source.matchAll(/^---/gm)) {
    add(start, index);
    start = source.indexOf('\n', index) + 1;
    if (!/^---[ \t]*([ \t]#.*)?\n$/.test(source.slice(index, start)))
      throw new Unreadable(index + 3, 'a document begins on the line below "---"');
  }
  add(start, source.length);
  return found;
}
