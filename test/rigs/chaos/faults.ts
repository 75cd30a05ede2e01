/** What goes wrong, one at a time: each fault begins, lasts and is over when its promise resolves. */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Redis } from 'ioredis';
import type { Random } from '../../../simulator/random.ts';
import type { Component } from '../../kubernetes/control-plane/start.ts';
import { startRedis } from '../../support/redis.ts';
import type { Severable } from '../../support/severable.ts';
import type { System } from './system.ts';

export type Fault = (system: System, random: Random) => Promise<void>;

/** Longer than a lease. */
const LONGER_THAN_A_LEASE = 11_000;

const pick = <T>(items: readonly T[], random: Random): T => items[Math.floor(random.next() * items.length)]!;
const moment = (random: Random, most: number): Promise<void> => sleep(random.between(0, most));

async function killWorker(system: System, index: number, signal: NodeJS.Signals): Promise<void> {
  system.workers[index]?.kill(signal);
  await system.workers[index]?.ended;
}

const cut =
  (wayOf: (system: System, random: Random) => Severable, most: number): Fault =>
  async (system, random) => {
    const way = wayOf(system, random);
    way.sever();
    await moment(random, most);
    await way.restore();
  };

const restarted =
  (component: Component): Fault =>
  async (system, random) => {
    const { plane } = pick(system.sites, random);
    await plane.kill(component);
    await moment(random, 4_000);
    await plane.restart(component);
  };

async function inPostgres(system: System, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: system.postgres.ownerUrl });
  await client.connect();
  await client.query(text).finally(() => client.end());
}

export const FAULTS: Readonly<Record<string, Fault>> = {
  'no fault': async (_system, random) => moment(random, 2_000),
  'a worker is killed': async (system, random) => {
    const index = Math.floor(random.next() * system.workers.length);
    await killWorker(system, index, 'SIGKILL');
    await moment(random, 2_000);
    system.startWorker(index);
  },
  'a worker stops in good order': async (system, random) => {
    const index = Math.floor(random.next() * system.workers.length);
    await killWorker(system, index, 'SIGTERM');
    system.startWorker(index);
  },
  'all workers are killed': async (system) => {
    await Promise.all([...system.workers.keys()].map((index) => killWorker(system, index, 'SIGKILL')));
    for (const index of system.workers.keys()) system.startWorker(index);
  },
  'a worker is stopped for longer than its lease': async (system, random) => {
    const worker = pick(system.workers, random);
    worker.kill('SIGSTOP');
    await sleep(LONGER_THAN_A_LEASE);
    worker.kill('SIGCONT');
  },
  'an API is killed': async (system, random) => {
    const index = Math.floor(random.next() * system.apis.length);
    system.apis[index]?.kill('SIGKILL');
    await system.apis[index]?.ended;
    await moment(random, 1_000);
    system.startApi(index);
  },
  'Postgres crashes': async ({ postgres }, random) => {
    await postgres.end('immediate');
    await moment(random, 2_000);
    await postgres.again();
  },
  'Postgres is restarted': async ({ postgres }) => {
    await postgres.end('fast');
    await postgres.again();
  },
  'connections to Postgres are ended again and again': async (system) => {
    for (let times = 0; times < 8; times += 1) {
      await inPostgres(
        system,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'slipway%' AND pid <> pg_backend_pid()",
      );
      await sleep(150);
    }
  },
  'Postgres is cut off': cut(({ database }) => database, 3_000),
  'Redis is cut off': cut(({ redis }) => redis.way, 4_000),
  'Redis forgets everything': async ({ redis }) => {
    const client = new Redis(redis.server.url);
    await client.flushall();
    client.disconnect();
  },
  'Redis is restarted without its data': async ({ redis }, random) => {
    const { port } = redis.server;
    await redis.server.stop();
    await moment(random, 2_000);
    redis.server = await startRedis(port);
  },
  'a cluster is cut off': cut(({ sites }, random) => pick(sites, random).way, 8_000),
  'an API server is killed': restarted('kube-apiserver'),
  'a controller manager is killed': restarted('kube-controller-manager'),
};
