import { describe, expect, it } from 'vitest';
import { configMap, deployment, failure, makeWorld, preconditionOf, refs, service } from './world.ts';
import type { Cluster, World } from './world.ts';
import type { KubernetesObject, ManagedFields } from '../../../src/clusters/kubernetes/types.ts';

/** A Deployment that no controller touches any more, so that its version stands still. */
async function settledDeployment(world: World, namespace: string): Promise<KubernetesObject> {
  await world.kubernetes.apply(deployment(namespace));
  await world.admin.until(`/apis/apps/v1/namespaces/${namespace}/deployments`, ([web]) => web?.['status']?.readyReplicas === 1);
  const live = await world.kubernetes.read({ ...refs.deployments(namespace), name: 'web' });
  if (live === null) throw new Error('the Deployment is gone');
  return live;
}

function env(object: KubernetesObject | null): unknown {
  const spec = object?.['spec'] as { template: { spec: { containers: { env?: unknown }[] } } };
  return spec.template.spec.containers[0]?.env;
}

export function applyContract(cluster: Cluster): void {
  describe('apply', () => {
    const world = makeWorld(cluster);

    it('creates what is not there, filled up with defaults, under our manager', async () => {
      const namespace = await world().namespace();
      const created = await world().kubernetes.apply(deployment(namespace));
      expect(created.metadata).toMatchObject({ name: 'web', namespace, generation: 1, uid: expect.any(String) as string });
      expect(created['spec']).toMatchObject({
        replicas: 1,
        template: { spec: { restartPolicy: 'Always', dnsPolicy: 'ClusterFirst', schedulerName: 'default-scheduler' } },
      });
      expect(created.metadata.managedFields).toMatchObject([{ manager: 'slipway', operation: 'Apply' }]);
      const owned = created.metadata.managedFields?.[0] as ManagedFields;
      expect(JSON.stringify(owned.fieldsV1)).not.toContain('f:replicas');
    });

    it('of the same again changes nothing: neither version nor generation', async () => {
      const namespace = await world().namespace();
      const live = await settledDeployment(world(), namespace);
      const again = await world().kubernetes.apply(deployment(namespace), { precondition: preconditionOf(live) });
      expect(preconditionOf(again)).toEqual(preconditionOf(live));
      expect(again.metadata.generation).toBe(live.metadata.generation);
    });

    it('raises the generation of a Deployment for a change of the spec or of the annotations, and not for one of the labels', async () => {
      const namespace = await world().namespace();
      const live = await settledDeployment(world(), namespace);
      const { generation = 0 } = live.metadata;
      const wanted = deployment(namespace);
      const labels = { ...wanted.metadata.labels, team: 'shop' };
      expect((await world().kubernetes.apply({ ...wanted, metadata: { ...wanted.metadata, labels } })).metadata.generation).toBe(
        generation,
      );
      const annotations = { 'slipway.dev/release': '7' };
      const annotated = await world().kubernetes.apply({ ...wanted, metadata: { ...wanted.metadata, annotations } });
      expect(annotated.metadata.generation).toBe(generation + 1);
      expect(annotated.metadata.annotations?.['slipway.dev/template']).toBeUndefined();
      const changed = await world().kubernetes.apply(deployment(namespace, { spec: { minReadySeconds: 3 } }));
      expect(changed.metadata.generation).toBe(generation + 2);
    });

    it('refuses an unknown field by its path, as a bad object', async () => {
      const namespace = await world().namespace();
      const error = await failure(world().kubernetes.apply(deployment(namespace, { spec: { tempalte: {} } })));
      expect(error.kind).toBe('INVALID');
      expect(error.message).toContain('.spec.tempalte');
    });

    it('refuses a value that is out of range by its field', async () => {
      const namespace = await world().namespace();
      const error = await failure(world().kubernetes.apply(deployment(namespace, { spec: { minReadySeconds: -1 } })));
      expect([error.kind, error.status]).toEqual(['INVALID', 422]);
      expect(error.causes.map((cause) => cause.field)).toContain('spec.minReadySeconds');
    });

    it.each<[string, Record<string, unknown>]>([
      [
        'zeros written for surge and unavailable',
        { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } },
      ],
      ['a deadline that does not exceed minReadySeconds', { minReadySeconds: 600, progressDeadlineSeconds: 600 }],
      ['a selector that does not select the pods', { selector: { matchLabels: { other: 'x' } } }],
      [
        'Recreate over the defaults of a rolling update',
        { strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } },
      ],
    ])('refuses %s', async (_name, spec) => {
      const namespace = await world().namespace();
      expect((await failure(world().kubernetes.apply(deployment(namespace, { spec })))).kind).toBe('INVALID');
    });

    it('refuses to change a selector, which is immutable', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(deployment(namespace));
      const labels = { 'slipway.dev/workload': 'web', revision: 'v1' };
      const wanted = deployment(namespace, { spec: { selector: { matchLabels: labels } } });
      expect((await failure(world().kubernetes.apply(wanted))).kind).toBe('INVALID');
    });

    it('names manager and field of a conflict, changes nothing, and takes over when forced', async () => {
      const namespace = await world().namespace();
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
      await world().kubernetes.apply(deployment(namespace));
      await world().admin.apply(
        path,
        { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { minReadySeconds: 9 } },
        'someone-else',
      );
      const wanted = deployment(namespace, { spec: { minReadySeconds: 2 } });
      const error = await failure(world().kubernetes.apply(wanted));
      expect([error.kind, error.status]).toEqual(['FIELD_CONFLICT', 409]);
      expect(error.causes).toMatchObject([{ manager: 'someone-else', field: '.spec.minReadySeconds' }]);
      expect((await world().kubernetes.read({ ...refs.deployments(namespace), name: 'web' }))?.['spec']).toMatchObject({
        minReadySeconds: 9,
      });
      expect((await world().kubernetes.apply(wanted, { force: true }))['spec']).toMatchObject({ minReadySeconds: 2 });
      expect((await world().kubernetes.apply(wanted))['spec']).toMatchObject({ minReadySeconds: 2 });
    });

    it('names who changed a field by hand', async () => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(deployment(namespace));
      await world().admin.request('PATCH', `/apis/apps/v1/namespaces/${namespace}/deployments/web?fieldManager=kubectl-edit`, {
        spec: { paused: true, minReadySeconds: 5 },
      });
      const live = await world().kubernetes.read({ ...refs.deployments(namespace), name: 'web' });
      const owner = live?.metadata.managedFields?.find((entry) => JSON.stringify(entry.fieldsV1).includes('f:paused'));
      expect(owner).toMatchObject({ manager: 'kubectl-edit', operation: 'Update' });
      expect((await failure(world().kubernetes.apply(deployment(namespace)))).causes).toMatchObject([
        { manager: 'kubectl-edit', field: '.spec.minReadySeconds' },
      ]);
    });

    it('takes away what is no longer in it, and leaves what others added', async () => {
      const namespace = await world().namespace();
      const variables = [
        { name: 'A', value: '1' },
        { name: 'B', value: '2' },
      ];
      await world().kubernetes.apply(deployment(namespace, { container: { env: variables } }));
      const theirs = { spec: { template: { spec: { containers: [{ name: 'web', env: [{ name: 'C', value: '3' }] }] } } } };
      await world().admin.apply(
        `/apis/apps/v1/namespaces/${namespace}/deployments/web`,
        { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, ...theirs },
        'someone-else',
      );
      const reduced = await world().kubernetes.apply(deployment(namespace, { container: { env: variables.slice(0, 1) } }));
      expect(env(reduced)).toEqual([
        { name: 'A', value: '1' },
        { name: 'C', value: '3' },
      ]);
    });

    it('as a dry run answers what would be, and changes nothing', async () => {
      const namespace = await world().namespace();
      const live = await settledDeployment(world(), namespace);
      const imagined = await world().kubernetes.apply(deployment(namespace, { revision: 'v2' }), {
        dryRun: true,
        precondition: preconditionOf(live),
      });
      expect(imagined['spec']).toMatchObject({ template: { metadata: { labels: { revision: 'v2' } } } });
      expect(await world().kubernetes.read({ ...refs.deployments(namespace), name: 'web' })).toEqual(live);
      await world().kubernetes.apply(deployment(namespace, { name: 'new' }), { dryRun: true });
      expect(await world().kubernetes.read({ ...refs.deployments(namespace), name: 'new' })).toBeNull();
      expect((await failure(world().kubernetes.apply(deployment(namespace, { spec: { bad: 1 } }), { dryRun: true }))).kind).toBe('INVALID');
    });

    it('is refused on an observation that is out of date', async () => {
      const namespace = await world().namespace();
      const live = await settledDeployment(world(), namespace);
      await world().kubernetes.apply(deployment(namespace, { spec: { minReadySeconds: 1 } }));
      const error = await failure(world().kubernetes.apply(deployment(namespace), { precondition: preconditionOf(live), force: true }));
      expect([error.kind, error.status]).toEqual(['CONFLICT', 409]);
    });

    it('is refused on another object of that name', async () => {
      const namespace = await world().namespace();
      const live = await settledDeployment(world(), namespace);
      const uid = '11111111-2222-4333-8444-555555555555';
      const error = await failure(
        world().kubernetes.apply(deployment(namespace), { precondition: { ...preconditionOf(live), uid }, force: true }),
      );
      expect(error.kind).toBe('CONFLICT');
    });

    it('is refused where the object is gone, and does not make it anew', async () => {
      const namespace = await world().namespace();
      const live = await world().kubernetes.apply(configMap(namespace, 'settings', { a: '1' }));
      await world().kubernetes.delete({ ...refs.configMaps(namespace), name: 'settings' }, preconditionOf(live));
      const error = await failure(
        world().kubernetes.apply(configMap(namespace, 'settings', { a: '2' }), { precondition: preconditionOf(live), force: true }),
      );
      expect([error.kind, error.status]).toEqual(['CONFLICT', 409]);
      expect(await world().kubernetes.read({ ...refs.configMaps(namespace), name: 'settings' })).toBeNull();
    });

    it('of an immutable ConfigMap refuses other contents', async () => {
      const namespace = await world().namespace();
      const settings = { ...configMap(namespace, 'settings-0123456789', { a: '1' }), immutable: true };
      await world().kubernetes.apply(settings);
      await world().kubernetes.apply(settings);
      expect((await failure(world().kubernetes.apply({ ...settings, data: { a: '2' } }))).kind).toBe('INVALID');
    });

    it('of a Service gives it an address that stays', async () => {
      const namespace = await world().namespace();
      const first = await world().kubernetes.apply(service(namespace));
      const { clusterIP } = first['spec'] as { clusterIP: string };
      expect(clusterIP).toMatch(/^[\d.]+$/);
      const wanted = service(namespace);
      const changed = await world().kubernetes.apply({
        ...wanted,
        spec: { ...(wanted['spec'] as object), selector: { 'slipway.dev/workload': 'web', revision: 'v2' } },
      });
      expect(changed['spec']).toMatchObject({ clusterIP, selector: { revision: 'v2' } });
    });
  });
}
