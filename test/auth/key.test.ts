import fc from 'fast-check';
import { v7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { digestOf, keyId, makeKey } from '../../src/auth/key.ts';

describe('a key', () => {
  it('carries its id', () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        expect(keyId(makeKey(id))).toBe(id);
      }),
    );
  });

  it('has the documented form', () => {
    expect(makeKey(v7())).toMatch(/^slp_[0-9A-Za-z]{22}_[0-9A-Za-z]{49}$/);
  });

  it('is another each time, also for the same id', () => {
    const id = v7();
    expect(new Set(Array.from({ length: 100 }, () => makeKey(id))).size).toBe(100);
  });

  it('with any one character changed is none', () => {
    const key = makeKey(v7());
    fc.assert(
      fc.property(fc.nat({ max: key.length - 1 }), fc.constantFrom(...'0123456789ABCxyz_-'), (at, character) => {
        fc.pre(key[at] !== character);
        expect(keyId(key.slice(0, at) + character + key.slice(at + 1))).toBeNull();
      }),
    );
  });

  it('is nothing that is not one', () => {
    fc.assert(fc.property(fc.string(), (text) => keyId(text) === null));
    expect(keyId(`${makeKey(v7())} `)).toBeNull();
  });

  it('is kept as 32 bytes from which it cannot be read', () => {
    const key = makeKey(v7());
    expect(digestOf(key)).toHaveLength(32);
    expect(digestOf(key).toString('latin1')).not.toContain(key.slice(4, 10));
  });
});
