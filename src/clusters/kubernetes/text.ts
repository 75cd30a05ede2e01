import { createHash } from 'node:crypto';
import { BUDGETS } from '../core/budgets.ts';

/** Removes the credential's text from a cluster's text. */
export type Redact = (text: string) => string;

/** The text's beginning, as a copy: a slice would keep the whole text in memory. */
export function cutText(text: string, most: number = BUDGETS.textCharacters): string {
  return text.length <= most ? text : Buffer.from(text.slice(0, most), 'utf16le').toString('utf16le');
}

/** Like `cutText`, but different texts stay different: the end is replaced by a digest of the whole. */
export function digestText(text: string, most: number = BUDGETS.textCharacters): string {
  if (text.length <= most) return text;
  const digest = `... sha256:${createHash('sha256').update(text, 'utf16le').digest('base64url')}`;
  return cutText(text, most - digest.length) + digest;
}

/**
 * A cluster's text as it may be shown to people: control characters are removed and the length is bounded. It is redacted before the cut, which could split
 * a secret.
 */
export function publicText(value: unknown, redact: Redact): string {
  if (typeof value !== 'string') return '';
  return cutText(redact(value).replace(/\p{Cc}+/gu, ' '));
}
