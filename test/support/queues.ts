import { Redis } from 'ioredis';
import type pg from 'pg';
import { describe, vi } from 'vitest';
import { onConnection } from './database.ts';
import { QUEUE_VARIABLE } from './queue-variable.ts';

/** Where BullMQ keeps its jobs. */
export type QueueBackend = 'Postgres' | 'Redis';

/** Without `redis-server` in the PATH the suites of Redis fail; `SLIPWAY_SKIP_REDIS=1` skips them. */
export const QUEUE_BACKENDS: readonly QueueBackend[] = process.env['SLIPWAY_SKIP_REDIS'] === '1' ? ['Postgres'] : ['Postgres', 'Redis'];

/**
 * Runs the suite on each backend: the backends concurrently, because scenarios mostly wait for pods, and the tests of each one after another. So a suite sets
 * up everything itself, from the database to the clusters.
 */
export function onEachQueue(name: string, suite: (backend: QueueBackend) => void): void {
  describe.concurrent.each(QUEUE_BACKENDS)('with the queue in %s', (backend) => {
    describe.sequential(name, () => suite(backend));
  });
}

/** Runs a long suite on one backend: with `npm test` in Postgres, with `npm run rig -- scenarios` once more in Redis. */
export function onOneQueue(name: string, suite: (backend: QueueBackend) => void): void {
  const backend: QueueBackend = process.env[QUEUE_VARIABLE] === 'Redis' ? 'Redis' : 'Postgres';
  describe(`${name}, with the queue in ${backend}`, () => suite(backend));
}

const TABLES =
  "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'bullmq' AND tablename <> 'migration'";
const DEADLOCK = '40P01';

/** Where a world's jobs are stored: in Redis, or in BullMQ's schema. */
export interface QueuePlace {
  redisUrl: string | null;
  ownerUrl: string;
}

async function onRedis(url: string, work: (redis: Redis) => Promise<void>): Promise<void> {
  const redis = new Redis(url);
  await work(redis).finally(() => redis.disconnect());
}

/** Deletes everything that BullMQ has written: `FLUSHALL` in Redis, all tables except its migrations' in Postgres. */
export async function emptyQueue({ redisUrl, ownerUrl }: QueuePlace): Promise<void> {
  if (redisUrl !== null) return onRedis(redisUrl, async (redis) => void (await redis.flushall()));
  await onConnection(ownerUrl, async (client) => {
    const { rows } = await client.query<{ name: string }>(TABLES);
    for (const { name } of rows) await emptyTable(client, name);
  });
}

/** Does the work while the queue refuses jobs, and waits until this many have been refused. No worker ever gets one of them. */
export async function loseJobs({ redisUrl, ownerUrl }: QueuePlace, count: number, work: () => Promise<void>): Promise<void> {
  const turnedAway = async (counted: () => Promise<number>): Promise<void> => {
    const before = await counted();
    await work();
    await vi.waitUntil(async () => (await counted()) >= before + count, { timeout: 30_000 });
  };
  if (redisUrl !== null)
    return onRedis(redisUrl, async (redis) => {
      await redis.acl('SETUSER', 'default', 'resetkeys', ...KEYS_OF_NO_NEW_JOB);
      await turnedAway(() => rejectedScripts(redis));
      await redis.acl('SETUSER', 'default', 'allkeys');
    });
  await onConnection(ownerUrl, async (client) => {
    await client.query(REFUSE);
    await turnedAway(async () =>
      Number((await client.query<{ last_value: string }>('SELECT last_value FROM bullmq.refused')).rows[0]?.last_value),
    );
    await client.query('DROP TRIGGER refuse ON bullmq.job');
  });
}

/** All keys except `bull:QUEUE:id`, the counter for job numbers, which is needed to add a job but not to take one. */
const KEYS_OF_NO_NEW_JOB = ['~*[^:]??', '~*:pc'];

/** A sequence counts the refusals, because it is not rolled back with them. */
const REFUSE = `
  CREATE SEQUENCE bullmq.refused MINVALUE 0;
  CREATE FUNCTION bullmq.refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN PERFORM nextval('bullmq.refused'); RAISE 'the queue takes no jobs'; END $$;
  CREATE TRIGGER refuse BEFORE INSERT ON bullmq.job FOR EACH ROW EXECUTE FUNCTION bullmq.refuse();
  SELECT nextval('bullmq.refused')`;

async function rejectedScripts(redis: Redis): Promise<number> {
  const found = (await redis.info('commandstats')).matchAll(/^cmdstat_eval(?:sha)?:.*rejected_calls=(\d+)/gm);
  return [...found].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

/** A worker may hold locks on other rows. In a deadlock one side is aborted, so this retries. */
async function emptyTable(client: pg.ClientBase, name: string): Promise<void> {
  for (;;) {
    try {
      return void (await client.query(`DELETE FROM ${name}`));
    } catch (error) {
      if ((error as { code?: string }).code !== DEADLOCK) throw error;
    }
  }
}
