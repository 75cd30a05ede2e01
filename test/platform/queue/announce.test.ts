import { randomUUID } from 'node:crypto';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Announce } from '../../../src/platform/queue/announce.ts';
import type { Announcement, AnnounceOptions } from '../../../src/platform/queue/announce.ts';
import { freshDatabase, onConnection } from '../../support/database.ts';
import type { FreshDatabase } from '../../support/database.ts';

let fresh: FreshDatabase;
const opened: Announce[] = [];

beforeAll(async () => {
  fresh = await freshDatabase();
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((announce) => announce.close()));
});

afterAll(async () => {
  await fresh.drop();
});

/** One process's end: what it hears, and a wait for what it is to hear. */
async function listen(
  options: Partial<AnnounceOptions> = {},
): Promise<{ announce: Announce; heard: Announcement[]; until(holds: () => boolean): Promise<void> }> {
  const announce = new Announce({ url: fresh.appUrl, ...options });
  opened.push(announce);
  const heard: Announcement[] = [];
  const waiting = new Set<() => void>();
  announce.subscribe((announcement) => {
    heard.push(announcement);
    for (const look of waiting) look();
  });
  await announce.start();
  const until = (holds: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (!holds()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  return { announce, heard, until };
}

/** A way to the server on which the connections of now can be made to carry nothing any more, while they stay open. */
async function silentProxy(url: string): Promise<{ url: string; freeze(): void; close(): Promise<void> }> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const upstream = connect(Number(target.port), target.hostname);
    socket.pipe(upstream).pipe(socket);
    for (const one of [socket, upstream]) sockets.add(one.on('error', () => undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const way = new URL(url);
  way.port = String((server.address() as AddressInfo).port);
  const freeze = (): void => {
    for (const socket of sockets) socket.unpipe().pause();
  };
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { url: way.toString(), freeze, close };
}

describe('announcements', () => {
  it('are heard at once in the same process, and once each in the others', async () => {
    const [here, there] = [await listen(), await listen()];
    const messages: Announcement[] = [
      { kind: 'events', tenantId: randomUUID() },
      { kind: 'rollout', tenantId: randomUUID(), id: randomUUID() },
      { kind: 'due', work: 'placements', tenantId: randomUUID(), id: randomUUID() },
      { kind: 'cluster', tenantId: randomUUID(), id: randomUUID() },
      { kind: 'key', id: randomUUID() },
    ];

    for (const message of messages) here.announce.publish(message);
    expect(here.heard).toEqual(messages);
    await there.until(() => there.heard.length >= messages.length);
    await there.announce.close();

    expect(there.heard).toEqual(messages);
    expect(here.heard).toEqual(messages);
  });

  it('that say the same within moments are told to other processes once', async () => {
    const [here, there] = [await listen(), await listen()];
    const tenantId = randomUUID();
    const last = { kind: 'key', id: 'last' } as const;

    for (let index = 0; index < 200; index++) here.announce.publish({ kind: 'events', tenantId });
    here.announce.publish(last);
    await there.until(() => there.heard.some((message) => message.kind === 'key'));

    expect(there.heard).toEqual([{ kind: 'events', tenantId }, last]);
  });

  it('arrive however many they are', async () => {
    const [here, there] = [await listen(), await listen()];
    const tenantId = randomUUID();
    const ids = Array.from({ length: 1_000 }, () => randomUUID());

    for (const id of ids) here.announce.publish({ kind: 'due', work: 'placements', tenantId, id });
    await there.until(() => there.heard.length >= ids.length);

    expect(there.heard.map((message) => ('id' in message ? message.id : null))).toEqual(ids);
  });

  it('that replace each other tell the newest', async () => {
    const [here, there] = [await listen(), await listen()];
    const target = {
      kind: 'progress',
      tenantId: randomUUID(),
      workloadId: randomUUID(),
      rolloutId: randomUUID(),
      targetId: randomUUID(),
    } as const;

    for (let ready = 0; ready <= 5; ready++) here.announce.publish({ ...target, data: { ready } }, target.targetId);
    await there.until(() => there.heard.length > 0);

    expect(there.heard).toEqual([{ ...target, data: { ready: 5 } }]);
  });

  it('go on after the connection was cut, and what waited meanwhile is told, behind a gap for who may have missed some', async () => {
    const [here, there] = [await listen(), await listen()];
    await onConnection(fresh.ownerUrl, (client) =>
      client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'slipway announce'`,
      ),
    );
    await there.until(() => there.heard.some((message) => message.kind === 'gap'));
    await here.until(() => here.heard.some((message) => message.kind === 'gap'));

    const id = randomUUID();
    here.announce.publish({ kind: 'key', id });
    await there.until(() => there.heard.some((message) => message.kind === 'key' && message.id === id));

    expect(there.heard).toEqual([{ kind: 'gap' }, { kind: 'key', id }]);
  });

  it('go on after the network dropped the connection without a word', async () => {
    const way = await silentProxy(fresh.appUrl);
    const there = await listen({ url: way.url, heartbeatMilliseconds: 100, timeoutMilliseconds: 1_000 });
    const here = await listen();
    try {
      way.freeze();
      await there.until(() => there.heard.some((message) => message.kind === 'gap'));
      const id = randomUUID();
      here.announce.publish({ kind: 'key', id });
      await there.until(() => there.heard.length > 1);

      expect(there.heard).toEqual([{ kind: 'gap' }, { kind: 'key', id }]);
    } finally {
      await there.announce.close();
      await way.close();
    }
  });

  it('that somebody else makes up are passed over', async () => {
    const { heard, until } = await listen();
    const made = `NOTIFY slipway, 'no JSON'; NOTIFY slipway, '{}'; NOTIFY slipway, '{"from":"x","items":[{"kind":"key","id":"real"}]}'`;
    await onConnection(fresh.ownerUrl, (client) => client.query(made));
    await until(() => heard.length > 0);

    expect(heard).toEqual([{ kind: 'key', id: 'real' }]);
  });

  it('wait for a database that is away when the process starts', async () => {
    const announce = new Announce({ url: 'postgresql://nobody:x@127.0.0.1:1/none' });
    const heard: Announcement[] = [];
    announce.subscribe((announcement) => heard.push(announcement));
    const started = announce.start();

    announce.publish({ kind: 'key', id: 'here' });
    await announce.close();
    await started;

    expect(heard).toEqual([{ kind: 'key', id: 'here' }]);
  });

  it('end when they are closed at any moment of connecting', async () => {
    for (let milliseconds = 0; milliseconds < 30; milliseconds += 2) {
      const announce = new Announce({ url: fresh.appUrl });
      void announce.start();
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      await announce.close();
    }
  });

  it('reach the other listeners although one of them throws', async () => {
    const { announce, heard } = await listen();
    const stop = announce.subscribe(() => {
      throw new Error('no');
    });
    const second: Announcement[] = [];
    announce.subscribe((announcement) => second.push(announcement));

    announce.publish({ kind: 'key', id: 'k' });
    stop();

    expect([heard, second]).toEqual([[{ kind: 'key', id: 'k' }], [{ kind: 'key', id: 'k' }]]);
  });
});
