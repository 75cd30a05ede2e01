import { AsyncLocalStorage } from 'node:async_hooks';
import type { Prisma } from '../../generated/prisma/client.ts';
import type { Wire } from './tenant-adapter.ts';

/** Scope of operator actions that concern no tenant. No row of a tenant has this id. */
export const NO_TENANT = '00000000-0000-0000-0000-000000000000';

/** Who asked, as stored in `createdBy`. */
export interface Author {
  /** null = the operator's key or the product itself. */
  keyId: string | null;
  name: string;
  /** `Slipway-Actor`: the user of a console; never used for authorization. */
  actor: string | null;
}

/** What a caller may do at most. The feature that authorizes callers adds its roles by declaration, so that this module names none. */
export interface Roles {
  platform: never;
}

/** On whose behalf the code runs. Set once per request, job or loop, and read by the database layer below Prisma. */
export interface Context {
  tenantId: string;
  author: Author;
  role: Roles[keyof Roles];
  requestId: string | null;
  /** The open transaction; inner calls join it. */
  transaction?: Prisma.TransactionClient;
  /** How SQL reaches the open transaction past Prisma. */
  wire?: Wire;
  afterCommit?: (() => void)[];
  /** What the open transaction does last, by key. */
  beforeCommit?: Map<unknown, BeforeCommit>;
}

/** `LAST`: behind all others, for what locks a row that every transaction of the tenant locks. One order for all, or they deadlock. */
export interface BeforeCommit {
  run: () => void;
  place: 'EARLIER' | 'LAST';
}

export const context = new AsyncLocalStorage<Context>();

/** The context. Throws outside a request, job or loop: calling it there is a bug. */
export function currentContext(): Context {
  const found = context.getStore();
  if (!found) throw new Error('no tenant context');
  return found;
}

export const tenantId = (): string => currentContext().tenantId;
export const author = (): Author => currentContext().author;
