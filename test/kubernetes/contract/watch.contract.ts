import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { KubernetesClient, KubernetesObject, WatchEvent } from '../../../src/clusters/kubernetes/types.ts';
import { startGateway } from './gateway.ts';
import type { Gateway } from './gateway.ts';
import { configMap, makeWorld, refs, selector } from './world.ts';
import type { Cluster } from './world.ts';

/** Reads a list-watch event by event. */
class Reader {
  private readonly stopping = new AbortController();
  private readonly iterator: AsyncIterator<WatchEvent>;

  constructor(client: KubernetesClient, namespace: string) {
    const ref = { ...refs.configMaps(namespace), labelSelector: selector };
    this.iterator = client.listWatch(ref, { signal: this.stopping.signal })[Symbol.asyncIterator]();
  }

  async next(): Promise<WatchEvent> {
    const result = await this.iterator.next();
    if (result.done === true) throw new Error('the watch has ended');
    return result.value;
  }

  /** The next event that is no sign of life, as `TYPE name value`. */
  async change(): Promise<string> {
    for (;;) {
      const event = await this.next();
      if (event.type === 'RESYNC') return `RESYNC ${event.objects.map((object) => object.metadata.name).join()}`;
      if (event.type === 'UNREACHABLE') return `UNREACHABLE ${event.error.kind}`;
      if (event.type !== 'ALIVE') return `${event.type} ${event.object.metadata.name} ${value(event.object)}`;
    }
  }

  async changes(count: number): Promise<string[]> {
    const all: string[] = [];
    while (all.length < count) all.push(await this.change());
    return all;
  }

  stop(): void {
    this.stopping.abort();
  }
}

function value(object: KubernetesObject): string {
  return (object['data'] as { n?: string } | undefined)?.n ?? '';
}

export function watchContract(cluster: Cluster): void {
  describe('watch', () => {
    const world = makeWorld(cluster);
    let gateway: Gateway;
    const readers: Reader[] = [];
    beforeAll(async () => {
      gateway = await startGateway(cluster(), '');
    });
    afterEach(() => {
      for (const reader of readers.splice(0)) reader.stop();
    });
    afterAll(() => gateway.close());

    const follow = (namespace: string, options: Parameters<ReturnType<typeof world>['connect']>[0] = {}): Reader => {
      const client = world().connect({ server: gateway.url, ca: gateway.ca, ...options });
      const reader = new Reader(client, namespace);
      readers.push(reader);
      return reader;
    };
    const write = (namespace: string, name: string, n: number): Promise<KubernetesObject> =>
      world().kubernetes.apply(configMap(namespace, name, { n: String(n) }));
    const remove = async (namespace: string, object: KubernetesObject): Promise<void> =>
      world().kubernetes.delete({ ...refs.configMaps(namespace), name: object.metadata.name }, { uid: object.metadata.uid ?? '' });

    it('begins with everything, and then tells each change once and in order', async () => {
      const namespace = await world().namespace();
      const first = await write(namespace, 'first', 0);
      const reader = follow(namespace);
      expect(await reader.change()).toBe('RESYNC first');
      await write(namespace, 'second', 1);
      for (const n of [2, 3, 4]) await write(namespace, 'second', n);
      await remove(namespace, first);
      expect(await reader.changes(5)).toEqual([
        'ADDED second 1',
        'MODIFIED second 2',
        'MODIFIED second 3',
        'MODIFIED second 4',
        'DELETED first 0',
      ]);
    });

    it('tells only what bears the label; what loses it is gone, what gains it has come', async () => {
      const namespace = await world().namespace();
      const reader = follow(namespace);
      expect(await reader.change()).toBe('RESYNC ');
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      await world().admin.request('POST', path, { metadata: { name: 'other' }, data: { n: '0' } });
      const label = (to: string | null): Promise<unknown> =>
        world().admin.request('PATCH', `${path}/other`, { metadata: { labels: { 'slipway.dev/workload-id': to } } });
      await label(selector.split('=')[1] ?? '');
      await label('another');
      await label(null);
      await write(namespace, 'last', 9);
      expect(await reader.changes(3)).toEqual(['ADDED other 0', 'DELETED other 0', 'ADDED last 9']);
    });

    it('is ended by the server when its time is up, after a bookmark if anything has happened elsewhere, and goes on without a second list', async () => {
      const [namespace, elsewhere] = [await world().namespace(), await world().namespace()];
      const reader = follow(namespace, { watch: { watchSeconds: 3 } });
      const requests = (): string[] => gateway.seen.filter((line) => line.includes(namespace));
      expect((await reader.next()).type).toBe('RESYNC');
      const alive = reader.next();
      await gateway.until(() => requests().length === 2);
      const { metadata } = await write(elsewhere, 'noise', 1);
      expect((await alive).type).toBe('ALIVE');
      const change = reader.change();
      await gateway.until(() => requests().length >= 3);
      await write(namespace, 'late', 1);
      expect(await change).toBe('ADDED late 1');
      expect(requests().filter((line) => !line.includes('watch=true'))).toHaveLength(1);
      const resumedAt = Number(new URL(requests()[2]?.split(' ')[1] ?? '', 'https://x').searchParams.get('resourceVersion'));
      expect(resumedAt).toBeGreaterThanOrEqual(Number(metadata.resourceVersion));
    });

    it('misses nothing when its connection is cut', async () => {
      const namespace = await world().namespace();
      const reader = follow(namespace);
      expect(await reader.change()).toBe('RESYNC ');
      const kept = await write(namespace, 'kept', 1);
      expect(await reader.change()).toBe('ADDED kept 1');
      gateway.cut();
      await write(namespace, 'kept', 2);
      await remove(namespace, kept);
      await write(namespace, 'kept', 3);
      expect(await reader.changes(3)).toEqual(['MODIFIED kept 2', 'DELETED kept 2', 'ADDED kept 3']);
      expect(gateway.seen.filter((line) => line.includes(namespace) && !line.includes('watch=true'))).toHaveLength(1);
    });

    it.each([
      ['as an answer', 410],
      ['in the stream', 200],
    ])('lists anew when the server has forgotten its version (%s), and so finds what it missed', async (_name, code) => {
      const namespace = await world().namespace();
      const gone = await write(namespace, 'gone', 1);
      const reader = follow(namespace);
      expect(await reader.change()).toBe('RESYNC gone');
      await write(namespace, 'kept', 1);
      expect(await reader.change()).toBe('ADDED kept 1');
      const expired = {
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        reason: 'Expired',
        message: 'too old resource version: 1 (2)',
        code: 410,
      };
      const answer = code === 410 ? expired : { type: 'ERROR', object: expired };
      gateway.answerNext(
        (url) => url.pathname.includes(namespace) && url.searchParams.get('watch') === 'true',
        (response) =>
          void remove(namespace, gone).then(() =>
            response.writeHead(code, { 'content-type': 'application/json' }).end(`${JSON.stringify(answer)}\n`),
          ),
      );
      gateway.cut();
      expect(await reader.change()).toBe('RESYNC kept');
      await write(namespace, 'new', 1);
      expect(await reader.change()).toBe('ADDED new 1');
    });

    it('says why it may not watch', async () => {
      const namespace = await world().namespace();
      const reader = follow(namespace, { token: 'nobody-knows-this-token' });
      expect(await reader.change()).toBe('UNREACHABLE UNAUTHENTICATED');
    });
  });
}
