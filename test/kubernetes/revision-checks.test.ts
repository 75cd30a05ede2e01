import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { expectStatus } from '../support/api.ts';
import { JUDGED, judgedDocument } from '../templates/core/judged.ts';
import { createServiceAccountToken } from './control-plane/objects.ts';
import { startStoryWorld, storyDocument } from './story/world.ts';
import type { Site, StoryWorld } from './story/world.ts';
import { isAtLeast, providedClusters } from './support/clusters.ts';

interface Check {
  state: string;
  version: string | null;
  findings: { kind: string; pointer: string; detail: string }[];
}

/** The place in a document of a field that an API server names. */
function pointerOf(field: string): string {
  // Of these two the API server leaves out which entry it means.
  const path = field
    .replace('volumeMounts.subPath', 'volumeMounts')
    .replaceAll(/\[(\w+)\]/g, '/$1')
    .replaceAll('.', '/');
  if (path === 'spec/clusterIPs/0') return '/service/clusterIP';
  if (path === 'spec/template/labels' || path === 'spec/template/annotations') return path.replace('spec/template', '/pod/metadata');
  return path.startsWith('spec/template') ? path.replace('spec/template', '/pod') : path.replace('spec', '/service');
}

describe.skipIf(providedClusters().length === 0)(
  'a real API server judges a revision, with the rights of the access manifest alone',
  () => {
    let world: StoryWorld;
    let site: Site;
    let made = 0;

    beforeAll(async () => {
      world = await startStoryWorld();
      [site] = (await world.sites(providedClusters().slice(0, 1), 'checks')) as [Site];
    });
    afterAll(() => world?.close());

    async function checkOf(document: object, at = `${site.name}/${site.namespace}`): Promise<Check> {
      const name = `checked-${++made}`;
      expectStatus(await world.tenant.rest('POST', '/v1/templates', { name }), 201);
      const path = `/v1/templates/${name}/revisions?check=${at}`;
      const { checks } = expectStatus(await world.tenant.rest<{ checks: Check[] }>('POST', path, document, { prefer: 'wait=60' }), 201);
      expect(checks).toHaveLength(1);
      return checks[0]!;
    }

    it('and nothing is written', async () => {
      const { state, findings } = await checkOf(storyDocument());
      expect([state, findings]).toEqual(['PASSED', []]);
      const { items } = await site.admin.request<{ items: object[] }>('GET', `/apis/apps/v1/namespaces/${site.namespace}/deployments`);
      expect(items).toEqual([]);
    });

    it('what YAML means to kubectl', async () => {
      const text = `pod:
  metadata:
    annotations: { note: }
  spec:
    containers:
      - name: web
        image: shop/web:1
        args: ["a
        b"]
        volumeMounts: [{ name: tls, mountPath: /tls }]
    volumes:
      - name: tls
        secret: { secretName: tls, optional: yes, defaultMode: 0400 }
`;
      expectStatus(await world.tenant.rest('POST', '/v1/templates', { name: 'octal' }), 201);
      const headers = { prefer: 'wait=60', 'content-type': 'application/yaml' };
      const path = `/v1/templates/octal/revisions?check=${site.name}/${site.namespace}`;
      const { checks } = expectStatus(await world.tenant.rest<{ checks: Check[] }>('POST', path, text, headers), 201);
      expect(checks).toMatchObject([{ state: 'PASSED', findings: [{ kind: 'NOTE', pointer: '/pod/spec/volumes/0/secret/secretName' }] }]);
      const rendered = await world.tenant.rest<{ objects: any[] }>('POST', '/v1/templates/octal/revisions/1/render', {});
      expect(expectStatus(rendered, 200).objects[0].spec.template).toMatchObject({
        metadata: { annotations: { note: '' } },
        spec: { containers: [{ args: ['a b'] }], volumes: [{ secret: { optional: true, defaultMode: 0o400 } }] },
      });
    });

    it.for(JUDGED)('%s', async ([, change, field, since = 0], { skip }) => {
      skip(!isAtLeast(since), `needs Kubernetes 1.${since}`);
      const { state, findings } = await checkOf(judgedDocument(change));
      const blamed = findings.filter(({ kind }) => kind === 'FAULT').map(({ pointer }) => pointer);
      if (field === null) expect([state, blamed]).toEqual(['PASSED', []]);
      else expect([state, blamed]).toEqual(['FAILED', expect.arrayContaining([pointerOf(field)])]);
    });

    it('a policy that denies it fails it, in its own words', async () => {
      const [denied] = (await world.sites(providedClusters().slice(0, 1), 'denied')) as [Site];
      const name = `no-pods-${denied.namespace}`;
      const policies = '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies';
      const matchConstraints = {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': denied.namespace } },
        resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['deployments'] }],
      };
      const validations = [
        { expression: "!has(object.metadata.labels) || !('slipway.dev/workload' in object.metadata.labels)", message: 'not here' },
      ];
      await site.admin.request('POST', policies, { metadata: { name }, spec: { matchConstraints, validations } });
      const binding = { metadata: { name }, spec: { policyName: name, validationActions: ['Deny'] } };
      await site.admin.request('POST', `${policies.replace('policies', 'policybindings')}`, binding);
      try {
        const check = await vi.waitUntil(
          async () => {
            const found = await checkOf(storyDocument(), `${denied.name}/${denied.namespace}`);
            return found.state === 'FAILED' ? found : null;
          },
          { timeout: 60_000, interval: 500 },
        );
        expect(check.findings).toMatchObject([{ kind: 'FAULT', pointer: '', detail: expect.stringContaining('not here') }]);
      } finally {
        await site.admin.request('DELETE', `${policies.replace('policies', 'policybindings')}/${name}`);
        await site.admin.request('DELETE', `${policies}/${name}`);
      }
    });

    it('a quota, a namespace or a right that is missing says nothing about the document', async () => {
      const [quota] = (await world.sites(providedClusters().slice(0, 1), 'quota')) as [Site];
      const hard = { 'count/deployments.apps': '0' };
      await quota.admin.request('POST', `/api/v1/namespaces/${quota.namespace}/resourcequotas`, {
        metadata: { name: 'none' },
        spec: { hard },
      });
      const token = await createServiceAccountToken(site.admin, site.namespace, 'nobody');
      const { server, caData } = site.plane;
      expectStatus(await world.tenant.rest('POST', '/v1/clusters', { name: 'powerless', region: 'eu', server, caData, token }), 201);
      const document = judgedDocument((d) => (d.service = { ports: [] }));
      const unknown = async (at: string) => {
        const { state, findings } = await checkOf({ ...document, service: undefined }, at);
        return [state, findings.map(({ kind, pointer }) => [kind, pointer])];
      };
      const nothing = ['UNKNOWN', expect.arrayContaining([['CLUSTER', '']])];
      expect(await unknown(`${quota.name}/${quota.namespace}`)).toEqual(nothing);
      expect(await unknown(`powerless/${site.namespace}`)).toEqual(nothing);
      expect(await unknown(`${site.name}/nowhere`)).toEqual(nothing);
      // What it refuses all the same is a fault: the service has nothing to do with the quota.
      expect((await checkOf(document, `${quota.name}/${quota.namespace}`)).state).toBe('FAILED');
    });

    it('a port that is in use is not held against the document that uses it', async () => {
      const service = { type: 'NodePort', ports: [{ port: 80, nodePort: 30_123 }] };
      await site.admin.request('POST', `/api/v1/namespaces/${site.namespace}/services`, { metadata: { name: 'first' }, spec: service });
      const { state, findings } = await checkOf({ ...storyDocument(), service });
      expect([state, findings]).toMatchObject(['PASSED', [{ kind: 'NOTE', pointer: '/service/ports/0/nodePort' }]]);
    });
  },
);
