import { plainValue } from './plain.ts';
import type { Anchor, Builder, Entry, Node, Path } from './nodes.ts';
import { plainScalar, quotedScalar } from './scalars.ts';
import type { Text } from './text.ts';
import { MAX_DEPTH } from '../limits.ts';

/** Where a value stands: the column of the block around it, the levels above it, and its path. */
export interface Place {
  indent: number;
  depth: number;
  path: Path;
}

export const inside = ({ indent, depth, path }: Place, key: string | number): Place => ({
  indent,
  depth: depth + 1,
  path: { key, parent: path },
});

const ANCHOR = /[*&]([-\w]+)(?=[ \t\n,\]}])/y;

/** Why no value can begin with this character. */
const REFUSED: Readonly<Record<string, string>> = {
  '!': 'tags are not accepted: quote what must be a string',
  '%': 'directives are not accepted; quote a text that begins with "%"',
  '@': 'quote a text that begins with "@"',
  '`': 'quote a text that begins with "`"',
  '|': 'a block of text cannot stand between brackets: quote the text',
  '>': 'a block of text cannot stand between brackets: quote the text',
};

/** Reads an anchor. */
export function anchorOf(text: Text, builder: Builder): Anchor {
  const anchor = builder.anchor(anchorName(text));
  text.skipBlanks();
  if (text.peek() === '*') throw text.refuse('an alias cannot have an anchor');
  return anchor;
}

function anchorName(text: Text): string {
  ANCHOR.lastIndex = text.pos;
  const match = ANCHOR.exec(text.source);
  if (!match)
    throw text.refuse(`"${text.peek()}" must be followed by a name of letters, digits, "-" and "_"; quote a text that begins with it`);
  text.pos += match[0].length;
  return match[1] as string;
}

/** What stands in one piece: an alias, a scalar in quotes or without, or a collection between brackets. */
export function atom(text: Text, builder: Builder, place: Place, inFlow: boolean): Node {
  const { pos: offset } = text;
  const first = text.peek();
  if (first === '*') return builder.alias(offset, anchorName(text));
  if (first === '"' || first === "'") return builder.scalar(offset, quotedScalar(text), null);
  if (first === '[') return flowList(text, builder, place);
  if (first === '{') return flowMap(text, builder, place);
  const refused = REFUSED[first];
  if (refused !== undefined) throw text.refuse(refused);
  if (
    first === '' ||
    ',]}&'.includes(first) ||
    (inFlow && ':?'.includes(first)) ||
    ['-', '?', ':'].some((indicator) => text.isIndicator(indicator))
  )
    throw text.refuse(`${first === '' ? 'the end' : `"${first}"`} stands where a value is expected`);
  const source = plainScalar(text, place.indent, inFlow);
  const value = plainValue(source);
  if ('refused' in value) throw text.refuse(value.refused, offset);
  return builder.scalar(offset, value.value, source);
}

/** Skips blanks, comments and line breaks between brackets. */
function skip(text: Text, opening: number): void {
  for (;;) {
    text.skipBlanks();
    text.skipComment();
    if (text.atEnd || text.atMarker) throw text.refuse(`the closing ${text.source[opening] === '[' ? ']' : '}'} is missing`, opening);
    if (text.peek() !== '\n') return;
    text.nextLine();
  }
}

/** A value between brackets, with its anchor. */
function flowNode(text: Text, builder: Builder, place: Place, opening: number): Node {
  if (text.peek() !== '&') return atom(text, builder, place, true);
  const anchor = anchorOf(text, builder);
  skip(text, opening);
  anchor.node = ',]}'.includes(text.peek()) ? builder.scalar(text.pos, null, '') : atom(text, builder, place, true);
  return anchor.node;
}

/** Reads `: value` if it follows on the same line; null if there is none. */
function flowValue(text: Text, builder: Builder, place: Place, key: { offset: number; lineStart: number }, opening: number): Node | null {
  text.skipBlanks();
  if (text.peek() !== ':') return null;
  checkKey(text, key);
  text.pos += 1;
  skip(text, opening);
  return ',]}'.includes(text.peek()) ? builder.scalar(text.pos, null, '') : flowNode(text, builder, place, opening);
}

const MAX_KEY = 1024;

/** Refuses a key that `kubectl` would not find: of several lines, or too long. */
export function checkKey(text: Text, { offset, lineStart }: { offset: number; lineStart: number }): void {
  if (lineStart !== text.lineStart) throw text.refuse('a key must be on one line', offset);
  if (text.pos - offset > MAX_KEY) throw text.refuse(`a key must have at most ${MAX_KEY} characters`, offset);
}

/** Consumes a comma; true if entries can follow. */
function hasMore(text: Text, opening: number, closing: string): boolean {
  skip(text, opening);
  if (text.peek() === ',') {
    text.pos += 1;
    skip(text, opening);
  } else if (text.peek() !== closing) throw text.refuse(`"," or "${closing}" is expected here`);
  return text.peek() !== closing;
}

function open(text: Text, { depth }: Place): number {
  if (depth > MAX_DEPTH) throw text.refuse(`is nested deeper than ${MAX_DEPTH} levels`);
  text.pos += 1;
  skip(text, text.pos - 1);
  return text.pos;
}

function flowList(text: Text, builder: Builder, place: Place): Node {
  const { pos: opening } = text;
  const list: Node[] = [];
  open(text, place);
  for (let more = text.peek() !== ']'; more; more = hasMore(text, opening, ']')) {
    const key = { offset: text.pos, lineStart: text.lineStart };
    const inner = inside(place, list.length);
    const node = flowNode(text, builder, inner, opening);
    const value = flowValue(text, builder, inner, key, opening);
    list.push(value === null ? node : builder.map(key.offset, [{ key: node, value }], inner.path));
  }
  text.pos += 1;
  return builder.list(opening, list);
}

function flowMap(text: Text, builder: Builder, place: Place): Node {
  const { pos: opening } = text;
  const entries: Entry[] = [];
  open(text, place);
  for (let more = text.peek() !== '}'; more; more = hasMore(text, opening, '}')) {
    const start = { offset: text.pos, lineStart: text.lineStart };
    const key = flowNode(text, builder, place, opening);
    const inner = inside(place, nameOf(key));
    const value = flowValue(text, builder, inner, start, opening) ?? builder.scalar(text.pos, null, '');
    entries.push({ key, value });
  }
  text.pos += 1;
  return builder.map(opening, entries, place.path);
}

/** A key as part of a path, until it is known whether it is a valid one. */
export const nameOf = ({ content }: Node): string => ('value' in content ? String(content.value) : '');
