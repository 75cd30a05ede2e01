import { setTimeout as sleep } from 'node:timers/promises';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { PrismaClient } from '../generated/prisma/client.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { context, currentContext } from './context.ts';
import type { Context } from './context.ts';
import { isRetryable, translate, unavailable } from './database-errors.ts';
import { outliveConnections } from './pool.ts';
import { statementName } from './statement-names.ts';
import { tenantPool } from './tenant-adapter.ts';
import type { Wire } from './tenant-adapter.ts';

export interface DatabaseOptions {
  url: string;
  /** Connections for tenants' statements. Default 10. */
  poolSize?: number;
  /** Connections of the role that looks across tenants. Default 3. */
  systemPoolSize?: number;
  /** How long a statement waits for a connection before the caller hears UNAVAILABLE. Default 5 s. */
  waitMilliseconds?: number;
  /** How long a transaction may take. Default 15 s. */
  transactionMilliseconds?: number;
  onError?: (error: Error) => void;
}

/** What looks across tenants: rows of the system role's columns, nothing else. */
export interface SystemQueries {
  query<T>(text: string, values?: unknown[]): Promise<T[]>;
}

/** Code that runs for no request: who it says it is. */
const PRODUCT = { author: { keyId: null, name: 'slipway', actor: null }, role: 'VIEWER', requestId: null } as const;
const ATTEMPTS = 6;
const IDLE_MILLISECONDS = 30_000;
/** Longer than the server lets a statement run: this is for a connection that the network dropped without a word. */
const QUERY_MILLISECONDS = 40_000;

/** The URL with run-time settings added; ours come last and so win over what the URL itself says. */
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
    // Statements that belong together share a round trip; the type does not know the option yet.
    ...({ pipeline: true } as object),
  });
  return outliveConnections(pool, (error) => options.onError?.(error));
}

interface Batching {
  _requestHandler?: { dataloader?: { options?: { batchBy?: (request: { transaction?: unknown }) => string | undefined } } };
}

/**
 * Prisma gathers the `findUnique`s of one tick and sends them in the context of the first: in the tenant of somebody else. Within a transaction that is
 * harmless, as its connection has its tenant; lone ones must go alone. Fails the start where Prisma has moved the switch.
 */
function sendAlone(client: PrismaClient): void {
  const options = (client as unknown as Batching)._requestHandler?.dataloader?.options;
  const batchBy = options?.batchBy;
  if (!options || !batchBy) throw new Error('this version of Prisma batches in a way that is not known');
  options.batchBy = (request) => (request.transaction ? batchBy(request) : undefined);
}

/** The way to the rows: inside `transaction` every query joins it, outside each stands alone; either way in the tenant of the context. */
export class Database {
  readonly system: SystemQueries;
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
    this.client = client.$extends({
      query: {
        $allOperations: ({ args, query }) =>
          (query(args) as Promise<unknown>).catch((error: unknown) => {
            throw translate(error);
          }),
      },
    }) as unknown as PrismaClient;
    this.system = { query: (text, values) => this.querySystem(text, values) };
  }

  /** The tables. A query without a tenant in its context sees no tenant's row and can write none. */
  get rows(): Prisma.TransactionClient {
    return context.getStore()?.transaction ?? this.client;
  }

  /**
   * Does the work in one transaction, or in the one already open. Work that lost against another transaction is done again from the start, so it must
   * have no effect but on rows; what else is to happen is said with `afterCommit`.
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
    const beforeCommit = new Map<unknown, () => void>();
    const wire: Wire = {};
    const inner = async (transaction: Prisma.TransactionClient): Promise<T> =>
      context.run({ ...outer, transaction, wire, afterCommit, beforeCommit }, async () => {
        const result = await work();
        for (const last of beforeCommit.values()) last();
        return result;
      });
    const limits = { maxWait: this.options.waitMilliseconds ?? 5_000, timeout: this.options.transactionMilliseconds ?? 15_000 };
    const result = await context.run({ ...outer, wire }, () => this.client.$transaction(inner, limits));
    for (const callback of afterCommit) callback();
    return result;
  }

  /** Called once the open transaction has committed, never if it does not; at once where none is open. It must not throw. */
  afterCommit(callback: () => void): void {
    const open = context.getStore();
    if (open?.transaction && open.afterCommit) open.afterCommit.push(callback);
    else callback();
  }

  /**
   * Asks in SQL; inside a transaction several questions that are asked at once share a round trip, in the order in which they are asked. Answers are as the
   * driver reads them: an `int8` is a text.
   */
  async query<T>(text: string, values: unknown[]): Promise<T[]> {
    const statement = { name: statementName(text), text, values };
    const ask = context.getStore()?.wire?.ask ?? ((lone: pg.QueryConfig) => this.tenants.query(lone));
    try {
      return (await ask(statement)).rows as T[];
    } catch (error) {
      throw translate(error);
    }
  }

  /**
   * Sends a write of the open transaction that answers nothing. It shares a round trip with what follows it, and where it fails, so does that: at the latest
   * the commit.
   */
  send(text: string, values: unknown[]): void {
    const { wire } = currentContext();
    if (!wire?.send) throw new Error('there is no transaction open');
    wire.send({ name: statementName(text), text, values });
  }

  /** Calls `last` as the last thing in the open transaction; once for each key, however often it is asked for. */
  beforeCommit(key: unknown, last: () => void): void {
    const open = currentContext();
    if (!open.transaction || !open.beforeCommit) throw new Error('there is no transaction open');
    if (!open.beforeCommit.has(key)) open.beforeCommit.set(key, last);
  }

  /** Does the work for a tenant, outside whatever transaction is open: for jobs, loops and what the operator does for a tenant. */
  as<T>(who: Pick<Context, 'tenantId'> & Partial<Context>, work: () => Promise<T>): Promise<T> {
    // Awaited inside: Prisma's promises do nothing before somebody awaits them, and do it in that one's context.
    return context.run(
      { ...PRODUCT, ...who, transaction: undefined, wire: undefined, afterCommit: undefined, beforeCommit: undefined },
      async () => await work(),
    );
  }

  /** The database's clock, which leases and deadlines go by. */
  async now(): Promise<Date> {
    const [row] = await this.system.query<{ now: Date }>('SELECT clock_timestamp() AS now');
    if (!row) throw new Error('the database has no clock');
    return row.now;
  }

  private async querySystem<T>(text: string, values: unknown[] = []): Promise<T[]> {
    try {
      return (await this.systemPool.query({ name: statementName(text), text, values })).rows as T[];
    } catch (error) {
      throw translate(error);
    }
  }

  async close(): Promise<void> {
    await this.client.$disconnect();
    await Promise.all([this.pool.end(), this.systemPool.end()]);
  }
}
