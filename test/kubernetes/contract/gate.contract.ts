import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../../src/clusters/kubernetes/types.ts';
import { Recorder } from './recorder.ts';
import type { Sample } from './recorder.ts';
import { closedGate, deployment, fenced, makeWorld, preconditionOf, refs } from './world.ts';
import type { Cluster, DeploymentOptions } from './world.ts';

/**
 * What the closed gate makes of a native Deployment. Each write carries uid and version of what it was decided on, as the engine's do; the counts are those of a
 * recorder that shares nothing with our client.
 */
export function gateContract(cluster: Cluster): void {
  describe('the closed gate', () => {
    const world = makeWorld(cluster);
    let namespace = '';
    let recorder: Recorder;
    /** What was written last. */
    let held: DeploymentOptions = {};

    beforeEach(async () => {
      namespace = await world().namespace();
      recorder = new Recorder(world().admin, namespace);
    });
    afterEach(() => recorder.stop());

    const read = (): Promise<KubernetesObject | null> => world().kubernetes.read({ ...refs.deployments(namespace), name: 'web' });
    const write = (options: DeploymentOptions): Promise<KubernetesObject> =>
      fenced(read, (live) => {
        held = options;
        return world().kubernetes.apply(deployment(namespace, options), { precondition: preconditionOf(live) });
      });
    const scale = (replicas: number): Promise<void> =>
      fenced(read, (live) => world().kubernetes.scale({ namespace, name: 'web' }, replicas, preconditionOf(live)));
    /** One step of a walk: gate closed, this surge and unavailability. */
    const step = (
      revision: string,
      surge: number | string,
      unavailable: number | string,
      more: DeploymentOptions = {},
    ): Promise<KubernetesObject> => write({ revision, surge, unavailable, gate: closedGate, ...more });
    const start = async (replicas: number): Promise<void> => {
      await world().kubernetes.apply(deployment(namespace));
      await scale(replicas);
      await recorder.reach({ v1: replicas });
    };
    /** Has the controller look at the Deployment once more, by a change that means nothing, and shows that it leaves everything as it is. */
    const staysAt = async (expected: Record<string, number>, ready?: Record<string, number>): Promise<void> => {
      await write({ ...held, spec: { revisionHistoryLimit: 11 } });
      await world().admin.until(
        `/apis/apps/v1/namespaces/${namespace}/deployments`,
        ([web]) => web?.['status']?.observedGeneration === web?.metadata.generation,
      );
      await recorder.reach(expected, ready ? { ready } : {});
    };

    it('holds a canary beside all old pods, and then at a constant total: 10 + 2, 8 + 2, 8 + 5, 5 + 5', async () => {
      await start(10);
      const all = recorder.mark();
      await step('v2', 2, 0);
      await recorder.reach({ v1: 10, v2: 2 });
      await staysAt({ v1: 10, v2: 2 });
      await step('v2', 0, '20%');
      await recorder.reach({ v1: 8, v2: 2 });
      await staysAt({ v1: 8, v2: 2 });
      await step('v2', 3, '20%');
      await recorder.reach({ v1: 8, v2: 5 });
      await step('v2', 0, '50%');
      await recorder.reach({ v1: 5, v2: 5 });
      await staysAt({ v1: 5, v2: 5 });
      expect(all.leastReady()).toBeGreaterThanOrEqual(10);
      expect(all.mostWanted()).toBeLessThanOrEqual(13);
      // The Deployment's own status follows its ReplicaSets a moment later.
      const counts = { replicas: 10, updatedReplicas: 5, readyReplicas: 10, availableReplicas: 5 };
      await world().admin.until(`/apis/apps/v1/namespaces/${namespace}/deployments`, ([web]) =>
        Object.entries(counts).every(([name, count]) => web?.['status']?.[name] === count),
      );
    });

    it('gives back a pod of each side that is deleted while it holds', async () => {
      await start(10);
      await step('v2', 2, 0);
      await recorder.reach({ v1: 10, v2: 2 });
      await step('v2', 0, '20%');
      await recorder.reach({ v1: 8, v2: 2 });
      const { items } = await world().admin.request<{
        items: { metadata: { name: string; labels: Record<string, string>; deletionTimestamp?: string } }[];
      }>('GET', `/api/v1/namespaces/${namespace}/pods`);
      for (const revision of ['v1', 'v2']) {
        const victim = items.find((pod) => pod.metadata.labels['revision'] === revision && pod.metadata.deletionTimestamp === undefined);
        await world().admin.request('DELETE', `/api/v1/namespaces/${namespace}/pods/${victim?.metadata.name}`);
      }
      await recorder.until(
        () => recorder.podUids.get('v1')?.size === 11 && recorder.podUids.get('v2')?.size === 3,
        'a pod more of each side',
      );
      await recorder.reach({ v1: 8, v2: 2 });
      await staysAt({ v1: 8, v2: 2 });
    });

    it('walks in strict batches of 3 to the end, and opening it restarts nothing', async () => {
      await start(10);
      const all = recorder.mark();
      const walk: [surge: number, unavailable: number | string, old: number, fresh: number][] = [
        [3, 0, 10, 3],
        [3, '30%', 7, 6],
        [3, '60%', 4, 9],
        [1, '90%', 1, 10],
        [0, '100%', 0, 10],
      ];
      for (const [surge, unavailable, old, fresh] of walk) {
        await step('v2', surge, unavailable);
        await recorder.reach({ v1: old, v2: fresh });
        expect(all.most('v2')).toBe(fresh);
      }
      await write({ revision: 'v2' });
      await world().admin.until(`/apis/apps/v1/namespaces/${namespace}/deployments`, ([web]) => web?.['status']?.availableReplicas === 10);
      await recorder.reach({ v2: 10 });
      expect(recorder.podUids.get('v2')?.size).toBe(10);
      expect(all.leastReady()).toBeGreaterThanOrEqual(10);
      expect(all.mostWanted()).toBeLessThanOrEqual(13);
    });

    it('leaves the old pods alone when the new image is bad, and going back brings the same ReplicaSet', async () => {
      await start(10);
      const stable = recorder.replicaSet('v1')?.metadata.uid;
      const all = recorder.mark();
      await step('v2', 3, 0, { image: 'registry.invalid/shop/web:v2' });
      await recorder.reach({ v1: 10, v2: 3 }, { ready: { v2: 0 } });
      await staysAt({ v1: 10, v2: 3 }, { v2: 0 });
      await write({ revision: 'v1', surge: 1, unavailable: 0 });
      await recorder.reach({ v1: 10 });
      expect(all.leastReady()).toBe(10);
      expect(recorder.podUids.get('v1')?.size).toBe(10);
      expect(recorder.replicaSet('v1')?.metadata.uid).toBe(stable);
    });

    it('is not needed for that: a native rollout of a bad image stops at the surge, and goes back', async () => {
      await start(10);
      const stable = recorder.replicaSet('v1')?.metadata.uid;
      const all = recorder.mark();
      await write({ revision: 'v2', surge: 3, unavailable: 0, image: 'registry.invalid/shop/web:v2' });
      await recorder.reach({ v1: 10, v2: 3 }, { ready: { v2: 0 } });
      await write({ revision: 'v1', surge: 3, unavailable: 0 });
      await recorder.reach({ v1: 10 });
      expect(all.leastReady()).toBe(10);
      expect(recorder.replicaSet('v1')?.metadata.uid).toBe(stable);
    });

    it('lets a third revision supersede a held canary, with both beside the old pods, and going back clears both', async () => {
      await start(10);
      await step('v2', 2, 0);
      await recorder.reach({ v1: 10, v2: 2 });
      await step('v2', 0, '20%');
      await recorder.reach({ v1: 8, v2: 2 });
      const all = recorder.mark();
      await step('v3', 3, 0);
      await recorder.reach({ v1: 8, v2: 2, v3: 3 });
      await write({ revision: 'v1', surge: 3, unavailable: 0 });
      await recorder.reach({ v1: 10 });
      expect(all.leastReady()).toBeGreaterThanOrEqual(10);
    });

    it('aborts out of the middle to the original ReplicaSet without a pod less', async () => {
      await start(10);
      const stable = recorder.replicaSet('v1')?.metadata.uid;
      await step('v2', 5, 0);
      await recorder.reach({ v1: 10, v2: 5 });
      await step('v2', 0, '50%');
      await recorder.reach({ v1: 5, v2: 5 });
      const all = recorder.mark();
      await write({ revision: 'v1', surge: 3, unavailable: 0 });
      await recorder.reach({ v1: 10 });
      expect(all.leastReady()).toBeGreaterThanOrEqual(10);
      expect(recorder.replicaSet('v1')?.metadata.uid).toBe(stable);
      expect(recorder.podUids.get('v1')?.size).toBe(15);
    });

    it('ratchets the canary up when N dips: 9 + 1, N = 2, N = 10 is 5 + 5', async () => {
      await start(10);
      await step('v2', 1, 0);
      await recorder.reach({ v1: 10, v2: 1 });
      await step('v2', 0, '10%');
      await recorder.reach({ v1: 9, v2: 1 });
      await scale(2);
      await recorder.reach({ v1: 1, v2: 1 });
      await scale(10);
      await recorder.reach({ v1: 5, v2: 5 });
    });

    it('follows N where the unavailability is a percentage: 20 -> 10 at 50% is 5 + 5', async () => {
      await start(20);
      await step('v2', 10, 0);
      await recorder.reach({ v1: 20, v2: 10 });
      await step('v2', 0, '50%');
      await recorder.reach({ v1: 10, v2: 10 });
      const all = recorder.mark();
      await scale(10);
      await recorder.reach({ v1: 5, v2: 5 });
      expect(all.leastReady()).toBeGreaterThanOrEqual(10);
    });

    it.each([1, 0])('ends on the new revision alone when N becomes %i', async (replicas) => {
      await start(4);
      await step('v2', 1, 0);
      await recorder.reach({ v1: 4, v2: 1 });
      await step('v2', 0, '25%');
      await recorder.reach({ v1: 3, v2: 1 });
      await scale(replicas);
      await recorder.reach({ v2: replicas });
    });

    /*
     * In two writes: the sync that first sees the closed gate still counts as available what the new ReplicaSet had before, and with an unavailability above
     * zero would take as many old pods more (10 Ready became 7: observed).
     */
    it('stops a native rollout half-way when it is closed on it, first with no unavailability, and lets it go on when it is opened', async () => {
      await start(10);
      const all = recorder.mark();
      await write({ revision: 'v2', surge: 3, unavailable: 0 });
      await recorder.until((now) => recorder.side(now, 'v2').ready >= 3 && recorder.side(now, 'v1').wanted <= 7, 'half of it');
      await step('v2', 3, 0);
      const [fresh] = await world().admin.until(
        `/apis/apps/v1/namespaces/${namespace}/replicasets?labelSelector=revision%3Dv2`,
        ([set]) => {
          const status = set?.['status'];
          return (
            set?.['spec'].minReadySeconds === closedGate.minReadySeconds &&
            status?.observedGeneration === set?.metadata.generation &&
            !status?.availableReplicas
          );
        },
      );
      expect(fresh).toBeDefined();
      const isAtRest = (now: Sample): boolean =>
        Object.values(now.sides).every((side) => side.pods === side.wanted && side.ready === side.wanted);
      const rests = await recorder.until((now) => isAtRest(now) && now.wanted === 13, 'a rest');
      const gone = 10 - recorder.side(rests, 'v1').pods;
      expect(gone).toBeLessThan(10);
      const counts = { v1: 10 - gone, v2: recorder.side(rests, 'v2').pods };
      await step('v2', 3, `${gone * 10}%`);
      await staysAt(counts);
      await write({ revision: 'v2', surge: 3, unavailable: 0 });
      await recorder.reach({ v2: 10 });
      expect(all.leastReady()).toBeGreaterThanOrEqual(10);
      expect(all.mostWanted()).toBeLessThanOrEqual(13);
    });

    it.each<[number, [surge: number, unavailable: string, old: number, fresh: number][]]>([
      [
        7,
        [
          [2, '0%', 7, 2],
          [0, '29%', 5, 2],
          [2, '29%', 5, 4],
          [0, '58%', 3, 4],
        ],
      ],
      [
        3,
        [
          [1, '0%', 3, 1],
          [1, '34%', 2, 2],
          [0, '67%', 1, 2],
        ],
      ],
      [1, [[1, '0%', 1, 1]]],
      [2, [[0, '50%', 1, 1]]],
    ])('walks %i pods by the arithmetic: new = min(N, s + u), old = N - u', async (replicas, walk) => {
      await start(replicas);
      const all = recorder.mark();
      for (const [surge, unavailable, old, fresh] of walk) {
        await step('v2', surge, unavailable);
        await recorder.reach({ v1: old, v2: fresh });
      }
      if (walk[0]?.[0] !== 0) expect(all.leastReady()).toBeGreaterThanOrEqual(replicas);
    });
  });
}
