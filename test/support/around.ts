import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectStatus } from './api.ts';
import { placeWorkload } from './foreign-edits.ts';
import type { EditedWorld, Ground } from './foreign-edits.ts';
import { ask, remove, settled, violations } from './world.ts';
import type { RolloutView as AnyRollout } from './world.ts';

interface RolloutView extends AnyRollout {
  failure: (NonNullable<AnyRollout['failure']> & { differences: object[]; differenceCount: number }) | null;
}

type Spec = Record<string, unknown>;

interface Service {
  metadata: { uid: string; resourceVersion: string; labels: Record<string, string> };
  spec: Spec & { clusterIP?: string; ports?: Spec[] };
}

interface ConfigMap {
  metadata: { name: string; labels?: Record<string, string> };
  data?: Record<string, string>;
}

/** What a release has around its Deployment; null = no Service. */
interface Around {
  service: Spec | null;
  files?: Record<string, string>;
}

const HTTP = { name: 'http', port: 80, targetPort: 'http' };
const METRICS = { name: 'metrics', port: 9090, targetPort: 9090 };
const PLAIN: Around = { service: { ports: [HTTP] } };
const HEADLESS: Around = { service: { clusterIP: 'None', ports: [HTTP] } };
const ID = 'slipway.dev/workload-id';

/** Holds at half of the pods. */
const HOLDING = [{ weight: 50 }, { pause: true }];

const document = ({ service, files }: Around, steps: object[] = []): object => ({
  parameters: { tag: { type: 'string', default: '1' } },
  pod: {
    spec: {
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'web', image: 'registry.example/shop/web:${{ params.tag }}', ports: [{ name: 'http', containerPort: 8080 }] }],
    },
  },
  ...(service === null ? {} : { service }),
  ...(files === undefined ? {} : { config: [{ name: 'app', files, container: 'web', path: '/etc/app' }] }),
  replicas: 2,
  strategy: { ...(steps.length > 0 ? { type: 'CANARY', steps } : {}), maxSurge: 1, maxUnavailable: 0, progressDeadlineSeconds: 60 },
});

/** A workload of the case's own that runs release 1. */
interface Case extends Ground {
  name: string;
}

/** Without what a cluster gives out. */
function withoutAddresses({ spec }: Service): unknown {
  const { clusterIP, clusterIPs: _all, healthCheckNodePort: _checked, ports = [], ...rest } = spec;
  const bare = ports.map(({ nodePort, ...port }) => ({ ...port, hasNodePort: nodePort !== undefined }));
  return { ...rest, isHeadless: clusterIP === 'None', ports: bare };
}

/** What is around a Deployment, on simulated clusters and on real control planes. */
export function aroundDeployments(start: () => Promise<EditedWorld>): void {
  let world: EditedWorld;
  beforeAll(async () => {
    world = await start();
  });
  afterAll(() => world.close());

  const wait = async (id: string): Promise<RolloutView> => (await settled(world.speaker, id, 60)) as RolloutView;
  const does = async (path: string, body: object = {}): Promise<RolloutView> => wait(await ask(world.speaker, path, body));
  const deploy = ({ name }: Pick<Case, 'name'>, body: object = {}): Promise<RolloutView> => does(`/workloads/${name}/rollouts`, body);
  const retry = ({ id }: RolloutView, body: object = {}): Promise<RolloutView> => does(`/rollouts/${id}/retry`, body);
  const promote = ({ id }: RolloutView): Promise<RolloutView> => does(`/rollouts/${id}/promote`);
  const revise = async ({ name }: Case, around: Around, steps: object[] = []): Promise<void> => {
    expectStatus(await world.speaker.tenant.rest('POST', `/v1/templates/${name}/revisions`, document(around, steps)), 201);
  };
  const succeeds = (rollout: RolloutView): void => expect(rollout).toMatchObject({ phase: 'SUCCEEDED', failure: null });
  const begun = async (name: string, around: Around = PLAIN, steps: object[] = []): Promise<Case> => {
    const ground = await world.ground(name);
    await placeWorkload(world.speaker, name, document(around, steps), [ground]);
    succeeds(await deploy({ name }));
    return { ...ground, name };
  };
  const held = async (name: string, around: Around = PLAIN, body: object = {}): Promise<{ its: Case; rollout: RolloutView }> => {
    const its = await begun(name, around, HOLDING);
    const rollout = await deploy(its, { values: { tag: '2' }, ...body });
    expect(rollout).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
    return { its, rollout };
  };
  const pathOf = ({ namespace, name }: Case): string => `/api/v1/namespaces/${namespace}/services/${name}`;
  const serviceOf = (its: Case): Promise<Service | null> => its.recorder.read<Service>(pathOf(its));
  const configMapsOf = async ({ recorder, namespace, name }: Case): Promise<ConfigMap[]> => {
    const list = await recorder.read<{ items: ConfigMap[] }>(`/api/v1/namespaces/${namespace}/configmaps`);
    return (list?.items ?? []).filter(({ metadata }) => metadata.labels?.['slipway.dev/workload'] === name);
  };
  /** What others do to a Service whose only port is `http`. */
  const redirect = (its: Case): Promise<void> => its.recorder.patch(pathOf(its), { spec: { ports: [{ ...HTTP, targetPort: 9090 }] } });
  const targetPortOf = async (its: Case): Promise<unknown> => (await serviceOf(its))?.spec.ports?.[0]?.['targetPort'];
  const REDIRECTED = { path: '.spec.ports[port=80,protocol="TCP"].targetPort', manager: 'kubectl-edit', live: '9090', ours: 'http' };
  const isEdited = (rollout: RolloutView, { name, cluster }: Case): void => {
    expect(rollout.failure).toMatchObject({ reason: 'EDITED', cluster, differences: [REDIRECTED], differenceCount: 1 });
    expect(rollout.failure?.message).toBe(`Service ${name} was edited by kubectl-edit since it was applied.`);
    expect(rollout.failure?.advice).toContain('retry with takeOver: true');
  };

  describe.concurrent('a change arrives as on a fresh cluster', () => {
    const transitions: [name: string, Around, Around][] = [
      ['ports', PLAIN, { service: { ports: [METRICS, { ...HTTP, targetPort: 8080 }] } }],
      ['a port of the nodes', PLAIN, { service: { type: 'NodePort', ports: [HTTP] } }],
      ['a balancer', PLAIN, { service: { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports: [HTTP] } }],
      ['affinity', PLAIN, { service: { sessionAffinity: 'ClientIP', ports: [HTTP] } }],
      ['pods that are not Ready', HEADLESS, { service: { clusterIP: 'None', publishNotReadyAddresses: true, ports: [HTTP] } }],
      ['a name elsewhere', PLAIN, { service: { type: 'ExternalName', externalName: 'example.com' } }],
      ['a Service', { service: null }, PLAIN],
      ['a file', { ...PLAIN, files: { 'a.yaml': 'a: 1' } }, { ...PLAIN, files: { 'a.yaml': 'a: 2', 'b.yaml': 'b: 1' } }],
      ['files', { ...PLAIN, files: { 'a.yaml': 'a: 1' } }, PLAIN],
    ];
    const both = transitions.flatMap(([name, one, other]) => [[name, one, other] as const, [`${name}, back`, other, one] as const]);

    test.each(both)('%s', async (name, from, to) => {
      const its = await begun(nameOf('changed', name), from);
      await revise(its, to);
      succeeds(await deploy(its));
      const anew = await begun(nameOf('anew', name), to);
      const [changed, fresh] = [await serviceOf(its), await serviceOf(anew)];
      expect(changed && withoutAddresses(changed)).toEqual(
        fresh && { ...(withoutAddresses(fresh) as object), selector: changed?.spec['selector'] },
      );
      const dataOf = async (one: Case): Promise<unknown[]> => (await configMapsOf(one)).map(({ data }) => data);
      expect(await dataOf(its)).toEqual(expect.arrayContaining(await dataOf(anew)));
    });
  });

  describe.concurrent('a change that the cluster ignores or refuses', () => {
    test.each([
      ['headless', PLAIN, HEADLESS, 'may not change once set'],
      ['not headless', HEADLESS, PLAIN, '.spec.clusterIP stays None'],
    ])('to a Service that is %s: it is said before anything is written, and its deletion is the way out', async (what, from, to, words) => {
      const its = await begun(nameOf('immutable', what), from);
      const before = await serviceOf(its);
      await revise(its, to);
      const refused = await deploy(its, { values: { tag: '2' } });
      expect(refused).toMatchObject({ phase: 'ROLLED_BACK', phaseReason: expect.stringContaining('Nothing was changed.') as string });
      expect(refused.failure).toMatchObject({ reason: 'IMMUTABLE', cluster: its.cluster });
      expect(refused.failure?.message).toContain(`The cluster creates Service ${its.name} as this release has it, but does not change`);
      expect(refused.failure?.message).toContain(words);
      expect(refused.failure?.advice).toContain(`kubectl delete service ${its.name}`);
      expect(await serviceOf(its)).toEqual(before);
      expect(its.recorder.everRan(its.name)).toHaveLength(1);
      await its.recorder.delete(pathOf(its));
      succeeds(await retry(refused));
      expect((await serviceOf(its))?.spec.clusterIP === 'None').toBe(to === HEADLESS);
      const back = await does(`/workloads/${its.name}/rollback`);
      expect(back).toMatchObject({ phase: 'PAUSED', failure: { reason: 'IMMUTABLE' } });
      await its.recorder.delete(pathOf(its));
      succeeds(await retry(back));
      expect((await serviceOf(its))?.spec.clusterIP === 'None').toBe(from === HEADLESS);
    });
  });

  describe.concurrent('somebody edits the Service', () => {
    test('between two releases that have the same: it is refused and listed, and a retry with takeOver is the way out', async () => {
      const its = await begun('edited-between');
      await redirect(its);
      const refused = await deploy(its, { values: { tag: '2' } });
      isEdited(refused, its);
      expect(its.recorder.everRan(its.name)).toHaveLength(1);
      isEdited(await retry(refused), its);
      expect(await targetPortOf(its)).toBe(9090);
      succeeds(await retry(refused, { takeOver: true }));
      expect(await targetPortOf(its)).toBe('http');
    });

    test('while pods are held: it goes back, and what somebody has edited stays', async () => {
      const { its, rollout } = await held('edited-held');
      await redirect(its);
      const back = await promote(rollout);
      expect(back.phase).toBe('ROLLED_BACK');
      isEdited(back, its);
      expect(await targetPortOf(its)).toBe(9090);
      expect(its.recorder.running(its.name)).toBe('registry.example/shop/web:1 x2');
    });

    test('while pods are held that stay: a retry with takeOver is the way out', async () => {
      const { its, rollout } = await held('edited-stays', PLAIN, { onFailure: 'PAUSE' });
      await redirect(its);
      const paused = await promote(rollout);
      expect(paused).toMatchObject({ phase: 'PAUSED', pauseReason: 'FAILURE' });
      isEdited(paused, its);
      const again = await retry(paused, { takeOver: true });
      succeeds(again.phase === 'PAUSED' ? await promote(again) : again);
      expect(await targetPortOf(its)).toBe('http');
    });

    test('while pods are held of a rollout that takes over: it is ours at the end', async () => {
      const { its, rollout } = await held('edited-taken', PLAIN, { takeOver: true });
      await redirect(its);
      succeeds(await promote(rollout));
      expect(await targetPortOf(its)).toBe('http');
    });

    test('and what he added belongs to no release: it is listed, too', async () => {
      const its = await begun('edited-added');
      await its.recorder.patch(pathOf(its), { spec: { publishNotReadyAddresses: true } });
      const refused = await deploy(its);
      expect(refused.failure).toMatchObject({
        reason: 'EDITED',
        differences: [{ path: '.spec.publishNotReadyAddresses', manager: 'kubectl-edit', live: 'true', ours: null }],
      });
      succeeds(await retry(refused, { takeOver: true }));
      expect((await serviceOf(its))?.spec).not.toHaveProperty('publishNotReadyAddresses');
    });

    test('and the next release has that, too: it is no reason to refuse', async () => {
      const its = await begun('edited-alike');
      await redirect(its);
      await revise(its, { service: { ports: [{ ...HTTP, targetPort: 9090 }] } });
      succeeds(await deploy(its));
    });

    test('by labels and annotations of his own: they stay', async () => {
      const its = await begun('edited-labels');
      await its.recorder.patch(pathOf(its), { metadata: { labels: { team: 'shop' }, annotations: { 'mesh.example/on': 'yes' } } });
      succeeds(await deploy(its, { values: { tag: '2' } }));
      expect((await serviceOf(its))?.metadata).toMatchObject({ labels: { team: 'shop' }, annotations: { 'mesh.example/on': 'yes' } });
    });
  });

  describe.concurrent('somebody edits the Service that the next release has otherwise, while pods are held', () => {
    const other: Around = { service: { ports: [{ ...HTTP, targetPort: 8080 }] } };
    const heldOn = async (name: string): Promise<{ its: Case; rollout: RolloutView }> => {
      const its = await begun(name, PLAIN, HOLDING);
      await revise(its, other, HOLDING);
      const rollout = await deploy(its, { values: { tag: '2' } });
      expect(rollout).toMatchObject({ phase: 'PAUSED', pauseReason: 'STEP' });
      await redirect(its);
      return { its, rollout };
    };

    test('and an abort leaves it', async () => {
      const { its, rollout } = await heldOn('otherwise-aborted');
      expect(await does(`/rollouts/${rollout.id}/abort`)).toMatchObject({ phase: 'ROLLED_BACK' });
      expect(await targetPortOf(its)).toBe(9090);
    });

    test('and it is not overwritten unseen, neither forward nor back', async () => {
      const { its, rollout } = await heldOn('otherwise-promoted');
      const back = await promote(rollout);
      expect(back).toMatchObject({ phase: 'ROLLED_BACK', failure: { reason: 'EDITED', differences: [{ live: '9090', ours: '8080' }] } });
      expect(await targetPortOf(its)).toBe(9090);
    });
  });

  describe.concurrent('somebody deletes what is around', () => {
    const FILES: Around = { ...PLAIN, files: { 'a.yaml': 'a: 1' } };
    const deleteAll = async (its: Case): Promise<void> => {
      await its.recorder.delete(pathOf(its));
      for (const { metadata } of await configMapsOf(its))
        await its.recorder.delete(`/api/v1/namespaces/${its.namespace}/configmaps/${metadata.name}`);
    };
    const isThere = async (its: Case): Promise<void> => {
      expect(await targetPortOf(its)).toBe('http');
      expect((await configMapsOf(its)).map(({ data }) => data)).toEqual([{ 'a.yaml': 'a: 1' }]);
    };

    test('between two releases: it is made again', async () => {
      const its = await begun('deleted-between', FILES);
      await deleteAll(its);
      succeeds(await deploy(its, { values: { tag: '2' } }));
      await isThere(its);
    });

    test('while pods are held: it is made again at the end', async () => {
      const { its, rollout } = await held('deleted-held', FILES);
      await deleteAll(its);
      succeeds(await promote(rollout));
      await isThere(its);
    });

    test('while pods are held, and an abort follows: it is made again', async () => {
      const { its, rollout } = await held('deleted-aborted', FILES);
      await deleteAll(its);
      expect(await does(`/rollouts/${rollout.id}/abort`)).toMatchObject({ phase: 'ROLLED_BACK' });
      await isThere(its);
    });
  });

  describe.concurrent('somebody removes our label', () => {
    const unlabel = (its: Case): Promise<void> => its.recorder.patch(pathOf(its), { metadata: { labels: { [ID]: null } } });
    const relabel = (its: Case, advice: string): Promise<void> => {
      const id = new RegExp(`kubectl label --overwrite service ${its.name} ${ID}=(\\S+)\\)`).exec(advice)?.[1];
      return its.recorder.patch(pathOf(its), { metadata: { labels: { [ID]: id } } }, 'kubectl-label');
    };

    test('of the Service: it is said, and to put it back is the way out', async () => {
      const its = await begun('unlabeled');
      await unlabel(its);
      const refused = await deploy(its, { values: { tag: '2' } });
      expect(refused.failure).toMatchObject({ reason: 'LABEL_REMOVED', cluster: its.cluster });
      expect(refused.failure?.message).toContain(`of Service ${its.name}`);
      await relabel(its, refused.failure?.advice ?? '');
      succeeds(await retry(refused));
    });

    test('of the Service of a workload that is removed: it is not left behind unseen', async () => {
      const its = await begun('unlabeled-removed');
      await unlabel(its);
      const refused = await wait(await remove(world.speaker, its.name));
      expect(refused).toMatchObject({ phase: 'PAUSED', failure: { reason: 'LABEL_REMOVED', cluster: its.cluster } });
      await relabel(its, refused.failure?.advice ?? '');
      succeeds(await retry(refused));
      expect(await serviceOf(its)).toBeNull();
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
