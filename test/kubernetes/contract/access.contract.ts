import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { accessManifest } from '../../../src/clusters/core/access-manifest.ts';
import { describeAccess, optionalAccess, requiredAccess, resourceName } from '../../../src/clusters/core/access.ts';
import type { Access } from '../../../src/clusters/core/access.ts';
import type { WatchEvent } from '../../../src/clusters/kubernetes/types.ts';
import { RequestFailed } from '../control-plane/client.ts';
import { createServiceAccountToken } from '../control-plane/objects.ts';
import { isReady } from './recorder.ts';
import { configMap, deployment, failure, fenced, makeWorld, preconditionOf, refs, selector, service } from './world.ts';
import type { Cluster, World } from './world.ts';

interface Manifest {
  kind: string;
  apiVersion: string;
  metadata: { name: string; namespace: string };
  rules?: unknown[];
}

const paths: Record<string, string> = {
  ServiceAccount: '/api/v1/namespaces/%/serviceaccounts',
  Role: '/apis/rbac.authorization.k8s.io/v1/namespaces/%/roles',
  RoleBinding: '/apis/rbac.authorization.k8s.io/v1/namespaces/%/rolebindings',
};

/** Does with the manifest what a tenant does: applies it, and makes a token. */
async function handOver(
  world: World,
  namespace: string,
  change: (document: Manifest) => Manifest = (document) => document,
): Promise<string> {
  for (const document of parseAllDocuments(accessManifest(namespace))) {
    const object = change(document.toJS() as Manifest);
    await world.admin.request('POST', (paths[object.kind] ?? '').replace('%', namespace), object);
  }
  return createServiceAccountToken(world.admin, namespace, 'slipway');
}

/** What the authorizer is told it hears a moment later, and there is nothing to watch for it: so it is asked again. */
async function eventually<T>(ask: () => Promise<T>, holds: (answer: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + 15_000; ;) {
    const answer = await ask();
    if (holds(answer) || Date.now() > deadline) return answer;
  }
}

function without(access: Access): (document: Manifest) => Manifest {
  return (document) => {
    if (document.rules === undefined) return document;
    const rules = (document.rules as { apiGroups: string[]; resources: string[]; verbs: string[] }[]).map((rule) =>
      rule.resources.includes(resourceName(access)) && rule.apiGroups.includes(access.group)
        ? { ...rule, verbs: rule.verbs.filter((verb) => verb !== access.verb) }
        : rule,
    );
    return { ...document, rules: rules.filter((rule) => rule.verbs.length > 0) };
  };
}

export function accessContract(cluster: Cluster): void {
  describe('the access that a tenant hands over', () => {
    const world = makeWorld(cluster);

    it('suffices for everything that is done', async () => {
      const namespace = await world().namespace();
      const client = world().connect({ token: await handOver(world(), namespace) });
      expect(
        await eventually(
          () => client.missingAccess(namespace),
          (missing) => missing.length === 0,
        ),
      ).toEqual([]);

      await client.apply(deployment(namespace), { dryRun: true });
      const settings = await client.apply(configMap(namespace, 'settings', { a: '1' }));
      await client.apply(service(namespace));
      await client.apply(deployment(namespace));
      const read = () => client.read({ ...refs.deployments(namespace), name: 'web' });
      await fenced(read, (live) => client.scale({ namespace, name: 'web' }, 2, preconditionOf(live)));
      const stop = new AbortController();
      const seen: WatchEvent['type'][] = [];
      for (const ref of [refs.deployments(namespace), refs.replicaSets(namespace), refs.pods(namespace)]) {
        for await (const event of client.listWatch({ ...ref, labelSelector: selector }, { signal: stop.signal })) {
          seen.push(event.type);
          if (event.type !== 'RESYNC' || event.objects.length > 0) break;
        }
      }
      expect(seen).not.toContain('UNREACHABLE');
      const [pod] = (await world().admin.until(`/api/v1/namespaces/${namespace}/pods`, (all) => all.some(isReady))).filter(isReady);
      await client.log({ namespace, pod: pod?.metadata.name ?? '', container: 'web' }, { tailLines: 5 });
      expect(await client.podWarnings({ namespace, uid: pod?.metadata.uid ?? '' })).toEqual([]);
      expect(await client.read({ ...refs.services(namespace), name: 'web' })).not.toBeNull();
      expect(await client.read({ ...refs.configMaps(namespace), name: 'settings' })).not.toBeNull();
      await client.delete({ ...refs.configMaps(namespace), name: 'settings' }, { uid: settings.metadata.uid ?? '' });
      for (const ref of [refs.services(namespace), refs.deployments(namespace)]) {
        const live = await client.read({ ...ref, name: 'web' });
        await client.delete({ ...ref, name: 'web' }, { uid: live?.metadata.uid ?? '' });
      }
      stop.abort();
    });

    it('is good for nothing else, nor anywhere else', async () => {
      const [namespace, other] = [await world().namespace(), await world().namespace()];
      const token = await handOver(world(), namespace);
      const client = world().connect({ token });
      await eventually(
        () => client.missingAccess(namespace),
        (missing) => missing.length === 0,
      );
      const { Client } = await import('../control-plane/client.ts');
      const raw = new Client({ ...world().cluster, token });
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { containers: [{ name: 'a', image: 'b' }] } };
      const attempts: [method: string, path: string, body?: unknown][] = [
        ['GET', `/api/v1/namespaces/${namespace}/secrets`],
        ['GET', `/api/v1/namespaces/${namespace}/configmaps`],
        ['POST', `/api/v1/namespaces/${namespace}/pods`, pod],
        ['POST', `/api/v1/namespaces/${namespace}/pods/p/exec?command=id`],
        ['DELETE', `/api/v1/namespaces/${namespace}/pods/p`],
        ['GET', `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/roles`],
        ['POST', `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`, {}],
        ['GET', `/apis/apps/v1/namespaces/${other}/deployments`],
        ['GET', '/apis/apps/v1/deployments'],
        ['GET', '/api/v1/nodes'],
        ['GET', '/api/v1/namespaces'],
      ];
      for (const [method, path, body] of attempts) {
        const refused = await raw.request(method, path, body).catch((error: unknown) => error);
        expect(refused, path).toBeInstanceOf(RequestFailed);
        expect((refused as RequestFailed).status, path).toBe(403);
      }
      const error = await failure(client.apply(deployment(other)));
      expect([error.kind, error.status]).toEqual(['FORBIDDEN', 403]);
      await raw.close();
    });

    it('is reviewed verb by verb: what a role lacks is what is told as missing', async () => {
      const full = await world().namespace();
      const reference = world().connect({ token: await handOver(world(), full) });
      await eventually(
        () => reference.missingAccess(full),
        (missing) => missing.length === 0,
      );
      for (const access of requiredAccess) {
        const namespace = await world().namespace();
        const client = world().connect({ token: await handOver(world(), namespace, without(access)) });
        const missing = await eventually(
          () => client.missingAccess(namespace),
          (found) => found.length <= 1,
        );
        expect(missing.map(describeAccess)).toEqual([describeAccess(access)]);
        await client.close();
      }
    });

    it('is told from a credential that may do everything', async () => {
      const namespace = await world().namespace();
      const client = world().connect({ token: await handOver(world(), namespace) });
      expect(await client.mayDoEverything()).toBe(false);
      expect(await world().kubernetes.mayDoEverything()).toBe(true);
    });

    it('is all missing for who was given nothing', async () => {
      const namespace = await world().namespace();
      const client = world().connect({ token: await createServiceAccountToken(world().admin, namespace, 'nobody') });
      expect(await client.missingAccess(namespace)).toEqual(requiredAccess);
      expect(await client.missingAccess(namespace, optionalAccess)).toEqual(optionalAccess);
      const error = await failure(client.read({ ...refs.deployments(namespace), name: 'web' }));
      expect([error.kind, error.status]).toEqual(['FORBIDDEN', 403]);
    });
  });
}
