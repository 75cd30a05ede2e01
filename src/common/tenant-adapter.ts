import type pg from 'pg';
import { isOutdatedPlan } from './statement-names.ts';

/** How statements reach the open transaction past Prisma, which sends one at a time and waits for each. */
export interface Wire {
  /** Nobody waits for the answer. */
  send?: (statement: pg.QueryConfig) => void;
  ask?: (statement: pg.QueryConfig) => Promise<pg.QueryResult>;
}

/** What a transaction or a lone statement finds around it. */
interface Surroundings {
  tenantId: string;
  /** Given its ends when a transaction opens. */
  wire?: Wire | undefined;
}

/**
 * Row-level security below Prisma. The adapter is given a pool that looks like any other, but whose every transaction begins by naming the tenant:
 *
 *  - an explicit transaction's BEGIN goes out with the tenant's setting in one message, and with the first statement in one round trip;
 *  - a lone statement is wrapped in a transaction of its own, all three messages in one round trip (the pool's clients pipeline).
 *
 * Without a tenant nothing is set, and the policies show no rows and accept none. The only thing relied on is what the adapter sends: `query` on the
 * pool for a lone statement; `connect`, then BEGIN, statements, COMMIT or ROLLBACK on the client for a transaction.
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

/** What opens a transaction. The id is put into the text, so that it is one message; therefore nothing but a UUID may get here. */
function opening(tenantId: string | undefined): string {
  if (tenantId === undefined) return 'BEGIN';
  if (!UUID.test(tenantId)) throw new Error('the tenant of the context is not a UUID');
  return `BEGIN; SELECT set_config('app.tenant_id', '${tenantId}', true)`;
}

/** A transaction that Postgres had given up, because a statement in it failed and somebody went on regardless. */
export class AbortedTransactionError extends Error {
  readonly code = '25P02';

  constructor() {
    super('A statement of the transaction failed and the error was swallowed: nothing was committed.');
  }
}

/** To COMMIT in a transaction that has failed Postgres answers ROLLBACK, and no error. */
function assertCommitted(result: pg.QueryResult): void {
  if (result.command !== 'COMMIT') throw new AbortedTransactionError();
}

async function lone(pool: pg.Pool, open: string, statement: pg.QueryConfig): Promise<pg.QueryResult> {
  const client = await pool.connect();
  // The three are on their way before the first is answered. A failed opening leaves the statement without a tenant, and so without rows.
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
 * A client of the pool whose BEGIN names the tenant and whose COMMIT is believed only when Postgres confirms it. BEGIN, and what is sent on the wire, are not
 * waited for by themselves: where one of them has failed, so does the next statement that somebody waits for, at the latest the COMMIT, and with its error.
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
    if (this.over) throw new Error('the transaction is over');
    this.over = statement.text === 'COMMIT' || statement.text === 'ROLLBACK';
    const answer = this.client.query(statement);
    // Whoever waits hears of it; where nobody does any more, because the transaction has failed otherwise, it does not matter.
    answer.catch((error: unknown) => (this.outdated ||= isOutdatedPlan(error)));
    return answer;
  }

  /** Back in the pool only when no transaction is open on it, and no plan that is of no more use. */
  private release(error?: Error | boolean): void {
    this.over = true;
    this.client.release(error ?? (this.outdated || this.client.getTransactionStatus() !== 'I'));
  }
}
