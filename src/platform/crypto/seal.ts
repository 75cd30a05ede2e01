import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** Tenant, row and version of a sealed value. They are authenticated with it, so that a value moved to another row does not open. */
export interface SealedFor {
  tenantId: string;
  /** The row that holds the value; empty for the tenant's data key. */
  rowId: string;
  version: number;
}

/** The sealed value was changed, was sealed under another key, or belongs to another row. */
export class SealError extends Error {
  constructor(message = 'the sealed value cannot be opened') {
    super(message);
  }
}

/** The tenant's data key does not open, most likely because the master key differs. Nothing of the tenant can be opened or sealed. */
export class DataKeyError extends SealError {
  constructor() {
    super("the tenant's data key cannot be opened with this master key");
  }
}

const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const FORMAT = 1;

/** JSON's quoting keeps the fields unambiguous. */
const additionalData = (purpose: 'data-key' | 'value', owner: SealedFor): Buffer =>
  Buffer.from(JSON.stringify(['slipway', FORMAT, purpose, owner.tenantId, owner.rowId, owner.version]));

/** AES-256-GCM: one byte of format, nonce, ciphertext, tag. */
function encrypt(key: Buffer, plaintext: Uint8Array, aad: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(aad);
  return Buffer.concat([Buffer.from([FORMAT]), nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Buffer, sealed: Uint8Array, aad: Buffer): Buffer {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < 1 + NONCE_BYTES + TAG_BYTES || bytes[0] !== FORMAT) throw new SealError();
  const end = bytes.length - TAG_BYTES;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(1, 1 + NONCE_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(aad);
    decipher.setAuthTag(bytes.subarray(end));
    return Buffer.concat([decipher.update(bytes.subarray(1 + NONCE_BYTES, end)), decipher.final()]);
  } catch {
    throw new SealError();
  }
}

/** Envelope encryption: each tenant has a data key, stored sealed under the master key. The master key itself is never stored in a row. */
export class Seal {
  readonly #masterKey: Buffer;

  /** `masterKey`: 32 bytes. */
  constructor(masterKey: Buffer) {
    if (masterKey.length !== KEY_BYTES) throw new RangeError('the master key must have 32 bytes');
    this.#masterKey = masterKey;
  }

  /** A new, sealed data key for a tenant, to be stored with it. */
  newDataKey(tenantId: string): Buffer {
    return encrypt(this.#masterKey, randomBytes(KEY_BYTES), additionalData('data-key', { tenantId, rowId: '', version: 0 }));
  }

  /** Whether the data key is the tenant's and was sealed under this master key. */
  opensDataKey(dataKeySealed: Uint8Array, tenantId: string): boolean {
    try {
      this.#dataKey(dataKeySealed, tenantId);
      return true;
    } catch {
      return false;
    }
  }

  /** Seals under the tenant's data key. Throws `DataKeyError` if that key does not open or is not the tenant's. */
  seal(dataKeySealed: Uint8Array, plaintext: Uint8Array | string, owner: SealedFor): Buffer {
    const key = this.#dataKey(dataKeySealed, owner.tenantId);
    return encrypt(key, typeof plaintext === 'string' ? Buffer.from(plaintext) : plaintext, additionalData('value', owner));
  }

  /** Opens a value that was sealed for the same tenant, row and version. Throws `SealError` otherwise, and `DataKeyError` if the data key does not open. */
  open(dataKeySealed: Uint8Array, sealed: Uint8Array, owner: SealedFor): Buffer {
    return decrypt(this.#dataKey(dataKeySealed, owner.tenantId), sealed, additionalData('value', owner));
  }

  #dataKey(dataKeySealed: Uint8Array, tenantId: string): Buffer {
    try {
      return decrypt(this.#masterKey, dataKeySealed, additionalData('data-key', { tenantId, rowId: '', version: 0 }));
    } catch {
      throw new DataKeyError();
    }
  }
}
