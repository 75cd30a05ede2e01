import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { Database } from '../../src/platform/db/database.ts';
import { EventLog } from '../../src/events/event-log.ts';
import { EventService } from '../../src/events/event.service.ts';
import { Reader } from '../../src/events/reader.ts';
import { sse } from '../../src/events/sse.ts';
import { expectStatus, startTestApi } from '../support/api.ts';
import type { Client, TestApi } from '../support/api.ts';
import { onConnection, openShop } from '../support/shop.ts';
import { acknowledgedSocket, subscribe } from '../support/socket.ts';
import type { EventView, Page, RolloutView, Shop } from '../support/shop.ts';

let api: TestApi;
let shop: Shop;
const open = new Set<() => void>();

beforeAll(async () => {
  api = await startTestApi();
  shop = await openShop(api, 'acme', 1);
});
afterAll(async () => {
  open.forEach((end) => end());
  await api.close();
});

/** What a client of server-sent events has so far. */
interface Following {
  status: number;
  events: EventView[];
  /** Whether the server has ended it, and how. */
  ended: 'cleanly' | 'cut' | null;
  /** Resolves once the condition holds; asked whenever something arrives. */
  until(condition: (following: Following) => boolean): Promise<EventView[]>;
  stop(): void;
}

async function follow(path: string, headers: Record<string, string> = {}, key = shop.tenant.key): Promise<Following> {
  const ending = new AbortController();
  open.add(() => ending.abort());
  const answer = await fetch(api.url + path, {
    headers: { authorization: `Bearer ${key}`, accept: 'text/event-stream', ...headers },
    signal: ending.signal,
  });
  let tell = (): void => undefined;
  const following: Following = {
    status: answer.status,
    events: [],
    ended: null,
    until: async (condition) => {
      while (!condition(following)) {
        if (following.ended) throw new Error(`ended (${following.ended}) with ${JSON.stringify(following.events.map(({ type }) => type))}`);
        await new Promise<void>((resolve) => (tell = resolve));
      }
      return following.events;
    },
    stop: () => ending.abort(),
  };
  const read = async (): Promise<void> => {
    let rest = '';
    for await (const part of answer.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + part).split('\n\n');
      rest = blocks.pop()!;
      for (const block of blocks) if (!block.startsWith(':')) following.events.push(eventOf(block));
      tell();
    }
  };
  void read().then(
    () => ((following.ended = 'cleanly'), tell()),
    () => ((following.ended = 'cut'), tell()),
  );
  return following;
}

/** Every line of a block says the same as the data. */
function eventOf(block: string): EventView {
  const fields = Object.fromEntries(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
  );
  const event = JSON.parse(fields['data']!) as EventView;
  expect([fields['id'] ?? null, fields['event']]).toEqual([event.id, event.type]);
  return event;
}

const append = (tenantId: string, count: number, rolloutId: string | null = null, data: object = {}): Promise<void> => {
  const database = api.app.get(Database);
  const events = Array.from({ length: count }, (_, i) => ({ type: 'target.step' as const, message: `Step ${i}.`, rolloutId, data }));
  return database.as({ tenantId }, () => database.transaction(async () => api.app.get(EventLog).append(events)));
};

let workloads = 0;
async function rollout(of = shop): Promise<RolloutView> {
  const { name } = await of.workload(`w${(workloads += 1)}`);
  return of.post(`/v1/workloads/${name}/rollouts`);
}
/** Ends a rollout without any worker: another takes its place. */
const end = ({ workload }: RolloutView, of = shop): Promise<RolloutView> =>
  of.post(`/v1/workloads/${workload.name}/rollouts`, { concurrency: 'SUPERSEDE' });
const last = async (): Promise<string> => (await shop.get<Page<EventView>>('/v1/events?limit=1')).items[0]!.id!;
const types = (events: readonly EventView[]): string[] => events.map(({ type }) => type);

describe('an id in upper case', () => {
  it('names the same rollout in the filter of a stream as in that of a page', async () => {
    const { id } = await rollout();
    const stream = await follow(`/v1/events?rollout=${id.toUpperCase()}`);
    await append(shop.tenant.id, 1, id);
    expect(types(await stream.until(({ events }) => events.length > 0))).toEqual(['target.step']);
    stream.stop();
  });

  it('names the same rollout in every path', async () => {
    const { id } = await rollout();
    const path = `/v1/rollouts/${id.toUpperCase()}`;
    for (const suffix of ['', '/targets', '/events'])
      expect([suffix, (await shop.tenant.rest('GET', path + suffix)).status]).toEqual([suffix, 200]);
    expect(await shop.post(`${path}/abort`)).toMatchObject({ id });
    expect((await shop.get<Page<EventView>>(`${path}/events`)).items.length).toBeGreaterThan(0);
  });

  it('names the same rollout in a subscription', async () => {
    const made = await rollout();
    const socket = await acknowledgedSocket(api.url, shop.tenant.key);
    socket.say(subscribe(`subscription { rolloutChanged(id: "${made.id.toUpperCase()}") { id phase } }`));
    expect(JSON.stringify(await socket.next())).toContain(made.id);
    await end(made);
    expect(JSON.stringify(await socket.next())).toContain('SUPERSEDED');
    socket.close();
  });
});

describe('pages of events', () => {
  it('are newest first, or oldest first after an id, and go on from their cursor', async () => {
    const { id } = await rollout();
    await append(shop.tenant.id, 4, id);
    const path = `/v1/rollouts/${id}/events`;
    const newest = await shop.get<Page<EventView>>(`${path}?limit=3`);
    const older = await shop.get<Page<EventView>>(`${path}?limit=3&cursor=${newest.nextCursor}`);
    const ids = [...newest.items, ...older.items].map((event) => Number(event.id));
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    expect([ids.length, older.nextCursor]).toEqual([5, null]);
    const oldest = await shop.get<Page<EventView>>(`${path}?limit=2&after=${ids[3]}`);
    const rest = await shop.get<Page<EventView>>(`${path}?limit=2&after=${ids[3]}&cursor=${oldest.nextCursor}`);
    expect([...oldest.items, ...rest.items].map((event) => Number(event.id))).toEqual(ids.slice(0, 3).reverse());
  });

  it('are filtered by type, by workload (name or id), by rollout; in GraphQL too', async () => {
    const one = await rollout();
    const two = await rollout();
    await end(two);
    const typesOf = async (query: string): Promise<string[]> => types((await shop.get<Page<EventView>>(`/v1/events?${query}`)).items);
    expect(await typesOf(`workload=${two.workload.name}&type=rollout.superseded,rollout.paused`)).toEqual(['rollout.superseded']);
    expect(await typesOf(`workload=${two.workload.id},${one.workload.name}`)).toHaveLength(4);
    expect(await typesOf(`rollout=${one.id}`)).toEqual(['rollout.created']);
    expect(await typesOf('workload=nowhere')).toEqual([]);
    const query = `{ events(workload: ["${two.workload.name}"], type: ["rollout.superseded"], afterId: "0") { edges { node { id type rollout data message } } } }`;
    const { data } = await shop.tenant.graphql<{ events: { edges: { node: EventView }[] } }>(query);
    expect(data.events.edges.map(({ node }) => [node.type, node.rollout])).toEqual([['rollout.superseded', two.id]]);
  });
});

describe("a rollout's stream", () => {
  it('begins at its first event, brings each as it comes, and ends after the terminal one', async () => {
    const made = await rollout();
    const following = await follow(`/v1/rollouts/${made.id}/events`);
    await following.until(({ events }) => events.length === 1);
    await shop.post(`/v1/rollouts/${made.id}/abort`);
    await following.until(({ events }) => events.length === 2);
    await end(made);
    const events = await following.until(({ ended }) => ended !== null);
    expect([types(events), following.ended]).toEqual([['rollout.created', 'rollout.aborting', 'rollout.superseded'], 'cleanly']);
  });

  it('resumes after Last-Event-ID or ?after, of which the header wins; after its end there is nothing: 204', async () => {
    const made = await rollout();
    await end(made);
    const path = `/v1/rollouts/${made.id}/events`;
    const all = await (await follow(path)).until(({ ended }) => ended !== null);
    expect(types(all)).toEqual(['rollout.created', 'rollout.superseded']);
    const [first, terminal] = all.map(({ id }) => id!);
    for (const resumed of [await follow(`${path}?after=${first}`), await follow(`${path}?after=0`, { 'last-event-id': first! })]) {
      expect(types(await resumed.until(({ ended }) => ended !== null))).toEqual(['rollout.superseded']);
    }
    expect((await follow(`${path}?after=${terminal}`)).status).toBe(204);
    expect((await follow(path, { 'last-event-id': terminal! })).status).toBe(204);
    expect((await follow(path, { 'last-event-id': 'x' })).status).toBe(422);
    expect((await follow('/v1/rollouts/nowhere/events')).status).toBe(404);
  });
});

describe("the tenant's stream", () => {
  it('begins now, keeps to its filter, and has neither gap nor repetition while much is written', async () => {
    const watched = await rollout();
    const all = await follow('/v1/events');
    const filtered = await follow(`/v1/events?workload=${watched.workload.name}&type=rollout.aborting`);
    const head = Number(await last());
    await Promise.all(Array.from({ length: 20 }, (_, i) => append(shop.tenant.id, 1 + (i % 7))));
    await shop.post(`/v1/rollouts/${watched.id}/abort`);
    const total = Number(await last()) - head;
    await all.until(({ events }) => events.length >= total);
    expect(all.events.map(({ id }) => Number(id))).toEqual(Array.from({ length: total }, (_, i) => head + 1 + i));
    expect(types(await filtered.until(({ events }) => events.length > 0))).toEqual(['rollout.aborting']);
    all.stop();
    filtered.stop();
  });

  it('resumed while events come has each exactly once', async () => {
    const head = Number(await last());
    await append(shop.tenant.id, 700);
    const writing = (async () => {
      for (let i = 0; i < 20; i += 1) await append(shop.tenant.id, 5);
    })();
    const resumed = await follow('/v1/events', { 'last-event-id': String(head) });
    await writing;
    await resumed.until(({ events }) => events.length >= 800);
    expect(resumed.events.map(({ id }) => Number(id))).toEqual(Array.from({ length: 800 }, (_, i) => head + 1 + i));
    resumed.stop();
  });

  it('shows nothing of another tenant', async () => {
    const other = await openShop(api, 'other', 0);
    const following = await follow('/v1/events', {}, other.tenant.key);
    await append(shop.tenant.id, 3);
    await append(other.tenant.id, 1);
    expect(await following.until(({ events }) => events.length > 0)).toHaveLength(1);
    following.stop();
  });

  it('answers 410 for what is no longer kept, in every form', async () => {
    const old = await openShop(api, 'old', 1);
    const made = await rollout(old);
    await append(old.tenant.id, 5);
    await onConnection(api.database.ownerUrl, (client) =>
      client.query('DELETE FROM events WHERE tenant_id = $1 AND seq <= 3', [old.tenant.id]),
    );
    const accept = { accept: 'text/event-stream' };
    for (const [path, headers] of [
      ['/v1/events?after=1', {}],
      ['/v1/events?after=1', accept],
      ['/v1/events', { ...accept, 'last-event-id': '2' }],
      [`/v1/rollouts/${made.id}/events?after=0`, {}],
    ] as const) {
      const answer = await fetch(api.url + path, { headers: { authorization: `Bearer ${old.tenant.key}`, ...headers } });
      expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([410, 'EXPIRED']);
    }
    expect((await old.get<Page<EventView>>('/v1/events?after=3')).items[0]!.id).toBe('4');
    await onConnection(api.database.ownerUrl, (client) => client.query('DELETE FROM events WHERE tenant_id = $1', [old.tenant.id]));
    expect((await old.tenant.rest('GET', '/v1/events?after=3')).status).toBe(410);
  });
});

describe('who may not or does not read', () => {
  const revoke = async (client: Client): Promise<void> => {
    const me = expectStatus(await client.rest<{ key: { id: string } }>('GET', '/v1/me'), 200);
    expectStatus(await shop.tenant.rest('DELETE', `/v1/api-keys/${me.key.id}`), 204);
  };

  it('a key that is revoked reads no further, within 5 seconds', async () => {
    const viewer = await shop.tenant.as('VIEWER');
    const following = await follow('/v1/events', {}, viewer.key);
    const since = performance.now();
    await revoke(viewer);
    await following.until(({ ended }) => ended !== null);
    expect(performance.now() - since).toBeLessThan(5000);
    await append(shop.tenant.id, 1);
    expect(following.events).toEqual([]);
  });

  it('a client that reads nothing is cut once it is a thousand events behind, and others are not held up', async () => {
    const quick = await follow('/v1/events');
    const stream = await api.app.get(Database).as({ tenantId: shop.tenant.id }, () => api.app.get(EventService).follow('NOW', {}));
    const reply = { header: () => reply } as unknown as FastifyReply;
    const unread = sse(stream, reply).getStream();
    expect(String(unread.read() ?? (await once(unread, 'readable'), unread.read()))).toContain('connected');
    const closed = once(unread, 'close');
    // What it has taken before it stands still is a thousand at the most.
    for (let i = 0; i < 21; i += 1) await append(shop.tenant.id, 100);
    await quick.until(({ events }) => events.length >= 2100);
    await closed;
    expect([stream.over.aborted, unread.readableEnded]).toEqual([true, false]);
    quick.stop();
  });

  it('a reader is told when nothing comes, given what it wants alone, and is over when it falls behind', async () => {
    const event = (type: string): never => ({ id: '1', type }) as never;
    const reader = new Reader(({ type }) => type === 'wanted');
    expect(await reader.next(5)).toEqual([]);
    const next = reader.next(10_000);
    reader.push(event('other'));
    reader.push(event('wanted'));
    expect(await next).toEqual([event('wanted')]);
    for (let i = 0; i < 1001; i += 1) reader.push(event('wanted'));
    expect(reader.over.aborted).toBe(true);
    expect(await reader.next(10_000)).toBeNull();
  });
});

describe('subscriptions', () => {
  const socket = (key: string | null) =>
    createClient({
      url: `${api.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: key === null ? {} : { authorization: `Bearer ${key}` },
    });

  async function take<T>(
    query: string,
    variables: Record<string, unknown>,
    enough: (seen: T[]) => boolean,
    act: (seen: T[]) => Promise<unknown> = async () => undefined,
  ): Promise<T[]> {
    const client = socket(shop.tenant.key);
    const seen: T[] = [];
    for await (const { data, errors } of client.iterate<Record<string, T>>({ query, variables })) {
      if (errors) throw new Error(JSON.stringify(errors));
      seen.push(Object.values(data!)[0]!);
      if (enough(seen)) break;
      await act(seen);
    }
    await client.dispose();
    return seen;
  }

  it('rolloutChanged shows the rollout as it is, then whenever it changes, to its end', async () => {
    const made = await rollout();
    const query = 'subscription ($id: String!) { rolloutChanged(id: $id) { phase targets { phase cluster { name } } waves { name } } }';
    const steps = [() => shop.post(`/v1/rollouts/${made.id}/abort`), () => end(made)];
    const seen = await take<RolloutView>(
      query,
      { id: made.id },
      () => false,
      async (all) => steps[all.length - 1]?.(),
    );
    expect(seen.map(({ phase }) => phase)).toEqual(['QUEUED', 'QUEUED', 'SUPERSEDED']);
    expect(seen[2]!.targets).toEqual([{ phase: 'SKIPPED', cluster: { name: 'acme-1' } }]);
    await expect(take(query, { id: 'nowhere' }, () => true)).rejects.toMatchObject([{ extensions: { code: 'NOT_FOUND', status: 404 } }]);
  });

  it('events resume after an id, by the same sequence', async () => {
    const head = Number(await last());
    await append(shop.tenant.id, 3);
    const query = 'subscription ($after: String) { events(afterId: $after) { id type message data } }';
    const seen = await take<EventView>(
      query,
      { after: String(head) },
      (all) => all.length === 5,
      async (all) => all.length === 3 && append(shop.tenant.id, 2),
    );
    expect(seen.map(({ id }) => Number(id))).toEqual([1, 2, 3, 4, 5].map((i) => head + i));
    await expect(take(query, { after: 'x' }, () => true)).rejects.toMatchObject([
      { extensions: { code: 'INVALID', errors: [{ parameter: 'afterId' }] } },
    ]);
  });

  it('need a key, and end with it', async () => {
    const query = 'subscription { events { id } }';
    const closed = async (key: string | null, act: () => Promise<void> = async () => undefined): Promise<number> => {
      const client = socket(key);
      const code = new Promise<number>((resolve) => client.on('closed', (event) => resolve((event as { code: number }).code)));
      client.on('connected', () => void act());
      client.subscribe({ query }, { next: () => undefined, error: () => undefined, complete: () => undefined });
      return code;
    };
    expect(await closed(null)).toBe(4403);
    const viewer = await shop.tenant.as('VIEWER');
    const me = expectStatus(await viewer.rest<{ key: { id: string } }>('GET', '/v1/me'), 200);
    expect(await closed(viewer.key, async () => void (await shop.tenant.rest('DELETE', `/v1/api-keys/${me.key.id}`)))).toBe(4403);
  });
});
