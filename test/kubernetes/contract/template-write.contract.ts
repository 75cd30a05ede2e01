import { describe, expect, it } from 'vitest';
import type { KubernetesObject, PatchOperation } from '../../../src/clusters/kubernetes/types.ts';
import { bringing, gating, mergingOwnership, templateOf } from '../../../src/rollouts/engine/deployment-patch.ts';
import type { KubernetesObject as Wanted } from '../../../src/workloads/core/objects.ts';
import { closedGate, deployment, failure, fenced, makeWorld, preconditionOf, refs } from './world.ts';
import type { Cluster, DeploymentOptions } from './world.ts';
import { EDITS, RESTART } from '../../support/foreign-edits.ts';

const wanted = (namespace: string, options?: DeploymentOptions): Wanted => deployment(namespace, options) as Wanted;

const specOf = (object: KubernetesObject): Record<string, unknown> => object['spec'] as Record<string, unknown>;
const templateIn = (object: KubernetesObject): unknown => specOf(object)['template'];
/** Who owns a field of that name, but for what the controllers own of the status. */
const managersOf = (object: KubernetesObject, field: string): string[] =>
  (object.metadata.managedFields ?? [])
    .filter(({ fieldsV1, subresource }) => subresource !== 'status' && JSON.stringify(fieldsV1 ?? {}).includes(`"${field}"`))
    .map(({ manager, operation, subresource }) => [manager, operation, ...(subresource === undefined ? [] : [subresource])].join('/'));

const BASE: DeploymentOptions = { container: { env: [{ name: 'MODE', value: 'fast' }] } };

/** Two configurations, each of which is to arrive over the other as on a fresh cluster. */
const transitions: [string, DeploymentOptions, DeploymentOptions][] = [
  ['an image', { image: 'registry.example/shop/web:1' }, { image: 'registry.example/shop/web:2' }],
  ['a tag and latest, whose pull policies differ', { image: 'registry.example/shop/web:1' }, { image: 'registry.example/shop/web:latest' }],
  ['a pull policy', { container: { imagePullPolicy: 'Never' } }, {}],
  ['a service account', { pod: { serviceAccountName: 'robot' } }, {}],
  ['two service accounts', { pod: { serviceAccountName: 'robot' } }, { pod: { serviceAccountName: 'other' } }],
  ['variables', { container: { env: [{ name: 'A', value: '1' }] } }, { container: { env: [{ name: 'B', value: '2' }] } }],
  [
    'a variable by value and by reference',
    { container: { env: [{ name: 'A', value: '1' }] } },
    { container: { env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] } },
  ],
  [
    'the order of variables',
    { container: { env: ['A', 'B'].map((name) => ({ name, value: '1' })) } },
    { container: { env: ['B', 'A'].map((name) => ({ name, value: '1' })) } },
  ],
  ['a command', { container: { command: ['./web'], args: ['--fast'] } }, {}],
  ['ports', { container: { ports: [{ containerPort: 8080 }] } }, { container: { ports: [{ containerPort: 8080, protocol: 'UDP' }] } }],
  ['named ports', { container: { ports: [{ name: 'http', containerPort: 80 }] } }, { container: { ports: [{ containerPort: 80 }] } }],
  ['resources', { container: { resources: { requests: { cpu: '1' }, limits: { cpu: '2' } } } }, {}],
  [
    'kinds of probe',
    { container: { readinessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 3 } } },
    { container: { readinessProbe: { tcpSocket: { port: 80 } } } },
  ],
  ['a probe', { container: { livenessProbe: { exec: { command: ['true'] } } } }, {}],
  ['a hook', { container: { lifecycle: { preStop: { exec: { command: ['sleep', '1'] } } } } }, {}],
  [
    'kinds of volume',
    { pod: { volumes: [{ name: 'data', emptyDir: {} }] }, container: { volumeMounts: [{ name: 'data', mountPath: '/data' }] } },
    {
      pod: { volumes: [{ name: 'data', configMap: { name: 'app' } }] },
      container: { volumeMounts: [{ name: 'data', mountPath: '/data', readOnly: true }] },
    },
  ],
  [
    'modes of a volume',
    { pod: { volumes: [{ name: 'data', configMap: { name: 'app', defaultMode: 256 } }] } },
    { pod: { volumes: [{ name: 'data', configMap: { name: 'app' } }] } },
  ],
  ['an init container', { pod: { initContainers: [{ name: 'migrate', image: 'registry.example/shop/migrate:1' }] } }, {}],
  [
    'an init container and a sidecar',
    { pod: { initContainers: [{ name: 'log', image: 'registry.example/log:1' }] } },
    { pod: { initContainers: [{ name: 'log', image: 'registry.example/log:1', restartPolicy: 'Always' }] } },
  ],
  ['security of the pod', { pod: { securityContext: { runAsNonRoot: true, fsGroup: 2000 } } }, {}],
  ['security of a container', { container: { securityContext: { readOnlyRootFilesystem: true } } }, {}],
  ['nodes', { pod: { nodeSelector: { disk: 'ssd' }, tolerations: [{ key: 'gpu', operator: 'Exists' }] } }, {}],
  ['grace and DNS', { pod: { terminationGracePeriodSeconds: 60, dnsPolicy: 'Default' } }, {}],
  ['pull secrets', { pod: { imagePullSecrets: [{ name: 'registry' }] } }, {}],
  ['surge', { surge: 2, unavailable: 1 }, { surge: '10%', unavailable: 0 }],
  ['a history limit', { spec: { revisionHistoryLimit: 3 } }, { spec: { revisionHistoryLimit: undefined } }],
  ['labels and annotations of the pods', { revision: 'v1', behaviour: 'good' }, { revision: 'v2' }],
];

export function templateWriteContract(cluster: Cluster): void {
  describe('the template write', () => {
    const world = makeWorld(cluster);
    const ref = (namespace: string) => ({ ...refs.deployments(namespace), name: 'web' });
    const read = (namespace: string) => () => world().kubernetes.read(ref(namespace));
    const patch = (namespace: string, operations: (live: KubernetesObject) => PatchOperation[]): Promise<KubernetesObject> =>
      fenced(read(namespace), (live) => world().kubernetes.patch(ref(namespace), operations(live), preconditionOf(live)));
    const bring = (namespace: string, to: Wanted, template: unknown = templateIn(to)): Promise<KubernetesObject> =>
      patch(namespace, (live) => bringing(live, to, template));
    const edit = (namespace: string, template: object, manager = 'kubectl-edit'): Promise<unknown> =>
      world().admin.request(
        'PATCH',
        `/apis/apps/v1/namespaces/${namespace}/deployments/web?fieldManager=${manager}`,
        { spec: { template } },
        { contentType: 'application/strategic-merge-patch+json' },
      );
    const setsOf = (namespace: string): string => `/apis/apps/v1/namespaces/${namespace}/replicasets`;
    const oneSet = async (namespace: string): Promise<string> => {
      const [set] = await world().admin.until(setsOf(namespace), (sets) => sets.length === 1);
      return set?.metadata.name ?? '';
    };
    const setNamed = async (namespace: string, name: string): Promise<KubernetesObject> => {
      const found = await world().kubernetes.list({
        ...refs.replicaSets(namespace),
        labelSelector: '',
        fieldSelector: `metadata.name=${name}`,
      });
      expect(found.items).toHaveLength(1);
      return found.items[0] as KubernetesObject;
    };

    it.each([...EDITS, RESTART])(
      'goes back to the original ReplicaSet after %s, and leaves nothing to its editor',
      async (_name, template) => {
        const namespace = await world().namespace();
        await world().kubernetes.apply(wanted(namespace, BASE));
        const original = await setNamed(namespace, await oneSet(namespace));
        await edit(namespace, template);
        const both = await world().admin.until(setsOf(namespace), (sets) => sets.length === 2);
        const back = await bring(namespace, wanted(namespace, BASE), templateOf(original));
        expect(templateIn(back)).toEqual(templateOf(original));
        expect(managersOf(back, 'f:template').every((owner) => owner.startsWith('slipway/'))).toBe(true);
        const sets = await world().admin.until(setsOf(namespace), (all) =>
          all.every((set) => set['spec'].replicas === (set.metadata.uid === original.metadata.uid ? 1 : 0)),
        );
        expect(sets.map((set) => set.metadata.uid).toSorted()).toEqual(both.map((set) => set.metadata.uid).toSorted());
      },
    );

    it('goes back to a ReplicaSet that has what others added, exactly', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(wanted(namespace, BASE));
      const first = await oneSet(namespace);
      await edit(namespace, { spec: { containers: [{ name: 'proxy', image: 'registry.example/mesh/proxy:1' }] } });
      const sets = await world().admin.until(setsOf(namespace), (all) => all.length === 2);
      const touched = sets.find((set) => set.metadata.name !== first);
      await bring(namespace, wanted(namespace, { ...BASE, revision: 'v2' }));
      await world().admin.until(setsOf(namespace), (all) => all.length === 3);
      await bring(namespace, wanted(namespace, BASE), templateOf(await setNamed(namespace, touched?.metadata.name ?? '')));
      await world().admin.until(setsOf(namespace), (all) =>
        all.every((set) => set['spec'].replicas === (set.metadata.uid === touched?.metadata.uid ? 1 : 0)),
      );
    });

    it.each(transitions.flatMap(([name, one, other]) => [[name, one, other] as const, [`${name}, the other way`, other, one] as const]))(
      'leaves what creating it anew would give: %s',
      async (_name, from, to) => {
        const [namespace, fresh] = [await world().namespace(), await world().namespace()];
        await world().kubernetes.apply(wanted(namespace, from));
        const changed = await bring(namespace, wanted(namespace, to));
        const anew = await world().kubernetes.apply(wanted(fresh, to));
        expect(specOf(changed)).toEqual(specOf(anew));
        expect(changed.metadata.labels).toEqual(anew.metadata.labels);
        const { 'deployment.kubernetes.io/revision': _revision, ...annotations } = changed.metadata.annotations ?? {};
        expect(annotations).toEqual(anew.metadata.annotations);
      },
    );

    it.each<[string, DeploymentOptions, (template: never) => unknown, unknown]>([
      [
        'a service account that is no longer named',
        { pod: { serviceAccountName: 'robot' } },
        ({ spec }: { spec: { serviceAccountName?: string } }) => spec.serviceAccountName,
        'robot',
      ],
      [
        'the pull policy that latest had by default',
        { image: 'registry.example/shop/web:latest' },
        ({ spec }: { spec: { containers: { imagePullPolicy: string }[] } }) => spec.containers[0]?.imagePullPolicy,
        'Always',
      ],
    ])('is needed: an apply keeps %s', async (_name, from, field, kept) => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(wanted(namespace, from));
      const plain = wanted(namespace, { image: 'registry.example/shop/web:1' });
      expect(field(templateIn(await world().kubernetes.apply(plain)) as never)).toBe(kept);
      expect(field(templateIn(await bring(namespace, plain)) as never)).not.toBe(kept);
    });

    it('is needed: an apply leaves what others have added', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(wanted(namespace));
      await edit(namespace, { metadata: { labels: { team: 'shop' } } });
      expect(templateIn(await world().kubernetes.apply(wanted(namespace), { force: true }))).toMatchObject({
        metadata: { labels: { team: 'shop' } },
      });
    });

    it('takes away labels and annotations that are no longer ours, and leaves those of others', async () => {
      const namespace = await world().namespace();
      const first = wanted(namespace);
      const more = {
        labels: { ...first.metadata.labels, tier: 'a' },
        annotations: { ...first.metadata.annotations, 'slipway.dev/release': '1' },
      };
      await world().kubernetes.apply({ ...first, metadata: { ...first.metadata, ...more } });
      const theirs = { metadata: { labels: { owner: 'them' }, annotations: { 'owner.example/note': 'x' } } };
      await world().admin.request('PATCH', `/apis/apps/v1/namespaces/${namespace}/deployments/web?fieldManager=them`, theirs);
      const changed = await bring(namespace, first);
      expect(changed.metadata.labels).toEqual({ ...first.metadata.labels, owner: 'them' });
      expect(changed.metadata.annotations).toMatchObject({ ...first.metadata.annotations, 'owner.example/note': 'x' });
      expect(changed.metadata.annotations?.['slipway.dev/release']).toBeUndefined();
      expect(managersOf(changed, 'f:owner.example/note')).toEqual(['them/Update']);
    });

    it('keeps the number of pods with its owner, also over a later apply', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(wanted(namespace));
      await fenced(read(namespace), (live) => world().kubernetes.scale({ namespace, name: 'web' }, 3, preconditionOf(live)));
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
      await world().admin.request('PATCH', `${path}?fieldManager=autoscaler`, { spec: { replicas: 4 } });
      const changed = await bring(namespace, wanted(namespace, { revision: 'v2' }));
      expect(specOf(changed)['replicas']).toBe(4);
      expect(managersOf(changed, 'f:replicas')).toEqual(['autoscaler/Update']);
      await patch(namespace, (live) => mergingOwnership(live) ?? []);
      expect(specOf(await world().kubernetes.apply(wanted(namespace, { revision: 'v2' })))['replicas']).toBe(4);
    });

    it('is merged into what is applied, so that a later apply of the same leaves the generation, and an edit stays visible', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(wanted(namespace, BASE));
      const to = wanted(namespace, { revision: 'v2', container: { env: [{ name: 'OTHER', value: '2' }] } });
      const changed = await bring(namespace, to);
      expect(managersOf(changed, 'f:template')).toContain('slipway/Update');
      await edit(namespace, { metadata: { labels: { team: 'shop' } } });
      const mergedOnce = await patch(namespace, (live) => mergingOwnership(live) ?? []);
      expect(managersOf(mergedOnce, 'f:template').toSorted()).toEqual(['kubectl-edit/Update', 'slipway/Apply']);
      expect(mergingOwnership(mergedOnce)).toBeNull();
      const again = await fenced(read(namespace), (live) => world().kubernetes.apply(to, { precondition: preconditionOf(live) }));
      expect(again.metadata.generation).toBe(mergedOnce.metadata.generation);
      expect(managersOf(again, 'f:team')).toEqual(['kubectl-edit/Update']);
    });

    it('of the same again leaves the generation', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(wanted(namespace));
      const first = await bring(namespace, wanted(namespace, { revision: 'v2' }));
      const again = await bring(namespace, wanted(namespace, { revision: 'v2' }));
      expect(again.metadata.generation).toBe(first.metadata.generation);
    });

    it('of the gate alone leaves the template, whoever has edited it since', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(wanted(namespace));
      await edit(namespace, { metadata: { labels: { team: 'shop' } } });
      const gate = wanted(namespace, { revision: 'v9', gate: closedGate, surge: 2, unavailable: '20%' });
      const held = await patch(namespace, () => gating(gate));
      expect(specOf(held)).toMatchObject({ ...closedGate, strategy: { rollingUpdate: { maxSurge: 2, maxUnavailable: '20%' } } });
      expect(templateIn(held)).toMatchObject({ metadata: { labels: { team: 'shop', revision: 'v1' } } });
    });

    it("takes an owner's pause away where it is told to", async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(wanted(namespace));
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
      await world().admin.request('PATCH', `${path}?fieldManager=kubectl-rollout`, { spec: { paused: true } });
      expect(specOf(await bring(namespace, wanted(namespace)))['paused']).toBe(true);
      expect(specOf(await bring(namespace, wanted(namespace, { spec: { paused: false } })))['paused'] ?? false).toBe(false);
    });

    it('is refused on an observation that is out of date, and where there is nothing', async () => {
      const namespace = await world().namespace();
      const old = await world().kubernetes.apply(wanted(namespace));
      await world().kubernetes.apply(wanted(namespace, { spec: { minReadySeconds: 1 } }));
      const operations = bringing(old, wanted(namespace, { revision: 'v2' }), templateIn(wanted(namespace, { revision: 'v2' })));
      const stale = await failure(world().kubernetes.patch(ref(namespace), operations, preconditionOf(old)));
      expect([stale.kind, stale.status]).toEqual(['CONFLICT', 409]);
      const nobody = await failure(world().kubernetes.patch({ ...ref(namespace), name: 'nobody' }, operations, preconditionOf(old)));
      expect(nobody.kind).toBe('NOT_FOUND');
    });

    it('shows by a dry run what it would come to, and changes nothing', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(wanted(namespace));
      const to = wanted(namespace, { revision: 'v2' });
      const tried = await fenced(read(namespace), (live) =>
        world().kubernetes.patch(ref(namespace), bringing(live, to, templateIn(to)), preconditionOf(live), { dryRun: true }),
      );
      expect(templateIn((await read(namespace)()) as KubernetesObject)).toMatchObject({ metadata: { labels: { revision: 'v1' } } });
      expect(templateIn(await bring(namespace, to))).toEqual(templateIn(tried));
    });

    it('refuses an unknown field and a value out of range', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(wanted(namespace));
      for (const container of [{ imige: 'x' }, { image: '' }]) {
        const bad = failure(bring(namespace, wanted(namespace, { container })));
        expect((await bad).kind).toBe('INVALID');
      }
    });

    it('takes over a Deployment that kubectl apply made, and one whose variables have the same name twice', async () => {
      const namespace = await world().namespace();
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments`;
      const twice = { env: ['1', '2'].map((value) => ({ name: 'TWICE', value })) };
      await world().admin.request('POST', `${path}?fieldManager=kubectl-client-side-apply`, deployment(namespace, { container: twice }));
      const to = wanted(namespace, BASE);
      const changed = await bring(namespace, to);
      expect(templateIn(changed)).toMatchObject({ spec: { containers: [{ env: BASE.container?.['env'] }] } });
      expect(managersOf(changed, 'f:template').every((owner) => owner.startsWith('slipway/'))).toBe(true);
      await patch(namespace, (live) => mergingOwnership(live) ?? []);
      const again = await world().kubernetes.apply(to);
      expect(again.metadata.generation).toBe(changed.metadata.generation);
    });
  });
}
