import type pg from 'pg';
import { isOutdatedPlan } from './statement-names.ts';

/**
 * Row-level security below Prisma. The adapter is given a pool that looks like any other, but whose every transaction begins by naming the tenant:
 *
 *  - an explicit transaction's BEGIN goes out with the tenant's setting in one message;
 *  - a lone statement is wrapped in a transaction of its own, all three messages in one round trip (the pool's clients pipeline).
 *
 * Without a tenant nothing is set, and the policies show no rows and accept none. The only thing relied on is what the adapter sends: `query` on the
 * pool for a lone statement; `connect`, then BEGIN, statements, COMMIT or ROLLBACK on the client for a transaction.
 */
export function tenantPool(pool: pg.Pool, tenantId: () => string | undefined): pg.Pool {
  return Object.create(pool, {
    query: { value: (statement: pg.QueryConfig) => lone(pool, opening(tenantId()), statement) },
    connect: { value: async () => transactionClient(pool, opening(tenantId())) },
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

/** A client of the pool whose BEGIN names the tenant and whose COMMIT is believed only when Postgres confirms it. */
async function transactionClient(pool: pg.Pool, open: string): Promise<pg.PoolClient> {
  const client = await pool.connect();
  let outdated = false;
  const query = async (statement: pg.QueryConfig): Promise<pg.QueryResult> => {
    if (statement.text === 'BEGIN') return client.query(open);
    const result = await client.query(statement).catch((error: unknown) => {
      outdated ||= isOutdatedPlan(error);
      throw error;
    });
    if (statement.text === 'COMMIT') assertCommitted(result);
    return result;
  };
  return Object.create(client, {
    query: { value: query },
    on: { value: client.on.bind(client) },
    removeListener: { value: client.removeListener.bind(client) },
    // Back in the pool only when no transaction is open on it, and no plan that is of no more use.
    release: { value: (error?: Error | boolean) => client.release(error ?? (outdated || client.getTransactionStatus() !== 'I')) },
  }) as pg.PoolClient;
}
