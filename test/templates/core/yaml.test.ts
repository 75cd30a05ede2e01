import { describe, expect, it } from 'vitest';
import { readYaml } from '../../../src/templates/core/yaml.ts';

const detailsOf = (text: string): string[] => {
  const reading = readYaml(text);
  return 'faults' in reading ? reading.faults.map(({ pointer, detail }) => `${pointer ?? ''} ${detail}`.trim()) : [];
};

describe('YAML 1.2 of the core schema is read as it means', () => {
  it.each([
    ['a: 1\nb: [x, true, null, 0.5]', { a: 1, b: ['x', true, null, 0.5] }],
    ['a: yes\nb: 010\nc: 2001-01-01\nd: 0x1F\ne: ~', { a: 'yes', b: 10, c: '2001-01-01', d: 31, e: null }],
    ['a: |\n  *x\n  &y !z\nb: x &y *z !w', { a: '*x\n&y !z\n', b: 'x &y *z !w' }],
    ['---\na: 1\n...\n', { a: 1 }],
    ['\uFEFFa: 1\r\nb: 2\r\n', { a: 1, b: 2 }],
    ['<<: { a: 1 }', { '<<': { a: 1 } }],
  ])('%j', (text, document) => {
    expect(readYaml(text)).toEqual({ document });
  });
});

describe('what hides, repeats or costs is refused, with its line', () => {
  it.each([
    ['an anchor', 'a: &x 1', 'line 1, column 4: anchors are not accepted'],
    ['an alias', 'a: 1\nb: *x', 'line 2, column 4: aliases are not accepted'],
    ['a tag', 'a: !!str 1', 'line 1, column 4: tags are not accepted'],
    ['a custom tag', 'a:\n  - !include x', 'line 2, column 5: tags are not accepted'],
    ['a directive', '%YAML 1.1\n---\na: 1', 'line 1, column 1: directives are not accepted'],
    ['two documents', 'a: 1\n---\nb: 2', 'line 2, column 1: a second document begins here; only one is accepted'],
    ['a key that is no string', '1: a', 'line 1, column 1: a key must be a string (quote it)'],
    ['a key that is a list', '? [a]\n: b', 'line 1, column 3: a key must be a string (quote it)'],
    ['a tab as indentation', 'a:\n\tb: 1', 'line 2, column 1: Tabs are not allowed as indentation'],
    ['a number too large to keep', 'a: 12345678901234567890', '/a is too large to be stored exactly'],
    ['infinity', 'a: .inf', '/a must be a finite number'],
    ['a NUL character', 'a: "\\0"', '/a contains a NUL character'],
    ['half of a surrogate pair', 'a: "\\ud800"', '/a contains an unpaired surrogate'],
    ['a prototype', '__proto__: { a: 1 }', '/__proto__ is not an allowed name'],
  ])('%s', (_, text, detail) => {
    expect(detailsOf(text)).toEqual([detail]);
  });

  it('duplicate keys, each at its pointer', () => {
    expect(detailsOf('a: 1\nb:\n  c: 1\n  c: 2\na: 3')).toEqual([
      '/b/c line 4, column 3: occurs twice in its map',
      '/a line 5, column 1: occurs twice in its map',
    ]);
  });

  it('an alias bomb, before anything of it is expanded', () => {
    const bomb = [
      'a: &a [x, x]',
      ...Array.from({ length: 40 }, (_, n) => `b${n}: &b${n} [*${n ? `b${n - 1}` : 'a'}, *${n ? `b${n - 1}` : 'a'}]`),
    ].join('\n');
    expect(detailsOf(bomb)).toEqual(['line 1, column 4: anchors are not accepted']);
  });

  it('more than 1 MiB', () => {
    expect(detailsOf(`a: "${'ä'.repeat(524_288)}"`)).toEqual(['is larger than 1 MiB']);
    expect(detailsOf(`a: "${'ä'.repeat(524_200)}"`)).toEqual([]);
  });

  it.each([
    ['flow lists', '['],
    ['block lists', '- '],
    ['explicit keys', '? '],
    ['flow maps', '{a: '],
  ])('%s in each other half a million times, at once and without harm to the process', (_, opening) => {
    const started = performance.now();
    expect(detailsOf(opening.repeat(Math.floor(1_000_000 / opening.length)))).toEqual([
      expect.stringMatching(/is nested deeper than 50 levels$/),
    ]);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it.each([
    ['keys', (n: number) => `k${n}: 1\n`, 60_000],
    ['empty documents', () => 'a\n---\n', 150_000],
    ['comments', () => '#\n', 400_000],
    ['closing brackets', () => ']', 400_000],
  ])('hundreds of thousands of %s, in a bounded time', (_, part, count) => {
    const started = performance.now();
    expect(detailsOf(Array.from({ length: count }, (_, n) => part(n)).join(''))).toHaveLength(1);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('50 levels are read, 51 are not', () => {
    expect(detailsOf('['.repeat(51) + ']'.repeat(51))).toEqual([]);
    expect(detailsOf('['.repeat(52) + ']'.repeat(52))).toEqual([expect.stringMatching(/is nested deeper than 50 levels$/)]);
  });
});
