import { Problem } from '../problem.ts';
import { meaningOf } from './constraints.ts';

/** SQLSTATEs of a transaction that conflicted with another, or used a cached plan that a migration invalidated. A retry may succeed. */
const RETRYABLE = new Set(['40001', '40P01', '0A000']);
/** SQLSTATE classes and codes for an unreachable or full server, as opposed to a wrong statement. */
const AWAY = /^(08...|57P0[1-4]|53...|25P03)$/;
const AWAY_NETWORK = new Set(['ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
const AWAY_PRISMA = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2037']);
/** The adapter's kinds for a failed socket. Errors of raw statements carry only these, without a code. */
const AWAY_KINDS = new Set(['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout']);
const AWAY_TEXT =
  /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Server has closed the connection/i;
const AWAY_RETRY_SECONDS = 2;

interface Details {
  /** Prisma's code or the driver's SQLSTATE and system codes, outermost first. */
  codes: string[];
  constraint: string | null;
  messages: string[];
}

/** Errors arrive nested: Prisma's around the adapter's around the driver's. Their details are collected to a bounded depth. */
function details(error: unknown): Details {
  const found: Details = { codes: [], constraint: null, messages: [] };
  let level: unknown[] = [error];
  for (let depth = 0; depth < 6 && level.length > 0; depth++) {
    const next: unknown[] = [];
    for (const item of level) {
      if (typeof item !== 'object' || item === null) continue;
      const part = item as Record<string, unknown>;
      for (const key of ['code', 'originalCode']) if (typeof part[key] === 'string') found.codes.push(part[key]);
      if (part.kind === 'TransactionWriteConflict') found.codes.push('40001');
      if (typeof part.kind === 'string' && AWAY_KINDS.has(part.kind)) found.codes.push('P1001');
      if (typeof part.message === 'string') found.messages.push(part.message);
      found.constraint ??= constraintOf(part);
      next.push(part.cause, part.meta, part.driverAdapterError, part.error);
    }
    level = next;
  }
  return found;
}

/** Name of the constraint. The adapter gives it as `{index}`, or only in the server's message. */
function constraintOf(part: Record<string, unknown>): string | null {
  const given = part.constraint;
  if (typeof given === 'string') return given;
  if (typeof given === 'object' && given !== null && 'index' in given && typeof given.index === 'string') return given.index;
  for (const text of [part.originalMessage, part.message]) {
    const quoted = typeof text === 'string' ? /constraint "([^"]+)"/.exec(text)?.[1] : undefined;
    if (quoted) return quoted;
  }
  return null;
}

/** A row changed after it was read. The whole transaction is retried on its current state. */
export class LostRace extends Error {
  override readonly name = 'LostRace';
  readonly code = '40001';
}

/** Whether the whole transaction should be retried. */
export const isRetryable = (error: unknown): boolean => {
  const { codes } = details(error);
  return codes.some((code) => RETRYABLE.has(code) || code === 'P2034');
};

/** Whether the database is unreachable, so that the same request may succeed later. */
export const isAway = (error: unknown): boolean => {
  const { codes, messages } = details(error);
  return (
    codes.some((code) => AWAY.test(code) || AWAY_NETWORK.has(code) || AWAY_PRISMA.has(code)) ||
    messages.some((text) => AWAY_TEXT.test(text))
  );
};

export const unavailable = (cause?: unknown): Problem =>
  withCause(new Problem('UNAVAILABLE', 'The database is currently unreachable.', [], AWAY_RETRY_SECONDS), cause);

const withCause = (problem: Problem, cause: unknown): Problem =>
  Object.defineProperty(problem, 'cause', { value: cause, enumerable: false, configurable: true });

const isUnique = ({ codes }: Details): boolean => codes.includes('P2002') || codes.includes('23505');
const isForeignKey = ({ codes }: Details): boolean => codes.includes('P2003') || codes.includes('23503') || codes.includes('P2014');

/** The problem that a database error means to the caller; null = a bug, or an error to retry. The only place that maps them. */
export function problemOf(error: unknown): Problem | null {
  if (error instanceof Problem) return error;
  if (!(error instanceof Error)) return null;
  const found = details(error);
  if (isUnique(found)) {
    const meaning = found.constraint === null ? null : meaningOf(found.constraint);
    return meaning && withCause(meaning, error);
  }
  if (isForeignKey(found))
    return withCause(new Problem('IN_USE', 'The resource is still in use, or refers to one that no longer exists.'), error);
  if (isAway(error)) return unavailable(error);
  return null;
}

/** The error as `Database` throws it. Conflicts are left as they are, so that the transaction around them can be retried. */
export const translate = (error: unknown): unknown => (isRetryable(error) ? error : (problemOf(error) ?? error));
