import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { expectStatus } from './api.ts';
import { EDITS, editTemplate, placeWorkload } from './foreign-edits.ts';
import type { EditedWorld, Ground } from './foreign-edits.ts';
import { ask, rolloutOf, settled, violations } from './world.ts';
import type { RolloutView as AnyRollout } from './world.ts';

export interface AdvisedWorld {
  speaker: EditedWorld['speaker'];
  /** Two of the case's own: others edit what runs on the first, nobody what runs on the second. */
  grounds(name: string): Promise<readonly [Ground, Ground]>;
  close(): Promise<void>;
}

interface Difference {
  path: string;
  manager: string | null;
  live: string | null;
  ours: string | null;
}

interface RolloutView extends AnyRollout {
  takeOver: boolean;
  failure: (NonNullable<AnyRollout['failure']> & { advice: string; differences: Difference[]; differenceCount: number }) | null;
}

const container = { name: 'web', image: 'registry.example/shop/web:${{ params.tag }}', ports: [{ name: 'http', containerPort: 8080 }] };
const MODE = { name: 'MODE', value: 'fast' };
const ENV = [MODE, { name: 'LEVEL', value: 'info' }];

const document = (strategy: object, env: object[] = ENV): object => ({
  parameters: { tag: { type: 'string', default: '1' } },
  pod: { spec: { terminationGracePeriodSeconds: 1, containers: [{ ...container, env }] } },
  service: { ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
  replicas: 2,
  strategy: { maxSurge: 1, maxUnavailable: 0, progressDeadlineSeconds: 60, ...strategy },
});
const ROLLING = { type: 'ROLLING' };
/** Holds at half of the pods. */
const CANARY = { type: 'CANARY', steps: [{ weight: 50 }, { pause: true }] };

const WEB = '.spec.template.spec.containers[name="web"]';
const LISTED: Record<string, Partial<Difference>> = {
  'kubectl set env': { path: `${WEB}.env[name="ADDED"]`, manager: 'kubectl-edit', live: '{"name":"ADDED","value":"(hidden)"}', ours: null },
  'kubectl set env NAME-': { path: `${WEB}.env[name="MODE"]`, manager: null, live: null, ours: '{"name":"MODE","value":"(hidden)"}' },
  'a label': { path: '.spec.template.metadata.labels.team', manager: 'kubectl-edit', live: 'shop', ours: null },
  'a container': { path: '.spec.template.spec.containers[name="proxy"]', manager: 'kubectl-edit', ours: null },
};
const LISTED_EDITS = EDITS.filter(([name]) => name in LISTED);
const [SET_ENV] = LISTED_EDITS;

interface Case {
  name: string;
  edited: Ground;
  other: Ground;
  /** The ReplicaSet of release 1 where it is edited. */
  original: string;
}

/** Each failure that others cause, and each way out of it that its advice names, on simulated clusters and on real control planes. */
export function advisedWays(start: () => Promise<AdvisedWorld>): void {
  let world: AdvisedWorld;
  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.close());

  const wait = async (id: string): Promise<RolloutView> => (await settled(world.speaker, id, 60)) as RolloutView;
  const does = async (path: string, body: object = {}): Promise<RolloutView> => wait(await ask(world.speaker, path, body));
  const deploy = ({ name }: Case, tag: string, more: object = {}): Promise<RolloutView> =>
    does(`/workloads/${name}/rollouts`, { values: { tag }, ...more });
  const retry = (id: string, body: object = {}): Promise<RolloutView> => does(`/rollouts/${id}/retry`, body);

  const begun = async (name: string, strategy: object = ROLLING): Promise<Case> => {
    const [edited, other] = await world.grounds(name);
    await placeWorkload(world.speaker, name, document(strategy), [edited, other]);
    expect(await does(`/workloads/${name}/rollouts`)).toMatchObject({ phase: 'SUCCEEDED', takeOver: false });
    await edited.recorder.until(() => edited.recorder.readyPods(name) === 2, 'release 1 runs');
    return { name, edited, other, original: edited.recorder.replicaSets(name)[0]?.uid ?? '' };
  };
  const edit = ({ edited, name }: Case, template: object): Promise<void> => editTemplate(edited, name, template);
  /** The Deployment is the same as on the cluster where nobody has edited anything. */
  const isOurs = async ({ edited, other, name }: Case): Promise<void> => {
    await other.recorder.until(() => other.recorder.replicaSets(name).length === 1, 'one ReplicaSet runs on the other cluster');
    const ours = other.recorder.podTemplate(name);
    const same = (): boolean => JSON.stringify(edited.recorder.podTemplate(name)) === JSON.stringify(ours);
    await edited.recorder.until(same, 'the template is exactly ours', 5_000).catch(() => undefined);
    expect(edited.recorder.podTemplate(name)).toEqual(ours);
    await edited.recorder.until(() => edited.recorder.replicaSets(name).length === 1 && edited.recorder.readyPods(name) === 2, 'it runs');
  };
  /** It has succeeded, the template is ours, and what follows needs nothing special. */
  const isOut = async (its: Case, rollout: RolloutView): Promise<void> => {
    expect(rollout).toMatchObject({ phase: 'SUCCEEDED', failure: null });
    await isOurs(its);
    const next = await deploy(its, '9', { strategy: { type: 'ROLLING' } });
    expect(next).toMatchObject({ phase: 'SUCCEEDED', takeOver: false });
    await isOurs(its);
  };
  const isRefused = (rollout: RolloutView, its: Case, difference: Partial<Difference> = {}): void => {
    expect(rollout).toMatchObject({
      failure: { reason: 'EDITED', cluster: its.edited.cluster, differences: [difference], differenceCount: 1 },
    });
    expect(rollout.failure?.advice).toContain('retry with takeOver: true (POST /v1/rollouts/{id}/retry)');
    expect(rollout.failure?.advice).toContain('a rollback (POST /v1/workloads/{workload}/rollback, with toRelease)');
  };
  /** Somebody edits release 1, so that release 2 is refused, and once more a retry that does not take over. */
  const refused = async (name: string, [edited, template]: [string, object] = SET_ENV!): Promise<{ its: Case; id: string }> => {
    const its = await begun(name);
    await edit(its, template);
    const rollout = await deploy(its, '2');
    expect(rollout.phase).toBe('ROLLED_BACK');
    isRefused(rollout, its, LISTED[edited]);
    return { its, id: rollout.id };
  };
  const held = async (name: string, options: object = {}): Promise<{ its: Case; id: string }> => {
    const its = await begun(name, CANARY);
    const rollout = await deploy(its, '2', options);
    expect(rollout).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    return { its, id: rollout.id };
  };
  const reaches = (id: string, phase: string): Promise<RolloutView> =>
    vi.waitUntil(
      async () => {
        const rollout = (await rolloutOf(world.speaker, id)) as RolloutView;
        return rollout.phase === phase && rollout.failure !== null && rollout;
      },
      { timeout: 30_000, interval: 50 },
    );
  const promoted = async (rollout: RolloutView): Promise<RolloutView> => {
    expect(rollout).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP', failure: null });
    return does(`/rollouts/${rollout.id}/promote`);
  };

  describe.concurrent('the template was edited between two rollouts', () => {
    test.each(LISTED_EDITS)('by %s: it is listed, and a retry with takeOver is the way out', async (...made) => {
      const { its, id } = await refused(nameOf('retry', made[0]), made);
      isRefused(await retry(id), its, LISTED[made[0]]);
      const again = await retry(id, { takeOver: true });
      expect(again).toMatchObject({ retryOf: id, takeOver: true });
      await isOut(its, again);
    });

    test('a deployment with takeOver is the way out', async () => {
      const { its } = await refused('deploys');
      await isOut(its, await deploy(its, '3', { takeOver: true }));
    });

    test('a restart is refused likewise, and one with takeOver is the way out', async () => {
      const { its } = await refused('restarts');
      isRefused(await does(`/workloads/${its.name}/restart`), its, LISTED['kubectl set env']);
      const restarted = await does(`/workloads/${its.name}/restart`, { takeOver: true });
      expect(restarted).toMatchObject({ kind: 'RESTART', takeOver: true });
      await isOut(its, restarted);
    });

    test('a rollback is the way out', async () => {
      const its = await begun('goes-back');
      expect(await deploy(its, '2')).toMatchObject({ phase: 'SUCCEEDED' });
      await edit(its, SET_ENV![1]);
      isRefused(await deploy(its, '3'), its, LISTED['kubectl set env']);
      const back = await does(`/workloads/${its.name}/rollback`);
      expect(back).toMatchObject({ kind: 'ROLLBACK', takeOver: true });
      await isOut(its, back);
    });

    test('the same change in the template is the way out', async () => {
      const { its } = await refused('changes');
      const { tenant } = world.speaker;
      const changed = document(ROLLING, [...ENV, { name: 'ADDED', value: '1' }]);
      expectStatus(await tenant.rest('POST', `/v1/templates/${its.name}/revisions`, changed), 201);
      await isOut(its, await deploy(its, '2'));
    });
  });

  describe.concurrent('the template was edited while a canary is held', () => {
    test('it goes back, and any retry is the way out', async () => {
      const { its, id } = await held('held-back');
      await edit(its, SET_ENV![1]);
      isRefused(await reaches(id, 'ROLLED_BACK'), its, LISTED['kubectl set env']);
      await isOut(its, await promoted(await retry(id)));
    });

    test.each(LISTED_EDITS)('by %s, and it stays: it is listed again, and a retry with takeOver is the way out', async (...made) => {
      const { its, id } = await held(nameOf('stays', made[0]), { onFailure: 'PAUSE' });
      await edit(its, made[1]);
      isRefused(await reaches(id, 'PAUSED'), its, LISTED[made[0]]);
      isRefused(await retry(id), its, LISTED[made[0]]);
      const again = await retry(id, { takeOver: true });
      expect(again).toMatchObject({ id, takeOver: true });
      await isOut(its, await promoted(again));
    });

    test('and it stays: an abort is the way back', async () => {
      const { its, id } = await held('stays-aborted', { onFailure: 'PAUSE' });
      await edit(its, SET_ENV![1]);
      await reaches(id, 'PAUSED');
      expect(await does(`/rollouts/${id}/abort`)).toMatchObject({ phase: 'ROLLED_BACK' });
      await isOurs(its);
      await isOut(its, await promoted(await deploy(its, '3')));
    });
  });

  describe.concurrent('`kubectl rollout undo` while a canary is held', () => {
    const undone = async ({ edited: { recorder }, name, original }: Case): Promise<void> => {
      await recorder.undo(name, original);
    };

    test('it goes back, and another deployment is the way out', async () => {
      const { its, id } = await held('undone-back');
      await undone(its);
      expect(await reaches(id, 'ROLLED_BACK')).toMatchObject({ failure: { reason: 'EDITED' } });
      await isOut(its, await promoted(await deploy(its, '3')));
    });

    test.each([{}, { takeOver: true }])('and it stays: a retry with %o is the way out', async (body) => {
      const { its, id } = await held(`undone-stays-${Object.keys(body).length}`, { onFailure: 'PAUSE' });
      await undone(its);
      const { failure } = await reaches(id, 'PAUSED');
      expect(failure).toMatchObject({ reason: 'EDITED' });
      expect(failure?.differences).toContainEqual({
        path: `${WEB}.image`,
        manager: 'kubectl-rollout',
        live: 'registry.example/shop/web:1',
        ours: 'registry.example/shop/web:2',
      });
      await isOut(its, await promoted(await retry(id, body)));
    });

    test('and it stays: a rollback is the way back', async () => {
      const { its, id } = await held('undone-rollback', { onFailure: 'PAUSE' });
      await undone(its);
      await reaches(id, 'PAUSED');
      await isOut(its, await does(`/workloads/${its.name}/rollback`, { toRelease: 1 }));
    });
  });

  describe.concurrent('another manager insists on a field of the Service', () => {
    const taken = async ({ edited: { recorder, namespace }, name }: Case): Promise<void> => {
      const spec = { ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 9090 }] };
      const service = { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec };
      await recorder.force(`/api/v1/namespaces/${namespace}/services/${name}`, service, 'mesh');
    };
    const conflicts = (rollout: RolloutView, its: Case): void => {
      const path = '.spec.ports[port=80,protocol="TCP"].targetPort';
      expect(rollout.failure).toMatchObject({ reason: 'EDITED', cluster: its.edited.cluster });
      expect(rollout.failure).toMatchObject({ differences: [{ path, manager: 'mesh', live: '9090', ours: 'http' }], differenceCount: 1 });
      expect(rollout.failure?.message).toBe(`Service ${its.name} was edited by mesh since it was applied.`);
      expect(rollout.failure?.advice).toContain('retry with takeOver: true');
    };

    test('it is listed, and a retry with takeOver is the way out', async () => {
      const its = await begun('service-retry');
      await taken(its);
      const rollout = await deploy(its, '2');
      conflicts(rollout, its);
      conflicts(await retry(rollout.id), its);
      await isOut(its, await retry(rollout.id, { takeOver: true }));
    });

    test('a rollback is the way out', async () => {
      const its = await begun('service-rollback');
      expect(await deploy(its, '2')).toMatchObject({ phase: 'SUCCEEDED' });
      await taken(its);
      conflicts(await deploy(its, '3'), its);
      await isOut(its, await does(`/workloads/${its.name}/rollback`));
    });
  });

  test('the invariants held at every step', async () => {
    expect(await violations(world.speaker)).toEqual([]);
  });
}

const nameOf = (prefix: string, text: string): string =>
  `${prefix}-${text
    .toLowerCase()
    .replaceAll(/[^a-z]+/g, '-')
    .replace(/-$/, '')}`;
