import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Queues } from '../../../src/platform/queue/queue.ts';
import { freshDatabase } from '../../support/database.ts';
import { startPostgres } from '../../support/postgres.ts';
import type { TestPostgres } from '../../support/postgres.ts';
import { QUEUE_BACKENDS } from '../../support/queues.ts';
import type { QueueBackend } from '../../support/queues.ts';
import type { Recorder } from '../../support/recorder.ts';
import {
  BAD,
  BETTER,
  deploy,
  eventsOf,
  expectEverywhere,
  GOOD,
  makeWorkload,
  running,
  settled,
  startWorld,
  violations,
  webDocument,
} from '../../support/world.ts';
import type { World } from '../../support/world.ts';

/** How long the server stays away. */
const AWAY_MILLISECONDS = 1_000;
/** A worker that could not read its queue tries again every second; until then the sweep finds what is due. */
const REOPEN_MILLISECONDS = 5_000;
const steps = [{ weight: 50 }, { pauseSeconds: 1 }];
const document = webDocument({
  replicas: 4,
  strategy: { type: 'CANARY', maxSurge: 1, maxUnavailable: 0, steps, progressDeadlineSeconds: 60 },
});

/** What a request was answered, as far as an outage goes. */
interface Answered {
  status: number;
  code: string | null;
}

/** The product on a database of the server that is restarted, with two workloads: `shop` is to change, `cart` fails to and is taken back. */
interface Scene {
  queue: QueueBackend;
  world: World;
  shop: string;
  cart: string;
  image: string;
  /** Numbers of the events that one stream, opened once, was given. */
  streamed: string[];
  stream: AbortController;
}

async function follow(world: World, streamed: string[], signal: AbortSignal): Promise<void> {
  const headers = { authorization: `Bearer ${world.tenant.key}`, accept: 'text/event-stream', 'last-event-id': '0' };
  const answer = await fetch(`${world.api.url}/v1/events`, { headers, signal });
  if (!answer.body) throw new Error('there is no stream');
  const read = async (body: NonNullable<typeof answer.body>): Promise<void> => {
    let rest = '';
    for await (const part of body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + part).split('\n');
      rest = lines.pop() ?? '';
      streamed.push(...lines.flatMap((line) => (line.startsWith('id: ') ? [line.slice(4)] : [])));
    }
  };
  void read(answer.body).catch(() => undefined);
}

async function build(queue: QueueBackend, postgres: TestPostgres): Promise<Scene> {
  const world = await startWorld({ clusters: 2, queue, database: await freshDatabase(postgres) });
  const [shop, cart] = [await makeWorkload(world, 'shop', document), await makeWorkload(world, 'cart', document)];
  const stream = new AbortController();
  const scene: Scene = { queue, world, shop, cart, image: GOOD, streamed: [], stream };
  await follow(world, scene.streamed, stream.signal);
  for (const workload of [shop, cart]) {
    expect(await settled(world, await deploy(world, workload))).toMatchObject({ phase: 'SUCCEEDED' });
  }
  for (const name of ['shop', 'cart']) expectEverywhere(world, name, { replicas: 4, maxSurge: 1, maxUnavailable: 0 });
  return scene;
}

/** Starts a change of `shop` and one of `cart` that fails, and answers once both are under way on every cluster. */
async function change(scene: Scene): Promise<{ shop: string; cart: string }> {
  const { world } = scene;
  scene.image = scene.image === GOOD ? BETTER : GOOD;
  const shop = await deploy(world, scene.shop, { values: { image: scene.image } });
  const cart = await deploy(world, scene.cart, { values: { image: BAD } });
  const started = (recorder: Recorder): Promise<void> =>
    recorder.until(() => recorder.replicaSets('shop').length === 2, 'the first new pods');
  await Promise.all(world.recorders.map(started));
  return { shop, cart };
}

/** What was told of a rollout, but for the number of its release: its own events, and those of each target, in their order. */
async function story({ world }: Scene, id: string): Promise<Record<string, string[]>> {
  const { targets } = await settled(world, id);
  const events = await eventsOf(world, id);
  const of = (target: string | null): string[] =>
    events.filter((one) => one.target === target).map((one) => `${one.type}: ${one.message.replace(/release \d+/i, 'the release')}`);
  return { rollout: of(null), ...Object.fromEntries(targets.map((target) => [target.cluster.name, of(target.id)])) };
}

/** Asks again and again until it is told to stop, as impatient clients do; answers everything that it was answered. */
function insist(ask: () => Promise<Answered>): { stop(): Promise<Answered[]> } {
  const answers: Answered[] = [];
  let over = false;
  const run = async (): Promise<void> => {
    while (!over) {
      answers.push(await ask());
      await sleep(20);
    }
  };
  const running = run();
  return {
    stop: async () => {
      over = true;
      await running;
      return answers;
    },
  };
}

const rest = async (
  { world }: Scene,
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
): Promise<Answered> => {
  const answer = await world.tenant.rest<{ code?: string }>(method, path, body, headers);
  return { status: answer.status, code: answer.status < 400 ? null : (answer.body.code ?? 'none') };
};

/** A refusal comes as a problem where it comes before GraphQL, else among its errors. */
const graphql = async ({ world }: Scene, id: string): Promise<Answered> => {
  const headers = { authorization: `Bearer ${world.tenant.key}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ query: 'query ($id: String!) { rollout(id: $id) { phase } }', variables: { id } });
  const answer = await fetch(`${world.api.url}/graphql`, { method: 'POST', headers, body });
  const said = (await answer.json()) as { code?: string; errors?: { extensions: { code: string; status: number } }[] };
  const [error] = said.errors ?? [];
  return { status: error?.extensions.status ?? answer.status, code: error?.extensions.code ?? said.code ?? null };
};

/** Everything but an answer, or a 503 that says so, is a fault; each kind once. */
const faults = (answers: Answered[]): string[] => {
  const wrong = answers.filter(({ status, code }) => !(status < 300 && code === null) && !(status === 503 && code === 'UNAVAILABLE'));
  return [...new Set(wrong.map(({ status, code }) => `${status} ${code}`))];
};

describe('the server of Postgres is restarted in the middle of rollouts', () => {
  let postgres: TestPostgres;
  let scenes: Scene[] = [];
  let undisturbed: Record<string, string[]>[];
  let queues: Queues;
  const served: string[] = [];
  const each = <T>(work: (scene: Scene) => Promise<T>): Promise<T[]> => Promise.all(scenes.map(work));

  beforeAll(async () => {
    postgres = await startPostgres({ maxConnections: 200 });
    scenes = await Promise.all(QUEUE_BACKENDS.map((queue) => build(queue, postgres)));
    queues = new Queues({ url: (await freshDatabase(postgres)).appUrl, redisUrl: null });
    queues.work('looks', async (job) => void served.push(String(job.data['id'])), { concurrency: 1 });
  });
  afterAll(async () => {
    await each(async ({ world, stream }) => {
      stream.abort();
      await world.close();
    });
    await queues.close();
    await postgres.close();
  });

  test('as it goes when nothing happens', async () => {
    undisturbed = await each(async (scene) => {
      const { shop, cart } = await change(scene);
      expect(await settled(scene.world, shop)).toMatchObject({ phase: 'SUCCEEDED' });
      expect(await settled(scene.world, cart)).toMatchObject({ phase: 'ROLLED_BACK' });
      return story(scene, shop);
    });
  });

  test.each(['immediate', 'fast'] as const)(
    'by a stop that is %s: every request is answered or told UNAVAILABLE, every rollout ends well',
    async (how) => {
      const asked = await each(change);
      const under = (scene: Scene): { shop: string; cart: string } => asked[scenes.indexOf(scene)] ?? { shop: '', cart: '' };
      const held = scenes.map((scene) => rest(scene, 'GET', `/v1/rollouts/${under(scene).shop}`, undefined, { prefer: 'wait=25' }));
      const clients = scenes.flatMap((scene) => {
        const { shop } = under(scene);
        const revision = webDocument({ replicas: 3 });
        return [
          insist(() => rest(scene, 'GET', `/v1/rollouts/${shop}`)),
          insist(() => rest(scene, 'GET', '/v1/events?limit=5')),
          insist(() => rest(scene, 'POST', '/v1/templates/cart/revisions', revision, { 'idempotency-key': randomUUID() })),
          insist(() => graphql(scene, shop)),
        ];
      });

      await postgres.end(how);
      await sleep(AWAY_MILLISECONDS);
      const [unready, alive] = await Promise.all([
        each(async ({ world }) => (await fetch(`${world.api.url}/readyz`)).status),
        each(async ({ world }) => (await fetch(`${world.api.url}/healthz`)).status),
      ]);
      await postgres.again();
      // The API finds out by itself, with its next connection.
      const readiness = ({ world }: Scene) => fetch(`${world.api.url}/readyz`).then(({ status }) => status);
      await expect.poll(() => each(readiness), { timeout: 30_000 }).toEqual(scenes.map(() => 200));

      const settles = await each(async (scene) => {
        const { shop, cart } = under(scene);
        return [(await settled(scene.world, shop)).phase, (await settled(scene.world, cart)).phase];
      });
      const answers = await Promise.all(clients.map((client) => client.stop()));
      expect(unready).toEqual(scenes.map(() => 503));
      expect(alive).toEqual(scenes.map(() => 200));
      expect(faults(answers.flat())).toEqual([]);
      expect(faults(await Promise.all(held))).toEqual([]);
      for (const all of answers) {
        expect(all.filter(({ status }) => status === 503).length).toBeGreaterThan(0);
        expect(all.at(-1)?.status).toBeLessThan(300);
      }
      expect(settles).toEqual(scenes.map(() => ['SUCCEEDED', 'ROLLED_BACK']));
      expect(scenes.map((scene) => running(scene.world, 'shop'))).toEqual(scenes.map(({ image }) => Array(2).fill(`${image} x4`)));
      expect(scenes.map((scene) => running(scene.world, 'cart'))).toEqual(scenes.map(() => Array(2).fill(`${GOOD} x4`)));
      expect(await each((scene) => story(scene, under(scene).shop))).toEqual(undisturbed);
    },
  );

  test('the same worker of a queue in it goes on being given jobs', async () => {
    const id = randomUUID();
    await queues.open('looks').add({ name: 'look', data: { id } }, id);
    await expect.poll(() => served, { timeout: REOPEN_MILLISECONDS }).toContain(id);
  });

  test('the invariants held at every step, and no event is missing or told twice', async () => {
    await each(async ({ world, streamed }) => {
      expect(await violations(world)).toEqual([]);
      const { items } = (await world.tenant.rest<{ items: { id: string }[] }>('GET', '/v1/events?limit=1')).body;
      const last = Number(items[0]?.id);
      await expect.poll(() => streamed.length).toBe(last);
      expect(streamed).toEqual(Array.from({ length: last }, (_, index) => String(index + 1)));
    });
  });
});
