import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployment, deployments, pods, replicaSets, startWorld, surge, web } from './support/world.ts';
import type { World } from './support/world.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';

describe('objects', () => {
  let world: World;
  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(() => world.stop());

  const refusals: { why: string; spec: object; code: number; message: string }[] = [
    { why: 'both surge and unavailable zero', spec: surge(0, 0), code: 422, message: 'may not be 0 when `maxSurge` is 0' },
    { why: 'both zero as percentages', spec: surge('0%', '0%'), code: 422, message: 'may not be 0 when `maxSurge` is 0' },
    {
      why: 'a deadline within minReadySeconds',
      spec: { minReadySeconds: 10, progressDeadlineSeconds: 10 },
      code: 422,
      message: 'spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds',
    },
    {
      why: 'a selector that misses the labels',
      spec: { selector: { matchLabels: { app: 'x' } } },
      code: 422,
      message: '`selector` does not match template `labels`',
    },
    {
      why: 'no containers',
      spec: { template: { metadata: { labels: { app: 'web' } }, spec: {} } },
      code: 422,
      message: 'spec.template.spec.containers: Required value',
    },
    {
      why: 'Recreate with rollingUpdate',
      spec: { strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 1 } } },
      code: 422,
      message: "may not be specified when strategy `type` is 'Recreate'",
    },
    {
      why: 'a wrong type',
      spec: { replicas: 'three' },
      code: 400,
      message: 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
    },
  ];
  const inContainer = (fields: object, rest: object = {}): object => ({
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'x', ...fields }], ...rest } },
  });
  const probe = (name: string, fields: object): object => inContainer({ [name]: { exec: { command: ['x'] }, ...fields } });
  const mount = (fields: object): object =>
    inContainer({ volumeMounts: [{ name: 'v', mountPath: '/v', ...fields }] }, { volumes: [{ name: 'v', emptyDir: {} }] });
  const selected = (selector: object): object => ({ selector });
  const refusedFields: [string, object, string][] = [
    [
      'a delay below zero',
      probe('livenessProbe', { initialDelaySeconds: -1 }),
      'livenessProbe.initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'a timeout below zero',
      probe('readinessProbe', { timeoutSeconds: -1 }),
      'readinessProbe.timeoutSeconds: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'two successes of liveness',
      probe('livenessProbe', { successThreshold: 2 }),
      'livenessProbe.successThreshold: Invalid value: 2: must be 1',
    ],
    [
      'two successes of startup',
      probe('startupProbe', { successThreshold: 2 }),
      'startupProbe.successThreshold: Invalid value: 2: must be 1',
    ],
    ['a grace period for readiness', probe('readinessProbe', { terminationGracePeriodSeconds: 5 }), 'must not be set for readinessProbes'],
    ['no grace period', probe('livenessProbe', { terminationGracePeriodSeconds: 0 }), 'Invalid value: 0: must be greater than 0'],
    [
      'a probe without handler',
      inContainer({ livenessProbe: {} }),
      'containers[0].livenessProbe: Required value: must specify a handler type',
    ],
    [
      'a probe with two',
      probe('livenessProbe', { tcpSocket: { port: 1 } }),
      'livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type',
    ],
    ['a probe without command', probe('livenessProbe', { exec: {} }), 'livenessProbe.exec.command: Required value'],
    [
      'a probe of port 0',
      inContainer({ livenessProbe: { tcpSocket: { port: 0 } } }),
      'livenessProbe.tcpSocket.port: Invalid value: 0: must be between 1 and 65535, inclusive',
    ],
    ['a hook without command', inContainer({ lifecycle: { preStop: { exec: {} } } }), 'lifecycle.preStop.exec.command: Required value'],
    [
      'a probe of an init container',
      inContainer({}, { initContainers: [{ name: 'first', image: 'x', livenessProbe: { tcpSocket: { port: 1 } } }] }),
      'initContainers[0].livenessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
    [
      'a restart policy that there is not',
      inContainer({}, { initContainers: [{ name: 'first', image: 'x', restartPolicy: 'Sometimes' }] }),
      'initContainers[0].restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
    ],
    ['an absolute part of a volume', mount({ subPath: '/a' }), 'volumeMounts.subPath: Invalid value: "/a": must be a relative path'],
    ['a part outside a volume', mount({ subPath: 'a/../..' }), `volumeMounts.subPath: Invalid value: "a/../..": must not contain '..'`],
    ['two parts of a volume', mount({ subPath: 'a', subPathExpr: 'b' }), 'subPathExpr and subPath are mutually exclusive'],
    ['a device of no volume', inContainer({ volumeDevices: [{ name: 'v', devicePath: '/v' }] }), 'volumeDevices[0].name: Not found: "v"'],
    [
      'a variable from nothing',
      inContainer({ env: [{ name: 'X', valueFrom: {} }] }),
      'env[0].valueFrom: Invalid value: "": must specify one of',
    ],
    [
      'a negative quantity',
      inContainer({ resources: { limits: { cpu: '-1' } } }),
      'resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
    ],
    [
      'a claim that is not there',
      inContainer({ resources: { claims: [{ name: 'gpu' }] } }),
      'must be one of the names in pod.spec.resourceClaims which is empty',
    ],
    [
      'a selector with no value of a label',
      selected({ matchLabels: { app: 'a b' } }),
      'spec.selector.matchLabels: Invalid value: "a b": a valid label must be an empty string',
    ],
    [
      'a selector with no key of a label',
      selected({ matchLabels: { 'a b': 'x' } }),
      'spec.selector.matchLabels: Invalid value: "a b": name part must consist of',
    ],
    [
      'a selector that compares with nothing',
      selected({ matchExpressions: [{ key: 'app', operator: 'In' }] }),
      "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
    ],
    [
      'a selector with an operator that there is not',
      selected({ matchExpressions: [{ key: 'app', operator: 'Is', values: ['web'] }] }),
      'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
    ],
    [
      'a device path outside',
      inContainer({ volumeDevices: [{ name: 'v', devicePath: '/../v' }] }),
      'devicePath: Invalid value: "/../v": can not contain backsteps (\'..\')',
    ],
    [
      'rules without a restart policy',
      inContainer({ restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [1] } }] }),
      'containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used',
    ],
    [
      'a negative quantity for the pod',
      inContainer({}, { resources: { limits: { cpu: '-1' } } }),
      'spec.template.spec.resources.limits[cpu]: Invalid value: "-1"',
    ],
    [
      'very long annotations',
      {
        template: {
          metadata: { labels: { app: 'web' }, annotations: { a: 'x'.repeat(262_144) } },
          spec: { containers: [{ name: 'web', image: 'x' }] },
        },
      },
      'spec.template.annotations: Too long: may not be more than 262144 bytes',
    ],
  ];
  it.each(refusedFields)('refuses a Deployment with %s', async (_, spec, message) => {
    const answer = await world.client.create(deployments, deployment(1, spec));
    expect(answer).toMatchObject({ code: 422, body: { reason: 'Invalid' } });
    expect(answer.body.message).toContain(message);
  });

  it('reads zero in a probe as not set', async () => {
    const numbers = { timeoutSeconds: 0, periodSeconds: 0, successThreshold: 0, failureThreshold: 0 };
    const { body } = await world.client.create(deployments, deployment(1, probe('livenessProbe', numbers)));
    expect(body.spec.template.spec.containers[0].livenessProbe).toMatchObject({
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    });
  });

  it.each([
    [
      'an address that is none',
      { clusterIP: 'here', ports: [{ port: 80 }] },
      'spec.clusterIPs[0]: Invalid value: "here": must be a valid IP address',
    ],
    [
      'a port of the nodes',
      { ports: [{ port: 80, nodePort: 30_000 }] },
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
    [
      'a port that no node hands out',
      { type: 'NodePort', ports: [{ port: 80, nodePort: 65_536 }] },
      'spec.ports[0].nodePort: Invalid value: 65536: provided port is not in the valid range. The range of valid ports is 30000-32767',
    ],
  ])('refuses a Service with %s', async (_, spec, message) => {
    const answer = await world.client.create('/api/v1/namespaces/default/services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec,
    });
    expect(answer).toMatchObject({ code: 422, body: { reason: 'Invalid' } });
    expect(answer.body.message).toContain(message);
  });

  it.each(refusals)('refuses a Deployment with $why', async ({ spec, code, message }) => {
    const answer = await world.client.create(deployments, deployment(1, spec));
    expect(answer.code).toBe(code);
    expect(answer.body.message).toContain(message);
  });

  it('refuses a change of the selector', async () => {
    await world.client.create(deployments, deployment(1));
    const changed = await world.client.json(web, [
      { op: 'replace', path: '/spec/selector', value: { matchLabels: { app: 'x' } } },
      { op: 'replace', path: '/spec/template/metadata/labels', value: { app: 'x' } },
    ]);
    expect(changed).toMatchObject({ code: 422 });
    expect(changed.body.message).toContain('field is immutable');
  });

  it.each([
    ['Deployment', deployments, 'spec.selector: Required value'],
    ['Pod', pods, 'spec.containers: Required value'],
    ['Service', '/api/v1/namespaces/default/services', 'spec.ports: Required value'],
    ['ReplicaSet', replicaSets, 'spec.selector: Required value'],
  ])('refuses a %s without a spec', async (kind, path, message) => {
    const apiVersion = path.startsWith('/apis/apps') ? 'apps/v1' : 'v1';
    const answer = await world.client.create(path, { apiVersion, kind, metadata: { name: 'empty' } });
    expect(answer).toMatchObject({ code: 422 });
    expect(answer.body.message).toContain(message);
  });

  it.each([['//'], ['/%zz'], ['/api/v1/namespaces/%zz/pods'], ['/api/v1/namespaces/default/pods?labelSelector=(('], ['/../../etc']])(
    'survives the address %s',
    async (path) => {
      expect((await world.client.request('GET', path)).code).toBeGreaterThanOrEqual(400);
      expect((await world.client.request('GET', pods)).code).toBe(200);
    },
  );

  it.each([['[]'], ['null'], ['3'], ['{"metadata": 3}'], ['{"metadata": {"labels": [1]}}'], ['{"spec": []}'], ['{'], ['']])(
    'survives the body %s',
    async (body) => {
      for (const method of ['POST', 'PATCH', 'PUT', 'DELETE']) {
        for (const type of [
          'application/json',
          'application/merge-patch+json',
          'application/json-patch+json',
          'application/apply-patch+yaml',
        ]) {
          const path = method === 'POST' ? deployments : `${deployments}/none`;
          const { code } = await world.client.request(method, `${path}?fieldManager=x`, body, type);
          expect(code).toBeGreaterThanOrEqual(400);
          // Only server-side apply answers a misshapen object with a 500, as the real server does.
          if (!type.includes('apply')) expect(code).toBeLessThan(500);
        }
      }
      expect((await world.client.request('GET', pods)).code).toBe(200);
    },
  );

  it('treats unknown fields as the client asks', async () => {
    const strict = await world.client.create(`${deployments}?fieldValidation=Strict`, deployment(1, { colour: 'red' }));
    expect(strict).toMatchObject({ code: 400 });
    expect(strict.body.message).toContain('strict decoding error: unknown field "spec.colour"');
    const warned = await world.client.create(deployments, deployment(1, { colour: 'red' }));
    expect(warned.code).toBe(201);
    expect(warned.headers['warning']).toBe('299 - "unknown field \\"spec.colour\\""');
    expect(warned.body.spec.colour).toBeUndefined();
  });

  it('keeps immutable ConfigMaps as they are', async () => {
    await world.client.create(configMaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'c' },
      data: { a: '1' },
      immutable: true,
    });
    const changed = await world.client.merge(`${configMaps}/c`, { data: { a: '2' } });
    expect(changed).toMatchObject({ code: 422 });
    expect(changed.body.message).toContain('field is immutable when `immutable` is set');
    expect((await world.client.merge(`${configMaps}/c`, { metadata: { labels: { a: 'b' } } })).code).toBe(200);
  });

  it('answers 404 for what is not there, naming it', async () => {
    expect((await world.client.request('GET', web)).body.message).toBe('deployments.apps "web" not found');
    const homeless = await world.client.apply('/apis/apps/v1/namespaces/nowhere/deployments/web', deployment(1));
    expect(homeless).toMatchObject({ code: 404, body: { message: 'namespaces "nowhere" not found' } });
  });

  it('raises the generation for spec and annotations, not for labels', async () => {
    await world.client.create(deployments, deployment(1));
    const generation = async (patch: object): Promise<number> => (await world.client.merge(web, patch)).body.metadata.generation;
    expect(await generation({ metadata: { labels: { a: 'b' } } })).toBe(1);
    expect(await generation({ metadata: { annotations: { a: 'b' } } })).toBe(2);
    expect(await generation({ spec: { replicas: 2 } })).toBe(3);
  });

  it('reports the generation that it has observed a moment later, never at once', async () => {
    await world.client.create(deployments, deployment(1));
    world.clock.advance(5_000);
    const written = await world.client.merge(web, { spec: { minReadySeconds: 1 } });
    expect(written.body.status.observedGeneration).toBe(written.body.metadata.generation - 1);
    world.clock.advance(100);
    expect((await world.client.get(web)).status.observedGeneration).toBe(written.body.metadata.generation);
  });

  it('normalises quantities', async () => {
    const resources = { requests: { cpu: '1000m', memory: '0.5Gi' }, limits: { cpu: 2, memory: '1024Mi' } };
    const containers = [{ name: 'web', image: 'a:1', resources }];
    const { body } = await world.client.create(
      deployments,
      deployment(1, { template: { metadata: { labels: { app: 'web' } }, spec: { containers } } }),
    );
    expect(body.spec.template.spec.containers[0].resources).toEqual({
      requests: { cpu: '1', memory: '512Mi' },
      limits: { cpu: '2', memory: '1Gi' },
    });
  });

  it('pages a list as it was when the first page was read', async () => {
    for (const name of ['a', 'b', 'c', 'd'])
      await world.client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels: { set: 'x' } } });
    const first = await world.client.get(`${configMaps}?labelSelector=set%3Dx&limit=2`);
    expect(first.items.map((item: any) => item.metadata.name)).toEqual(['a', 'b']);
    await world.client.remove(`${configMaps}/c`);
    const second = await world.client.get(`${configMaps}?labelSelector=set%3Dx&limit=2&continue=${first.metadata.continue}`);
    expect(second.items.map((item: any) => item.metadata.name)).toEqual(['c', 'd']);
    expect(second.metadata.continue).toBeUndefined();
    world.cluster.expireWatches();
    const late = await world.client.request('GET', `${configMaps}?limit=2&continue=${first.metadata.continue}`);
    expect(late).toMatchObject({ code: 410, body: { reason: 'Expired' } });
  });

  it.each([
    ['app=web', 3],
    ['app%20in%20(web,x)', 3],
    ['app!=web', 0],
    ['!app', 0],
    ['app,app%3Dweb', 3],
  ])('selects by labels: %s', async (selector, count) => {
    await world.deploy(1, { replicas: 3 });
    expect((await world.client.get(`${pods}?labelSelector=${selector}`)).items).toHaveLength(count);
  });

  it('deletes an object with all that it owns, in the background', async () => {
    await world.deploy(1, { replicas: 3 });
    const gone = await world.client.remove(web);
    expect(gone).toMatchObject({ code: 200, body: { kind: 'Status', status: 'Success', details: { name: 'web', kind: 'deployments' } } });
    world.clock.advance(5_000);
    expect((await world.client.get(replicaSets)).items).toEqual([]);
    expect((await world.client.get(pods)).items).toEqual([]);
  });

  it('keeps the owner until the last dependent is gone, in the foreground', async () => {
    await world.deploy(1, { replicas: 3 });
    const marked = await world.client.remove(web, { propagationPolicy: 'Foreground' });
    expect(marked.body.metadata.finalizers).toEqual(['foregroundDeletion']);
    world.clock.advance(100);
    expect((await world.client.get(pods)).items).toHaveLength(3);
    world.clock.advance(5_000);
    expect((await world.client.request('GET', web)).code).toBe(404);
    expect((await world.client.get(pods)).items).toEqual([]);
  });

  it('leaves orphans where it is asked to, and a Deployment made again takes them in', async () => {
    await world.deploy(1, { replicas: 3 });
    const before = (await world.client.get(pods)).items.map((pod: any) => pod.metadata.uid).sort();
    await world.client.remove(web, { propagationPolicy: 'Orphan' });
    world.clock.advance(5_000);
    expect((await world.client.get(replicaSets)).items[0].metadata.ownerReferences).toBeUndefined();
    await world.deploy(1, { replicas: 3 });
    expect((await world.client.get(pods)).items.map((pod: any) => pod.metadata.uid).sort()).toEqual(before);
  });

  it('deletes only what the preconditions name', async () => {
    const { body } = await world.client.create(deployments, deployment(1));
    expect((await world.client.remove(web, { preconditions: { uid: 'other' } })).code).toBe(409);
    expect((await world.client.remove(web, { preconditions: { resourceVersion: '1' } })).code).toBe(409);
    expect((await world.client.remove(web, { preconditions: { uid: body.metadata.uid } })).code).toBe(200);
  });

  it('empties a namespace before it goes, and refuses new objects meanwhile', async () => {
    await world.client.create('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    const shop = '/apis/apps/v1/namespaces/shop/deployments';
    await world.client.create(shop, deployment(1, { replicas: 2 }));
    world.clock.advance(5_000);
    expect((await world.client.get('/api/v1/namespaces/shop/configmaps')).items.map((item: any) => item.metadata.name)).toEqual([
      'kube-root-ca.crt',
    ]);
    expect((await world.client.remove('/api/v1/namespaces/shop')).body.status.phase).toBe('Terminating');
    const late = await world.client.create(shop, deployment(2));
    expect(late).toMatchObject({ code: 403 });
    expect(late.body.message).toContain('because it is being terminated');
    world.clock.advance(10_000);
    expect((await world.client.request('GET', '/api/v1/namespaces/shop')).code).toBe(404);
  });

  it('answers access reviews', async () => {
    const review = (verb: string) =>
      world.client.create('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { verb, group: 'apps', resource: 'deployments', namespace: 'default' } },
      });
    world.cluster.setFaults({ deniedVerbs: [{ verb: 'delete', resource: 'deployments' }] });
    expect((await review('create')).body.status.allowed).toBe(true);
    expect((await review('delete')).body.status.allowed).toBe(false);
  });

  it('understands strategic merge patches', async () => {
    await world.client.create(
      deployments,
      deployment(1, {
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            containers: [
              { name: 'web', image: 'a:1' },
              { name: 'side', image: 'b:1' },
            ],
          },
        },
      }),
    );
    const patch = {
      spec: {
        template: {
          spec: {
            $setElementOrder: undefined,
            '$setElementOrder/containers': [{ name: 'side' }, { name: 'web' }],
            containers: [{ name: 'web', image: 'a:2' }],
          },
        },
      },
    };
    const changed = await world.client.request('PATCH', web, patch, 'application/strategic-merge-patch+json');
    expect(changed.body.spec.template.spec.containers.map(({ name, image }: any) => `${name} ${image}`)).toEqual(['side b:1', 'web a:2']);
    const removed = await world.client.request(
      'PATCH',
      web,
      { spec: { template: { spec: { containers: [{ name: 'side', $patch: 'delete' }] } } } },
      'application/strategic-merge-patch+json',
    );
    expect(removed.body.spec.template.spec.containers.map(({ name }: any) => name)).toEqual(['web']);
  });
});
