import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { createPostgresBackend, Queue, Worker } from 'bullmq';
import type { Job as QueuedJob, PgPool } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { withSettings } from '../db/database.ts';
import { QUEUE_SCHEMA } from '../db/migrate.ts';
import { outliveConnections } from '../db/pool.ts';
import { Reach } from './reach.ts';
import type { OnReach } from './reach.ts';

/** A wake-up: it says which rows to read, never what to do. */
export interface Job {
  name: string;
  /** Ids only. */
  data: Record<string, string | number>;
}

export interface QueueHandle {
  /**
   * Adds the job unless one with the same id is already waiting; while one runs, the newest follows it. Never rejects: a job is only a hint, and the sweep
   * finds the same rows.
   */
  add(job: Job, deduplicationId: string): Promise<void>;
}

export interface QueueWorker {
  /** Resolves when running jobs have ended. */
  close(): Promise<void>;
}

export interface QueuesOptions {
  /** The application's database. The queue is in its schema `bullmq` unless `redisUrl` is set. */
  url: string;
  redisUrl: string | null;
  /** Connections for queries, shared by all queues. Each worker has one more to listen on. Default 4. */
  poolSize?: number;
  onError?: (error: Error) => void;
  /** Called once when the queue becomes unreachable and once when it is reachable again. `onError` is not called for these. */
  onReach?: OnReach;
}

/** How long a caller waits for an add, so that an unreachable queue does not block it. */
const ADD_MILLISECONDS = 2_000;
/** Timeout of a command or a connection attempt. */
const COMMAND_MILLISECONDS = 10_000;
const REOPEN_MILLISECONDS = 1_000;
const CLOSE_MILLISECONDS = 10_000;
const LISTEN_IDLE_MILLISECONDS = 10_000;
/** How long an idle worker blocks before it polls. Jobs that it is not notified of are rare, so this may be long. */
const BLOCK_SECONDS = 30;

/** How long a worker waits when there are no jobs, and after a failed poll. It can stop only after the latter, so that one must be short. */
const PATIENCE = { drainDelay: BLOCK_SECONDS, runRetryDelay: REOPEN_MILLISECONDS };

/** BullMQ writes each job's events to a stream that is not read here, so the stream is kept short. */
const EVENTS = { events: { maxLen: 100 } };

/** What a backend provides: BullMQ's objects, a check, and how to close them. */
interface Backend {
  queue(name: string): Queue;
  worker(name: string, process: (job: QueuedJob) => Promise<void>, concurrency: number): Worker;
  ping(): Promise<void>;
  close(): Promise<void>;
}

const finished = { removeOnComplete: true, removeOnFail: true } as const;

/** BullMQ on Redis. While Redis is unreachable, an add is given up after a few seconds, and workers wait without limit. */
function redisBackend(url: string, onError: (error: Error) => void, onReady: () => void): Backend {
  const connections: Redis[] = [];
  const connect = (options: object): Redis => {
    const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: (times) => Math.min(times * 100, 2_000), ...options });
    redis.setMaxListeners(0);
    redis.on('error', onError).on('ready', onReady);
    connections.push(redis);
    return redis;
  };
  let adding: Redis | undefined;
  let working: Redis | undefined;
  const adds = (): Redis => (adding ??= connect({ commandTimeout: COMMAND_MILLISECONDS }));
  return {
    queue: (name) => new Queue(name, { connection: adds(), streams: EVENTS }),
    worker: (name, process, concurrency) => new Worker(name, process, { ...PATIENCE, connection: (working ??= connect({})), concurrency }),
    ping: async () => void (await adds().ping()),
    close: async () => connections.forEach((redis) => redis.disconnect()),
  };
}

/**
 * BullMQ on Postgres. All queues share one pool on the queue's schema for queries. Each worker keeps a connection to listen on, so workers get a facade of
 * that pool whose `connect` returns a connection from outside it.
 */
function postgresBackend(options: QueuesOptions, onError: (error: Error) => void): Backend {
  const connectionString = withSettings(options.url, { role: 'slipway_app', search_path: QUEUE_SCHEMA, statement_timeout: '30s' });
  const common = { connectionString, connectionTimeoutMillis: COMMAND_MILLISECONDS, keepAlive: true };
  const queries = new pg.Pool({
    ...common,
    application_name: 'slipway queue',
    max: options.poolSize ?? 4,
    idleTimeoutMillis: 30_000,
    query_timeout: 40_000,
  });
  const listeners = new pg.Pool({
    ...common,
    application_name: 'slipway listen',
    max: Infinity,
    idleTimeoutMillis: LISTEN_IDLE_MILLISECONDS,
  });
  for (const pool of [queries, listeners]) outliveConnections(pool.setMaxListeners(0), onError);
  const facade = (connect: () => Promise<pg.PoolClient>): PgPool => {
    const emitter = new EventEmitter().setMaxListeners(0);
    const pool = {
      options: { keepAlive: true },
      query: (text: string, values?: unknown[]) => queries.query(text, values),
      connect,
      end: () => Promise.resolve(),
      on: (event: string, listener: () => void) => void emitter.on(event, listener),
      removeAllListeners: (event?: string) => void emitter.removeAllListeners(event),
    };
    return pool as unknown as PgPool;
  };
  const forQueues = facade(() => queries.connect());
  const forWorkers = facade(() => listeners.connect());
  return {
    queue: (name) => new Queue(name, { connection: forQueues, streams: EVENTS }, createPostgresBackend) as unknown as Queue,
    worker: (name, process, concurrency) =>
      new Worker(name, process, { ...PATIENCE, connection: forWorkers, concurrency }, createPostgresBackend) as unknown as Worker,
    ping: async () => void (await queries.query(`SELECT 1 FROM ${QUEUE_SCHEMA}.migration LIMIT 1`)),
    close: async () => void (await Promise.all([queries.end(), listeners.end()])),
  };
}

/** Rejects if the work does not settle in time, because BullMQ waits for a connection without limit. */
async function within<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = sleep(milliseconds, undefined, { signal: over.signal }).then(() =>
    Promise.reject(new Error('the queue did not answer in time')),
  );
  late.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    over.abort();
  }
}

/** BullMQ's queues, on Redis or in Postgres. They are opened by name at run time, because their names are data. */
export class Queues {
  private readonly backend: Backend;
  private readonly opened = new Map<string, Queue>();
  private readonly workers = new Set<QueueWorker>();
  /** Handles every error, including those of an unreachable queue. */
  private readonly onError: (error: Error) => void;
  private readonly report: (error: Error) => void;
  private readonly reach: Reach;
  private closing = false;

  constructor(options: QueuesOptions) {
    this.reach = new Reach((away) => {
      if (!this.closing) options.onReach?.(away);
    });
    this.report = (error) => {
      if (!this.closing) options.onError?.(error);
    };
    this.onError = (error) => {
      if (!this.reach.lost(error)) this.report(error);
    };
    const onReady = (): void => this.reach.found();
    this.backend = options.redisUrl ? redisBackend(options.redisUrl, this.onError, onReady) : postgresBackend(options, this.onError);
  }

  /** Rejects when the queue is unreachable. */
  async ping(): Promise<void> {
    await within(ADD_MILLISECONDS, this.backend.ping());
    this.reach.found();
  }

  open(name: string): QueueHandle {
    return { add: (job, deduplicationId) => this.add(name, job, deduplicationId) };
  }

  private async add(name: string, job: Job, deduplicationId: string): Promise<void> {
    const queue = this.queue(name);
    const options = { ...finished, deduplication: { id: deduplicationId, keepLastIfActive: true } };
    const added = queue.add(job.name, job.data, options).then(
      () => this.reach.found(),
      (error: unknown) => {
        this.onError(error instanceof Error ? error : new Error(String(error)));
        this.forget(name, queue);
      },
    );
    // Wait at most 2 s for the add; if the queue is known to be unreachable, do not wait.
    if (!this.reach.isAway) await within(ADD_MILLISECONDS, added).catch(this.onError);
  }

  private queue(name: string): Queue {
    const known = this.opened.get(name);
    if (known) return known;
    const queue = this.backend.queue(name);
    queue.on('error', this.onError);
    this.opened.set(name, queue);
    return queue;
  }

  /** A queue that was unreachable when it was opened never recovers, so the next job opens it again. */
  private forget(name: string, queue: Queue): void {
    if (this.opened.get(name) === queue) this.opened.delete(name);
    void queue.close().catch(() => undefined);
  }

  /** Serves a queue, and retries to open it while it is unreachable. An error of the handler fails only that job. */
  work(name: string, handler: (job: Job) => Promise<void>, options: { concurrency: number }): QueueWorker {
    const stopping = new AbortController();
    const stopped = new Promise<false>((resolve) => stopping.signal.addEventListener('abort', () => resolve(false)));
    const running = new Set<Promise<void>>();
    let worker: Worker | null = null;
    const process = async ({ name: jobName, data }: QueuedJob): Promise<void> => {
      this.reach.found();
      const handled = handler({ name: jobName, data: data as Job['data'] });
      running.add(handled);
      await handled.finally(() => running.delete(handled));
    };
    const open = async (): Promise<void> => {
      while (!stopping.signal.aborted) {
        worker = this.backend.worker(name, process, options.concurrency);
        worker.on('error', this.onError);
        worker.on('failed', (_job, error) => this.report(error));
        const ready = worker.waitUntilReady().then(
          () => true,
          () => false,
        );
        if (await Promise.race([ready, stopped])) return this.reach.found();
        // Not awaited: closing a worker that never connected can hang.
        worker.close(true).catch(() => undefined);
        await sleep(REOPEN_MILLISECONDS, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    };
    const opening = open();
    const served: QueueWorker = {
      close: async () => {
        this.workers.delete(served);
        stopping.abort();
        await opening;
        const closed = worker?.close(this.reach.isAway).catch(this.onError);
        if (!this.reach.isAway) await closed;
        await Promise.allSettled(running);
      },
    };
    this.workers.add(served);
    return served;
  }

  async close(): Promise<void> {
    this.closing = true;
    const orderly = async (): Promise<void> => {
      await Promise.all([...this.workers].map((worker) => worker.close()));
      // Closing a queue that is unreachable can hang.
      if (!this.reach.isAway) await Promise.all([...this.opened.values()].map((queue) => queue.close()));
    };
    await within(CLOSE_MILLISECONDS, orderly()).catch(() => undefined);
    await this.backend.close();
  }
}
