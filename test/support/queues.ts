import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type pg from 'pg';
import { describe } from 'vitest';
import { onConnection } from './database.ts';

/** Where BullMQ keeps its jobs. */
export type QueueBackend = 'Postgres' | 'Redis';

/** Without `redis-server` in the PATH the suites of Redis fail; `SLIPWAY_SKIP_REDIS=1` is asked for by whoever goes without them. */
export const QUEUE_BACKENDS: readonly QueueBackend[] = process.env['SLIPWAY_SKIP_REDIS'] === '1' ? ['Postgres'] : ['Postgres', 'Redis'];

/**
 * The suite on each of them: all at the same time, since most of a scenario is waiting for pods, and the tests of each one after another. What the suite sets
 * up is therefore its own, from the database to the clusters.
 */
export function onEachQueue(name: string, suite: (backend: QueueBackend) => void): void {
  describe.concurrent.each(QUEUE_BACKENDS)('with the queue in %s', (backend) => {
    describe.sequential(name, () => suite(backend));
  });
}

const TABLES =
  "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'bullmq' AND tablename <> 'migration'";
const DEADLOCK = '40P01';

/** Where a world's jobs are: in Redis, or in the schema of BullMQ. */
export interface QueuePlace {
  redisUrl: string | null;
  ownerUrl: string;
}

async function onRedis(url: string, work: (redis: Redis) => Promise<void>): Promise<void> {
  const redis = new Redis(url);
  await work(redis).finally(() => redis.disconnect());
}

/** Takes everything away that BullMQ has written, as an operator would who empties the queue: `FLUSHALL` in Redis, all tables but its migrations' in Postgres. */
export async function emptyQueue({ redisUrl, ownerUrl }: QueuePlace): Promise<void> {
  if (redisUrl !== null) return onRedis(redisUrl, async (redis) => void (await redis.flushall()));
  await onConnection(ownerUrl, async (client) => {
    const { rows } = await client.query<{ name: string }>(TABLES);
    for (const { name } of rows) await emptyTable(client, name);
  });
}

/**
 * Does the work, and makes sure that no job which it adds is ever given to a worker: Redis takes none meanwhile; in Postgres a lock keeps who adds and who reads
 * waiting until the queue has been emptied.
 */
export async function loseJobs({ redisUrl, ownerUrl }: QueuePlace, work: () => Promise<void>): Promise<void> {
  if (redisUrl !== null)
    return onRedis(redisUrl, async (redis) => {
      await redis.acl('SETUSER', 'default', '-@scripting');
      await work();
      await redis.flushall();
      await redis.acl('SETUSER', 'default', '+@scripting');
    });
  await onConnection(ownerUrl, async (client) => {
    await client.query('BEGIN; LOCK TABLE bullmq.job IN ACCESS EXCLUSIVE MODE');
    const done = work();
    await sleep(200);
    await client.query('DELETE FROM bullmq.job');
    await client.query('COMMIT');
    await done;
  });
}

/** Whoever works with the queue at the same moment has other rows locked: where the two wait for each other, one is turned away, and we are the ones to insist. */
async function emptyTable(client: pg.Client, name: string): Promise<void> {
  for (;;) {
    try {
      return void (await client.query(`DELETE FROM ${name}`));
    } catch (error) {
      if ((error as { code?: string }).code !== DEADLOCK) throw error;
    }
  }
}
