import { describe, expect, it } from 'vitest';
import type { ManagedFields } from '../../../src/clusters/kubernetes/types.ts';
import { watchPlacement } from '../../../src/clusters/kubernetes/placement-watch.ts';
import type { PlacementSnapshot } from '../../../src/clusters/kubernetes/types.ts';
import { isReady, Recorder } from './recorder.ts';
import { configMap, deployment, failure, fenced, makeWorld, preconditionOf, refs, workloadId } from './world.ts';
import type { Cluster } from './world.ts';

const elsewhere = '11111111-2222-4333-8444-555555555555';

export function workloadContract(cluster: Cluster): void {
  describe('a workload', () => {
    const world = makeWorld(cluster);
    const webOf = (namespace: string) => () => world().kubernetes.read({ ...refs.deployments(namespace), name: 'web' });
    const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;

    it('is scaled under a manager of its own, and an apply without replicas keeps the number', async () => {
      const namespace = await world().namespace();
      const recorder = new Recorder(world().admin, namespace);
      await world().kubernetes.apply(deployment(namespace));
      await fenced(webOf(namespace), (live) => world().kubernetes.scale({ namespace, name: 'web' }, 3, preconditionOf(live)));
      await recorder.reach({ v1: 3 });
      const live = await world().kubernetes.apply(deployment(namespace, { spec: { minReadySeconds: 1 } }));
      expect(live['spec']).toMatchObject({ replicas: 3 });
      const owner = live.metadata.managedFields?.find(
        (entry) => JSON.stringify(entry.fieldsV1).includes('f:replicas') && entry.subresource === 'scale',
      ) as ManagedFields;
      expect(owner.manager).toBe('slipway-scale');
      await fenced(webOf(namespace), (now) => world().kubernetes.scale({ namespace, name: 'web' }, 0, preconditionOf(now)));
      await recorder.reach({});
      await recorder.stop();
    });

    it('is not scaled on an observation that is out of date, nor on another object of that name, nor where there is none', async () => {
      const namespace = await world().namespace();
      const old = await world().kubernetes.apply(deployment(namespace));
      await world().kubernetes.apply(deployment(namespace, { spec: { minReadySeconds: 1 } }));
      const scale = (name: string, precondition: { uid: string; resourceVersion: string }) =>
        failure(world().kubernetes.scale({ namespace, name }, 5, precondition));
      expect((await scale('web', preconditionOf(old))).kind).toBe('CONFLICT');
      expect((await fenced(webOf(namespace), (live) => scale('web', { ...preconditionOf(live), uid: elsewhere }))).kind).toBe('CONFLICT');
      expect((await scale('nobody', preconditionOf(old))).kind).toBe('NOT_FOUND');
      expect((await webOf(namespace)())?.['spec']).toMatchObject({ replicas: 1 });
    });

    it('is deleted by uid and with all that it owns; another object of that name is not', async () => {
      const namespace = await world().namespace();
      const recorder = new Recorder(world().admin, namespace);
      const live = await world().kubernetes.apply(deployment(namespace));
      await recorder.reach({ v1: 1 });
      const ref = { ...refs.deployments(namespace), name: 'web' };
      expect((await failure(world().kubernetes.delete(ref, { uid: elsewhere }))).kind).toBe('CONFLICT');
      expect((await failure(world().kubernetes.delete(ref, preconditionOf(live)))).kind).toBe('CONFLICT');
      await world().kubernetes.delete(ref, { uid: live.metadata.uid ?? '' });
      await world().admin.until(`/apis/apps/v1/namespaces/${namespace}/replicasets`, (sets) => sets.length === 0);
      await world().admin.until(pods(namespace), (all) => all.length === 0);
      await world().kubernetes.delete(ref, { uid: live.metadata.uid ?? '' });
      expect(await world().kubernetes.read(ref)).toBeNull();
      await recorder.stop();
    });

    it('stays, when deleted in the foreground, until all that it owns is gone', async () => {
      const namespace = await world().namespace();
      const recorder = new Recorder(world().admin, namespace);
      const live = await world().kubernetes.apply(deployment(namespace));
      await recorder.reach({ v1: 1 });
      await world().kubernetes.delete(
        { ...refs.deployments(namespace), name: 'web' },
        { uid: live.metadata.uid ?? '' },
        { propagation: 'Foreground' },
      );
      const [marked] = await world().admin.until(
        `/apis/apps/v1/namespaces/${namespace}/deployments`,
        (all) => all.length === 0 || all[0]?.metadata.deletionTimestamp !== undefined,
      );
      expect(marked?.metadata.deletionTimestamp ?? 'gone already').toBeDefined();
      await world().admin.until(`/apis/apps/v1/namespaces/${namespace}/deployments`, (all) => all.length === 0);
      expect((await world().admin.request<{ items: unknown[] }>('GET', `/apis/apps/v1/namespaces/${namespace}/replicasets`)).items).toEqual(
        [],
      );
      await recorder.stop();
    });

    it('has logs, at most 8 KiB of them, and says where there are none', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(deployment(namespace));
      const [pod] = await world().admin.until(pods(namespace), (all) => all.some(isReady));
      const name = pod?.metadata.name ?? '';
      const log = await world().kubernetes.log({ namespace, pod: name, container: 'web' }, { tailLines: 20 });
      expect(typeof log).toBe('string');
      expect(Buffer.byteLength(log)).toBeLessThanOrEqual(8 * 1024);
      expect((await failure(world().kubernetes.log({ namespace, pod: name, container: 'nobody' }, { tailLines: 20 }))).kind).toBe(
        'INVALID',
      );
      expect((await failure(world().kubernetes.log({ namespace, pod: 'nobody', container: 'web' }, { tailLines: 20 }))).kind).toBe(
        'NOT_FOUND',
      );
    });

    it('is made of objects that name their owners, and its annotations reach its ReplicaSet', async () => {
      const namespace = await world().namespace();
      const web = await world().kubernetes.apply(deployment(namespace));
      const [pod] = await world().admin.until(pods(namespace), (all) => all.some(isReady));
      const [set] = await world().admin.until(
        `/apis/apps/v1/namespaces/${namespace}/replicasets`,
        (all) => all[0]?.['status']?.readyReplicas === 1,
      );
      expect(set?.metadata['ownerReferences']).toMatchObject([
        { kind: 'Deployment', name: 'web', uid: web.metadata.uid, controller: true },
      ]);
      expect(pod?.metadata['ownerReferences']).toMatchObject([{ kind: 'ReplicaSet', uid: set?.metadata.uid, controller: true }]);
      expect(set?.metadata.annotations).toMatchObject({ 'slipway.dev/template': 'digest-of-v1', 'deployment.kubernetes.io/revision': '1' });
      const hash = set?.metadata.labels?.['pod-template-hash'] ?? '';
      expect(set?.metadata.name).toBe(`web-${hash}`);
      expect(pod?.metadata.labels).toMatchObject({ 'pod-template-hash': hash, revision: 'v1' });
      expect(pod?.metadata.name.startsWith(`web-${hash}-`)).toBe(true);
    });

    it('reports what its controller has seen, and times in whole seconds', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(deployment(namespace));
      const [web] = await world().admin.until(
        `/apis/apps/v1/namespaces/${namespace}/deployments`,
        ([now]) => now?.['status']?.availableReplicas === 1 && now['status'].observedGeneration === now.metadata.generation,
      );
      expect(web?.['status']).toMatchObject({ replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 });
      expect(web?.['status'].conditions).toContainEqual(expect.objectContaining({ type: 'Available', status: 'True' }));
      expect(web?.['status'].conditions).toContainEqual(expect.objectContaining({ type: 'Progressing', status: 'True' }));
      const [pod] = await world().admin.until(pods(namespace), (all) => all.some(isReady));
      const ready = (pod?.['status'].conditions as { type: string; lastTransitionTime: string }[]).find(
        (condition) => condition.type === 'Ready',
      );
      expect(ready?.lastTransitionTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    });

    it('is at hand whole, as a placement that is watched', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(deployment(namespace));
      await world().kubernetes.apply(configMap(namespace, 'not-watched'));
      let wake = (): void => undefined;
      const watch = watchPlacement(world().kubernetes, { namespace, workload: 'web', workloadId }, () => wake());
      const until = async (holds: (snapshot: PlacementSnapshot) => boolean): Promise<PlacementSnapshot> => {
        for (;;) {
          const changed = new Promise<void>((resolve) => (wake = resolve));
          const snapshot = watch.snapshot();
          if (holds(snapshot)) return snapshot;
          await changed;
        }
      };
      const running = await until(
        (now) => now.synced && now.pods.length === 1 && now.pods.every((pod) => isReady(pod as Parameters<typeof isReady>[0])),
      );
      expect([running.deployments.length, running.replicaSets.length, running.unreachable]).toEqual([1, 1, null]);
      expect(running.deployments[0]?.metadata.managedFields?.length).toBeGreaterThan(0);
      expect(Math.abs((running.clusterNow?.getTime() ?? 0) - Date.now())).toBeLessThan(10_000);
      await world().kubernetes.delete({ ...refs.deployments(namespace), name: 'web' }, { uid: running.deployments[0]?.metadata.uid ?? '' });
      await until((now) => now.deployments.length + now.replicaSets.length + now.pods.length === 0);
      await watch.stop();
    });
  });
}
