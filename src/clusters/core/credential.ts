import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Fault } from '../../common/fault.ts';

/** All that is kept of a kubeconfig: where the cluster is, whom to trust there, and who we are. */
export interface Credential {
  /** An https URL, possibly with a path (gateways put clusters under one); no user, query or fragment. */
  server: string;
  /** One or more certificates, PEM. The system's own authorities are never trusted besides. */
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

/** An https URL without user, query or fragment, in its normal form. Like the two below: a fault is added and null returned where it is not that. */
export function readServer(value: unknown, pointer: string, faults: Fault[]): string | null {
  const refuse = (detail: string): null => {
    faults.push({ pointer, detail });
    return null;
  };
  // URL parsing would silently drop control characters and turn backslashes.
  if (typeof value !== 'string' || value.length > 2048 || /[\p{Cc}\s\\]/u.test(value) || !URL.canParse(value))
    return refuse('must be a URL');
  const url = new URL(value);
  if (url.protocol !== 'https:') return refuse('must begin with https://');
  if (url.username !== '' || url.password !== '') return refuse('must not hold a user or a password');
  if (value.includes('?') || value.includes('#')) return refuse('must not hold a query or a fragment');
  if (url.port === '0') return refuse('must not have port 0');
  return url.origin + url.pathname.replace(/\/+$/, '');
}

/** RFC 6750's characters of a bearer token; anything else could end the header that it is sent in. */
export function readToken(value: unknown, pointer: string, faults: Fault[]): string | null {
  if (typeof value === 'string' && /^[A-Za-z0-9\-._~+/:]+=*$/.test(value) && value.length >= 8 && value.length <= 16_384) return value;
  faults.push({ pointer, detail: 'must be a bearer token of 8 to 16,384 characters' });
  return null;
}

/** Base64 of PEM, or PEM as it is; read by Node's own parser, and written anew so that nothing else in the text gets further. */
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
