import { TABS, type Text } from './text.ts';

/** The scalars of YAML: each function begins at the first character and stops behind the last. */

/** What line breaks become where lines are joined: one is a space, more are one break less. */
const folded = (breaks: number): string => (breaks === 1 ? ' ' : '\n'.repeat(breaks - 1));

/** Consumes spaces, tabs and line breaks. Those around line breaks are no part of a scalar. */
function space(text: Text): { blanks: string; breaks: number } {
  const start = text.pos;
  text.skipBlanks();
  const blanks = text.source.slice(start, text.pos);
  let breaks = 0;
  while (text.peek() === '\n') {
    text.nextLine();
    breaks += 1;
    text.skipBlanks();
  }
  return { blanks, breaks };
}

const joined = ({ blanks, breaks }: ReturnType<typeof space>): string => (breaks === 0 ? blanks : folded(breaks));

const FLOW = ',[]{}';

/** Reads the characters of a plain scalar up to the next space, or to an indicator that ends it. */
function word(text: Text, inFlow: boolean): string {
  const start = text.pos;
  for (; !text.isBlankAt(0); text.pos += 1) {
    if (text.isIndicator(':')) break;
    if (!inFlow) continue;
    if (text.peek() === '?') throw text.refuse('quote a text with "?" between brackets');
    if (FLOW.includes(text.peek())) break;
  }
  return text.source.slice(start, text.pos);
}

/** Refuses a tab among the first columns of a line, where its indentation is. */
function checkIndentation(text: Text, from: number, least: number): void {
  let start = text.source.indexOf('\n', from) + 1;
  for (; start > from && start <= text.pos; start = text.source.indexOf('\n', start) + 1) {
    const tab = text.source.slice(start, Math.min(start + least, text.pos)).indexOf('\t');
    if (tab >= 0) throw text.refuse(TABS, start + tab);
  }
}

/** A scalar without quotes. It goes on in lines that are indented more than `indent`, the column of the block around it; between brackets in all lines. */
export function plainScalar(text: Text, indent: number, inFlow: boolean): string {
  let value = word(text, inFlow);
  for (;;) {
    const { pos, lineStart } = text;
    const between = space(text);
    const isLess = !inFlow && between.breaks > 0 && text.column <= indent;
    const next = isLess || text.atMarker || text.peek() === '#' ? '' : word(text, inFlow);
    if (next === '') {
      Object.assign(text, { pos, lineStart });
      return value;
    }
    checkIndentation(text, pos, indent + 1);
    value += joined(between) + next;
  }
}

/** A scalar in single or double quotes. Its lines may have any indentation. */
export function quotedScalar(text: Text): string {
  const { pos: start } = text;
  const quote = text.peek();
  text.pos += 1;
  let value = '';
  for (;;) {
    if (text.atEnd) throw text.refuse(`the closing ${quote} is missing`, start);
    if (text.atMarker) throw text.refuse(`a line with "..." ends the document, but the closing ${quote} is missing`);
    const next = text.peek();
    if (next === quote) {
      text.pos += 1;
      if (quote === '"' || text.peek() !== quote) return value;
      text.pos += 1;
      value += quote;
    } else if (next === '\\' && quote === '"') value += escaped(text);
    else if (text.isBlankAt(0)) value += joined(space(text));
    else {
      value += next;
      text.pos += 1;
    }
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '0': '\0', a: '\x07', b: '\b', t: '\t', '\t': '\t', n: '\n', v: '\v', f: '\f', r: '\r', e: '\x1b', ' ': ' ', '"': '"', "'": "'", '\\': '\\',
  N: '\x85', _: '\xa0', L: '\u2028', P: '\u2029',
}; // prettier-ignore
const CODES: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** The character of an escape sequence in double quotes. An escaped line break joins two lines without a space. */
function escaped(text: Text): string {
  const start = text.pos;
  const kind = text.peek(1);
  text.pos += 2;
  if (kind === '\n') {
    text.lineStart = text.pos;
    return '\n'.repeat(space(text).breaks);
  }
  const plain = Object.hasOwn(ESCAPES, kind) ? ESCAPES[kind] : undefined;
  if (plain !== undefined) return plain;
  const length = Object.hasOwn(CODES, kind) ? (CODES[kind] as number) : 0;
  const digits = text.source.slice(text.pos, text.pos + length);
  if (length === 0) throw text.refuse(`there is no escape sequence \\${kind}: write \\\\ for a backslash, or use single quotes`, start);
  const code = /^[\da-fA-F]+$/.test(digits) && digits.length === length ? Number.parseInt(digits, 16) : -1;
  if (code < 0) throw text.refuse(`\\${kind} must be followed by ${length} hexadecimal digits`, start);
  if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) throw text.refuse(`\\${kind}${digits} is not a character`, start);
  text.pos += length;
  return String.fromCodePoint(code);
}

const HEADER = /[|>](?:([-+])([1-9])?|([1-9])([-+])?)?[ \t]*(?:(?<=[ \t])#[^\n]*)?\n/y;

/** A literal (`|`) or folded (`>`) scalar below a collection at column `indent`. Stops at the beginning of the line that follows. */
export function blockScalar(text: Text, indent: number): string {
  const isFolded = text.peek() === '>';
  HEADER.lastIndex = text.pos;
  const header = HEADER.exec(text.source);
  if (!header) throw text.refuse(`${text.peek()} may be followed by an indentation from 1 to 9 and by "+" or "-", and then by a new line`);
  text.pos += header[0].length;
  text.lineStart = text.pos;
  const chomp = header[1] ?? header[4] ?? '';
  const given = Number(header[2] ?? header[3] ?? 0);
  const column = given > 0 ? Math.max(indent, 0) + given : indentationOf(text, indent + 1);
  const lines = linesOf(text, column);
  const content = lines.findLastIndex((line) => line !== '') + 1;
  const end = chomp === '-' || content === 0 ? '' : '\n';
  const body = isFolded ? foldedLines(lines.slice(0, content)) : lines.slice(0, content).join('\n');
  return body + end + (chomp === '+' ? '\n'.repeat(lines.length - content) : '');
}

/** The column of a block scalar's first line with text, at least `least`. */
function indentationOf(text: Text, least: number): number {
  const first = /(?: *\n)* */y;
  first.lastIndex = text.pos;
  const leading = first.exec(text.source)?.[0] ?? '';
  if (text.source[text.pos + leading.length] === '\t') throw text.refuse(TABS, text.pos + leading.length);
  const blanks = leading.split('\n').map(({ length }) => length);
  const column = blanks.at(-1) ?? 0;
  const longest = blanks.reduce((most, length) => Math.max(most, length), 0);
  if (column < Math.max(least, 1)) return Math.max(longest, least, 1);
  if (longest > column) throw text.refuse('an empty line at the beginning of a block is indented more than its text');
  return column;
}

/** Consumes the lines of a block scalar, without their indentation. Empty ones at the end included. */
function linesOf(text: Text, column: number): string[] {
  const lines: string[] = [];
  while (!text.atEnd) {
    text.skipSpaces();
    if (text.column > column) text.pos = text.lineStart + column;
    if (text.peek() === '\t' && text.column < column) throw text.refuse(TABS);
    if (text.peek() !== '\n' && text.column < column) break;
    const end = text.source.indexOf('\n', text.pos);
    lines.push(text.source.slice(text.pos, end));
    text.pos = end;
    text.nextLine();
  }
  text.pos = text.lineStart;
  return lines;
}

/** The lines of a folded block: breaks between two lines of text are joined, those beside lines that begin with a space or a tab are kept. */
function foldedLines(lines: readonly string[]): string {
  const isSpaced = (line: string): boolean => line.startsWith(' ') || line.startsWith('\t');
  let value = '';
  let before: string | null = null;
  let empty = 0;
  for (const line of lines) {
    if (line === '') {
      empty += 1;
      continue;
    }
    if (before === null) value += '\n'.repeat(empty);
    else value += isSpaced(before) || isSpaced(line) ? '\n'.repeat(empty + 1) : folded(empty + 1);
    value += line;
    [before, empty] = [line, 0];
  }
  return value;
}
