import { Composer, isMap, isNode, isScalar, isSeq, CST, Lexer, LineCounter, Parser, type Document } from 'yaml';
import type { Fault } from '../../platform/fault.ts';
import { at } from './json.ts';
import { limitFaults, MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_FAULTS } from './limits.ts';

/** Maximum number of tokens: far more than a template has (a file in a block scalar is one token), far fewer than would block the process. */
const MAX_TOKENS = 100_000;

/** Valid YAML that this reader refuses, by token type. */
const REFUSED: Partial<Record<CST.TokenType, string>> = {
  alias: 'aliases are not accepted',
  anchor: 'anchors are not accepted',
  tag: 'tags are not accepted',
  'directive-line': 'directives are not accepted',
};

type Reading = { document: unknown } | { faults: Fault[] };

const fault = (lines: LineCounter, offset: number, detail: string, pointer = ''): Fault => {
  const { line, col } = lines.linePos(offset);
  return { pointer, detail: `line ${line}, column ${col}: ${detail}` };
};

/**
 * Reads a text as exactly one YAML 1.2 document of the core schema. Refuses, with line and column: anchors, aliases, tags, directives, several documents,
 * duplicate keys, keys that are not strings, more than 1 MiB, and more than 50 levels.
 *
 * The library's composer recurses, and hostile depth would crash the process. So depth and number of tokens are checked on the token stream first. The
 * library's check for duplicate keys takes quadratic time, so ours replaces it.
 */
export function readYaml(text: string): Reading {
  if (Buffer.byteLength(text) > MAX_DOCUMENT_BYTES) return { faults: [{ pointer: '', detail: 'is larger than 1 MiB' }] };
  const lines = new LineCounter();
  const parsed = tokensOf(text, lines);
  if ('faults' in parsed) return parsed;
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    strict: true,
    uniqueKeys: false,
    merge: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const documents = [...composer.compose(parsed.tokens, true, text.length)];
  const [document, second] = documents;
  if (second) return { faults: [fault(lines, second.range[0], 'a second document begins here; only one is accepted')] };
  if (!document) return { faults: [{ pointer: '', detail: 'is empty' }] };
  const trouble = [...document.errors, ...document.warnings].slice(0, MAX_FAULTS);
  if (trouble.length) return { faults: trouble.map((one) => fault(lines, one.pos[0], one.message)) };
  const faults = keyFaults(document, lines);
  if (faults.length) return { faults };
  const value = document.toJS({ maxAliasCount: 0 }) as unknown;
  const beyond = limitFaults(value);
  return beyond.length ? { faults: beyond } : { document: value };
}

function tokensOf(text: string, lines: LineCounter): { tokens: CST.Token[] } | { faults: Fault[] } {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: CST.Token[] = [];
  let count = 0;
  let inScalar = false; // the lexer emits an extra token before the source of a plain or block scalar
  for (const lexeme of new Lexer().lex(text)) {
    const { offset } = parser;
    const type: CST.TokenType | null = inScalar ? null : CST.tokenType(lexeme);
    const refused = type && REFUSED[type];
    if (refused) return { faults: [fault(lines, offset, refused)] };
    for (const token of parser.next(lexeme)) {
      if (token.type === 'error') return { faults: [fault(lines, token.offset, token.message)] };
      tokens.push(token);
    }
    // One level of the document takes at most two places on the parser's stack. The exact depth is checked on the value.
    if (parser.stack.length > 2 * MAX_DEPTH) return { faults: [fault(lines, offset, `is nested deeper than ${MAX_DEPTH} levels`)] };
    if (++count > MAX_TOKENS) return { faults: [{ pointer: '', detail: 'has too many parts to be a template' }] };
    inScalar = type === 'scalar';
  }
  for (const token of parser.end()) tokens.push(token);
  return { tokens };
}

/** Faults for keys that are not strings, or occur twice in their map. */
function keyFaults(document: Document.Parsed, lines: LineCounter): Fault[] {
  const faults: Fault[] = [];
  const walk = (node: unknown, pointer: string): void => {
    if (isSeq(node)) node.items.forEach((item, index) => walk(item, at(pointer, index)));
    if (!isMap(node)) return;
    const seen = new Set<string>();
    for (const { key, value } of node.items) {
      const offset = (isNode(key) ? key : node).range?.[0] ?? 0;
      if (!isScalar(key) || typeof key.value !== 'string') {
        faults.push(fault(lines, offset, 'a key must be a string (quote it)', pointer));
        continue;
      }
      const here = at(pointer, key.value);
      if (seen.has(key.value)) faults.push(fault(lines, offset, 'occurs twice in its map', here));
      seen.add(key.value);
      walk(value, here);
    }
  };
  walk(document.contents, '');
  return faults.slice(0, MAX_FAULTS);
}
