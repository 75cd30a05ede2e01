import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deployment, deployments, startWorld, web } from './support/world.ts';
import type { World } from './support/world.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const configMap = (data: object, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'app', ...metadata },
  data,
});

const entryOf = (object: any, manager: string) => object.metadata.managedFields.find((entry: any) => entry.manager === manager);

describe('server-side apply', () => {
  let world: World;
  beforeEach(async () => {
    world = await startWorld();
  });
  afterEach(() => world.stop());

  it('creates, and states exactly the fields of the configuration', async () => {
    const answer = await world.client.apply(web, deployment(1, { replicas: 2 }, { labels: { app: 'web' } }));
    expect(answer.code).toBe(201);
    expect(entryOf(answer.body, 'tester')).toMatchObject({ operation: 'Apply', apiVersion: 'apps/v1', fieldsType: 'FieldsV1' });
    expect(entryOf(answer.body, 'tester').fieldsV1).toEqual({
      'f:metadata': { 'f:labels': { 'f:app': {} } },
      'f:spec': {
        'f:replicas': {},
        'f:selector': {},
        'f:template': {
          'f:metadata': { 'f:labels': { 'f:app': {} } },
          'f:spec': { 'f:containers': { 'k:{"name":"web"}': { '.': {}, 'f:image': {}, 'f:name': {} } } },
        },
      },
    });
  });

  it('fills in the defaults of the real server', async () => {
    const { body } = await world.client.apply(web, deployment(1));
    expect(body.spec).toMatchObject({ replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 });
    expect(body.spec.strategy).toEqual({ type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } });
    expect(body.spec.template.spec).toMatchObject({
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      terminationGracePeriodSeconds: 30,
      securityContext: {},
    });
    expect(body.spec.template.spec.containers[0]).toMatchObject({
      imagePullPolicy: 'IfNotPresent',
      terminationMessagePath: '/dev/termination-log',
      resources: {},
    });
  });

  it('is no write at all when nothing changes', async () => {
    const first = await world.client.apply(web, deployment(1));
    world.clock.advance(60_000);
    const settled = await world.client.get(web);
    const again = await world.client.apply(web, deployment(1));
    expect(again.code).toBe(200);
    expect(again.body.metadata.resourceVersion).toBe(settled.metadata.resourceVersion);
    expect(again.body.metadata.generation).toBe(first.body.metadata.generation);
  });

  it('refuses to take a field from another manager, naming manager and field, and takes it by force', async () => {
    await world.client.apply(web, deployment(1, { replicas: 2 }), 'first');
    const one = await world.client.apply(web, deployment(1, { replicas: 3 }), 'second');
    expect(one.code).toBe(409);
    expect(one.body).toMatchObject({
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "first": .spec.replicas',
      details: { causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "first"', field: '.spec.replicas' }] },
    });
    const two = await world.client.apply(web, deployment(2, { replicas: 3 }), 'second');
    expect(two.body.message).toBe(
      'Apply failed with 2 conflicts: conflicts with "first":\n- .spec.replicas\n- .spec.template.spec.containers[name="web"].image',
    );
    const forced = await world.client.apply(web, deployment(2, { replicas: 3 }), 'second', '&force=true');
    expect(forced.body.spec.replicas).toBe(3);
    expect(entryOf(forced.body, 'first').fieldsV1['f:spec']['f:replicas']).toBeUndefined();
  });

  it('removes what its manager no longer states, and restores the default', async () => {
    const container = (more: object) => ({
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image: 'a:1', ...more }] } },
    });
    await world.client.apply(
      web,
      deployment(1, { minReadySeconds: 5, progressDeadlineSeconds: 60, ...container({ env: [{ name: 'A', value: '1' }] }) }),
    );
    const { body } = await world.client.apply(web, deployment(1, container({})));
    expect(body.spec.minReadySeconds).toBeUndefined();
    expect(body.spec.progressDeadlineSeconds).toBe(600);
    expect(body.spec.template.spec.containers[0].env).toBeUndefined();
  });

  it('keeps what another manager states as well', async () => {
    await world.client.apply(`${configMaps}/app`, configMap({ a: '1', b: '2' }), 'first');
    await world.client.apply(`${configMaps}/app`, configMap({ a: '1' }), 'second');
    const { body } = await world.client.apply(`${configMaps}/app`, configMap({ c: '3' }), 'first');
    expect(body.data).toEqual({ a: '1', c: '3' });
  });

  it('keeps the order of a list, with items of others between', async () => {
    const env = (...names: string[]) => ({
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'web', image: 'a:1', env: names.map((name) => ({ name, value: 'x' })) }] },
      },
    });
    await world.client.apply(web, deployment(1, env('A', 'B', 'C')), 'first');
    const { body } = await world.client.apply(web, deployment(1, env('D', 'C', 'A')), 'second');
    expect(body.spec.template.spec.containers[0].env.map(({ name }: any) => name)).toEqual(['B', 'D', 'C', 'A']);
  });

  it('a scaler owns the replicas that it wrote, and an apply without them leaves them alone', async () => {
    await world.client.apply(web, deployment(1));
    await world.scale(7, 0);
    const { body } = await world.client.apply(web, deployment(2));
    expect(body.spec.replicas).toBe(7);
    expect(entryOf(body, 'scaler')).toMatchObject({
      operation: 'Update',
      subresource: 'scale',
      fieldsV1: { 'f:spec': { 'f:replicas': {} } },
    });
    const conflict = await world.client.apply(web, deployment(2, { replicas: 3 }));
    expect(conflict.body.message).toContain('conflict with "scaler" with subresource "scale" using apps/v1: .spec.replicas');
  });

  it('refuses unknown fields and wrong types with their paths', async () => {
    const unknown = await world.client.apply(web, deployment(1, { tempalte: 1 }), 'tester', '&fieldValidation=Strict');
    expect(unknown).toMatchObject({
      code: 500,
      body: {
        message: 'failed to create typed patch object (/web; apps/v1, Kind=Deployment): .spec.tempalte: field not declared in schema',
      },
    });
    const wrong = await world.client.apply(web, deployment(1, { replicas: 'x' }));
    expect(wrong.body.message).toContain('.spec.replicas: expected numeric (int or float), got string');
  });

  it('takes uid and resourceVersion as preconditions', async () => {
    const { body } = await world.client.apply(web, deployment(1));
    const { uid, resourceVersion } = body.metadata;
    world.clock.advance(60_000);
    const stale = await world.client.apply(web, deployment(2, {}, { uid, resourceVersion }));
    expect(stale).toMatchObject({ code: 409, body: { reason: 'Conflict' } });
    expect(stale.body.message).toContain('the object has been modified');
    const foreign = '11111111-1111-4111-8111-111111111111';
    const other = await world.client.apply(web, deployment(2, {}, { uid: foreign }));
    expect(other).toMatchObject({ code: 422, body: { reason: 'Invalid' } });
    const none = await world.client.apply(`${deployments}/none`, { ...deployment(1), metadata: { name: 'none', uid: foreign } });
    expect(none).toMatchObject({ code: 409 });
    expect(none.body.message).toContain('uid mismatch: the provided object specified uid');
    const live = await world.client.get(web);
    const fresh = await world.client.apply(web, deployment(2, {}, { uid, resourceVersion: live.metadata.resourceVersion }));
    expect(fresh.code).toBe(200);
  });

  it('tries without doing in a dry run', async () => {
    const created = await world.client.apply(web, deployment(1), 'tester', '&dryRun=All');
    expect(created.code).toBe(201);
    expect(created.body.metadata.resourceVersion).toBeUndefined();
    expect((await world.client.request('GET', web)).code).toBe(404);
    await world.client.apply(web, deployment(1));
    const changed = await world.client.apply(web, deployment(2, { replicas: 4 }), 'tester', '&dryRun=All');
    expect(changed.body.spec.replicas).toBe(4);
    expect((await world.client.get(web)).spec.replicas).toBe(1);
  });

  it('lets a client rewrite who owns what: the way in which an object is adopted', async () => {
    const containers = [{ name: 'web', image: 'a:1', env: [{ name: 'OLD', value: '1' }] }];
    const theirs = deployment(1, { replicas: 3, template: { metadata: { labels: { app: 'web' } }, spec: { containers } } });
    await world.client.apply(web, theirs, 'helm');
    const live = await world.client.get(web);
    const ours = deployment('a:1');
    const survived = await world.client.apply(web, ours, 'tester', '&force=true&dryRun=All');
    expect(survived.body.spec.template.spec.containers[0].env).toHaveLength(1);
    const managedFields = live.metadata.managedFields.map((entry: any) =>
      entry.manager === 'helm' ? { ...entry, manager: 'tester' } : entry,
    );
    const rewritten = await world.client.json(web, [
      { op: 'test', path: '/metadata/resourceVersion', value: live.metadata.resourceVersion },
      { op: 'replace', path: '/metadata/managedFields', value: managedFields },
    ]);
    expect(rewritten.body.metadata.managedFields.map((entry: any) => entry.manager)).not.toContain('helm');
    expect(rewritten.body.metadata.generation).toBe(live.metadata.generation);
    const taken = await world.client.apply(web, ours, 'tester', '&force=true');
    expect(taken.body.spec.template.spec.containers[0].env).toBeUndefined();
    // The trap: replicas were taken over too, and nobody states them any longer.
    expect(taken.body.spec.replicas).toBe(1);
  });

  it('replaces a selector as one value', async () => {
    const service = (selector: object) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector, ports: [{ port: 80 }] },
    });
    const path = '/api/v1/namespaces/default/services/web';
    await world.client.apply(path, service({ app: 'web' }));
    const pin = [
      { op: 'test', path: '/spec/selector/pod-template-hash', value: null },
      { op: 'add', path: '/spec/selector/pod-template-hash', value: 'abc' },
    ];
    expect((await world.client.json(path, pin, 'fieldManager=pin')).code).toBe(200);
    expect((await world.client.json(path, pin, 'fieldManager=pin')).code).toBe(422);
    const conflict = await world.client.apply(path, service({ app: 'web' }));
    expect(conflict.body.message).toBe('Apply failed with 1 conflict: conflict with "pin" using v1: .spec.selector');
    const forced = await world.client.apply(path, service({ app: 'web' }), 'tester', '&force=true');
    expect(forced.body.spec.selector).toEqual({ app: 'web' });
    expect(forced.body.spec.clusterIP).toMatch(/^10\.96\./);
  });
});
