import { HttpException } from '@nestjs/common';
import type { Fault } from './fault.ts';

interface CodeFacts {
  status: number;
  title: string;
}

interface RegisteredCode extends CodeFacts {
  /** The code after which it stands in the published list. */
  after: Code;
}

const platformCodes = {
  UNREADABLE: { status: 400, title: 'The request cannot be read' },
  GRAPHQL_INVALID: { status: 400, title: 'The GraphQL document is not valid' },
  UNAUTHENTICATED: { status: 401, title: 'No valid key' },
  FORBIDDEN: { status: 403, title: 'Not allowed' },
  NOT_FOUND: { status: 404, title: 'Not found' },
  NAME_TAKEN: { status: 409, title: 'The name is taken' },
  IN_USE: { status: 409, title: 'Still in use' },
  WRONG_PHASE: { status: 409, title: 'Not possible in this phase' },
  PLAN_STALE: { status: 409, title: 'The plan is stale' },
  QUOTA_EXCEEDED: { status: 409, title: 'Quota exceeded' },
  IN_PROGRESS: { status: 409, title: 'Still in progress' },
  EXPIRED: { status: 410, title: 'No longer kept' },
  STALE: { status: 412, title: 'Changed in the meantime' },
  TOO_LARGE: { status: 413, title: 'Too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'Unsupported media type' },
  INVALID: { status: 422, title: 'Not valid' },
  KEY_REUSED: { status: 422, title: 'Idempotency key reused' },
  RATE_LIMITED: { status: 429, title: 'Too many requests' },
  INTERNAL: { status: 500, title: 'Internal error' },
  UNAVAILABLE: { status: 503, title: 'Unavailable' },
} as const satisfies Record<string, CodeFacts>;

/**
 * The closed list of error codes. Those here are about requests in general. A feature adds the code of a conflict that only it has by declaration, and
 * registers its status and title as its module loads:
 *
 *     declare module '../platform/problem.ts' {
 *       interface Codes { orders: 'ORDER_OPEN' }
 *     }
 *     registerCodes({ ORDER_OPEN: { status: 409, title: 'An order is open', after: 'IN_USE' } });
 *
 * so that this module names no feature, and a problem with any other code does not compile.
 */
export interface Codes {
  platform: keyof typeof platformCodes;
}

export type Code = Codes[keyof Codes];

const facts = new Map<string, CodeFacts & { after?: Code }>(Object.entries(platformCodes));

/** Registers codes of a feature. */
export function registerCodes<const C extends Code>(codes: Readonly<Record<C, RegisteredCode>>): void {
  for (const [code, fact] of Object.entries<RegisteredCode>(codes)) {
    if (facts.has(code)) throw new Error(`the code ${code} is registered twice`);
    facts.set(code, fact);
  }
}

/** Status and title of a code. */
export function factsOfCode(code: Code): CodeFacts {
  const found = facts.get(code);
  if (!found) throw new Error(`the code ${code} is declared but not registered`);
  return found;
}

/** All codes, in an order that does not depend on the order in which modules load. */
export function allCodes(): Code[] {
  const following = (code: string): string[] => [...facts].flatMap(([name, { after }]) => (after === code ? [name] : [])).sort();
  const withFollowing = (code: string): string[] => [code, ...following(code).flatMap(withFollowing)];
  return Object.keys(platformCodes).flatMap(withFollowing) as Code[];
}

/** The product's only public error: problem+json (RFC 9457) in REST, `extensions` in GraphQL. `detail` is public text. */
export class Problem extends HttpException {
  constructor(
    readonly code: Code,
    detail: string,
    readonly faults: Fault[] = [],
    /** Seconds for `Retry-After`; only with RATE_LIMITED, UNAVAILABLE and IN_PROGRESS. */
    readonly retryAfterSeconds: number | null = null,
  ) {
    super(detail, factsOfCode(code).status);
  }

  /** GraphQL's `extensions` on a socket, where no formatter is called. */
  get extensions() {
    return { code: this.code, status: factsOfCode(this.code).status, errors: this.faults, requestId: null };
  }
}

const MOST_LISTED = 5;

/** Names in a sentence, the first few of many. */
export const listed = (names: readonly string[]): string =>
  names.slice(0, MOST_LISTED).join(', ') + (names.length > MOST_LISTED ? ` and ${names.length - MOST_LISTED} more` : '');

/** 404 for a resource in the path. */
export const notFound = (noun: string, reference: string): Problem => new Problem('NOT_FOUND', `${noun} ${reference} does not exist.`);

/** 409 for a name that is in use. */
export const nameTaken = (detail: string): Problem => new Problem('NAME_TAKEN', detail, [{ pointer: '/name', detail: 'is taken' }]);

/** 422 with the faults and their places. */
export const invalid = (...faults: Fault[]): Problem => new Problem('INVALID', 'The request is not valid.', faults);
