import { setTimeout as sleep } from 'node:timers/promises';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../../generated/prisma/client.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import { context, currentContext } from './context.ts';
import type { BeforeCommit, Context } from './context.ts';
import { isRetryable, translate, unavailable } from './database-errors.ts';
import { outliveConnections } from './pool.ts';
import { statementName } from './statement-names.ts';
import { compiled } from './statements.ts';
import type { Statement } from './statements.ts';
import { tenantPool } from './tenant-adapter.ts';
import type { Wire } from './tenant-adapter.ts';

export interface DatabaseOptions {
  url: string;
  /** Connections for tenants' statements. Default 10. */
  poolSize?: number;
  /** Connections of the role that reads across tenants. Default 3. */
  systemPoolSize?: number;
  /** How long a statement waits for a connection before it fails with UNAVAILABLE. Default 5 s. */
  waitMilliseconds?: number;
  /** How long a transaction may take. Default 15 s. */
  transactionMilliseconds?: number;
  onError?: (error: Error) => void;
}

/** Queries across tenants, limited to the columns of the system role. */
export interface SystemQueries {
  query<T>(text: string, values?: unknown[]): Promise<T[]>;
}

/** The same for statements of Kysely's. */
export interface SystemStatements extends SystemQueries {
  run<T>(statement: Statement<T>): Promise<T[]>;
}

/** Author and role of code that runs outside a request. */
const PRODUCT = { author: { keyId: null, name: 'slipway', actor: null }, role: 'VIEWER', requestId: null } as const;
const ATTEMPTS = 6;
const IDLE_MILLISECONDS = 30_000;
/** Longer than the server's statement timeout, so it only ends queries on a connection that the network dropped silently. */
const QUERY_MILLISECONDS = 40_000;

/** The URL with run-time settings added. They come last and so override those already in the URL. */
export function withSettings(url: string, settings: Record<string, string>): string {
  const target = new URL(url);
  const added = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  target.searchParams.set('options', [target.searchParams.get('options'), ...added].filter(Boolean).join(' '));
  return target.toString();
}

function poolFor(options: DatabaseOptions, role: 'slipway_app' | 'slipway_system', max: number): pg.Pool {
  const settings = { role, idle_in_transaction_session_timeout: '60s', statement_timeout: '30s' };
  const pool = new pg.Pool({
    connectionString: withSettings(options.url, settings),
    application_name: role,
    max,
    connectionTimeoutMillis: options.waitMilliseconds ?? 5_000,
    idleTimeoutMillis: IDLE_MILLISECONDS,
    query_timeout: QUERY_MILLISECONDS,
    keepAlive: true,
    // Lets consecutive statements share a round trip. The type does not have the option yet.
    ...({ pipeline: true } as object),
  });
  return outliveConnections(pool, (error) => options.onError?.(error));
}

interface Batching {
  batchBy: (request: { transaction?: unknown }) => string | undefined;
}

/**
 * Prisma batches the `findUnique`s of one tick and sends them in the context of the first, which may be another tenant's. Inside a transaction that is
 * harmless, because its connection has its tenant. Outside, each must be sent separately. Throws at start if this Prisma version no longer has the switch.
 */
function sendAlone(client: PrismaClient): void {
  const options = ['_requestHandler', 'dataloader', 'options'].reduce<unknown>(
    (owner, part) => (owner instanceof Object ? (Reflect.get(owner, part) as unknown) : undefined),
    client,
  );
  if (!isBatching(options)) throw new Error('this version of Prisma batches queries in an unknown way');
  const { batchBy } = options;
  options.batchBy = (request) => (request.transaction ? batchBy(request) : undefined);
}

const isBatching = (options: unknown): options is Batching =>
  options instanceof Object && 'batchBy' in options && typeof options.batchBy === 'function';

/** Access to the tables. Inside `transaction` every query joins it; outside, each runs alone. Either way in the tenant of the context. */
export class Database {
  readonly system: SystemStatements;
  private readonly pool: pg.Pool;
  private readonly tenants: pg.Pool;
  private readonly systemPool: pg.Pool;
  private readonly client: PrismaClient;
  private readonly options: DatabaseOptions;

  constructor(options: DatabaseOptions) {
    this.options = options;
    this.pool = poolFor(options, 'slipway_app', options.poolSize ?? 10);
    this.systemPool = poolFor(options, 'slipway_system', options.systemPoolSize ?? 3);
    this.tenants = tenantPool(this.pool, () => context.getStore());
    const adapter = new PrismaPg(this.tenants, {
      statementNameGenerator: ({ sql, args }) => (args.length === 0 ? '' : statementName(sql)),
    });
    const client = new PrismaClient({ adapter, errorFormat: 'minimal' });
    sendAlone(client);
    // An extension of queries alone leaves the client's methods as they are; Prisma types every extended client as another one.
    this.client = client.$extends({
      query: {
        $allOperations: ({ args, query }) =>
          (query(args) as Promise<unknown>).catch((error: unknown) => {
            throw translate(error);
          }),
      },
    }) as unknown as PrismaClient;
    this.system = {
      run: <T>(statement: Statement<T>) => this.askSystem<T>(compiled(statement)),
      query: <T>(text: string, values: unknown[] = []) => this.askSystem<T>({ name: statementName(text), text, values }),
    };
  }

  /** The tables. A query without a tenant in its context can neither see nor write a tenant's rows. */
  get rows(): Prisma.TransactionClient {
    return context.getStore()?.transaction ?? this.client;
  }

  /**
   * Runs the work in one transaction, or in the one already open. Work that conflicted with another transaction is run again from the start, so it must
   * change nothing but rows. Other effects belong in `afterCommit`.
   */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    const outer = currentContext();
    if (outer.transaction) return work();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.attempt(outer, work);
      } catch (error) {
        if (!isRetryable(error)) throw translate(error);
        if (attempt === ATTEMPTS) throw unavailable(error);
        await sleep(Math.random() * 10 * 2 ** attempt);
      }
    }
  }

  private async attempt<T>(outer: Context, work: () => Promise<T>): Promise<T> {
    const afterCommit: (() => void)[] = [];
    const beforeCommit = new Map<unknown, BeforeCommit>();
    const wire: Wire = {};
    const inner = async (transaction: Prisma.TransactionClient): Promise<T> =>
      context.run({ ...outer, transaction, wire, afterCommit, beforeCommit }, async () => {
        const result = await work();
        const steps = [...beforeCommit.values()];
        for (const { run } of [...steps.filter(({ place }) => place === 'EARLIER'), ...steps.filter(({ place }) => place === 'LAST')])
          run();
        return result;
      });
    const limits = { maxWait: this.options.waitMilliseconds ?? 5_000, timeout: this.options.transactionMilliseconds ?? 15_000 };
    const result = await context.run({ ...outer, wire }, () => this.client.$transaction(inner, limits));
    for (const callback of afterCommit) callback();
    return result;
  }

  /** Calls back after the open transaction has committed, and never if it does not; immediately if none is open. The callback must not throw. */
  afterCommit(callback: () => void): void {
    const open = context.getStore();
    if (open?.transaction && open.afterCommit) open.afterCommit.push(callback);
    else callback();
  }

  /**
   * Runs a statement. Inside a transaction, those started in the same tick share a round trip and run in that order. Values are as the driver returns them: an
   * `int8` is a string.
   */
  run<T>(statement: Statement<T>): Promise<T[]> {
    return this.ask(compiled(statement));
  }

  /**
   * Sends a statement in the open transaction without waiting for its result. It shares a round trip with the next one. If it fails, that one fails too, or at the
   * latest the commit.
   */
  write(statement: Statement<unknown>): void {
    this.transmit(compiled(statement));
  }

  /** `run` for SQL as text. */
  query<T>(text: string, values: unknown[]): Promise<T[]> {
    return this.ask({ name: statementName(text), text, values });
  }

  /** `write` for SQL as text. */
  send(text: string, values: unknown[]): void {
    this.transmit({ name: statementName(text), text, values });
  }

  private async ask<T>(statement: pg.QueryConfig): Promise<T[]> {
    const ask = context.getStore()?.wire?.ask ?? ((lone: pg.QueryConfig) => this.tenants.query(lone));
    try {
      return (await ask(statement)).rows as T[];
    } catch (error) {
      throw translate(error);
    }
  }

  private transmit(statement: pg.QueryConfig): void {
    const { wire } = currentContext();
    if (!wire?.send) throw new Error('no transaction is open');
    wire.send(statement);
  }

  /** Calls `run` at the end of the open transaction, once per key, even if requested several times; in the order of the first requests, those at place LAST behind the others. */
  beforeCommit(key: unknown, run: () => void, place: BeforeCommit['place'] = 'EARLIER'): void {
    const open = currentContext();
    if (!open.transaction || !open.beforeCommit) throw new Error('no transaction is open');
    if (!open.beforeCommit.has(key)) open.beforeCommit.set(key, { run, place });
  }

  /** Runs the work for a tenant, outside any open transaction: for jobs, loops and operator actions for a tenant. */
  as<T>(who: Pick<Context, 'tenantId'> & Partial<Context>, work: () => Promise<T>): Promise<T> {
    // Awaited inside the context: Prisma's promises start only when awaited, in the context of the await.
    return context.run(
      { ...PRODUCT, ...who, transaction: undefined, wire: undefined, afterCommit: undefined, beforeCommit: undefined },
      async () => await work(),
    );
  }

  /** Time of the database's clock, which leases and deadlines use. */
  async now(): Promise<Date> {
    const [row] = await this.system.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    if (!row) throw new Error('the database returned no time');
    return row.now;
  }

  private async askSystem<T>(statement: pg.QueryConfig): Promise<T[]> {
    try {
      return (await this.systemPool.query(statement)).rows as T[];
    } catch (error) {
      throw translate(error);
    }
  }

  async close(): Promise<void> {
    await this.client.$disconnect();
    await Promise.all([this.pool.end(), this.systemPool.end()]);
  }
}
