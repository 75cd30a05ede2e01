import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limitFaults } from '../../../src/templates/core/limits.ts';

const nested = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = { a: value };
  return value;
};

describe('a document has limits before it has fields', () => {
  it.each([
    ['1 MiB of text', { a: 'x'.repeat(1_048_576) }, [{ pointer: '', detail: 'is larger than 1 MiB' }]],
    ['a key with a NUL', { 'a\0': 1 }, [{ pointer: '/a\0', detail: 'contains a NUL character' }]],
    [
      'a key that would be a prototype',
      JSON.parse('{"a":{"__proto__":{"x":1}}}') as unknown,
      [{ pointer: '/a/__proto__', detail: 'is not an allowed name' }],
    ],
    ['a number that JSON lost digits of', { a: [2 ** 53] }, [{ pointer: '/a/0', detail: 'is too large to be stored exactly' }]],
    ['nothing amiss', { a: [1, 0.5, -7, 'x', null, true, {}] }, []],
  ])('%s', (_, document, faults) => {
    expect(limitFaults(document)).toEqual(faults);
  });

  it('lies at most 50 levels deep, and 100,000 levels cost no stack', () => {
    expect(limitFaults(nested(50))).toEqual([]);
    expect(limitFaults(nested(51))).toMatchObject([{ detail: 'is nested deeper than 50 levels' }]);
    expect(limitFaults(nested(100_000))).toMatchObject([{ detail: 'is nested deeper than 50 levels' }]);
  });

  it('accepts whatever small JSON there is', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5, noUnicodeString: false }), (text) => {
        const faults = limitFaults(JSON.parse(text));
        for (const { detail } of faults) expect(detail).toMatch(/too large to be stored|NUL|surrogate|not an allowed name/);
      }),
    );
  });
});
