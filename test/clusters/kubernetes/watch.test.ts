import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { connectCluster } from '../../../src/clusters/kubernetes/client.ts';
import { watchPlacement } from '../../../src/clusters/kubernetes/placement-watch.ts';
import type {
  ReconnectRequests,
  KubernetesClient,
  PlacementSnapshot,
  PlacementWatch,
  WatchEvent,
} from '../../../src/clusters/kubernetes/types.ts';
import { json, startServer, status } from './server.ts';
import type { Seen, TestServer } from './server.ts';

const cleanups: (() => Promise<unknown> | void)[] = [];
const ref = { apiVersion: 'v1', kind: 'Pod', namespace: 'shop', labelSelector: 'a=b' };
const quick = { firstRetryMilliseconds: 5, refusedRetryMilliseconds: 5, lastRetryMilliseconds: 20 };

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const STATUS_WRITTEN = { manager: 'kubelet', time: '2026-01-01T12:00:00Z', subresource: 'status', fieldsV1: { 'f:status': {} } };

/** A pod as the wire has it. */
function pod(name: string, resourceVersion: number, uid = name): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop', uid, resourceVersion: String(resourceVersion), managedFields: [{ manager: 'x' }, STATUS_WRITTEN] },
  };
}

function list(resourceVersion: number, items: unknown[]): Record<string, unknown> {
  return { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion: String(resourceVersion) }, items };
}

function send(response: ServerResponse, type: string, object: unknown): void {
  response.write(`${JSON.stringify({ type, object })}\n`);
}

interface Rig {
  server: TestServer;
  client: KubernetesClient;
  /** What the watch told, one after the other. */
  next: () => Promise<WatchEvent>;
  reconnects: ReconnectRequests;
  lists: () => number;
  versions: () => (string | null)[];
}

/** One list-watch on a server whose lists and watches the test answers; `n` counts each from 0. */
async function rig(
  answers: { list?: (n: number, response: ServerResponse) => void; watch?: (n: number, response: ServerResponse, seen: Seen) => void },
  timings: Record<string, number> = {},
): Promise<Rig> {
  let lists = 0;
  const versions: (string | null)[] = [];
  const server = await startServer((seen, response) => {
    const query = new URL(seen.url, 'https://x').searchParams;
    if (query.get('watch') !== 'true') return (answers.list ?? ((_n, r) => json(r, list(10, [pod('a', 5)]))))(lists++, response);
    versions.push(query.get('resourceVersion'));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    return answers.watch?.(versions.length - 1, response, seen);
  });
  cleanups.push(() => server.close());
  const client = connectCluster(
    { server: server.url, ca: server.ca, auth: { token: 't'.repeat(20) } },
    { allowedNetworks: ['127.0.0.0/8'], budgets: { requestMilliseconds: 500 }, watch: { ...quick, ...timings } },
  );
  cleanups.push(() => client.close());
  const stop = new AbortController();
  const reconnects: ReconnectRequests = new EventEmitter();
  const iterator = client.listWatch(ref, { signal: stop.signal, reconnects })[Symbol.asyncIterator]();
  cleanups.push(() => stop.abort());
  const next = async (): Promise<WatchEvent> => {
    const result = await iterator.next();
    if (result.done === true) throw new Error('the watch has ended');
    return result.value;
  };
  return { server, client, next, reconnects, lists: () => lists, versions: () => versions };
}

/** Short enough to compare: the type, and the name or the error's kind. */
function brief(event: WatchEvent): string {
  if (event.type === 'RESYNC') return `RESYNC ${event.objects.map((object) => object.metadata.name).join()}`;
  if (event.type === 'UNREACHABLE') return `UNREACHABLE ${event.error.kind}`;
  return event.type === 'ALIVE' ? 'ALIVE' : `${event.type} ${event.object.metadata.name}`;
}

async function briefs(next: Rig['next'], count: number): Promise<string[]> {
  const all: string[] = [];
  while (all.length < count) all.push(brief(await next()));
  return all;
}

describe('a list-watch', () => {
  it('tells the whole list and then every event in order, asking for bookmarks and a bounded watch', async () => {
    const { next, server } = await rig({
      watch: (_, response) => {
        send(response, 'ADDED', pod('b', 11));
        send(response, 'MODIFIED', pod('b', 12));
        send(response, 'DELETED', pod('a', 13));
        send(response, 'BOOKMARK', { metadata: { resourceVersion: '20' } });
      },
    });
    expect(await briefs(next, 5)).toEqual(['RESYNC a', 'ADDED b', 'MODIFIED b', 'DELETED a', 'ALIVE']);
    expect(Object.fromEntries(new URL(server.seen[1]?.url ?? '', server.url).searchParams)).toEqual({
      labelSelector: 'a=b',
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: '25',
      resourceVersion: '10',
    });
  });

  it('takes up after a cut where it stopped, a bookmark included, without a second list and without telling of trouble', async () => {
    const rigged = await rig({
      watch: (n, response) => {
        if (n === 0) {
          send(response, 'ADDED', pod('b', 11));
          send(response, 'BOOKMARK', { metadata: { resourceVersion: '20' } });
          response.write('{"type":"ADDED","object":{"metadata"', () => response.destroy());
        } else send(response, 'ADDED', pod('c', 21));
      },
    });
    expect(await briefs(rigged.next, 4)).toEqual(['RESYNC a', 'ADDED b', 'ALIVE', 'ADDED c']);
    expect(rigged.versions()).toEqual(['10', '20']);
    expect(rigged.lists()).toBe(1);
  });

  it.each([
    ['in the stream', (response: ServerResponse) => send(response, 'ERROR', status(410, 'Expired', 'too old resource version'))],
    ['as an answer', null],
  ])('lists again when its version is too old (%s), which finds a deletion that it missed', async (_name, sendExpired) => {
    let expired = false;
    const server = await startServer((seen, response) => {
      if (!seen.url.includes('watch=')) return json(response, expired ? list(50, [pod('b', 40)]) : list(10, [pod('a', 5)]));
      if (expired) return response.writeHead(200).flushHeaders();
      expired = true;
      if (sendExpired === null) return json(response, status(410, 'Expired', 'too old resource version'), 410);
      response.writeHead(200);
      return sendExpired(response);
    });
    cleanups.push(() => server.close());
    const client = connectCluster(
      { server: server.url, ca: server.ca, auth: { token: 't'.repeat(20) } },
      { allowedNetworks: ['127.0.0.0/8'], watch: quick },
    );
    cleanups.push(() => client.close());
    const stop = new AbortController();
    cleanups.push(() => stop.abort());
    const seen: string[] = [];
    for await (const event of client.listWatch(ref, { signal: stop.signal })) if (seen.push(brief(event)) === 2) break;
    expect(seen).toEqual(['RESYNC a', 'RESYNC b']);
  });

  it('gives up a watch that has fallen silent, and resumes', async () => {
    const rigged = await rig(
      {
        watch: (n, response) => {
          if (n === 0) return;
          send(response, 'ADDED', pod('b', 11));
        },
      },
      { silenceMilliseconds: 1_100 },
    );
    expect(await briefs(rigged.next, 2)).toEqual(['RESYNC a', 'ADDED b']);
    expect(rigged.versions()).toEqual(['10', '10']);
  });

  it('that is to reconnect asks anew from where it stands, and tells nothing where it is answered', async () => {
    const rigged = await rig({
      watch: (n, response) => {
        if (n === 0) send(response, 'ADDED', pod('b', 11));
        else send(response, 'ADDED', pod('c', 12));
      },
    });
    expect(await briefs(rigged.next, 2)).toEqual(['RESYNC a', 'ADDED b']);
    const after = rigged.next();
    rigged.reconnects.emit('reconnect');
    expect(brief(await after)).toBe('ADDED c');
    expect([rigged.versions(), rigged.lists()]).toEqual([['10', '11'], 1]);
  });

  it('that is to reconnect tells of a cluster that does not answer in time, after the first try', async () => {
    const rigged = await rig({ watch: (_, response) => send(response, 'ADDED', pod('b', 11)) });
    expect(await briefs(rigged.next, 2)).toEqual(['RESYNC a', 'ADDED b']);
    let unanswered = 0;
    rigged.server.answer(() => void (unanswered += 1));
    const after = rigged.next();
    rigged.reconnects.emit('reconnect');
    expect(brief(await after)).toBe('UNREACHABLE UNREACHABLE');
    expect(unanswered).toBe(1);
  });

  it('that is to reconnect takes one cut for a kept connection that was closed', async () => {
    const rigged = await rig({ watch: (_, response) => send(response, 'ADDED', pod('b', 11)) });
    expect(await briefs(rigged.next, 2)).toEqual(['RESYNC a', 'ADDED b']);
    rigged.server.answer(() => {
      rigged.server.answer((_, response) => send(response.writeHead(200), 'ADDED', pod('c', 12)));
      for (const socket of rigged.server.connections) socket.destroy();
    });
    const after = rigged.next();
    rigged.reconnects.emit('reconnect');
    expect(brief(await after)).toBe('ADDED c');
  });

  it('does not take a byte now and then for a sign of life', async () => {
    const rigged = await rig(
      {
        watch: (n, response) => {
          if (n > 0) return send(response, 'ADDED', pod('b', 11));
          const timer = setInterval(() => response.write(' '), 50);
          response.on('close', () => clearInterval(timer));
        },
      },
      { silenceMilliseconds: 1_100 },
    );
    expect(await briefs(rigged.next, 2)).toEqual(['RESYNC a', 'ADDED b']);
  });

  it('tells once that the cluster cannot be reached, and when it can again', async () => {
    const rigged = await rig({
      list: (n, response) =>
        n < 4 ? json(response, status(503, 'ServiceUnavailable', 'starting'), 503) : json(response, list(10, [pod('a', 5)])),
    });
    expect(await briefs(rigged.next, 2)).toEqual(['UNREACHABLE SERVER', 'RESYNC a']);
    expect(rigged.lists()).toBe(5);
  });

  it('says ALIVE when a watch that could not be resumed stands again', async () => {
    let refuse = false;
    const server = await startServer((seen, response) => {
      if (!seen.url.includes('watch=')) return json(response, list(10, []));
      if (refuse) {
        refuse = false;
        return json(response, status(500, 'InternalError', 'broken'), 500);
      }
      response.writeHead(200).flushHeaders();
      refuse = true;
      return void setTimeout(() => response.destroy(), 1_050);
    });
    cleanups.push(() => server.close());
    const client = connectCluster(
      { server: server.url, ca: server.ca, auth: { token: 't'.repeat(20) } },
      { allowedNetworks: ['127.0.0.0/8'], watch: quick },
    );
    cleanups.push(() => client.close());
    const stop = new AbortController();
    cleanups.push(() => stop.abort());
    const seen: string[] = [];
    for await (const event of client.listWatch(ref, { signal: stop.signal })) if (seen.push(brief(event)) === 3) break;
    expect(seen).toEqual(['RESYNC ', 'UNREACHABLE SERVER', 'ALIVE']);
  });

  it.each([
    [401, 'Unauthorized', 'UNAUTHENTICATED'],
    [403, 'Forbidden', 'FORBIDDEN'],
  ])('tells of %i as such and goes on asking, so that rights given later are noticed', async (code, reason, kind) => {
    const message = code === 403 ? 'pods is forbidden: User "x" cannot list resource "pods"' : reason;
    const rigged = await rig({
      list: (n, response) => (n < 2 ? json(response, status(code, reason, message), code) : json(response, list(10, []))),
    });
    expect(await briefs(rigged.next, 2)).toEqual([`UNREACHABLE ${kind}`, 'RESYNC ']);
  });

  it('honours Retry-After', async () => {
    const started = performance.now();
    const rigged = await rig({
      list: (n, response) =>
        n === 0 ? json(response, status(429, 'TooManyRequests', 'x'), 429, { 'retry-after': '1' }) : json(response, list(10, [])),
    });
    expect(await briefs(rigged.next, 2)).toEqual(['UNREACHABLE THROTTLED', 'RESYNC ']);
    expect(performance.now() - started).toBeGreaterThanOrEqual(1_000);
  });

  it.each([
    ['header', {}, { 'retry-after': '1000000000' }],
    ['body', { retryAfterSeconds: 1e9 }, {}],
  ])('waits at most a minute for a Retry-After of 30 years in the %s, and does not hammer the server', async (_name, details, headers) => {
    const rigged = await rig({ list: (_n, response) => json(response, status(429, 'TooManyRequests', 'x', details), 429, headers) });
    const event = await rigged.next();
    expect(event).toMatchObject({ type: 'UNREACHABLE', error: { kind: 'THROTTLED', retryAfterSeconds: 60 } });
    void rigged.next().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(rigged.lists()).toBe(1);
  });

  it('does not believe a list that is older than what it saw, until that has lasted', async () => {
    const rigged = await rig(
      {
        list: (n, response) => json(response, n === 0 ? list(100, [pod('new', 90)]) : list(50, [pod('old', 40)])),
        watch: (n, response) => (n === 0 ? send(response, 'ERROR', status(410, 'Expired', 'x')) : undefined),
      },
      { staleMilliseconds: 300 },
    );
    expect(await briefs(rigged.next, 3)).toEqual(['RESYNC new', 'UNREACHABLE SERVER', 'RESYNC old']);
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ['what is not JSON', (response) => void response.write('hello\n')],
    ['an event without an object', (response) => void response.write('{"type":"ADDED"}\n')],
    ['a null', (response) => void response.write('null\n')],
    ['an unknown event', (response) => send(response, 'CHANGED', pod('a', 11))],
    ['nothing, and ends', (response) => void response.end()],
  ])('survives a server that sends %s, tells of it after three times, and does not hammer it', async (_name, misbehave) => {
    const rigged = await rig({ watch: (n, response) => (n < 3 ? misbehave(response) : send(response, 'ADDED', pod('b', 12))) });
    expect(await briefs(rigged.next, 4)).toEqual(['RESYNC a', 'UNREACHABLE SERVER', 'ALIVE', 'ADDED b']);
  });

  it('ends when it is told to, in the middle of whatever it does', async () => {
    const { client } = await rig({});
    for (const delay of [0, 30, 300]) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(), delay);
      for await (const _ of client.listWatch(ref, { signal: stop.signal }));
      expect(stop.signal.aborted).toBe(true);
    }
  });

  it('leaves the connections of the requests alone', async () => {
    const { client, next } = await rig({});
    await next();
    const stop = new AbortController();
    cleanups.push(() => stop.abort());
    const watches = Array.from({ length: 12 }, () => client.listWatch(ref, { signal: stop.signal })[Symbol.asyncIterator]());
    for (const watch of watches) {
      await watch.next();
      void watch.next();
    }
    expect((await client.list(ref)).items).toHaveLength(1);
  });
});

describe('a placement', () => {
  interface World {
    server: TestServer;
    watch: PlacementWatch;
    /** The stream of the pods' watch, once it has been opened. */
    pods: Promise<ServerResponse>;
    until: (holds: (snapshot: PlacementSnapshot) => boolean) => Promise<PlacementSnapshot>;
  }

  async function world(lists: Record<string, unknown[]>): Promise<World> {
    let opened: (stream: ServerResponse) => void;
    const pods = new Promise<ServerResponse>((resolve) => (opened = resolve));
    const server = await startServer((seen, response) => {
      const { pathname, searchParams } = new URL(seen.url, 'https://x');
      const kind = pathname.split('/').at(-1) ?? '';
      const [selector, value] =
        kind === 'deployments' ? ['fieldSelector', 'metadata.name=web'] : ['labelSelector', 'slipway.dev/workload-id=w-1'];
      if (searchParams.get(selector) !== value) return json(response, status(400, 'BadRequest', 'no selector'), 400);
      if (searchParams.get('watch') !== 'true') return json(response, list(10, lists[kind] ?? []));
      response.writeHead(200).flushHeaders();
      if (kind === 'pods') opened(response);
      return undefined;
    });
    cleanups.push(() => server.close());
    const client = connectCluster(
      { server: server.url, ca: server.ca, auth: { token: 't'.repeat(20) } },
      { allowedNetworks: ['127.0.0.0/8'], budgets: { requestMilliseconds: 500 }, watch: quick },
    );
    cleanups.push(() => client.close());
    let wake = (): void => undefined;
    const watch = watchPlacement(client, { namespace: 'shop', workload: 'web', workloadId: 'w-1' }, () => wake());
    cleanups.push(() => watch.stop());
    const until: World['until'] = async (holds) => {
      for (;;) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        const snapshot = watch.snapshot();
        if (holds(snapshot)) return snapshot;
        await changed;
      }
    };
    return { server, watch, pods, until };
  }

  const names = (objects: { metadata: { name: string } }[]): string[] => objects.map((object) => object.metadata.name);

  it('is synced when all three kinds are listed, keeps who owns which field on the Deployment alone, of others when their status was written, and knows the time of the cluster', async () => {
    const { watch } = await world({ deployments: [pod('web', 3)], replicasets: [pod('web-1', 4)], pods: [pod('web-1-a', 5)] });
    expect(watch.snapshot()).toMatchObject({ synced: false, clusterNow: null, unreachable: null, pods: [] });
    await watch.synced;
    const snapshot = watch.snapshot();
    expect([snapshot.synced, names(snapshot.deployments), names(snapshot.replicaSets), names(snapshot.pods)]).toEqual([
      true,
      ['web'],
      ['web-1'],
      ['web-1-a'],
    ]);
    const { fieldsV1: _, ...written } = STATUS_WRITTEN;
    expect(snapshot.deployments[0]?.metadata.managedFields).toEqual([{ manager: 'x' }, { ...written, fieldsV1: {} }]);
    for (const [object] of [snapshot.replicaSets, snapshot.pods]) expect(object?.metadata.managedFields).toEqual([written]);
    expect(Math.abs((snapshot.clusterNow?.getTime() ?? 0) - Date.now())).toBeLessThan(2_500);
  });

  it.each([[{}], [[null]], ['x'], [[{ subresource: 'status' }, 3]]])(
    'takes managedFields that are %j for what they are worth',
    async (managedFields) => {
      const odd = { ...pod('web-1-a', 5), metadata: { ...(pod('web-1-a', 5)['metadata'] as object), managedFields } };
      const { watch } = await world({ deployments: [], replicasets: [], pods: [odd] });
      await watch.synced;
      expect(names(watch.snapshot().pods)).toEqual(['web-1-a']);
    },
  );

  it('follows what comes, changes and goes; one made again under its name is another object', async () => {
    const { pods: stream, until, watch } = await world({ pods: [pod('a', 5)] });
    await watch.synced;
    const pods = await stream;
    send(pods, 'ADDED', pod('a', 11, 'a-again'));
    send(pods, 'DELETED', pod('a', 12));
    send(pods, 'ADDED', pod('b', 13));
    const snapshot = await until((now) => now.pods.some((object) => object.metadata.name === 'b'));
    expect(snapshot.pods.map((object) => object.metadata.uid)).toEqual(['a-again', 'b']);
  });

  it('says since when and why it cannot be reached, and forgets that when it can', async () => {
    const { server, until, watch, pods } = await world({ pods: [pod('a', 5)] });
    await watch.synced;
    await pods;
    const before = Date.now();
    server.answer((_, response) => json(response, status(401, 'Unauthorized', 'Unauthorized'), 401));
    for (const socket of server.connections) socket.destroy();
    const lost = await until((now) => now.unreachable !== null);
    expect(lost.unreachable?.error.kind).toBe('UNAUTHENTICATED');
    expect(Math.abs((lost.unreachable?.since.getTime() ?? 0) - before)).toBeLessThan(5_000);
    expect(names(lost.pods)).toEqual(['a']);
    server.answer((_, response) => void response.writeHead(200).flushHeaders());
    await until((now) => now.unreachable === null);
  });

  it('that is to reconnect ends what waits for a cluster without an answer, and only then; what comes after it answers again is not ended', async () => {
    const { server, until, watch, pods } = await world({ pods: [pod('a', 5)] });
    await watch.synced;
    await pods;
    const { answering } = watch;
    server.answer((_, response) => json(response, status(401, 'Unauthorized', 'Unauthorized'), 401));
    watch.reconnect();
    await until((now) => now.unreachable?.error.kind === 'UNAUTHENTICATED');
    expect(answering.aborted).toBe(false);

    server.answer(() => undefined);
    await until((now) => now.unreachable?.error.kind === 'UNREACHABLE');
    expect([answering.aborted, watch.answering.aborted]).toEqual([true, true]);

    server.answer((_, response) => void response.writeHead(200).flushHeaders());
    await until((now) => now.unreachable === null);
    expect([answering.aborted, watch.answering.aborted]).toEqual([true, false]);
  });

  it('stops at once, and settles who waits for it', async () => {
    const { watch } = await world({});
    await watch.stop();
    await watch.synced;
  });
});
