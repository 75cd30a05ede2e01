import { Redis } from 'ioredis';
import type pg from 'pg';
import { describe, vi } from 'vitest';
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

/** Does the work while the queue takes no job, and waits until so many have been turned away: no worker is ever given one of them. */
export async function loseJobs({ redisUrl, ownerUrl }: QueuePlace, count: number, work: () => Promise<void>): Promise<void> {
  const turnedAway = async (counted: () => Promise<number>): Promise<void> => {
    const before = await counted();
    await work();
    await vi.waitUntil(async () => (await counted()) >= before + count, { timeout: 5_000 });
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

/** All keys but `bull:QUEUE:id`, the counter of which a job gets its number: who adds a job needs it, who takes one does not. */
const KEYS_OF_NO_NEW_JOB = ['~*[^:]??', '~*:pc'];

/** A sequence counts what is refused, since it is not taken back with it. */
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
