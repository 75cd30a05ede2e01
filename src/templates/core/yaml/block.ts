import { MAX_DEPTH } from '../limits.ts';
import { anchorOf, atom, checkKey, inside, nameOf, type Place } from './flow.ts';
import type { Anchor, Builder, Entry, Node } from './nodes.ts';
import { blockScalar } from './scalars.ts';
import { TABS, type Text } from './text.ts';

/** Where a value of a block may begin. */
interface Start extends Place {
  /** True if a list or map may begin on the current line: not behind `key:`, where it needs a line of its own. */
  opens: boolean;
  /** True for the value of a key: a list may stand in the key's own column. */
  ofKey: boolean;
}

/** Skips what is left of a line, blank lines and comments, up to the next text: then its line has only spaces before it. */
export function skipLines(text: Text): void {
  for (;;) {
    if (text.column > 0) text.skipBlanks();
    else text.skipSpaces();
    if (text.peek() === '\t') throw text.refuse(TABS);
    text.skipComment();
    if (text.peek() !== '\n') return;
    text.nextLine();
  }
}

const SECOND = 'a value has at most one anchor';

const isOver = (text: Text): boolean => text.atEnd || text.atMarker;

/** Refuses what follows a value on its line. */
function endLine(text: Text): void {
  text.skipBlanks();
  text.skipComment();
  if (!text.atEnd && text.peek() !== '\n')
    throw text.refuse(
      text.isIndicator(':')
        ? 'a map cannot begin on this line: quote a text with ": ", or begin a new line'
        : 'the value ends before this: quote it, or begin a new line',
    );
}

/** Reads what stands at the position or below it, and is indented more than `indent`. Null where nothing is. */
export function blockNode(text: Text, builder: Builder, start: Start): Node {
  let place = start;
  let above: Anchor | null = null;
  for (;;) {
    if (place.opens) text.skipSpaces();
    else text.skipBlanks();
    if (isLineEnd(text)) {
      skipLines(text);
      place = { ...place, opens: true };
      if (!isOver(text) && isBelow(text, start)) continue;
      return named(above, builder.scalar(text.pos, null, ''));
    }
    if (text.peek() !== '&') return named(above, content(text, builder, place, null));
    const { pos, lineStart } = text;
    const anchor = anchorOf(text, builder);
    if (!isLineEnd(text)) return named(above, content(text, builder, place, { anchor, pos, lineStart, isSecond: above !== null }));
    if (above !== null) throw text.refuse(SECOND, pos);
    above = anchor;
  }
}

/** True if the next text belongs to the value: it is indented more, or is a list in the column of its key. */
const isBelow = (text: Text, { indent, ofKey }: Start): boolean =>
  text.column > indent || (ofKey && text.column === indent && text.isIndicator('-'));

function isLineEnd(text: Text): boolean {
  text.skipComment();
  return text.atEnd || text.peek() === '\n';
}

function named(anchor: Anchor | null | undefined, node: Node): Node {
  if (anchor) anchor.node = node;
  return node;
}

/** An anchor on the same line as what follows it. */
interface Beside {
  anchor: Anchor;
  pos: number;
  lineStart: number;
  /** True if the line above has one already: this one is that of a key, then. */
  isSecond: boolean;
}

/** A value that begins at the position. The anchor before it is that of the key, if it is one. */
function content(text: Text, builder: Builder, start: Start, beside: Beside | null): Node {
  if (start.depth > MAX_DEPTH + 1) throw text.refuse(`is nested deeper than ${MAX_DEPTH} levels`);
  if (text.peek() === '\t') throw text.refuse(TABS);
  if (text.isIndicator('?')) throw text.refuse('a key must be a string: "?" is not accepted');
  if (text.isIndicator('-')) {
    if (!start.opens || beside) throw text.refuse('a list cannot begin on this line: begin a new line');
    return blockList(text, builder, start);
  }
  if (text.peek() === '|' || text.peek() === '>') {
    if (beside?.isSecond) throw text.refuse(SECOND, beside.pos);
    const { pos } = text;
    return named(beside?.anchor, builder.scalar(pos, blockScalar(text, start.indent), null));
  }
  const begin = beside ?? { pos: text.pos, lineStart: text.lineStart };
  const node = named(beside?.anchor, atom(text, builder, start, false));
  text.skipBlanks();
  if (!text.isIndicator(':') || !start.opens) {
    if (beside?.isSecond) throw text.refuse(SECOND, beside.pos);
    endLine(text);
    return node;
  }
  checkKey(text, { offset: begin.pos, lineStart: begin.lineStart });
  return blockMap(text, builder, { ...start, indent: begin.pos - begin.lineStart }, { node, offset: begin.pos });
}

function blockList(text: Text, builder: Builder, { depth, path }: Start): Node {
  const { pos: offset, column } = text;
  const list: Node[] = [];
  do {
    text.pos += 1;
    const place = inside({ indent: column, depth, path }, list.length);
    list.push(blockNode(text, builder, { ...place, opens: true, ofKey: false }));
    skipLines(text);
  } while (!isOver(text) && text.column === column && text.isIndicator('-'));
  return builder.list(offset, list);
}

/** A map whose first key has been read; the position is at its colon. */
function blockMap(text: Text, builder: Builder, place: Place, first: { node: Node; offset: number }): Node {
  const entries: Entry[] = [];
  for (let key: Node | null = first.node; key; key = nextKey(text, builder, place)) {
    text.pos += 1;
    const inner = inside(place, nameOf(key));
    entries.push({ key, value: blockNode(text, builder, { ...inner, opens: false, ofKey: true }) });
    skipLines(text);
  }
  return builder.map(first.offset, entries, place.path);
}

/** The next key in the map's column, with the position at its colon; null where the map ends. */
function nextKey(text: Text, builder: Builder, place: Place): Node | null {
  if (isOver(text) || text.column < place.indent) return null;
  if (text.column > place.indent) throw text.refuse('is indented more than the keys of its map');
  if (text.isIndicator('-')) throw text.refuse('a list stands where a key of the map is expected');
  if (text.isIndicator('?')) throw text.refuse('a key must be a string: "?" is not accepted');
  const start = { offset: text.pos, lineStart: text.lineStart };
  const anchor = text.peek() === '&' ? anchorOf(text, builder) : null;
  const key = named(anchor, atom(text, builder, place, false));
  text.skipBlanks();
  if (!text.isIndicator(':')) throw text.refuse('a key must be followed by ":" and a space', start.offset);
  checkKey(text, start);
  return key;
}
