/** A process's connections to Postgres: the transactions of `Database` without Prisma, on the server in memory. */
import { context, currentContext } from '../../src/platform/db/context.ts';
import type { BeforeCommit, Context } from '../../src/platform/db/context.ts';
import type { Database } from '../../src/platform/db/database.ts';
import { isRetryable } from '../../src/platform/db/database-errors.ts';
import { ConnectionLost } from './postgres.ts';
import type { Postgres, Statement, Transaction } from './postgres.ts';
import type { Process } from './time.ts';

const PRODUCT = { author: { keyId: null, name: 'slipway', actor: null }, role: 'OPERATOR', requestId: null } as const;
const ATTEMPTS = 6;
/** Least and most milliseconds of one direction. */
const WAY = [0.2, 2] as const;
/** How long a client takes to find out that the server does not answer. */
const TIMEOUT = 5_000;

interface Open {
  transaction: Transaction;
  /** Statements run in the order in which they were sent. */
  last: Promise<unknown>;
  /** Of statements that nobody waits for. */
  failed: { error: unknown } | null;
}

export class Session implements Pick<Database, 'as' | 'transaction' | 'afterCommit' | 'beforeCommit'> {
  /** By what each transaction does last: that is made with it. */
  private readonly opened = new WeakMap<object, Open>();

  constructor(
    readonly server: Postgres,
    readonly process: Process,
  ) {
    process.onKill(() => server.time.after(this.way(), () => server.disconnect(process)));
  }

  as<T>(who: Pick<Context, 'tenantId'>, work: () => Promise<T>): Promise<T> {
    return context.run({ ...PRODUCT, ...who }, work);
  }

  async transaction<T>(work: () => Promise<T>): Promise<T> {
    const outer = currentContext();
    if (outer.beforeCommit) return work();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.attempt(outer, work);
      } catch (error) {
        if (!isRetryable(error) || attempt === ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 10 * 2 ** attempt));
      }
    }
  }

  private async attempt<T>(outer: Context, work: () => Promise<T>): Promise<T> {
    const afterCommit: (() => void)[] = [];
    const beforeCommit = new Map<unknown, BeforeCommit>();
    const open: Open = { transaction: this.server.begin(this.process), last: Promise.resolve(), failed: null };
    this.opened.set(beforeCommit, open);
    let result: T;
    try {
      result = await context.run({ ...outer, afterCommit, beforeCommit }, async () => {
        const done = await work();
        const steps = [...beforeCommit.values()];
        for (const { run } of [...steps.filter(({ place }) => place === 'EARLIER'), ...steps.filter(({ place }) => place === 'LAST')])
          run();
        return done;
      });
      await open.last;
      if (open.failed) throw open.failed.error;
    } catch (error) {
      await open.last.catch(() => undefined);
      this.server.abort(open.transaction);
      throw error;
    }
    await this.commit(open.transaction);
    for (const callback of afterCommit) callback();
    return result;
  }

  afterCommit(callback: () => void): void {
    const open = context.getStore()?.afterCommit;
    if (open) open.push(callback);
    else callback();
  }

  beforeCommit(key: unknown, run: () => void, place: BeforeCommit['place'] = 'EARLIER'): void {
    const { beforeCommit } = currentContext();
    if (!beforeCommit) throw new Error('no transaction is open');
    if (!beforeCommit.has(key)) beforeCommit.set(key, { run, place });
  }

  /** Runs a statement in the open transaction, or in one of its own. */
  run<T>(statement: Statement<T>): Promise<T> {
    const open = this.current();
    if (open === null) return this.alone(statement);
    const running = open.last.then(() =>
      this.send<T>(open.transaction, (done, fail) => this.server.execute(open.transaction, statement, done, fail)),
    );
    open.last = running.catch((error: unknown) => (open.failed ??= { error }));
    return running;
  }

  /** The same without waiting for its result. If it fails, so does the commit. */
  write(statement: Statement<unknown>): void {
    if (this.current() === null) throw new Error('no transaction is open');
    this.run(statement).catch(() => undefined);
  }

  private current(): Open | null {
    const { beforeCommit } = context.getStore() ?? {};
    return beforeCommit === undefined ? null : (this.opened.get(beforeCommit) ?? null);
  }

  /** In a transaction of its own, whatever is open. */
  alone<T>(statement: Statement<T>): Promise<T> {
    const transaction = this.server.begin(this.process);
    return this.send(transaction, (done, fail) =>
      this.server.execute(
        transaction,
        statement,
        (result) => (this.server.commit(transaction) ? done(result) : fail(new ConnectionLost('the connection is gone'))),
        fail,
      ),
    );
  }

  private commit(transaction: Transaction): Promise<void> {
    return this.send(transaction, (done, fail) =>
      this.server.commit(transaction) ? done() : fail(new ConnectionLost('the connection is gone')),
    );
  }

  /** There and back. The way there does not end with the process, the way back does. A connection breaks before the server has done it or behind that. */
  private send<T>(transaction: Transaction, work: (done: (result: T) => void, fail: (error: Error) => void) => void): Promise<T> {
    const { server, process } = this;
    const { time, chance } = server;
    const fate = chance.next();
    const isAway = server.awayUntil > server.time.now;
    // Made here, it shows who has asked.
    const lost = new ConnectionLost('Connection terminated unexpectedly');
    return new Promise((resolve, reject) => {
      const answer = (say: () => void): void => void time.afterIn(process, this.way(), say);
      const lose = (milliseconds: number): void => {
        server.abort(transaction);
        time.afterIn(process, milliseconds, () => reject(lost));
      };
      if (isAway) return lose(Math.min(TIMEOUT, server.awayUntil - server.time.now));
      if (fate < server.breaks / 2) return lose(this.way());
      time.after(this.way(), () =>
        work(
          (result) => (fate < server.breaks ? lose(this.way()) : answer(() => resolve(result))),
          (error) => answer(() => reject(error)),
        ),
      );
    });
  }

  private way(): number {
    return WAY[0] + this.server.chance.next() * (WAY[1] - WAY[0]);
  }
}
