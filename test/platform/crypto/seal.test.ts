import { randomBytes, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Seal, SealError } from '../../../src/platform/crypto/seal.ts';

const seal = new Seal(randomBytes(32));
const tenantId = randomUUID();
const dataKey = seal.newDataKey(tenantId);
const owner = { tenantId, rowId: randomUUID(), version: 1 };

describe('a sealed value', () => {
  it('opens for the tenant, cluster and version that it was sealed for', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.uuid(), fc.integer({ min: 1 }), (bytes, rowId, version) => {
        const sealed = seal.seal(dataKey, bytes, { tenantId, rowId, version });
        expect([...seal.open(dataKey, sealed, { tenantId, rowId, version })]).toEqual([...bytes]);
      }),
    );
  });

  it('holds nothing of what it seals, and is another one each time', () => {
    const sealed = seal.seal(dataKey, 'a-very-secret-token', owner);

    expect(sealed.includes('secret')).toBe(false);
    expect(sealed.equals(seal.seal(dataKey, 'a-very-secret-token', owner))).toBe(false);
    expect(seal.newDataKey(tenantId).equals(dataKey)).toBe(false);
  });

  const sealed = seal.seal(dataKey, 'token', owner);
  const other = randomUUID();
  it.each([
    ['of another tenant', () => seal.open(dataKey, sealed, { ...owner, tenantId: other })],
    ["under another tenant's key", () => seal.open(seal.newDataKey(other), sealed, { ...owner, tenantId: other })],
    ['in the place of another row', () => seal.open(dataKey, sealed, { ...owner, rowId: other })],
    ['of an older version', () => seal.open(dataKey, sealed, { ...owner, version: 2 })],
    ['under another data key of the tenant', () => seal.open(seal.newDataKey(tenantId), sealed, owner)],
    ['under another master key', () => new Seal(randomBytes(32)).open(dataKey, sealed, owner)],
    ['in the place of a data key', () => seal.seal(sealed, 'x', owner)],
    ['cut short', () => seal.open(dataKey, sealed.subarray(0, -1), owner)],
    ['that is empty', () => seal.open(dataKey, Buffer.alloc(0), owner)],
  ])('%s does not open', (_case, open) => {
    expect(open).toThrow(SealError);
  });

  it('does not open when any of its bytes was changed', () => {
    fc.assert(
      fc.property(fc.nat({ max: sealed.length - 1 }), fc.integer({ min: 1, max: 255 }), (index, change) => {
        const changed = Buffer.from(sealed);
        changed[index] = (changed[index] ?? 0) ^ change;
        expect(() => seal.open(dataKey, changed, owner)).toThrow(SealError);
      }),
    );
  });

  it('says nothing of keys or contents when it does not open', () => {
    expect(() => seal.open(dataKey, sealed, { ...owner, version: 9 })).toThrow('the sealed value cannot be opened');
    expect(JSON.stringify(seal)).toBe('{}');
  });

  it('needs a master key of 32 bytes', () => {
    expect(() => new Seal(randomBytes(16))).toThrow(RangeError);
  });
});
