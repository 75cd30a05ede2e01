import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { expectStatus } from './api.ts';
import type { Recorder } from './recorder.ts';
import { ask, eventsOf, rolloutOf, settled, violations } from './world.ts';
import type { RolloutView, Speaker } from './world.ts';

/** What people and their tools do to a pod template whose container `web` has the variable MODE, as strategic merge patches, which is how kubectl does it. */
export const EDITS: [name: string, template: object][] = [
  ['kubectl set env', { spec: { containers: [{ name: 'web', env: [{ name: 'ADDED', value: '1' }] }] } }],
  ['kubectl set env NAME-', { spec: { containers: [{ name: 'web', env: [{ name: 'MODE', $patch: 'delete' }] }] } }],
  ['kubectl set image', { spec: { containers: [{ name: 'web', image: 'registry.example/shop/hotfix:1' }] } }],
  ['kubectl set resources', { spec: { containers: [{ name: 'web', resources: { limits: { cpu: '2' } } }] } }],
  ['kubectl set serviceaccount', { spec: { serviceAccountName: 'default', serviceAccount: 'default' } }],
  ['a label', { metadata: { labels: { team: 'shop' } } }],
  ['an annotation', { metadata: { annotations: { 'reloader.example/hash': 'abc' } } }],
  ['a container', { spec: { containers: [{ name: 'proxy', image: 'registry.example/mesh/proxy:1' }] } }],
  ['a volume', { spec: { volumes: [{ name: 'scratch', emptyDir: {} }] } }],
];

/** Changes nothing of what runs, and replaces all pods. */
export const RESTART: [name: string, template: object] = [
  'kubectl rollout restart',
  { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' } } },
];

/** A place where a workload is to run, and somebody who watches and edits it there. */
export interface Ground {
  cluster: string;
  namespace: string;
  recorder: Recorder;
}

export interface EditedWorld {
  speaker: Speaker & { recorders: readonly Recorder[] };
  /** Of the case's own. */
  ground(name: string): Promise<Ground>;
  close(): Promise<void>;
}

const DOCUMENT = {
  parameters: { tag: { type: 'string', default: '1' } },
  pod: {
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'web', image: 'registry.example/shop/web:${{ params.tag }}', env: [{ name: 'MODE', value: 'fast' }] }],
    },
  },
  replicas: 4,
  strategy: { type: 'CANARY', maxSurge: 1, maxUnavailable: 0, steps: [{ weight: 25 }, { pause: true }], progressDeadlineSeconds: 60 },
};

/** Makes a template and a workload of that name, which is to run there. */
export async function placeWorkload({ tenant }: Speaker, name: string, document: object, grounds: readonly Ground[]): Promise<void> {
  expectStatus(await tenant.rest('POST', '/v1/templates', { name }), 201);
  expectStatus(await tenant.rest('POST', `/v1/templates/${name}/revisions`, document), 201);
  const placements = grounds.map(({ cluster, namespace }) => ({ cluster, namespace }));
  expectStatus(await tenant.rest('POST', '/v1/workloads', { name, template: name, placements }), 201);
}

/** Edits the pod template, and waits until the edit has a ReplicaSet of its own. */
export async function editTemplate({ recorder }: Ground, name: string, template: object): Promise<void> {
  const before = recorder.everRan(name).length;
  await recorder.edit(name, template);
  await recorder.until(() => recorder.everRan(name).length > before, 'the edit has a ReplicaSet of its own');
}

interface Case extends Ground {
  name: string;
  /** The ReplicaSet of release 1. */
  original: string;
}

/** The same cases on simulated clusters and on real control planes. */
export function foreignEdits(start: () => Promise<EditedWorld>): void {
  let world: EditedWorld;
  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.close());

  const wait = (id: string): Promise<RolloutView> => settled(world.speaker, id, 60);
  const roll = async (name: string, body: object = {}): Promise<RolloutView> =>
    wait(await ask(world.speaker, `/workloads/${name}/rollouts`, body));
  const rolledBack = (id: string): Promise<RolloutView> =>
    vi.waitUntil(
      async () => {
        const rollout = await rolloutOf(world.speaker, id);
        return rollout.phase === 'ROLLED_BACK' && rollout;
      },
      { timeout: 30_000, interval: 50 },
    );
  const abort = async (id: string): Promise<RolloutView> => {
    await ask(world.speaker, `/rollouts/${id}/abort`);
    return rolledBack(id);
  };
  const begun = async (name: string): Promise<Case> => {
    const ground = await world.ground(name);
    await placeWorkload(world.speaker, name, DOCUMENT, [ground]);
    expect(await roll(name)).toMatchObject({ phase: 'SUCCEEDED' });
    const { recorder } = ground;
    await recorder.until(() => recorder.readyPods(name) === 4, 'release 1 runs');
    const [only, ...others] = recorder.replicaSets(name);
    expect(others).toEqual([]);
    return { ...ground, name, original: only?.uid ?? '' };
  };
  /** Exactly the pods of this ReplicaSet run, and all of them are Ready. */
  const runsAlone = ({ recorder, name }: Case, uid: string): Promise<void> =>
    recorder.until(() => {
      const sets = recorder.replicaSets(name);
      return sets.length === 1 && sets[0]?.uid === uid && sets[0].replicas === 4 && recorder.readyPods(name) === 4;
    }, `only ReplicaSet ${uid} runs`);
  const held = async ({ name }: Case): Promise<string> => {
    const rollout = await roll(name, { values: { tag: '2' } });
    expect(rollout).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    return rollout.id;
  };
  const edit = (its: Case, template: object): Promise<void> => editTemplate(its, its.name, template);

  describe.concurrent('somebody changes the pod template', () => {
    test.each(EDITS)('by %s while a canary is held: it is named, and the original ReplicaSet runs again', async (edited, template) => {
      const its = await begun(nameOf('held', edited));
      const id = await held(its);
      await edit(its, template);
      const rollout = await rolledBack(id);
      expect(rollout).toMatchObject({ failure: { reason: 'EDITED', cluster: its.cluster } });
      await runsAlone(its, its.original);
      expect(its.recorder.everRan(its.name)).toHaveLength(3);
      await abort(await held(its));
      await runsAlone(its, its.original);
    });

    test(`by ${RESTART[0]} while a canary is held: it goes on, and an abort brings the original ReplicaSet back`, async () => {
      const its = await begun('held-restarted');
      const id = await held(its);
      await edit(its, RESTART[1]);
      expect(await abort(id)).toMatchObject({ failure: null });
      await runsAlone(its, its.original);
      expect(its.recorder.everRan(its.name)).toHaveLength(3);
    });

    test(`by ${RESTART[0]} before a rollout: it is no reason to refuse, and what was restarted is gone back to`, async () => {
      const its = await begun('restarted');
      await edit(its, RESTART[1]);
      const restarted = its.recorder.everRan(its.name).find((uid) => uid !== its.original) ?? '';
      await runsAlone(its, restarted);
      await abort(await held(its));
      await runsAlone(its, restarted);
      expect(its.recorder.everRan(its.name)).toHaveLength(3);
    });

    test('after a restart of ours: that is gone back to', async () => {
      const its = await begun('our-restart');
      expect(await wait(await ask(world.speaker, `/workloads/${its.name}/restart`))).toMatchObject({ phase: 'SUCCEEDED' });
      const restarted = its.recorder.everRan(its.name).find((uid) => uid !== its.original) ?? '';
      await runsAlone(its, restarted);
      await abort(await held(its));
      await runsAlone(its, restarted);
    });
  });

  describe.concurrent('somebody changes the gate while a canary is held', () => {
    /** Other amounts that move no pod, so that it stays the same whoever is faster. */
    const amounts = ['26%', '27%', '28%', '29%'].map((maxUnavailable) => ({ strategy: { rollingUpdate: { maxUnavailable } } }));
    const againAfter = async ({ recorder, name }: Case, id: string, spec: object, times: number): Promise<void> => {
      await recorder.edit(name, {}, { manager: 'a-person', spec });
      const again = async (): Promise<boolean> =>
        (await eventsOf(world.speaker, id)).filter(({ message }) => message.includes('closing the gate again')).length >= times;
      await vi.waitUntil(again, { timeout: 30_000, interval: 50 });
    };

    test('it is closed again, and the canary goes on', async () => {
      const its = await begun('gate-again');
      const id = await held(its);
      await againAfter(its, id, amounts[0]!, 1);
      expect(await wait(id)).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
      expect(
        its.recorder
          .replicaSets(its.name)
          .map(({ replicas }) => replicas)
          .toSorted(),
      ).toEqual([1, 3]);
      await ask(world.speaker, `/rollouts/${id}/promote`);
      expect(await wait(id)).toMatchObject({ phase: 'SUCCEEDED' });
    });

    test('for the fourth time within 5 minutes: it goes back, and says who', async () => {
      const its = await begun('gate-fights');
      const id = await held(its);
      for (const [index, spec] of amounts.slice(0, 3).entries()) await againAfter(its, id, spec, index + 1);
      await its.recorder.edit(its.name, {}, { manager: 'a-person', spec: amounts[3]! });
      const { failure } = await rolledBack(id);
      expect(failure).toMatchObject({ reason: 'GATE_OVERRIDDEN' });
      expect(failure?.message).toContain('a-person');
      await runsAlone(its, its.original);
    });

    test('so that pods are replaced: it goes back and never on', async () => {
      const its = await begun('gate-opened');
      const id = await held(its);
      await againAfter(its, id, { minReadySeconds: 0, strategy: { rollingUpdate: { maxSurge: 1 } } }, 1);
      expect(await rolledBack(id)).toMatchObject({ failure: { reason: 'GATE_OVERRIDDEN' } });
      await runsAlone(its, its.original);
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
