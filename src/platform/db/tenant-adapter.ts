import type pg from 'pg';
import { isOutdatedPlan } from './statement-names.ts';

/** Sends statements to the open transaction directly, because Prisma sends one at a time and waits for each. */
export interface Wire {
  /** Does not wait for the result. */
  send?: (statement: pg.QueryConfig) => void;
  ask?: (statement: pg.QueryConfig) => Promise<pg.QueryResult>;
}

/** The context of a transaction or a single statement. */
interface Surroundings {
  tenantId: string;
  /** Filled when a transaction opens. */
  wire?: Wire | undefined;
}

/**
 * Row-level security below Prisma. The adapter gets a pool like any other, but each of its transactions begins by setting the tenant:
 *
 *  - the BEGIN of an explicit transaction and the tenant's setting are one message, which shares a round trip with the first statement;
 *  - a single statement is wrapped in its own transaction, all three messages in one round trip (the pool's clients pipeline).
 *
 * Without a tenant nothing is set, and the policies neither show nor accept rows. This relies only on the adapter's calls: `query` on the pool for a single
 * statement; `connect`, then BEGIN, statements, COMMIT or ROLLBACK on the client for a transaction.
 */
export function tenantPool(pool: pg.Pool, surroundings: () => Surroundings | undefined): pg.Pool {
  return Object.create(pool, {
    query: { value: (statement: pg.QueryConfig) => lone(pool, opening(surroundings()?.tenantId), statement) },
    connect: {
      value: async () => {
        const found = surroundings();
        const open = opening(found?.tenantId);
        return new TransactionClient(await pool.connect(), open, found?.wire).facade();
      },
    },
    on: { value: pool.on.bind(pool) },
    removeListener: { value: pool.removeListener.bind(pool) },
  }) as pg.Pool;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Opens a transaction. The id is part of the text, to make it one message; therefore it must be a UUID. */
function opening(tenantId: string | undefined): string {
  if (tenantId === undefined) return 'BEGIN';
  if (!UUID.test(tenantId)) throw new Error('the tenant of the context is not a UUID');
  return `BEGIN; SELECT set_config('app.tenant_id', '${tenantId}', true)`;
}

/** Postgres had aborted the transaction: a statement failed, and its error was ignored. */
export class AbortedTransactionError extends Error {
  readonly code = '25P02';

  constructor() {
    super('A statement of the transaction failed and the error was swallowed: nothing was committed.');
  }
}

/** Postgres answers COMMIT in a failed transaction with ROLLBACK and no error. */
function assertCommitted(result: pg.QueryResult): void {
  if (result.command !== 'COMMIT') throw new AbortedTransactionError();
}

async function lone(pool: pg.Pool, open: string, statement: pg.QueryConfig): Promise<pg.QueryResult> {
  const client = await pool.connect();
  // All three are sent before the first is answered. If the opening fails, the statement has no tenant and so no rows.
  const [opened, done, committed] = await Promise.allSettled([client.query(open), client.query(statement), client.query('COMMIT')]);
  const outdated = done.status === 'rejected' && isOutdatedPlan(done.reason);
  client.release(opened.status === 'rejected' || committed.status === 'rejected' || outdated);
  if (outdated) return lone(pool, open, statement);
  if (opened.status === 'rejected') throw opened.reason;
  if (done.status === 'rejected') throw done.reason;
  if (committed.status === 'rejected') throw committed.reason;
  assertCommitted(committed.value);
  return done.value;
}

/**
 * A client of the pool whose BEGIN sets the tenant and whose COMMIT must be confirmed by Postgres. BEGIN and statements sent on the wire are not awaited: if
 * one fails, the next awaited statement fails with its error, at the latest the COMMIT.
 */
class TransactionClient {
  private readonly unanswered: Promise<unknown>[] = [];
  private outdated = false;
  private over = false;

  constructor(
    private readonly client: pg.PoolClient,
    private readonly opening: string,
    wire: Wire | undefined,
  ) {
    if (!wire) return;
    wire.send = (statement) => void this.unanswered.push(this.send(statement));
    wire.ask = (statement) => this.ask(statement);
  }

  facade(): pg.PoolClient {
    const { client } = this;
    return Object.create(client, {
      query: { value: (statement: pg.QueryConfig) => this.query(statement) },
      on: { value: client.on.bind(client) },
      removeListener: { value: client.removeListener.bind(client) },
      release: { value: (error?: Error | boolean) => this.release(error) },
    }) as pg.PoolClient;
  }

  private async query(statement: pg.QueryConfig): Promise<unknown> {
    if (statement.text === 'BEGIN') {
      this.unanswered.push(this.send({ text: this.opening }));
      return { command: 'BEGIN', rows: [], fields: [], rowCount: 0 };
    }
    if (statement.text === 'ROLLBACK') {
      await Promise.allSettled(this.unanswered.splice(0));
      return this.send(statement);
    }
    const result = await this.ask(statement);
    if (statement.text === 'COMMIT') assertCommitted(result);
    return result;
  }

  private async ask(statement: pg.QueryConfig): Promise<pg.QueryResult> {
    const [result] = await Promise.all([this.send(statement), ...this.unanswered.splice(0)]);
    return result;
  }

  private send(statement: pg.QueryConfig): Promise<pg.QueryResult> {
    if (this.over) throw new Error('the transaction has ended');
    this.over = statement.text === 'COMMIT' || statement.text === 'ROLLBACK';
    const answer = this.client.query(statement);
    // An awaiting caller gets the error. If none waits, the transaction has already failed for another reason.
    answer.catch((error: unknown) => (this.outdated ||= isOutdatedPlan(error)));
    return answer;
  }

  /** The client returns to the pool only if no transaction is open on it and none of its plans is outdated. */
  private release(error?: Error | boolean): void {
    this.over = true;
    this.client.release(error ?? (this.outdated || this.client.getTransactionStatus() !== 'I'));
  }
}
