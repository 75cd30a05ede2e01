import { readFileSync } from 'node:fs';

/** Texts and what `kubectl` makes of them: `test/kubernetes/yaml.test.ts` asks its own reader. */
export const MEANINGS: [text: string, document: unknown][] = [
  ['a: 1\nb: [x, true, null, 0.5]', { a: 1, b: ['x', true, null, 0.5] }],
  // Numbers
  ['a: 0400\nb: 0o400\nc: -010\nd: 08\ne: 00', { a: 256, b: 256, c: -8, d: 8, e: 0 }],
  ['a: 0x1F\nb: 0b11\nc: 1_000\nd: 0x_f\ne: +5\nf: -0', { a: 31, b: 3, c: 1000, d: 15, e: 5, f: 0 }],
  ['a: 1.5\nb: .5\nc: 1e3\nd: 1.\ne: 1_0.2_5\nf: .5_0\ng: 1.0', { a: 1.5, b: 0.5, c: 1000, d: 1, e: 10.25, f: 0.5, g: 1 }],
  ['a: 9007199254740991\nb: -9007199254740991\nc: 1e-400', { a: 9007199254740991, b: -9007199254740991, c: 0 }],
  ['a: 1e400\nb: 0xfffffffffffffffff\nc: 0b2\nd: 0o8\ne: _1\nf: 1.2.3\ng: ._5', { a: '1e400', b: '0xfffffffffffffffff', c: '0b2', d: '0o8', e: '_1', f: '1.2.3', g: '._5' }],
  ['a: 190:20:30\nb: 2001-01-01\nc: 2001-12-14t21:59:43.10-05:00', { a: '190:20:30', b: '2001-01-01', c: '2001-12-14t21:59:43.10-05:00' }],
  // Booleans and null
  ['a: yes\nb: No\nc: ON\nd: off\ne: y\nf: N\ng: True\nh: FALSE', { a: true, b: false, c: true, d: false, e: true, f: false, g: true, h: false }],
  ['a: yEs\nb: "yes"\nc: \'no\'\nd: yes please', { a: 'yEs', b: 'yes', c: 'no', d: 'yes please' }],
  ['a:\nb: ~\nc: null\nd: NULL\ne: ""', { a: null, b: null, c: null, d: null, e: '' }],
  // Scalars over several lines
  ['a:\n- "x\n  y"', { a: ['x y'] }],
  ['a:\n  - "x\n  y"\n  - \'z\n\nw\'', { a: ['x y', 'z\nw'] }],
  ['a:\n  b: "x\ny"\nc: 1', { a: { b: 'x y' }, c: 1 }],
  ['a: "x \\\n   y\\\n\n  z"', { a: 'x y\nz' }],
  ['a: x\n y\n\n  z\nb: 1', { a: 'x y\nz', b: 1 }],
  ['a: "\\x41\\u00e9\\U0001F600\\t\\"\\\\\\N\\_"', { a: 'Aé😀\t"\\\x85\xa0' }],
  ["a: 'it''s \\n'", { a: "it's \\n" }],
  // Blocks of text
  ['a: |\n  *x\n  &y !z\n\n   w\nb: x &y *z !w', { a: '*x\n&y !z\n\n w\n', b: 'x &y *z !w' }],
  ['a: |-\n  x\n\n', { a: 'x' }],
  ['a: |+\n  x\n\n', { a: 'x\n\n' }],
  ['a: |', { a: '' }],
  ['a: |\n  x', { a: 'x\n' }],
  ['a: |1\n  x\n y\n', { a: ' x\ny\n' }],
  ['a: >\n  x\n  y\n\n  z\n    w\n  v\n', { a: 'x y\nz\n  w\nv\n' }],
  ['a: >-  # comment\n\n  x\n', { a: '\nx' }],
  ['- |\n x\n- >\n y\n', ['x\n', 'y\n']],
  // Collections
  ['a:\n- b\n- c: 1\n  d: 2\n-\n  - e\n- - f\n  - g', { a: ['b', { c: 1, d: 2 }, ['e'], ['f', 'g']] }],
  ['a: {b: c, "d":1, e, f: [g, h: i, ], }', { a: { b: 'c', d: 1, e: null, f: ['g', { h: 'i' }] } }],
  ['a: {b: c,\nd: [e,\nf]}', { a: { b: 'c', d: ['e', 'f'] } }],
  ['a: [http://x:80/y, b:c, -, -d, x y]\nb: http://x/?y', { a: ['http://x:80/y', 'b:c', '-', '-d', 'x y'], b: 'http://x/?y' }],
  ['{"a": {"b": [1, "c"]}}', { a: { b: [1, 'c'] } }],
  ['8080: a\ntrue: b', { '8080': 'a', true: 'b' }],
  // Comments and documents
  ['# x\na: b#c # d\n# e\nb: c', { a: 'b#c', b: 'c' }],
  ['---\na: 1\n...\n', { a: 1 }],
  ['# x\n--- # y\na: 1\n---\n# nothing\n', { a: 1 }],
  ['\uFEFFa: 1\r\nb: |\r\n  x\r\n  y\r\n', { a: 1, b: 'x\ny\n' }],
  // Anchors, aliases and merges
  ['a: &x {b: 1}\nc: *x\nd: [*x , &y z, *y]', { a: { b: 1 }, c: { b: 1 }, d: [{ b: 1 }, 'z', 'z'] }],
  ['&k a: &v 1\nb: *k\nc: *v', { a: 1, b: 'a', c: 1 }],
  ['a: &x\n  b: &x 1\nc: *x', { a: { b: 1 }, c: 1 }],
  ['a: &x\n- 1\nb: *x', { a: [1], b: [1] }],
  ['a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3', { a: { b: 1, c: 2 }, d: { b: 1, c: 3 } }],
  ['a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne:\n  <<: [*x , *y]', { a: { b: 1 }, c: { b: 2, d: 3 }, e: { b: 1, d: 3 } }],
  ['a: {<<: {b: 1}, c: 2}\nd: <<\n"<<": e', { a: { b: 1, c: 2 }, d: '<<', '<<': 'e' }],
]; // prettier-ignore

/** Texts that are refused, although `kubectl` reads most of them: as something else than is meant. */
export const REFUSALS: [why: string, text: string, detail: string][] = [
  ['a tag', 'a: !!str 1', 'line 1, column 4: tags are not accepted: quote what must be a string'],
  ['a custom tag', 'a:\n  - !include x', 'line 2, column 5: tags are not accepted: quote what must be a string'],
  ['a directive', '%YAML 1.1\n---\na: 1', 'line 1, column 1: directives are not accepted; quote a text that begins with "%"'],
  ['two documents', 'a: 1\n---\nb: 2', 'line 3, column 1: a second document begins here; only one is accepted'],
  ['a document beside its marker', '--- a: 1', 'line 1, column 4: a document begins on the line below "---"'],
  ['what follows the end', 'a: 1\n...\nb: 2', 'line 3, column 1: nothing may follow "..."'],
  ['a key that is another number than it looks like', '0400: a', 'line 1, column 1: a key must be a string (quote it)'],
  ['a key that is a boolean', 'on: a', 'line 1, column 1: a key must be a string (quote it)'],
  ['a key that is null', '~: a', 'line 1, column 1: a key must be a string (quote it)'],
  ['a key that is a list', '[a]: b', 'line 1, column 1: a key must be a string (quote it)'],
  ['a key behind ?', '? [a]\n: b', 'line 1, column 1: a key must be a string: "?" is not accepted'],
  ['a key of two lines', 'a\nb: c', 'line 1, column 1: a key must be on one line'],
  ['a tab as indentation', 'a:\n\tb: 1', 'line 2, column 1: a tab cannot be used for indentation: use spaces'],
  ['a tab in a line that goes on', 'a: b\n\tc', 'line 2, column 1: a tab cannot be used for indentation: use spaces'],
  ['a number too large to keep', 'a: 12345678901234567890', 'line 1, column 4: 12345678901234567890 is too large to be stored exactly: quote it if it is a text'],
  ['a float too large to keep', 'a: [1e20]', 'line 1, column 5: 1e20 is too large to be stored exactly: quote it if it is a text'],
  ['infinity', 'a: .inf', 'line 1, column 4: .inf is not a finite number: quote it if it is a text'],
  ['no number', 'a: .NaN', 'line 1, column 4: .NaN is not a finite number: quote it if it is a text'],
  ['a NUL character', 'a: "\\0"', '/a line 1, column 4: contains a NUL character'],
  ['half of a surrogate pair', 'a: "\\ud800"', 'line 1, column 5: \\ud800 is not a character'],
  ['a hidden line break', 'a: x\u2028b: y', 'line 1, column 5: the character U+2028 is not allowed: write \\u2028 in double quotes'],
  ['a control character', 'a: x\u0007', 'line 1, column 5: the character U+0007 is not allowed: write \\u0007 in double quotes'],
  ['a prototype', '__proto__: { a: 1 }', '/__proto__ line 1, column 12: is not an allowed name'],
  ['a map behind a value', 'a: b: c', 'line 1, column 5: a map cannot begin on this line: quote a text with ": ", or begin a new line'],
  ['a list behind a key', 'a: - b', 'line 1, column 4: a list cannot begin on this line: begin a new line'],
  ['a question mark between brackets', 'a: [http://x?y=1]', 'line 1, column 13: quote a text with "?" between brackets'],
  ['text behind a quote', 'a: "b" c', 'line 1, column 8: the value ends before this: quote it, or begin a new line'],
  ['a comment without a space', 'a: "b"#c', 'line 1, column 7: a space is missing before "#"'],
  ['wrong indentation', 'a:\n  b: 1\n c: 2', 'line 3, column 2: is indented more than the keys of its map'],
  ['a missing colon', 'a: 1\nb', 'line 2, column 1: a key must be followed by ":" and a space'],
  ['a missing quote', 'a: "b\nc: d', `line 1, column 4: the closing " is missing`],
  ['a missing bracket', 'a: [b,\nc: d', 'line 1, column 4: the closing ] is missing'],
  ['an unknown escape', 'a: "\\d"', 'line 1, column 5: there is no escape sequence \\d: write \\\\ for a backslash, or use single quotes'],
  ['an alias of nothing', 'a: *x', 'line 1, column 4: there is no value with the anchor &x before this alias'],
  ['an alias of what it is in', 'a: &x [*x]', 'line 1, column 8: there is no value with the anchor &x before this alias'],
  ['two anchors', 'a: &x\n  &y b', 'line 2, column 3: a value has at most one anchor'],
  ['a merge of no map', 'a: &x [1]\nb:\n  <<: *x', 'line 3, column 3: "<<" must be followed by a map, or a list of maps'],
  ['a merge that would replace', 'a: &x {b: 1}\nc:\n  b: 2\n  <<: *x', 'line 4, column 3: "<<" would replace the key "b" above it: write "<<" before the keys of its map'],
]; // prettier-ignore

/** Numbers from 0 below a bound, always the same for a seed (xorshift). */
function numbers(seed: number): (bound: number) => number {
  let state = Math.imul(seed, 2_654_435_761) >>> 0 || 1;
  return (bound) => {
    state = (state ^ (state << 13)) >>> 0;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state % bound;
  };
}

const SCALARS = [
  ...'a b 1 0 00 08 010 -1 +1 1.5 .5 1e3 yes no y n on Off null ~ true 0x1F 0b11 0o17 1_000 190:20:30 2001-01-01 "x" a:b a#b :x'.split(' '),
  ...'http://a/b x,y [] {} {a:1} | > |- >+ |2 &x *x << !t @ ` %a ... --- - ? -x ?x = é 😀 _1 . .. .5_0 1. 0x 1__2 1e400'.split(' '),
  ...[
    "'y'",
    '"a\\n b"',
    "'it''s'",
    'a b',
    '- x',
    '? y',
    '[a, b]',
    '{a: b}',
    '{a: 1, "b":2}',
    '[a: b]',
    '&x 1',
    '"a',
    '',
    '\t',
    '# c',
    ' # c',
  ],
];
const KEYS = ['a: ', 'b:', '"k": ', '<<: ', 'x y: ', '1: ', '&x k: ', '*x : ', '? k: ', 'c :', 'd:\t'];
const BREAKS = ['\n', '\n', '\n', '\n\n', '\n  \n', '\n\t\n'];
const INDENTS = ['', '  ', '    ', ' ', '   ', '\t'];

type Pick = <T>(list: readonly T[]) => T;

/** Lines that mean little, in every combination. */
function lines(pick: Pick): string {
  const line = (): string => pick([pick(KEYS), '- ', '- ' + pick(['a: ', '- ', '&x ', 'b:']), '']) + pick(SCALARS);
  return Array.from({ length: pick([1, 2, 3, 4, 5, 6]) }, () => pick(INDENTS) + line() + pick(BREAKS)).join('');
}

/** What manifests look like: nested maps and lists, with scalars over several lines. */
function nested(pick: Pick, indent: string, depth: number): string {
  const kind = pick(depth > 3 ? ['scalar'] : ['scalar', 'scalar', 'map', 'list']);
  if (kind === 'map') return mapping(pick, indent + pick(['  ', '    ']), depth);
  if (kind === 'list') {
    const inner = indent + pick(['  ', '']);
    const item = (): string => pick([nested(pick, inner, depth + 1), ` a:${nested(pick, `${inner}  `, depth + 1)}`]);
    return `${pick(['', '', ' &x'])}\n${Array.from({ length: pick([1, 2]) }, () => `${inner}-${item()}`).join('')}`;
  }
  const text = (): string => pick(['x', '  y', '# z', 'a: b', '', ' ']);
  return pick([
    ` ${pick(SCALARS)}${pick(['', ' # c'])}\n`,
    ` ${pick(['|', '|-', '|+', '>', '>-', '>+', '|2'])}\n${indent}  ${text()}\n${indent}  ${text()}\n`,
    ` "x y\n${pick(['', indent, `${indent}  `])}z${pick(['', '\\\n w'])}"\n`,
    ` 'x\n\n${pick(['', indent])}z'\n`,
    ` x\n${indent}   y\n`,
    ` [a,${pick([' ', '\n', `\n${indent}`])}{b: ${pick(SCALARS)}}, ${pick(SCALARS)}]\n`,
  ]);
}

const mapping = (pick: Pick, indent: string, depth: number): string =>
  `${depth === 0 ? '' : pick(['\n', '\n', ' &x\n'])}${['a', 'b', pick(['"c"', '<<', 'x y', '1'])]
    .slice(0, pick([1, 2, 3]))
    .map((key) => `${indent}${key}:${nested(pick, indent, depth + 1)}`)
    .join('')}`;

/** A manifest with a few changes. */
function changed(pick: Pick, below: (bound: number) => number, text: string): string {
  const at = below(text.length);
  const rows = text.split('\n');
  const row = below(rows.length);
  const extra = pick([...SCALARS, '\n', ' ', ':', '"', "'", '{', '}', '[', ']', ',']);
  return pick([
    text.slice(0, at) + extra + text.slice(at),
    text.slice(0, at) + text.slice(at + 1 + below(6)),
    rows.toSpliced(row, 1).join('\n'),
    rows.with(row, pick(INDENTS) + rows[row]!.trim()).join('\n'),
  ]);
}

const NUMBER_CHARACTERS = [...'0123456789+-._eExXoObBabfyYnNtT:~'];
const example = readFileSync(new URL('../../../../examples/shop.yaml', import.meta.url), 'utf8');

/** So many texts of all kinds, the same ones for the same seed. Many are no YAML at all. */
export function generatedTexts(seed: number, count: number): string[] {
  const below = numbers(seed);
  const pick: Pick = (list) => list[below(list.length)]!;
  const kinds = [
    () => lines(pick),
    () => mapping(pick, '', 0),
    () => changed(pick, below, changed(pick, below, example)),
    () => `k: ${Array.from({ length: 1 + below(6) }, () => pick(NUMBER_CHARACTERS)).join('')}`,
  ];
  return Array.from({ length: count }, (_, index) => kinds[index % kinds.length]!());
}
