import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { readYaml } from '../../../../src/templates/core/yaml/reader.ts';
import { generatedTexts, MEANINGS, REFUSALS } from './texts.ts';

const documentOf = (text: string): unknown => {
  const reading = readYaml(text);
  return 'faults' in reading ? reading.faults : reading.document;
};

const detailsOf = (text: string): string[] => {
  const reading = readYaml(text);
  return 'faults' in reading ? reading.faults.map(({ pointer, detail }) => `${pointer ?? ''} ${detail}`.trim()) : [];
};

describe('a text means what it means to kubectl', () => {
  it.each(MEANINGS)('%j', (text, document) => {
    expect(documentOf(text)).toEqual(document);
  });

  it('whatever JSON is written as JSON, or in quotes over several lines', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab01 :#-?*&!|>%@`,[]{}\'"\\\n\t~.yn_=é😀') });
    const scalar = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.double({ noNaN: true, min: -1e9, max: 1e9 }));
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        scalar,
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(
          text.filter((key) => key !== '__proto__'),
          tie('value'),
          { maxKeys: 4, noNullPrototype: true },
        ),
      ),
    }));
    fc.assert(
      fc.property(value, (json) => {
        const wanted: unknown = JSON.parse(JSON.stringify(json));
        expect(documentOf(JSON.stringify(wanted))).toEqual(wanted);
        // In quotes, because the library's scalars of YAML 1.1 are not those of kubectl.
        for (const quote of ['QUOTE_DOUBLE', 'QUOTE_SINGLE'] as const) {
          const reading = readYaml(stringify({ a: wanted }, { lineWidth: 20, defaultStringType: quote, defaultKeyType: quote }));
          // It may write what we refuse, such as long keys behind "?", and nothing that we read as something else.
          if ('document' in reading) expect(reading.document).toEqual({ a: wanted });
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('what hides, repeats or costs is refused, with its line and what to write', () => {
  it.each(REFUSALS)('%s', (_, text, detail) => {
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
    expect(detailsOf(bomb)).toEqual([expect.stringMatching(/^line \d+, column \d+: aliases make too many values of it for a template$/)]);
  });

  it('a bomb of merges', () => {
    const keys = Array.from({ length: 500 }, (_, n) => `k${n}: 1`).join(', ');
    const bomb = [`a: &a {${keys}}`, ...Array.from({ length: 500 }, (_, n) => `b${n}: {<<: *a }`)].join('\n');
    expect(detailsOf(bomb)).toEqual([expect.stringMatching(/has too many parts to be a template$/)]);
  });

  it('depth that only aliases make', () => {
    const deep = ['a0: &a0 [x]', ...Array.from({ length: 60 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}]`)].join('\n');
    expect(detailsOf(deep)).toEqual([expect.stringMatching(/is nested deeper than 50 levels$/)]);
  });

  it('more than 1 MiB', () => {
    expect(detailsOf(`a: "${'ä'.repeat(524_288)}"`)).toEqual(['is larger than 1 MiB']);
    expect(detailsOf(`a: "${'ä'.repeat(524_200)}"`)).toEqual([]);
  });

  it.each([
    ['flow lists', '['],
    ['block lists', '- '],
    ['flow maps', '{a: '],
    ['anchored lists', '- &x\n'],
  ])('%s in each other half a million times, at once and without harm to the process', (_, opening) => {
    const started = performance.now();
    expect(detailsOf(opening.repeat(Math.floor(1_000_000 / opening.length)))).toHaveLength(1);
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it.each([
    ['keys', (n: number) => `k${n}: 1\n`, 60_000],
    ['list items', () => '- a\n', 250_000],
    ['values on one line', (n: number) => (n === 0 ? '[' : 'a,'), 400_000],
    ['empty documents', () => 'a\n---\n', 150_000],
    ['comments', () => '#\n', 400_000],
    ['empty lines in a text', (n: number) => (n === 0 ? 'a: b' : '\n'), 1_000_000],
    ['spaces before a block', (n: number) => (n === 0 ? 'a: |\n' : ' '), 1_000_000],
    ['indented lines of a block', (n: number) => (n === 0 ? 'a: |\n' : '  \n'), 300_000],
    ['words of a text', (n: number) => (n === 0 ? 'a: b' : '\n c'), 300_000],
    ['closing brackets', () => ']', 400_000],
  ])('hundreds of thousands of %s, in a bounded time', (_, part, count) => {
    const started = performance.now();
    readYaml(Array.from({ length: count }, (__, n) => part(n)).join(''));
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('50 levels are read, 51 are not', () => {
    expect(detailsOf('['.repeat(51) + ']'.repeat(51))).toEqual([]);
    expect(detailsOf('['.repeat(52) + ']'.repeat(52))).toEqual([expect.stringMatching(/is nested deeper than 50 levels$/)]);
  });

  it('any text at all, without an error of ours', () => {
    for (const text of generatedTexts(1, 4000)) expect(() => readYaml(text)).not.toThrow();
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => void readYaml(text)));
  });
});

describe('faults of what was read', () => {
  it('have the line and column of their places, behind aliases and merges too', () => {
    const reading = readYaml('a: &x\n  b: [1,\n    yes]\nc: *x\nd:\n  <<: *x\n  e: 1\n');
    if ('faults' in reading) throw new Error('is readable');
    const places = ['/a/b/1', '/c/b/1', '/d/b/1', '/d/e', '/d/missing'].map((pointer) => ({ pointer, detail: 'x' }));
    expect(reading.located(places).map(({ detail }) => detail)).toEqual([
      ...Array<string>(3).fill('line 3, column 5: x'),
      'line 7, column 6: x',
      'line 6, column 3: x',
    ]);
  });
});
