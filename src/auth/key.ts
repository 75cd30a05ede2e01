import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** The text of a key: `slp_<id>_<secret><checksum>`. */
const KEY = /^slp_([0-9A-Za-z]{22})_[0-9A-Za-z]{43}([0-9A-Za-z]{6})$/;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ID_LENGTH = 22;
const SECRET_LENGTH = 43;
const CHECKSUM_LENGTH = 6;

function base62(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; rest > 0n; rest /= 62n) text = DIGITS.charAt(Number(rest % 62n)) + text;
  return text.padStart(length, '0');
}

function fromBase62(text: string): bigint {
  let value = 0n;
  for (const digit of text) value = value * 62n + BigInt(DIGITS.indexOf(digit));
  return value;
}

const checksum = (text: string): string => base62(BigInt(crc32(text)), CHECKSUM_LENGTH);

/** A new key for this id, with 256 random bits. */
export function makeKey(id: string): string {
  const secret = base62(BigInt(`0x${randomBytes(32).toString('hex')}`), SECRET_LENGTH);
  const stem = `slp_${base62(BigInt(`0x${id.replaceAll('-', '')}`), ID_LENGTH)}_${secret}`;
  return stem + checksum(stem);
}

/** The id in a key; null if it is not a key. The checksum detects typos without a query. */
export function keyId(key: string): string | null {
  const match = KEY.exec(key);
  if (!match || checksum(key.slice(0, -CHECKSUM_LENGTH)) !== match[2]) return null;
  const hex = fromBase62(match[1] ?? '')
    .toString(16)
    .padStart(32, '0');
  return hex.length === 32 ? hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5') : null;
}

/** The stored part of a key. With 256 random bits no slow hash is needed. */
export const digestOf = (key: string): Buffer => createHash('sha256').update(key).digest();
