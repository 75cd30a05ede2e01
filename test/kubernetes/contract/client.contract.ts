import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseKubeconfig } from '../../../src/clusters/core/kubeconfig.ts';
import { startGateway } from './gateway.ts';
import type { Gateway } from './gateway.ts';
import { configMap, failure, makeWorld, refs } from './world.ts';
import type { Cluster } from './world.ts';

export function clientContract(cluster: Cluster): void {
  describe('client', () => {
    const world = makeWorld(cluster);
    let gateway: Gateway;
    beforeAll(async () => {
      gateway = await startGateway(cluster(), '/gateways/east');
    });
    afterAll(() => gateway.close());

    it('reads the version', async () => {
      const { gitVersion, latencyMilliseconds } = await world().kubernetes.version();
      expect(gitVersion).toMatch(/^v1\.\d+\.\d+/);
      expect(latencyMilliseconds).toBeGreaterThan(0);
    });

    it('reaches a cluster that lies under a path', async () => {
      const namespace = await world().namespace();
      const client = world().connect({ server: `${gateway.url}/`, ca: gateway.ca });
      await client.apply(configMap(namespace, 'by-gateway', { a: '1' }));
      expect((await world().kubernetes.read({ ...refs.configMaps(namespace), name: 'by-gateway' }))?.['data']).toEqual({ a: '1' });
    });

    it('is reached by the kubeconfig that it hands out', async () => {
      const { credential, faults } = parseKubeconfig(cluster().kubeconfig);
      expect(faults).toBeNull();
      expect(credential?.auth).toEqual({ token: cluster().adminToken });
      const { gitVersion } = await world()
        .connect({ server: credential?.server ?? '', ca: credential?.ca ?? '' })
        .version();
      expect(gitVersion).toMatch(/^v1\./);
    });

    it('whose reply is lost has done what it was asked, and the same again changes nothing', async () => {
      const namespace = await world().namespace();
      const client = world().connect({ server: gateway.url, ca: gateway.ca });
      gateway.loseNextReply((url) => url.pathname.endsWith('/configmaps/lost'));
      expect((await failure(client.apply(configMap(namespace, 'lost', { a: '1' })))).kind).toBe('UNREACHABLE');
      const found = await client.read({ ...refs.configMaps(namespace), name: 'lost' });
      expect(found?.['data']).toEqual({ a: '1' });
      expect((await client.apply(configMap(namespace, 'lost', { a: '1' }))).metadata.resourceVersion).toBe(found?.metadata.resourceVersion);
    });

    it('answers null for what is not there', async () => {
      const namespace = await world().namespace();
      expect(await world().kubernetes.read({ ...refs.deployments(namespace), name: 'nobody' })).toBeNull();
    });

    it('is UNAUTHENTICATED with a token that nobody knows', async () => {
      const client = world().connect({ token: 'nobody-knows-this-token' });
      const error = await failure(client.list({ ...refs.pods('default'), labelSelector: 'a=b' }));
      expect([error.kind, error.status]).toEqual(['UNAUTHENTICATED', 401]);
    });

    it('trusts the given authority alone', async () => {
      const error = await failure(world().connect({ ca: gateway.ca }).version());
      expect([error.kind, error.status]).toEqual(['UNKNOWN_CA', null]);
    });

    it('is UNREACHABLE at a port where nobody listens', async () => {
      const closed = await startGateway(cluster(), '');
      await closed.close();
      const error = await failure(world().connect({ server: closed.url, ca: closed.ca }).version());
      expect([error.kind, error.status]).toEqual(['UNREACHABLE', null]);
    });

    it('says that a namespace is missing', async () => {
      const error = await failure(world().kubernetes.apply(configMap('nowhere-at-all', 'a')));
      expect([error.kind, error.status]).toEqual(['NAMESPACE_MISSING', 404]);
    });

    it('reads the warnings about a pod, the newest first, and nothing else', async () => {
      const namespace = await world().namespace();
      const about = async (name: string, uid: string, reason: string, lastTimestamp: string, type = 'Warning') =>
        world().admin.request('POST', `/api/v1/namespaces/${namespace}/events`, {
          metadata: { name },
          involvedObject: { kind: 'Pod', namespace, name: 'web-1', uid, apiVersion: 'v1' },
          ...{ reason, message: `because of ${name}`, type, lastTimestamp, firstTimestamp: lastTimestamp, count: 1 },
        });
      await about('first', 'uid-1', 'FailedMount', '2026-01-01T00:00:00Z');
      await about('second', 'uid-1', 'FailedAttachVolume', '2026-01-01T00:01:00Z');
      await about('normal', 'uid-1', 'Scheduled', '2026-01-01T00:02:00Z', 'Normal');
      await about('other', 'uid-2', 'FailedMount', '2026-01-01T00:03:00Z');
      expect(await world().kubernetes.podWarnings({ namespace, uid: 'uid-1' })).toEqual([
        { reason: 'FailedAttachVolume', message: 'because of second', at: Date.parse('2026-01-01T00:01:00Z') },
        { reason: 'FailedMount', message: 'because of first', at: Date.parse('2026-01-01T00:00:00Z') },
      ]);
    });

    it('lists by label with the time of the cluster, each item with its kind', async () => {
      const namespace = await world().namespace();
      await Promise.all(['a', 'b', 'c'].map((name) => world().kubernetes.apply(configMap(namespace, name))));
      await world().admin.request('POST', `/api/v1/namespaces/${namespace}/configmaps`, { metadata: { name: 'other' } });
      const list = await world().kubernetes.list({ ...refs.configMaps(namespace), labelSelector: 'slipway.dev/workload-id' });
      expect(list.items.map((item) => [item.kind, item.metadata.name])).toEqual([
        ['ConfigMap', 'a'],
        ['ConfigMap', 'b'],
        ['ConfigMap', 'c'],
      ]);
      expect(Math.abs(list.date.getTime() - Date.now())).toBeLessThan(10_000);
      expect(list.resourceVersion).toMatch(/^\d+$/);
    });

    it('lists more than one page as one moment', async () => {
      const namespace = await world().namespace();
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      await Promise.all(Array.from({ length: 7 }, (_, n) => world().kubernetes.apply(configMap(namespace, `c-${n}`))));
      const first = await world().admin.request<{
        metadata: { continue: string; resourceVersion: string; remainingItemCount?: number };
        items: unknown[];
      }>('GET', `${path}?limit=3`);
      expect(first.items).toHaveLength(3);
      await world().kubernetes.apply(configMap(namespace, 'a-late-one'));
      const second = await world().admin.request<typeof first>(
        'GET',
        `${path}?limit=100&continue=${encodeURIComponent(first.metadata.continue)}`,
      );
      expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
      expect(second.items.map((item) => (item as { metadata: { name: string } }).metadata.name)).not.toContain('a-late-one');
    });
  });
}
