import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KubernetesClient, WatchEvent } from '../../src/clusters/kubernetes/types.ts';
import { startControlPlane } from './control-plane/start.ts';
import type { ControlPlane } from './control-plane/start.ts';
import { configMap, deployment, failure, makeWorld, refs, selector, service } from './contract/world.ts';
import { providedClusters } from './support/clusters.ts';

/** Faults that only a control plane of one's own can be made to have. */
describe.skipIf(providedClusters().length === 0)('a real control plane', () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane({ name: 'faulty', nodes: 1 });
  });
  afterAll(() => plane?.stop());

  /** Follows a namespace's ConfigMaps, event by event. */
  const follow = (client: KubernetesClient, namespace: string): { next: () => Promise<WatchEvent>; stop: () => void } => {
    const stopping = new AbortController();
    const watch = client.listWatch({ ...refs.configMaps(namespace), labelSelector: selector }, { signal: stopping.signal });
    const events = watch[Symbol.asyncIterator]();
    const next = async (): Promise<WatchEvent> => {
      const result = await events.next();
      if (result.done === true) throw new Error('the watch has ended');
      return result.value;
    };
    return { next, stop: () => stopping.abort() };
  };

  describe('that was away', () => {
    const world = makeWorld(() => plane);

    it('and has forgotten the version of a watch is told as unreachable, and then listed anew', async () => {
      const namespace = await world().namespace();
      const gone = await world().kubernetes.apply(configMap(namespace, 'gone'));
      const { next, stop } = follow(world().connect({ watch: { lastRetryMilliseconds: 500 } }), namespace);
      expect((await next()).type).toBe('RESYNC');
      await world().kubernetes.apply(configMap(namespace, 'kept'));
      expect((await next()).type).toBe('ADDED');

      // Of this the watch hears nothing, so its version is behind the one that the new process begins with.
      await world().kubernetes.apply(service(namespace));
      const told = next();
      await plane.kill('kube-apiserver');
      expect(await told).toMatchObject({ type: 'UNREACHABLE', error: { kind: 'UNREACHABLE' } });
      await plane.restart('kube-apiserver');
      for (let event = await next(); event.type !== 'RESYNC'; event = await next()) expect(['UNREACHABLE', 'ALIVE']).toContain(event.type);
      await world().kubernetes.delete({ ...refs.configMaps(namespace), name: 'gone' }, { uid: gone.metadata.uid ?? '' });
      for (let event = await next(); event.type !== 'DELETED'; event = await next())
        expect(['RESYNC', 'ALIVE', 'ADDED', 'MODIFIED']).toContain(event.type);
      stop();
    });

    it('without a word is noticed within 45 s, and nothing is missed once it speaks again', async () => {
      const namespace = await world().namespace();
      const { next, stop } = follow(world().connect(), namespace);
      expect((await next()).type).toBe('RESYNC');
      await world().kubernetes.apply(configMap(namespace, 'before'));
      expect((await next()).type).toBe('ADDED');
      const pid = plane.pids['kube-apiserver'];
      if (pid === undefined) throw new Error('the API server does not run');
      // Its connections stand and its port takes new ones: nothing but silence tells.
      process.kill(pid, 'SIGSTOP');
      const silentSince = performance.now();
      try {
        let event = await next();
        while (event.type === 'ALIVE') event = await next();
        expect(event).toMatchObject({ type: 'UNREACHABLE', error: { kind: 'UNREACHABLE' } });
        expect(performance.now() - silentSince).toBeLessThan(45_000);
      } finally {
        process.kill(pid, 'SIGCONT');
      }
      await world().kubernetes.apply(configMap(namespace, 'after'));
      const seen = await next();
      for (let event = seen; ; event = await next()) {
        if (event.type === 'ADDED' && event.object.metadata.name === 'after') break;
        if (event.type === 'RESYNC' && event.objects.some((object) => object.metadata.name === 'after')) break;
      }
      stop();
    });
  });

  describe('that comes back with a certificate of an unknown authority', () => {
    const world = makeWorld(() => plane);

    it('is refused, and told so', async () => {
      const client = world().connect();
      await client.version();
      await plane.kill('kube-apiserver');
      // It makes itself new ones. Whoever knows the old authority alone never sees it ready again.
      rmSync(join(dirname(plane.logsFolder), 'certificates'), { recursive: true });
      void plane.restart('kube-apiserver').catch(() => undefined);
      let error = await failure(client.version());
      for (const deadline = Date.now() + 60_000; error.kind === 'UNREACHABLE' && Date.now() < deadline;)
        error = await failure(client.version());
      expect(error.kind).toBe('UNKNOWN_CA');
    });
  });
});

describe.skipIf(providedClusters().length === 0)('admission of a real control plane', () => {
  const world = makeWorld(() => providedClusters()[0] ?? { server: '', caData: '', adminToken: '', kubeconfig: '' });

  it('by Pod Security shows as ReplicaFailure of the Deployment', async () => {
    const namespace = await world().namespace({ 'pod-security.kubernetes.io/enforce': 'restricted' });
    await world().kubernetes.apply(deployment(namespace));
    const [web] = await world().admin.until(`/apis/apps/v1/namespaces/${namespace}/deployments`, ([now]) =>
      (now?.['status']?.conditions ?? []).some((condition: { type: string }) => condition.type === 'ReplicaFailure'),
    );
    const failed = (web?.['status'].conditions as { type: string; message: string }[]).find(
      (condition) => condition.type === 'ReplicaFailure',
    );
    expect(failed?.message).toContain('violates PodSecurity');
  });

  it('by a policy is ADMISSION_DENIED, with what the policy says', async () => {
    const namespace = await world().namespace({ 'contract-policy': 'on' });
    const path = '/apis/admissionregistration.k8s.io/v1';
    const name = `policy-of-${namespace}`;
    await world().admin.request('POST', `${path}/validatingadmissionpolicies`, {
      metadata: { name },
      spec: {
        matchConstraints: {
          resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] }],
        },
        validations: [{ expression: "object.metadata.name != 'forbidden'", message: 'no Deployment is called forbidden here' }],
      },
    });
    await world().admin.request('POST', `${path}/validatingadmissionpolicybindings`, {
      metadata: { name },
      spec: {
        policyName: name,
        validationActions: ['Deny'],
        matchResources: { namespaceSelector: { matchLabels: { 'contract-policy': 'on' } } },
      },
    });
    // The API server takes up a policy after a while, and there is nothing to watch for it.
    let error = null;
    for (const deadline = Date.now() + 20_000; error === null && Date.now() < deadline;) {
      error = await world()
        .kubernetes.apply(deployment(namespace, { name: 'forbidden' }), { dryRun: true })
        .then(
          () => null,
          (thrown: unknown) => thrown,
        );
    }
    expect(error).toMatchObject({
      kind: 'ADMISSION_DENIED',
      message: expect.stringContaining('no Deployment is called forbidden here') as string,
    });
    await world().admin.request('DELETE', `${path}/validatingadmissionpolicybindings/${name}`);
    await world().admin.request('DELETE', `${path}/validatingadmissionpolicies/${name}`);
  });

  it('in a namespace that is being removed is NAMESPACE_MISSING', async () => {
    const namespace = await world().namespace();
    const held = {
      ...configMap(namespace, 'held'),
      metadata: { ...configMap(namespace, 'held').metadata, finalizers: ['example.com/held'] },
    };
    const created = await world().kubernetes.apply(held);
    await world().admin.request('DELETE', `/api/v1/namespaces/${namespace}`);
    const error = await failure(world().kubernetes.apply(deployment(namespace)));
    expect([error.kind, error.status]).toEqual(['NAMESPACE_MISSING', 403]);
    await world().admin.request('PATCH', `/api/v1/namespaces/${namespace}/configmaps/${created.metadata.name}`, {
      metadata: { finalizers: null },
    });
  });
});
