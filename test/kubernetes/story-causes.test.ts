import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectStatus } from '../support/api.ts';
import { setReadySince } from '../support/clocks.ts';
import { ask, rolloutOf, settled, violations } from '../support/world.ts';
import { makeStoryWorkload, onlyReplicaSet, runs, startStoryWorld, storyDocument } from './story/world.ts';
import type { FullRollout, Site, StoryWorld } from './story/world.ts';
import { providedClusters } from './support/clusters.ts';
import { hasPolicies, mutate } from './support/policies.ts';

const OLD = 'web:1.0';
const NEW = 'web:2.0';

interface Case {
  name: string;
  site: Site;
  /** The ReplicaSet of release 1. */
  before: string;
}

describe.skipIf(providedClusters().length === 0)('what pods meet with on a real control plane', () => {
  let world: StoryWorld;
  beforeAll(async () => {
    world = await startStoryWorld();
  });
  afterAll(() => world?.close());

  const begun = async (name: string, change: Record<string, unknown> = {}, replicas = 4): Promise<Case> => {
    const [site] = await world.sites(providedClusters().slice(0, 1), name);
    const strategy = { type: 'ROLLING', maxSurge: 1, progressDeadlineSeconds: 60 };
    await makeStoryWorkload(world, name, [site!], storyDocument({ strategy, ...change }), { image: `shop/${OLD}` });
    expect(await settled(world, await ask(world, `/workloads/${name}/rollouts`))).toMatchObject({ phase: 'SUCCEEDED' });
    await runs(site!, name, OLD, replicas);
    site!.recorder.expect(name, { replicas, maxSurge: 1, maxUnavailable: 0 });
    return { name, site: site!, before: onlyReplicaSet(site!, name) };
  };
  const roll = async ({ name }: Case, behaviour: string, body: Record<string, unknown> = {}): Promise<FullRollout> => {
    const values = { image: `shop/${NEW}`, behaviour };
    return (await settled(world, await ask(world, `/workloads/${name}/rollouts`, { values, ...body }), 90)) as FullRollout;
  };
  const isBack = async ({ name, site, before }: Case, rollout: FullRollout): Promise<void> => {
    expect(rollout.phase).toBe('ROLLED_BACK');
    await runs(site, name, OLD, 4);
    expect(onlyReplicaSet(site, name)).toBe(before);
  };

  describe.concurrent('', () => {
    test.each(['pull-throttled', 'pull-one-node', 'config-late'])('and soon no more (%s) takes nothing back', async (behaviour) => {
      const its = await begun(behaviour);
      expect(await roll(its, behaviour)).toMatchObject({ phase: 'SUCCEEDED', failure: null });
      await runs(its.site, its.name, NEW, 4);
    });

    test('when the kubelet rejects them one after the other is named in its words', async () => {
      const its = await begun('rejected');
      const rollout = await roll(its, 'rejected', { strategy: { type: 'ROLLING', maxSurge: 1, failureGraceSeconds: 5 } });
      expect(rollout.failure).toMatchObject({ reason: 'UnexpectedAdmissionError' });
      expect(rollout.failure?.message).toMatch(/^\d+ pods ended so, .*no healthy devices present/);
      await isBack(its, rollout);
    });

    const sidecar = { name: 'proxy', image: 'shop/proxy:1.0', restartPolicy: 'Always' };
    test.each([
      ['an init container that does not end', 'init-hangs', [], 'InitContainerRunning', 'migrate'],
      ['a sidecar that does not start', 'sidecar-hangs', [sidecar], 'SidecarNotStarted', 'proxy'],
    ])('as %s is named at the deadline', async (_what, behaviour, sidecars, cause, container) => {
      const its = await begun(behaviour, storyWith(sidecars));
      const rollout = await roll(its, behaviour, { strategy: { type: 'ROLLING', maxSurge: 1, progressDeadlineSeconds: 6 } });
      expect(rollout.failure).toMatchObject({ reason: 'PROGRESS_DEADLINE', container });
      expect(rollout.failure?.message).toContain(`${cause}: `);
      await isBack(its, rollout);
    });

    test("and by their node's clock were Ready only in an hour is named, until it is set", async () => {
      const { name, site } = await begun('ahead', { replicas: 1 }, 1);
      const slow = storyDocument({
        strategy: { type: 'ROLLING', maxSurge: 1, progressDeadlineSeconds: 60 },
        replicas: 1,
        minReadySeconds: 20,
      });
      expectStatus(await world.tenant.rest('POST', `/v1/templates/${name}/revisions`, slow), 201);
      const id = await ask(world, `/workloads/${name}/rollouts`, { values: { image: `shop/${NEW}` } });
      await site.recorder.until(() => site.recorder.readyPods(name) === 2, 'the new pod is Ready');
      await setReadySince(site, name, `shop/${NEW}`, new Date(Date.now() + 3_600_000));
      const shown = async (): Promise<string[]> =>
        (await rolloutOf(world, id)).targets.flatMap(({ conditions }) => conditions.map(({ code }) => code));
      await expect.poll(shown).toEqual(['ClockAhead']);
      await setReadySince(site, name, `shop/${NEW}`, new Date(Date.now() - 60_000));
      expect(await settled(world, id)).toMatchObject({ phase: 'SUCCEEDED', failure: null });
      await runs(site, name, NEW, 1);
    });

    test('and only their events tell is named from these', async () => {
      const its = await begun('volume-hangs');
      const rollout = await roll(its, 'volume-hangs', { strategy: { type: 'ROLLING', maxSurge: 1, progressDeadlineSeconds: 15 } });
      expect(rollout.failure?.message).toMatch(/FailedAttachVolume: Multi-Attach error for volume/);
      await isBack(its, rollout);
    });
  });

  test.skipIf(!hasPolicies)('and never get, as their ReplicaSets are changed by a policy, is named', async () => {
    const its = await begun('changed');
    const { admin, namespace, recorder } = its.site;
    // What the controller makes of it is nobody's promise.
    recorder.expect(its.name, null);
    const template = 'Object.spec.template{metadata: Object.spec.template.metadata{annotations: {"policy.example/seen": "yes"}}}';
    const remove = await mutate(admin, namespace, {
      resource: 'replicasets',
      operations: ['CREATE'],
      expression: `Object{spec: Object.spec{template: ${template}}}`,
    });
    let attempts = 0;
    const known = async (): Promise<string> => {
      // A ReplicaSet that was made before the policy is not changed.
      const values = { image: `shop/web:3.${++attempts}` };
      const rollout = await roll(its, 'good', { values, strategy: { type: 'ROLLING', maxSurge: 1, failureGraceSeconds: 5 } });
      if (rollout.phase === 'SUCCEEDED') await settled(world, await ask(world, `/workloads/${its.name}/rollback`));
      return `${rollout.phase} ${rollout.failure?.reason}`;
    };
    // The API server takes a moment to know of a new policy.
    await expect.poll(known, { timeout: 90_000 }).toBe('ROLLED_BACK ReplicaSetChanged');
    await remove();
    await runs(its.site, its.name, OLD, 4);
    expect(onlyReplicaSet(its.site, its.name)).toBe(its.before);
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world)).toEqual([]);
  });
});

/** The document's pods with these sidecars before its init container. */
function storyWith(sidecars: readonly object[]): Record<string, unknown> {
  const { pod } = storyDocument() as { pod: { spec: { initContainers: object[] } } };
  return { pod: { ...pod, spec: { ...pod.spec, initContainers: [...sidecars, ...pod.spec.initContainers] } } };
}
