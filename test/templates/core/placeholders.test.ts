import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { substitute } from '../../../src/templates/core/placeholders.ts';

describe('placeholders are replaced', () => {
  const values = { n: 3, share: 0.25, on: true, text: 'a"b\n- c: ${{ params.n }}', empty: '' };

  it.each([
    ['a whole string keeps the type', '${{ params.n }}', 3],
    ['spaces inside do not matter', '${{params.on}}', true],
    ['spaces around make it a text', ' ${{ params.n }}', ' 3'],
    ['inside a string it is interpolated', 'x-${{ params.n }}-${{ params.share }}-${{ params.on }}', 'x-3-0.25-true'],
    ['two in a row are a text', '${{ params.n }}${{ params.n }}', '33'],
    ['a value is never looked at again', '${{ params.text }}', 'a"b\n- c: ${{ params.n }}'],
    ['nor inside a text', '<${{ params.text }}>', '<a"b\n- c: ${{ params.n }}>'],
    ['an empty text is a value', '${{ params.empty }}', ''],
    ['other dollars are left alone', '$(HOME) ${x} $${y}', '$(HOME) ${x} $${y}'],
    ['in lists and objects', { a: ['${{ params.n }}', { b: '${{ params.on }}' }] }, { a: [3, { b: true }] }],
  ])('%s', (_, given, wanted) => {
    expect(substitute(given, values)).toEqual(wanted);
  });

  it('where the parameter is not set, the field or the entry is left out', () => {
    expect(substitute({ a: '${{ params.unset }}', b: ['x', '${{ params.unset }}', 'y'], c: 1 }, values)).toEqual({ b: ['x', 'y'], c: 1 });
  });

  it('an inherited field is no value', () => {
    expect(substitute({ a: '${{ params.constructor }}' }, values)).toEqual({});
  });

  it('whatever the value, it stays in its place as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const document = { a: '${{ params.text }}', b: 'x${{ params.text }}y', c: 'z' };
        expect(substitute(document, { text })).toEqual({ a: text, b: `x${text}y`, c: 'z' });
      }),
    );
  });
});
