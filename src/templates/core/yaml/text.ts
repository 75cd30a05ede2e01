/** The text cannot be read, or would be read differently by `kubectl`: where, and why. */
export class Unreadable extends Error {
  readonly offset: number;
  readonly detail: string;

  constructor(offset: number, detail: string) {
    super(detail);
    this.offset = offset;
    this.detail = detail;
  }
}

export const TABS = 'a tab cannot be used for indentation: use spaces';

/** What YAML 1.1 does not allow, and the line breaks of it that nobody sees: U+0085, U+2028 and U+2029. */
const REFUSED_CHARACTER = /[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u;

/** A text with a position in it. Lines end with `\n`, also the last one: `kubectl` reads lines, and so a block scalar at the end has its line break. */
export class Text {
  readonly source: string;
  pos: number;
  /** Offset at which the current line begins. */
  lineStart: number;
  /** Offset behind the last character that may be read. */
  readonly end: number;

  constructor(source: string, start: number, end: number) {
    this.source = source;
    this.end = end;
    this.pos = start;
    this.lineStart = start;
  }

  get column(): number {
    return this.pos - this.lineStart;
  }

  get atEnd(): boolean {
    return this.pos >= this.end;
  }

  /** The character at the position or behind it; empty at the end. */
  peek(distance = 0): string {
    const offset = this.pos + distance;
    return offset < this.end ? (this.source[offset] as string) : '';
  }

  /** True if a space, a tab, a line break or the end is at this distance. */
  isBlankAt(distance: number): boolean {
    const next = this.peek(distance);
    return next === '' || next === ' ' || next === '\t' || next === '\n';
  }

  /** True for an indicator: the character, followed by something blank. */
  isIndicator(character: string): boolean {
    return this.peek() === character && this.isBlankAt(1);
  }

  /** Consumes a line break. */
  nextLine(): void {
    this.pos += 1;
    this.lineStart = this.pos;
  }

  /** True at the marker `...`, which ends the document. */
  get atMarker(): boolean {
    return this.column === 0 && this.source.startsWith('...', this.pos) && this.isBlankAt(3);
  }

  skipSpaces(): void {
    while (this.peek() === ' ') this.pos += 1;
  }

  skipBlanks(): void {
    while (this.peek() === ' ' || this.peek() === '\t') this.pos += 1;
  }

  /** Skips a comment. It begins a line, or follows something blank. */
  skipComment(): void {
    if (this.peek() !== '#') return;
    if (this.column > 0 && !' \t'.includes(this.source[this.pos - 1] as string)) throw this.refuse('a space is missing before "#"');
    while (!this.atEnd && this.peek() !== '\n') this.pos += 1;
  }

  refuse(detail: string, offset = this.pos): Unreadable {
    return new Unreadable(offset, detail);
  }
}

/** The text with its line breaks as `\n`, also behind the last line, and without a byte order mark. */
export function normalized(text: string): string {
  const lines = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  return lines.endsWith('\n') ? lines : `${lines}\n`;
}

/** Throws for the first character that is not allowed. */
export function checkCharacters(source: string): void {
  const found = REFUSED_CHARACTER.exec(source);
  if (!found) return;
  const code = (found[0].codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0');
  throw new Unreadable(found.index, `the character U+${code} is not allowed: write \\u${code} in double quotes`);
}

/** A fault's detail with the line and column of its offset, from 1. */
export function detailAt(source: string, offset: number, detail: string): string {
  const before = source.slice(0, offset);
  return `line ${before.split('\n').length}, column ${offset - before.lastIndexOf('\n')}: ${detail}`;
}
