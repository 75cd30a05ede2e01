import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, settled, violations } from '../support/world.ts';
import type { KubernetesObject } from './control-plane/client.ts';
import { makeStoryWorkload, onlyReplicaSet, running, runs, startStoryWorld, storyDocument, targetAt, until } from './story/world.ts';
import type { FullRollout, Site, StoryWorld } from './story/world.ts';
import { providedClusters } from './support/clusters.ts';

const OLD = 'web:1.0';
const NEW = 'web:2.0';
const NEWER = 'web:3.0';

const holdingAt = (weight: number): Record<string, unknown> =>
  storyDocument({
    strategy: { type: 'CANARY', maxSurge: 1, maxUnavailable: 0, steps: [{ weight }, { pause: true }], progressDeadlineSeconds: 90 },
  });
const image = (tag: string): { values: { image: string } } => ({ values: { image: `shop/${tag}` } });

/** A workload of its own at two sites, and somebody who lays hands on it at the first. */
interface Case {
  name: string;
  touched: Site;
  other: Site;
  /** The ReplicaSets of release 1. */
  before: string[];
}

describe.skipIf(providedClusters().length === 0)('somebody else on one of two real control planes', () => {
  let world: StoryWorld;
  beforeAll(async () => {
    world = await startStoryWorld();
  });
  afterAll(() => world?.close());

  const deployment = ({ name, touched }: Case): string => `/apis/apps/v1/namespaces/${touched.namespace}/deployments/${name}`;
  /** As another manager than we are. */
  const touch = (its: Case, manager: string, body: object): Promise<KubernetesObject> =>
    its.touched.admin.request('PATCH', `${deployment(its)}?fieldManager=${manager}`, body);
  const setImage = (its: Case, wanted: string): Promise<KubernetesObject> =>
    its.touched.admin.request(
      'PATCH',
      `${deployment(its)}?fieldManager=kubectl-set`,
      { spec: { template: { spec: { containers: [{ name: 'web', image: wanted }] } } } },
      { contentType: 'application/strategic-merge-patch+json' },
    );
  const scale = (its: Case, replicas: number): Promise<KubernetesObject> =>
    its.touched.admin.request('PATCH', `${deployment(its)}/scale?fieldManager=autoscaler`, { spec: { replicas } });
  const settle = async (id: string): Promise<FullRollout> => (await settled(world, id, 60)) as FullRollout;
  const roll = async ({ name }: Case, path: string, body: unknown = {}): Promise<FullRollout> =>
    settle(await ask(world, `/workloads/${name}${path}`, body));
  const promote = async (id: string): Promise<FullRollout> => {
    await ask(world, `/rollouts/${id}/promote`);
    return settle(id);
  };
  const begun = async (name: string, document: Record<string, unknown>): Promise<Case> => {
    const [touched, other] = await world.sites(providedClusters(), name);
    if (!touched || !other) throw new Error('two control planes are needed');
    const sites = [touched, other];
    await makeStoryWorkload(world, name, sites, document, image(OLD).values);
    const its = { name, touched, other, before: [] };
    expect(await roll(its, '/rollouts')).toMatchObject({ phase: 'SUCCEEDED' });
    for (const { recorder } of sites) recorder.expect(name, { replicas: 4, maxSurge: 1, maxUnavailable: 0 });
    for (const site of sites) await runs(site, name, OLD, 4);
    return { ...its, before: sites.map((site) => onlyReplicaSet(site, name)) };
  };
  const held = async (its: Case): Promise<string> => {
    const rollout = await roll(its, '/rollouts', image(NEW));
    expect(rollout).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    return rollout.id;
  };

  describe.concurrent('', () => {
    test('scales up a held canary: the split follows, and the number stays', async () => {
      const its = await begun('grown', holdingAt(50));
      const { name, touched, other } = its;
      const id = await held(its);
      touched.recorder.expect(name, { replicas: 4, maxSurge: 5, maxUnavailable: 0 });
      await scale(its, 8);
      await touched.recorder.until(() => running(touched, name) === `${OLD} x4 + ${NEW} x4`, 'both sides have grown');
      await touched.recorder.until(() => touched.recorder.readyPods(name) === 8, 'all of them are Ready');
      touched.recorder.expect(name, { replicas: 8, maxSurge: 1, maxUnavailable: 0 });
      const rollout = await promote(id);
      expect(rollout.phase).toBe('SUCCEEDED');
      expect(targetAt(rollout, touched).phaseReason).toContain('was set by somebody else and stays (4 were asked for)');
      await runs(touched, name, NEW, 8);
      await runs(other, name, NEW, 4);
    });

    test('scales down a held canary below what the plan allows: it is told and taken back', async () => {
      const its = await begun('shrunk', holdingAt(25));
      const { name, touched, other, before } = its;
      const id = await held(its);
      touched.recorder.expect(name, null);
      await scale(its, 1);
      const rollout = await until(world, id, 'it has gone back', ({ phase }) => phase === 'ROLLED_BACK');
      expect(rollout.failure).toMatchObject({ reason: 'SCALED_WHILE_HELD', cluster: touched.name });
      expect(rollout.failure?.advice).toContain('deploy again with a strategy');
      await runs(touched, name, OLD, 1);
      await runs(other, name, OLD, 4);
      expect([touched, other].map((site) => onlyReplicaSet(site, name))).toEqual(before);
    });

    test('sets another image while a canary is held: it is told by whom, and everything goes back', async () => {
      const its = await begun('meddled', holdingAt(50));
      const { name, touched, other, before } = its;
      const id = await held(its);
      // What the controller does with the pods of the third revision is not ours to answer for.
      touched.recorder.expect(name, null);
      await setImage(its, 'shop/hotfix:1');
      const rollout = await until(world, id, 'it has gone back', ({ phase }) => phase === 'ROLLED_BACK');
      expect(rollout.failure).toMatchObject({ reason: 'EDITED', cluster: touched.name });
      expect(rollout.failure?.message).toContain('edited by kubectl-set');
      for (const site of [touched, other]) await runs(site, name, OLD, 4);
      expect([touched, other].map((site) => onlyReplicaSet(site, name))).toEqual(before);
    });

    test('has set another image before a rollout: it is not overwritten unseen, but a rollback takes it over', async () => {
      const its = await begun('hotfixed', storyDocument());
      const { name, touched, other, before } = its;
      expect(await roll(its, '/rollouts', image(NEW))).toMatchObject({ phase: 'SUCCEEDED' });
      await setImage(its, 'shop/hotfix:1');
      await touched.recorder.until(
        () => running(touched, name) === 'hotfix:1 x4' && touched.recorder.readyPods(name) === 4,
        'the hotfix runs',
      );
      const refused = await roll(its, '/rollouts', image(NEWER));
      expect(refused).toMatchObject({ phase: 'ROLLED_BACK', failure: { reason: 'EDITED', cluster: touched.name } });
      await runs(touched, name, 'hotfix:1', 4);
      await runs(other, name, NEW, 4);
      expect(await roll(its, '/rollback', { toRelease: 1 })).toMatchObject({ phase: 'SUCCEEDED' });
      for (const site of [touched, other]) await runs(site, name, OLD, 4);
      expect([touched, other].map((site) => onlyReplicaSet(site, name))).toEqual(before);
    });

    test('pauses the Deployment: it is left alone, told by whom, and goes on when resumed', async () => {
      const its = await begun('paused', holdingAt(50));
      const { name, touched, other } = its;
      const id = await held(its);
      await touch(its, 'kubectl-rollout', { spec: { paused: true } });
      await ask(world, `/rollouts/${id}/promote`);
      const waiting = await until(world, id, 'one is held by its owner, the other is done', (rollout) => {
        return targetAt(rollout, touched).condition !== null && targetAt(rollout, other).phase === 'SUCCEEDED';
      });
      expect(targetAt(waiting, touched).condition).toMatchObject({ type: 'PAUSED_BY_OWNER' });
      expect(targetAt(waiting, touched).condition?.message).toContain('paused by kubectl-rollout');
      expect(targetAt(waiting, touched).condition?.advice).toContain('kubectl rollout resume');
      expect(running(touched, name)).toBe(`${OLD} x2 + ${NEW} x2`);
      const left = await touched.admin.request('GET', deployment(its));
      await touch(its, 'kubectl-rollout', { spec: { paused: false } });
      expect(left['spec'].paused).toBe(true);
      expect(await settle(id)).toMatchObject({ phase: 'SUCCEEDED' });
      for (const site of [touched, other]) await runs(site, name, NEW, 4);
    });

    test('has paused the Deployment, and an abort overrides that', async () => {
      const its = await begun('stopped', holdingAt(50));
      const { name, touched, other, before } = its;
      const id = await held(its);
      await touch(its, 'kubectl-rollout', { spec: { paused: true } });
      await ask(world, `/rollouts/${id}/abort`);
      expect(await settle(id)).toMatchObject({ phase: 'ROLLED_BACK' });
      for (const site of [touched, other]) await runs(site, name, OLD, 4);
      expect([touched, other].map((site) => onlyReplicaSet(site, name))).toEqual(before);
      expect((await touched.admin.request('GET', deployment(its)))['spec'].paused ?? false).toBe(false);
    });

    test('deletes the Deployment while a canary is held: it is told, and what ran before is made again', async () => {
      const its = await begun('deleted', holdingAt(50));
      const { name, touched, other } = its;
      const id = await held(its);
      touched.recorder.expect(name, null);
      await touched.admin.request('DELETE', deployment(its));
      const rollout = await until(world, id, 'it has gone back', ({ phase }) => phase === 'ROLLED_BACK');
      expect(rollout.failure).toMatchObject({ reason: 'DELETED', cluster: touched.name });
      for (const site of [touched, other]) await runs(site, name, OLD, 4);
    });

    test('restarts the pods by hand while a canary is held: its pods are made anew, and it goes on', async () => {
      const its = await begun('restarted', holdingAt(50));
      const { name, touched, other } = its;
      const id = await held(its);
      const canary = touched.recorder.replicaSets(name).find((one) => one.image.endsWith(NEW))?.uid;
      // No canary pod counts as available, so the controller takes them away at once: that is what restarting by hand does to a closed gate.
      touched.recorder.expect(name, { replicas: 2, maxSurge: 3, maxUnavailable: 0 });
      const annotations = { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' };
      await touch(its, 'kubectl-rollout', { spec: { template: { metadata: { annotations } } } });
      const anew = (): boolean => running(touched, name) === `${OLD} x2 + ${NEW} x2` && touched.recorder.readyPods(name) === 4;
      await touched.recorder.until(() => anew() && !touched.recorder.replicaSets(name).some(({ uid }) => uid === canary), 'a new canary');
      touched.recorder.expect(name, { replicas: 4, maxSurge: 1, maxUnavailable: 0 });
      expect(await promote(id)).toMatchObject({ phase: 'SUCCEEDED' });
      for (const site of [touched, other]) await runs(site, name, NEW, 4);
    });
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});
