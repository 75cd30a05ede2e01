import { describe, expect, it } from 'vitest';
import { isRecord } from '../../src/platform/json.ts';

describe('a JSON object', () => {
  it.each([{}, { a: 1 }, Object.create(null), JSON.parse('{"__proto__":1}')])('is %o', (value) => {
    expect(isRecord(value)).toBe(true);
  });

  it.each([undefined, null, 0, '', 'text', true, [], [{}], new Date(0), new Map(), new (class {})(), () => undefined])(
    'is not %o',
    (value) => {
      expect(isRecord(value)).toBe(false);
    },
  );
});
