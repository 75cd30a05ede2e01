import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../src/clusters/kubernetes/types.ts';
import { Recorder } from './recorder.ts';
import { deployment, fenced, makeWorld, preconditionOf, refs } from './world.ts';
import type { Cluster } from './world.ts';

export function rollbackContract(cluster: Cluster): void {
  describe('rolling back', () => {
    const world = makeWorld(cluster);

    it('brings the original ReplicaSet into service again, by the same uid and with the digest it had', async () => {
      const namespace = await world().namespace();
      const recorder = new Recorder(world().admin, namespace);
      const read = (): Promise<KubernetesObject | null> => world().kubernetes.read({ ...refs.deployments(namespace), name: 'web' });
      const release = (revision: string): Promise<KubernetesObject> =>
        fenced(read, (live) => world().kubernetes.apply(deployment(namespace, { revision }), { precondition: preconditionOf(live) }));
      await world().kubernetes.apply(deployment(namespace));
      await fenced(read, (live) => world().kubernetes.scale({ namespace, name: 'web' }, 4, preconditionOf(live)));
      await recorder.reach({ v1: 4 });
      const original = recorder.replicaSet('v1')?.metadata.uid;
      const all = recorder.mark();

      await release('v2');
      await recorder.reach({ v2: 4 });
      expect(recorder.replicaSet('v2')?.metadata.annotations).toMatchObject({
        'deployment.kubernetes.io/revision': '2',
        'slipway.dev/template': 'digest-of-v2',
      });
      await release('v1');
      await recorder.reach({ v1: 4 });

      expect(recorder.replicaSet('v1')?.metadata.uid).toBe(original);
      await world().admin.until(`/apis/apps/v1/namespaces/${namespace}/replicasets`, (sets) =>
        sets.some((set) => set.metadata.uid === original && set.metadata.annotations?.['deployment.kubernetes.io/revision'] === '3'),
      );
      expect(recorder.replicaSet('v1')?.metadata.annotations).toMatchObject({ 'slipway.dev/template': 'digest-of-v1' });
      expect(all.leastReady()).toBe(4);
      expect(all.mostWanted()).toBeLessThanOrEqual(5);
      await recorder.stop();
    });

    it('is still possible after many revisions, and the oldest are cleared away', async () => {
      const namespace = await world().namespace();
      const recorder = new Recorder(world().admin, namespace);
      for (const revision of ['v1', 'v2', 'v3', 'v4']) {
        await world().kubernetes.apply(deployment(namespace, { revision, spec: { revisionHistoryLimit: 2 } }));
        await recorder.reach({ [revision]: 1 });
      }
      await world().admin.until(`/apis/apps/v1/namespaces/${namespace}/replicasets`, (sets) => {
        const revisions = sets.map((set) => set.metadata.labels?.['revision'] ?? '').toSorted();
        return JSON.stringify(revisions) === JSON.stringify(['v2', 'v3', 'v4']);
      });
      await recorder.stop();
    });
  });
}
