import fc from 'fast-check';
import { expect, test } from 'vitest';
import { storable, storableJson } from '../../../src/platform/db/storable.ts';

test.each([
  ['plain', 'plain'],
  ['a\u0000b', 'ab'],
  ['cut \ud83d', 'cut \ufffd'],
  ['whole \ud83d\ude00', 'whole \ud83d\ude00'],
  ['\ude00\ud83d', '\ufffd\ufffd'],
])('%j is stored as %j', (text, stored) => {
  expect(storable(text)).toBe(stored);
});

test('no JSON has in it what Postgres refuses', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' })), (texts) => {
      const text = (JSON.parse(storableJson({ texts })) as { texts: string[] }).texts.join('');
      return !text.includes('\u0000') && Buffer.from(text, 'utf8').toString('utf8') === text;
    }),
  );
});
