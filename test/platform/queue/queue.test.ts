import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Queues } from '../../../src/platform/queue/queue.ts';
import type { Job, QueuesOptions } from '../../../src/platform/queue/queue.ts';
import { freshDatabase, onConnection } from '../../support/database.ts';
import type { FreshDatabase } from '../../support/database.ts';
import { emptyQueue, QUEUE_BACKENDS } from '../../support/queues.ts';
import { startRedis } from '../../support/redis.ts';
import type { TestRedis } from '../../support/redis.ts';

let fresh: FreshDatabase;
let redis: TestRedis | null = null;
const skipRedis = !QUEUE_BACKENDS.includes('Redis');
const opened: Queues[] = [];

beforeAll(async () => {
  fresh = await freshDatabase();
  if (!skipRedis) redis = await startRedis();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((queues) => queues.close()));
});

afterAll(async () => {
  await redis?.stop();
  await fresh.drop();
});

function make(options: Partial<QueuesOptions> & { redisUrl: string | null }): Queues {
  const queues = new Queues({ url: fresh.appUrl, poolSize: 4, ...options });
  opened.push(queues);
  return queues;
}

/** Waits until the predicate holds, looking again at each turn of what it waits for. */
async function until(holds: () => boolean, milliseconds = 25_000): Promise<void> {
  const end = Date.now() + milliseconds;
  while (!holds()) {
    if (Date.now() > end) throw new Error('it did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe.each(QUEUE_BACKENDS)('the queue on %s', (backend) => {
  const redisUrl = (): string | null => (backend === 'Redis' ? (redis?.url ?? null) : null);

  it('hands every job of 50 queues to its own worker over a query pool of 4', async () => {
    const queues = make({ redisUrl: redisUrl() });
    const names = Array.from({ length: 50 }, () => `region-${randomUUID()}`);
    const got = new Map<string, Job[]>(names.map((name) => [name, []]));
    for (const name of names) queues.work(name, async (job) => void got.get(name)?.push(job), { concurrency: 2 });

    await Promise.all(names.map((name) => queues.open(name).add({ name: 'look', data: { id: name } }, 'look')));
    await until(() => [...got.values()].every((jobs) => jobs.length >= 1));

    for (const [name, jobs] of got) expect(jobs).toEqual([{ name: 'look', data: { id: name } }]);
  });

  it('gives a job to a worker of another process that came first or later', async () => {
    const [api, worker] = [make({ redisUrl: redisUrl() }), make({ redisUrl: redisUrl() })];
    const name = `later-${randomUUID()}`;
    const got: number[] = [];
    await api.open(name).add({ name: 'look', data: { turn: 1 } }, 'a');
    worker.work(name, async (job) => void got.push(Number(job.data.turn)), { concurrency: 1 });
    await until(() => got.length === 1);
    await api.open(name).add({ name: 'look', data: { turn: 2 } }, 'a');
    await until(() => got.length === 2);

    expect(got).toEqual([1, 2]);
  });

  it('keeps one waiting job of an id, and one more when it comes while the first runs', async () => {
    const queues = make({ redisUrl: redisUrl() });
    const name = `nudge-${randomUUID()}`;
    const got: number[] = [];
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const handle = queues.open(name);
    await handle.add({ name: 'look', data: { turn: 1 } }, 'same');
    await handle.add({ name: 'look', data: { turn: 2 } }, 'same');
    const work = async (job: Job): Promise<void> => {
      got.push(Number(job.data.turn));
      if (got.length === 1) await gate;
    };
    queues.work(name, work, { concurrency: 5 });
    await until(() => got.length === 1);
    await handle.add({ name: 'look', data: { turn: 3 } }, 'same');
    await handle.add({ name: 'look', data: { turn: 4 } }, 'same');
    release();
    await until(() => got.length === 2);
    await handle.add({ name: 'look', data: { turn: 5 } }, 'same');
    await until(() => got.includes(5));

    expect(got).toEqual([1, 4, 5]);
  });

  it('takes the next job after one whose handler failed, and tells of the failure', async () => {
    const told: string[] = [];
    const queues = make({ redisUrl: redisUrl(), onError: (error) => told.push(error.message) });
    const name = `fails-${randomUUID()}`;
    const got: number[] = [];
    const work = async (job: Job): Promise<void> => {
      got.push(Number(job.data.turn));
      if (job.data.turn === 1) throw new Error('poisoned');
    };
    queues.work(name, work, { concurrency: 1 });
    await queues.open(name).add({ name: 'look', data: { turn: 1 } }, 'same');
    await until(() => got.length === 1 && told.length === 1);
    await queues.open(name).add({ name: 'look', data: { turn: 2 } }, 'same');
    await until(() => got.length === 2);

    expect(told).toEqual(['poisoned']);
  });

  it('waits for the running job when it is closed, and leaves the waiting one to the next', async () => {
    const queues = make({ redisUrl: redisUrl() });
    const name = `close-${randomUUID()}`;
    const done: string[] = [];
    let started = (): void => undefined;
    const running = new Promise<void>((resolve) => (started = resolve));
    const slow = async (job: Job): Promise<void> => {
      started();
      await new Promise((resolve) => setTimeout(resolve, 200));
      done.push(String(job.data.id));
    };
    const worker = queues.work(name, slow, { concurrency: 1 });
    await queues.open(name).add({ name: 'look', data: { id: 'running' } }, 'one');
    await running;
    await queues.open(name).add({ name: 'look', data: { id: 'waiting' } }, 'two');
    await worker.close();
    expect(done).toEqual(['running']);

    queues.work(name, async (job) => void done.push(String(job.data.id)), { concurrency: 1 });
    await until(() => done.length === 2);
    expect(done).toEqual(['running', 'waiting']);
  });

  it('goes on giving jobs to the same worker after it was emptied, be it while one runs and another waits', async () => {
    const queues = make({ redisUrl: redisUrl() });
    const name = `emptied-${randomUUID()}`;
    const got: number[] = [];
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const handle = queues.open(name);
    const work = async (job: Job): Promise<void> => {
      got.push(Number(job.data.turn));
      if (got.length === 1) await gate;
    };
    queues.work(name, work, { concurrency: 1 });
    await handle.add({ name: 'look', data: { turn: 1 } }, 'same');
    await until(() => got.length === 1);
    await handle.add({ name: 'look', data: { turn: 2 } }, 'same');
    await handle.add({ name: 'look', data: { turn: 3 } }, 'another');

    await emptyQueue({ redisUrl: redisUrl(), ownerUrl: fresh.ownerUrl });
    release();
    await handle.add({ name: 'look', data: { turn: 4 } }, 'same');
    await until(() => got.includes(4), 5_000);
    await emptyQueue({ redisUrl: redisUrl(), ownerUrl: fresh.ownerUrl });
    await handle.add({ name: 'look', data: { turn: 5 } }, 'same');
    await until(() => got.includes(5), 5_000);

    expect(got).toEqual([1, 4, 5]);
  });
});

describe('a queue that cannot be reached', () => {
  it('does not fail or hold up who adds a job, and tells of it', async () => {
    const told: (string | null)[] = [];
    const away = [
      make({ redisUrl: 'redis://127.0.0.1:1', onReach: (reason) => told.push(reason) }),
      make({ url: 'postgresql://nobody:x@127.0.0.1:1/none', redisUrl: null, onReach: (reason) => told.push(reason) }),
    ];
    const began = Date.now();

    for (const queues of away) await queues.open('somewhere').add({ name: 'look', data: {} }, 'look');

    expect(Date.now() - began).toBeLessThan(6_000);
    expect(told).toEqual(away.map(() => 'connect ECONNREFUSED 127.0.0.1:1'));
    for (const queues of away) await expect(queues.ping()).rejects.toThrow();
  });

  it.each([
    ['Redis', { redisUrl: 'redis://127.0.0.1:1' }],
    ['Postgres', { redisUrl: null, url: 'postgresql://nobody:x@127.0.0.1:1/none' }],
  ])('on %s is told of once, however long it is away, and is stopped at once', async (_, options) => {
    const [told, failed]: [(string | null)[], Error[]] = [[], []];
    const onReach = (reason: string | null): void => void told.push(reason);
    const queues = new Queues({ url: '', ...options, onReach, onError: (error) => failed.push(error) });
    for (const name of ['one', 'two', 'three']) queues.work(name, () => Promise.resolve(), { concurrency: 1 });
    await queues.open('one').add({ name: 'look', data: {} }, 'look');
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(told).toEqual(['connect ECONNREFUSED 127.0.0.1:1']);
    expect(failed).toEqual([]);

    const began = performance.now();
    await queues.close();

    expect(performance.now() - began).toBeLessThan(500);
    expect(told).toHaveLength(1);
  });

  it('is not what a handler complains of whose database is away', async () => {
    const [told, failed]: [(string | null)[], string[]] = [[], []];
    const queues = make({ redisUrl: null, onReach: (reason) => told.push(reason), onError: (error) => failed.push(error.message) });
    const away = (): Promise<void> => Promise.reject(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }));
    const name = `fails-${randomUUID()}`;
    queues.work(name, away, { concurrency: 1 });

    await queues.open(name).add({ name: 'look', data: {} }, 'look');
    await until(() => failed.length === 1);

    expect(told).toEqual([]);
  });

  it.skipIf(skipRedis)('takes jobs again, and gives them to the same worker, once Redis is back with nothing in it', async () => {
    let own = await startRedis();
    const told: (string | null)[] = [];
    const queues = make({ redisUrl: own.url, onReach: (reason) => told.push(reason) });
    const got: number[] = [];
    queues.work('again', async (job) => void got.push(Number(job.data.turn)), { concurrency: 1 });
    await queues.open('again').add({ name: 'look', data: { turn: 1 } }, 'a');
    await until(() => got.length === 1);

    await own.stop();
    await queues.open('again').add({ name: 'look', data: { turn: 2 } }, 'b');
    own = await startRedis(own.port);
    try {
      for (let turn = 3; !got.some((seen) => seen >= 3) && turn < 30; turn++) {
        await queues.open('again').add({ name: 'look', data: { turn } }, `c${turn}`);
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      expect(got.some((turn) => turn >= 3)).toBe(true);
      expect(told).toEqual([expect.any(String), null]);
      await queues.close();
    } finally {
      await own.stop();
    }
  });

  it('takes jobs again, and gives them to the same worker, after all of its connections to Postgres were cut', async () => {
    const queues = make({ redisUrl: null });
    const name = `cut-${randomUUID()}`;
    const got: number[] = [];
    queues.work(name, async (job) => void got.push(Number(job.data.turn)), { concurrency: 1 });
    await queues.open(name).add({ name: 'look', data: { turn: 1 } }, 'a');
    await until(() => got.length === 1);

    await onConnection(fresh.ownerUrl, (client) =>
      client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'slipway_login'`,
      ),
    );
    for (let turn = 2; got.length < 2 && turn < 60; turn++) {
      await queues.open(name).add({ name: 'look', data: { turn } }, `b${turn}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }

    expect(got.length).toBeGreaterThanOrEqual(2);
  });
});
