/**
 * Postgres in memory, as far as the engine rests on it: transactions that see what is committed when each of their statements begins, locks on rows that are held
 * to the end, conditions that are checked again once a lock is there, deadlocks, and connections that break at any moment, before a commit or behind it.
 */
import type { Chance } from '../rollouts/model/chance.ts';
import { LostRace } from '../../src/platform/db/database-errors.ts';
import type { NewEvent } from '../../src/events/event-log.ts';
import type { Process, VirtualTime } from './time.ts';

/** A row as `to_jsonb` makes it. Rows never change, they are replaced. */
export type Row = Readonly<Record<string, any>>;

/** `SKIP`: the answer is false where another transaction has it; otherwise it waits and the answer is true. */
export interface LockRequest {
  key: string;
  mode: 'SHARE' | 'UPDATE';
  skip?: boolean;
}

/** One statement. What it reads before its first lock is its snapshot; what it reads behind a lock is what is committed then. */
export type Statement<T> = (transaction: Transaction) => Generator<LockRequest, T, boolean>;

/** A statement that locks nothing. */
export const reading = <T>(read: (transaction: Transaction) => T): Statement<T> =>
  // eslint-disable-next-line require-yield
  function* (transaction) {
    return read(transaction);
  };

export type Table = 'work' | 'workloads' | 'rollouts' | 'waves' | 'targets' | 'placements' | 'releases' | 'release_objects' | 'rendered';

export interface EventRow extends NewEvent {
  seq: number;
  at: number;
}

interface Lock {
  holders: Map<Transaction, LockRequest['mode']>;
  waiting: { transaction: Transaction; request: LockRequest; go: () => void }[];
}

/** What a client gets when its connection breaks. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost';
  readonly code = 'ECONNRESET';
}

class Deadlock extends LostRace {}

export class Transaction {
  readonly held = new Set<string>();
  readonly writes = new Map<Table, Map<string, Row | null>>();
  state: 'OPEN' | 'COMMITTED' | 'ABORTED' = 'OPEN';
  /** Of the tenant's log: numbered when it commits. */
  readonly events: NewEvent[] = [];
  /** When its first statement began, by the server's clock. */
  startedAt = 0;

  constructor(
    readonly server: Postgres,
    /** Whose it is. */
    readonly process: Process,
  ) {}

  get(table: Table, key: string): Row | null {
    const own = this.writes.get(table)?.get(key);
    return own === undefined ? (this.server.rows(table).get(key) ?? null) : own;
  }

  /** In the order of their keys. */
  all(table: Table): Row[] {
    const own = this.writes.get(table);
    const keys = own === undefined ? this.server.rows(table).keys() : new Set([...this.server.rows(table).keys(), ...own.keys()]);
    return [...keys].sort().flatMap((key) => this.get(table, key) ?? []);
  }

  put(table: Table, key: string, row: Row | null): void {
    const own = this.writes.get(table) ?? new Map<string, Row | null>();
    this.writes.set(table, own.set(key, row));
  }

  update(table: Table, key: string, changes: Row): Row | null {
    const before = this.get(table, key);
    if (before === null) return null;
    const after = { ...before, ...changes };
    this.put(table, key, after);
    return after;
  }
}

export class Postgres {
  private readonly tables = new Map<Table, Map<string, Row>>();
  private readonly locks = new Map<string, Lock>();
  private readonly open = new Set<Transaction>();
  deadlocks = 0;
  /** Its clock, which differs from those of others. */
  skew = 0;
  /** Until then no statement reaches it. */
  awayUntil = 0;
  /** How often a connection breaks under a statement, of 1. */
  breaks = 0;
  private tokens = 0;
  /** The tenant's log of events. */
  readonly events: EventRow[] = [];
  /** Called with each transaction right after its commit. */
  onCommit: (transaction: Transaction) => void = () => undefined;

  constructor(
    readonly time: VirtualTime,
    readonly chance: Chance,
  ) {}

  get now(): number {
    return this.time.now + this.skew;
  }

  rows(table: Table): Map<string, Row> {
    const known = this.tables.get(table);
    if (known) return known;
    const rows = new Map<string, Row>();
    this.tables.set(table, rows);
    return rows;
  }

  nextToken(): string {
    return String(++this.tokens);
  }

  begin(process: Process): Transaction {
    const transaction = new Transaction(this, process);
    this.open.add(transaction);
    return transaction;
  }

  /** Runs a statement, as soon as it has its locks. `done` is called with its result, or with what it failed with. */
  execute<T>(transaction: Transaction, statement: Statement<T>, done: (result: T) => void, fail: (error: Error) => void): void {
    if (transaction.startedAt === 0) transaction.startedAt = this.now;
    const steps = statement(transaction);
    const go = (acquired: boolean): void => {
      if (transaction.state === 'ABORTED') return fail(new ConnectionLost('the transaction is gone'));
      try {
        const step = steps.next(acquired);
        if (step.done) return done(step.value);
        this.lock(transaction, step.value, go);
      } catch (error) {
        this.abort(transaction);
        fail(error as Error);
      }
    };
    go(true);
  }

  private lock(transaction: Transaction, request: LockRequest, go: (acquired: boolean) => void): void {
    const lock: Lock = this.locks.get(request.key) ?? { holders: new Map(), waiting: [] };
    this.locks.set(request.key, lock);
    if (isFree(lock, transaction, request.mode)) {
      hold(lock, transaction, request);
      return go(true);
    }
    if (request.skip) return go(false);
    lock.waiting.push({ transaction, request, go: () => go(true) });
    if (!this.waitsForItself(transaction)) return;
    this.deadlocks += 1;
    lock.waiting = lock.waiting.filter((one) => one.transaction !== transaction);
    throw new Deadlock('deadlock detected');
  }

  private waitsForItself(transaction: Transaction): boolean {
    const seen = new Set<Transaction>();
    const blockers = (one: Transaction): Transaction[] =>
      [...this.locks.values()].flatMap(({ waiting, holders }) =>
        waiting.some((each) => each.transaction === one) ? [...holders.keys()].filter((holder) => holder !== one) : [],
      );
    const visit = (one: Transaction): boolean =>
      blockers(one).some((other) => {
        if (other === transaction) return true;
        if (seen.has(other)) return false;
        seen.add(other);
        return visit(other);
      });
    return visit(transaction);
  }

  commit(transaction: Transaction): boolean {
    if (transaction.state !== 'OPEN') return false;
    transaction.state = 'COMMITTED';
    for (const [table, rows] of transaction.writes)
      for (const [key, row] of rows) {
        if (row === null) this.rows(table).delete(key);
        else this.rows(table).set(key, row);
      }
    for (const event of transaction.events) this.events.push({ ...event, seq: this.events.length + 1, at: this.now });
    this.onCommit(transaction);
    this.release(transaction);
    return true;
  }

  abort(transaction: Transaction): void {
    if (transaction.state !== 'OPEN') return;
    transaction.state = 'ABORTED';
    this.release(transaction);
  }

  /** All connections of a process break. */
  disconnect(process: Process): void {
    for (const transaction of [...this.open]) if (transaction.process === process) this.abort(transaction);
  }

  private release(transaction: Transaction): void {
    this.open.delete(transaction);
    for (const lock of this.locks.values()) lock.waiting = lock.waiting.filter((one) => one.transaction !== transaction);
    const freed = [...transaction.held];
    for (const key of freed) this.locks.get(key)?.holders.delete(transaction);
    for (const key of freed) this.wake(key);
  }

  private wake(key: string): void {
    for (;;) {
      const lock = this.locks.get(key);
      const next = lock?.waiting[0];
      if (!lock || !next || !isFree(lock, next.transaction, next.request.mode, true)) break;
      lock.waiting.shift();
      hold(lock, next.transaction, next.request);
      next.go();
    }
    const lock = this.locks.get(key);
    if (lock && lock.holders.size === 0 && lock.waiting.length === 0) this.locks.delete(key);
  }
}

/** `first`: it is the first that waits. Whoever comes later does not overtake those that wait. */
function isFree({ holders, waiting }: Lock, transaction: Transaction, mode: LockRequest['mode'], first = false): boolean {
  const others = [...holders].filter(([holder]) => holder !== transaction);
  if (others.some(([, held]) => mode === 'UPDATE' || held === 'UPDATE')) return false;
  return first || waiting.length === 0 || holders.has(transaction);
}

function hold(lock: Lock, transaction: Transaction, { key, mode }: LockRequest): void {
  if (lock.holders.get(transaction) !== 'UPDATE') lock.holders.set(transaction, mode);
  transaction.held.add(key);
}
