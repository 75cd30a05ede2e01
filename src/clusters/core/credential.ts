import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Fault } from '../../platform/fault.ts';

/** The part of a kubeconfig that is stored: server, trusted authorities and our identity. */
export interface Credential {
  /** An https URL, possibly with a path, as gateways use; no user, query or fragment. */
  server: string;
  /** One or more certificates in PEM. The system's authorities are not trusted. */
  ca: string;
  auth: TokenAuth | CertificateAuth;
}

export interface TokenAuth {
  token: string;
}

/** Both PEM. */
export interface CertificateAuth {
  certificate: string;
  key: string;
}

const maxCertificates = 50;

/** Normalizes an https URL without user, query or fragment. Like the two functions below, adds a fault and returns null if the value is not valid. */
export function readServer(value: unknown, pointer: string, faults: Fault[]): string | null {
  const refuse = (detail: string): null => {
    faults.push({ pointer, detail });
    return null;
  };
  // URL parsing would silently drop control characters and convert backslashes.
  if (typeof value !== 'string' || value.length > 2048 || /[\p{Cc}\s\\]/u.test(value) || !URL.canParse(value))
    return refuse('must be a URL');
  const url = new URL(value);
  if (url.protocol !== 'https:') return refuse('must begin with https://');
  if (url.username !== '' || url.password !== '') return refuse('must not contain a user or a password');
  if (value.includes('?') || value.includes('#')) return refuse('must not contain a query or a fragment');
  if (url.port === '0') return refuse('must not have port 0');
  return url.origin + url.pathname.replace(/(?<!\/)\/+$/, '');
}

/** Allows RFC 6750's characters of a bearer token; others could end the header in which it is sent. */
export function readToken(value: unknown, pointer: string, faults: Fault[]): string | null {
  if (typeof value === 'string' && /^[A-Za-z0-9\-._~+/:]+=*$/.test(value) && value.length >= 8 && value.length <= 16_384) return value;
  faults.push({ pointer, detail: 'must be a bearer token of 8 to 16,384 characters' });
  return null;
}

/** Reads PEM, or base64 of PEM, with Node's parser, and writes it again, so that any other text is dropped. */
export function readPem(value: unknown, pointer: string, faults: Fault[], what: 'certificate' | 'key'): string | null {
  const pem = typeof value === 'string' ? decode(value) : null;
  const read = pem !== null && (what === 'certificate' ? normalCertificates(pem) : normalKey(pem));
  if (read) return read;
  const absent = value === undefined ? 'is missing: it ' : '';
  faults.push({
    pointer,
    detail: `${absent}must be ${what === 'key' ? 'an unencrypted private key' : 'one or more certificates'} in PEM, encoded in base64`,
  });
  return null;
}

function decode(value: string): string | null {
  if (value.startsWith('-----BEGIN ')) return value;
  const compact = value.replace(/\s+/g, '');
  return /^[A-Za-z0-9+/]+={0,2}$/.test(compact) ? Buffer.from(compact, 'base64').toString('utf8') : null;
}

function normalCertificates(pem: string): string | null {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const begun = pem.match(/-----BEGIN /g) ?? [];
  if (blocks.length === 0 || blocks.length > maxCertificates || begun.length !== blocks.length) return null;
  try {
    return blocks.map((block) => new X509Certificate(block).toString()).join('');
  } catch {
    return null;
  }
}

function normalKey(pem: string): string | null {
  try {
    return createPrivateKey(pem).export({ type: 'pkcs8', format: 'pem' }).toString();
  } catch {
    return null;
  }
}
