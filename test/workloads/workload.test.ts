import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectStatus, startTestApi } from '../support/api.ts';
import type { TestApi } from '../support/api.ts';
import { DOORS, onConnection, openShop } from '../support/shop.ts';
import type { Named, Page, Shop, WorkloadView } from '../support/shop.ts';

let api: TestApi;
let shop: Shop;

beforeAll(async () => {
  api = await startTestApi();
  shop = await openShop(api, 'acme', 3);
  await shop.template('web');
});
afterAll(() => api.close());

const place = (index: number, namespace = 'default'): { cluster: string; namespace: string } => ({
  cluster: shop.clusters[index]!.name,
  namespace,
});
const namesOf = async (query: string): Promise<string[]> =>
  (await shop.get<Page<Named>>(`/v1/workloads${query}`)).items.map((item) => item.name);
const read = (name: string): Promise<WorkloadView> => shop.get(`/v1/workloads/${name}`);

describe.each(DOORS)('a workload, by %s', (how, door) => {
  const named = (suffix: string): string => `${how.toLowerCase()}-${suffix}`;
  const create = (suffix: string, change: object = {}) =>
    door<WorkloadView>(shop.tenant, 'createWorkload', '', { name: named(suffix), template: 'web', ...change });

  it('is made with its template by name or id, clusters by name or id, values and numbers', async () => {
    const [first, second] = shop.clusters;
    const placements = [
      { cluster: first!.name, namespace: 'default', replicas: 3 },
      { cluster: second!.id, namespace: 'default', values: { greeting: 'hallo' } },
      { cluster: second!.id, namespace: 'other' },
    ];
    const made = await create('full', { values: { greeting: 'hi' }, placements });
    expect(made).toMatchObject({
      name: named('full'),
      version: 1,
      template: { name: 'web' },
      values: { greeting: 'hi' },
      placementRule: null,
      release: null,
    });
    expect(
      made.placements.map(({ cluster, namespace, replicas, values, release }) => ({
        cluster: cluster.name,
        namespace,
        replicas,
        values,
        release,
      })),
    ).toEqual([
      { cluster: 'acme-1', namespace: 'default', replicas: 3, values: {}, release: null },
      { cluster: 'acme-2', namespace: 'default', replicas: null, values: { greeting: 'hallo' }, release: null },
      { cluster: 'acme-2', namespace: 'other', replicas: null, values: {}, release: null },
    ]);
    expect(await read(made.id)).toMatchObject({ id: made.id, placements: made.placements });
  });

  it.each([
    ['a template that does not exist', { template: 'nowhere' }, '/template'],
    ['a cluster that does not exist', { placements: [{ cluster: 'nowhere', namespace: 'default' }] }, '/placements/0/cluster'],
  ])('%s is a fault at its pointer, and nothing is stored', async (_, change, pointer) => {
    const refused = await create('faulty', change);
    expect(refused).toMatchObject({ code: 'INVALID', errors: [{ pointer }] });
    expect(await namesOf('')).not.toContain(named('faulty'));
  });

  it('one place named twice, by name and by id, is a fault', async () => {
    const { id } = shop.clusters[0]!;
    const refused = await create('twice', { placements: [place(0), { cluster: id, namespace: 'default' }] });
    expect(refused).toMatchObject({ code: 'INVALID', errors: [{ pointer: '/placements/1' }] });
  });

  it('a name that is taken comes before what is wrong with the meaning', async () => {
    await create('taken');
    expect(await create('taken', { template: 'nowhere' })).toMatchObject({ code: 'NAME_TAKEN' });
  });

  it('a patch merges values, takes away what is null, and counts the version', async () => {
    await create('patched', { values: { image: 'registry.example/web:2', greeting: 'hi' } });
    const patched = await door<WorkloadView>(shop.tenant, 'updateWorkload', named('patched'), {
      values: { greeting: null, image: 'registry.example/web:3' },
    });
    expect(patched).toMatchObject({ version: 2, values: { image: 'registry.example/web:3' } });
    expect(await door<WorkloadView>(shop.tenant, 'updateWorkload', named('patched'), {})).toMatchObject({ version: 2 });
  });

  it('a list of placements takes the place of the one before; what stays keeps its id', async () => {
    const made = await create('moved', { placements: [place(0), place(1)] });
    const placements = [{ ...place(1), replicas: 5 }, place(2)];
    const moved = await door<WorkloadView>(shop.tenant, 'updateWorkload', made.id, { placements });
    expect(moved.placements.map(({ cluster, replicas }) => [cluster.name, replicas])).toEqual([
      ['acme-2', 5],
      ['acme-3', null],
    ]);
    expect(moved.placements[0]!.id).toBe(made.placements[1]!.id);
  });

  it('a placement that is taken away is shown as no longer wanted until what runs there is gone', async () => {
    const made = await create('left', { placements: [place(0), place(1)] });
    expect(made.placements.map(({ wanted }) => wanted)).toEqual([true, true]);
    await door(shop.tenant, 'createRollout', made.id, {});
    await onConnection(api.database.ownerUrl, (client) =>
      client.query(`UPDATE placements SET applied = '{"release": 1}' WHERE workload_id = $1`, [made.id]),
    );
    const changed = await door<WorkloadView>(shop.tenant, 'updateWorkload', made.id, { placements: [place(1)] });
    const wanted = [
      ['acme-1', false],
      ['acme-2', true],
    ];
    expect(changed.placements.map((each) => [each.cluster.name, each.wanted])).toEqual(wanted);
    expect((await read(made.id)).placements.map((each) => [each.cluster.name, each.wanted])).toEqual(wanted);
  });

  it('a patch of the rule merges into the rule that stands; where there is a list it has to be whole', async () => {
    const rule = { clusterLabels: { zone: how, tier: 'web' }, namespace: 'shop' };
    const made = await create('merged', { placements: rule });
    const patch = (placements: object) => door<WorkloadView>(shop.tenant, 'updateWorkload', made.id, { placements });
    expect(await patch({ namespace: 'other' })).toMatchObject({ version: 2, placementRule: { ...rule, namespace: 'other' } });
    expect((await patch({ clusterLabels: { tier: null, env: 'prod' } })).placementRule).toEqual({
      clusterLabels: { zone: how, env: 'prod' },
      namespace: 'other',
    });
    expect(await patch({})).toMatchObject({ version: 3 });
    expect(await patch({ clusterLabels: { zone: null, env: null } })).toMatchObject({
      code: 'INVALID',
      errors: [{ pointer: '/placements/clusterLabels' }],
    });
    expect(await patch([place(0)])).toMatchObject({ version: 4, placementRule: null });
    expect(await patch({ namespace: 'other' })).toMatchObject({ code: 'INVALID', errors: [{ pointer: '/placements/clusterLabels' }] });
    expect(await patch({ clusterLabels: { zone: how } })).toMatchObject({
      code: 'INVALID',
      errors: [{ pointer: '/placements/namespace' }],
    });
    expect((await patch(rule)).placementRule).toEqual(rule);
  });

  it('a stale version is refused before anything else of it', async () => {
    await create('stale');
    const refused = await door(shop.tenant, 'updateWorkload', named('stale'), { template: 'nowhere' }, 7);
    expect(refused).toMatchObject({ code: 'STALE' });
    expect(await door(shop.tenant, 'updateWorkload', named('stale'), { values: { greeting: 'x' } }, 1)).toMatchObject({ version: 2 });
  });

  it('what does not exist is not found, whatever the body says', async () => {
    expect(await door(shop.tenant, 'updateWorkload', 'nowhere', { template: 'nowhere' }, 7)).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('placements follow the labels of clusters when a rollout is accepted', async () => {
    await shop.cluster(named('eu-1'), { tier: how, zone: 'a' });
    await shop.cluster(named('eu-2'), { tier: 'other', zone: 'a' });
    const made = await create('ruled', { placements: { clusterLabels: { tier: how, zone: 'a' }, namespace: 'shop' } });
    expect(made.placementRule).toEqual({ clusterLabels: { tier: how, zone: 'a' }, namespace: 'shop' });
    expect(made.placements.map(({ cluster }) => cluster.name)).toEqual([named('eu-1')]);
    await shop.cluster(named('eu-3'), { tier: how, zone: 'a' });
    expect((await read(made.id)).placements).toHaveLength(1);
    const rollout = await door(shop.tenant, 'createRollout', made.id, {});
    expect(rollout.targets.map(({ cluster }) => cluster.name).sort()).toEqual([named('eu-1'), named('eu-3')]);
    expect((await read(made.id)).version).toBe(1);
  });
});

describe('the shape of what is sent', () => {
  const good = (): Record<string, unknown> => ({
    name: 'shape',
    template: 'web',
    values: {},
    placements: [{ cluster: 'acme-1', namespace: 'default', replicas: 1, values: {} }],
  });
  const inPlace = (change: object): object => ({ ...good(), placements: [{ cluster: 'acme-1', namespace: 'default', ...change }] });

  it.each<[string, () => unknown, string]>([
    ['no name', () => ({ template: 'web' }), '/name'],
    ['a name that is a number', () => ({ ...good(), name: 7 }), '/name'],
    ['a name in capitals', () => ({ ...good(), name: 'Web' }), '/name'],
    ['a name that begins with a digit', () => ({ ...good(), name: '1web' }), '/name'],
    ['a name of 48 characters', () => ({ ...good(), name: 'a'.repeat(48) }), '/name'],
    ['a name shaped like an id', () => ({ ...good(), name: 'abcdefab-1234-7123-8123-123456789abc' }), '/name'],
    ['no template', () => ({ name: 'shape' }), '/template'],
    ['a template that is empty', () => ({ ...good(), template: '' }), '/template'],
    ['a template that is a list', () => ({ ...good(), template: ['web'] }), '/template'],
    ['values that are a list', () => ({ ...good(), values: [] }), '/values'],
    ['values that are text', () => ({ ...good(), values: 'x' }), '/values'],
    ['values that are null', () => ({ ...good(), values: null }), '/values'],
    ['placements that are text', () => ({ ...good(), placements: 'acme-1' }), '/placements'],
    ['a placement without a namespace', () => ({ ...good(), placements: [{ cluster: 'acme-1' }] }), '/placements/0/namespace'],
    ['a placement without a cluster', () => ({ ...good(), placements: [{ namespace: 'default' }] }), '/placements/0/cluster'],
    ['a namespace in capitals', () => inPlace({ namespace: 'Default' }), '/placements/0/namespace'],
    ['a namespace with a newline', () => inPlace({ namespace: 'default\n' }), '/placements/0/namespace'],
    ['replicas below zero', () => inPlace({ replicas: -1 }), '/placements/0/replicas'],
    ['replicas beyond all measure', () => inPlace({ replicas: 10_001 }), '/placements/0/replicas'],
    ['half a replica', () => inPlace({ replicas: 1.5 }), '/placements/0/replicas'],
    ['replicas in words', () => inPlace({ replicas: '3' }), '/placements/0/replicas'],
    ['values of a placement that are a list', () => inPlace({ values: [] }), '/placements/0/values'],
    ['an unknown field of a placement', () => inPlace({ weight: 1 }), '/placements/0/weight'],
    ['a rule without labels', () => ({ ...good(), placements: { clusterLabels: {}, namespace: 'default' } }), '/placements/clusterLabels'],
    ['a rule without a namespace', () => ({ ...good(), placements: { clusterLabels: { a: 'b' } } }), '/placements/namespace'],
    [
      'a rule with a label that is no label',
      () => ({ ...good(), placements: { clusterLabels: { a: 'b c' }, namespace: 'default' } }),
      '/placements/clusterLabels/a',
    ],
    ['an unknown field', () => ({ ...good(), replicas: 3 }), '/replicas'],
  ])('%s is a fault at its pointer, and nothing is stored', async (_, body, pointer) => {
    const answer = await shop.tenant.rest<{ code: string; errors: { pointer: string }[] }>('POST', '/v1/workloads', body());
    expect([answer.status, answer.body.code]).toEqual([422, 'INVALID']);
    expect(answer.body.errors.map((fault) => fault.pointer)).toContain(pointer);
    expect(await namesOf('')).not.toContain('shape');
  });

  it.each([
    ['a name', { name: 'other' }, '/name'],
    ['a template that is null', { template: null }, '/template'],
    ['values that are a number', { values: 7 }, '/values'],
    ['placements that are a number', { placements: 7 }, '/placements'],
  ])('a patch with %s is refused', async (_, body, pointer) => {
    const { id } = await shop.post<Named>('/v1/workloads', { name: `patch-${Math.random().toString(36).slice(2)}`, template: 'web' }, 201);
    const answer = await shop.tenant.rest<{ errors: { pointer: string }[] }>('PATCH', `/v1/workloads/${id}`, body);
    expect([answer.status, answer.body.errors[0]?.pointer]).toEqual([422, pointer]);
    expect((await read(id)).version).toBe(1);
  });

  it('a body of more than 1 MiB is too large, one of nearly as much is not', async () => {
    const large = (bytes: number): object => ({ name: 'large', template: 'nowhere', values: { image: 'x'.repeat(bytes) } });
    expect((await shop.tenant.rest('POST', '/v1/workloads', large(1_048_577))).status).toBe(413);
    expect((await shop.tenant.rest('POST', '/v1/workloads', large(1_000_000))).body).toMatchObject({
      code: 'INVALID',
      errors: [{ pointer: '/template' }],
    });
  });
});

describe('the list of workloads', () => {
  it('is filtered by template and by cluster, names or ids, any of them', async () => {
    const { tenant, clusters, template, workload, get } = await openShop(api, 'filters', 2);
    await template('api');
    await workload('web', { placements: [{ cluster: 'filters-1', namespace: 'default' }] });
    for (const [name, cluster] of [
      ['one', 'filters-1'],
      ['two', 'filters-2'],
    ]) {
      expectStatus(
        await tenant.rest('POST', '/v1/workloads', { name, template: 'api', placements: [{ cluster, namespace: 'default' }] }),
        201,
      );
    }
    const found = async (query: string): Promise<string[]> =>
      (await get<Page<Named>>(`/v1/workloads?${query}`)).items.map((item) => item.name);
    expect(await found('template=api')).toEqual(['two', 'one']);
    expect(await found('template=api,web')).toEqual(['two', 'one', 'web']);
    expect(await found(`cluster=${clusters[0]!.id}`)).toEqual(['one', 'web']);
    expect(await found('cluster=filters-1,filters-2&template=api')).toEqual(['two', 'one']);
    expect(await found('cluster=nowhere')).toEqual([]);
    const { data } = await tenant.graphql('{ workloads(template: ["api"], cluster: ["filters-2"]) { edges { node { name } } } }');
    expect(data).toEqual({ workloads: { edges: [{ node: { name: 'two' } }] } });
    await tenant.rest('PATCH', '/v1/workloads/one', { placements: [] });
    expect(await found('cluster=filters-1')).toEqual(['web']);
  });

  it('is paged, newest first', async () => {
    const { workload, get } = await openShop(api, 'pages', 0);
    for (const name of ['a', 'b', 'c']) await workload(name, { placements: [] });
    const first = await get<Page<Named>>('/v1/workloads?limit=2');
    expect(first.items.map((item) => item.name)).toEqual(['c', 'b']);
    const second = await get<Page<Named>>(`/v1/workloads?limit=2&cursor=${first.nextCursor}`);
    expect([second.items.map((item) => item.name), second.nextCursor]).toEqual([['a'], null]);
  });
});

describe('the quota of workloads', () => {
  it('is checked before what is wrong with the meaning, and of many at once lets no more in', async () => {
    const { tenant, template } = await openShop(api, 'quota', 0);
    await template('web');
    expectStatus(await api.operator.rest('PATCH', `/v1/tenants/${tenant.id}`, { quotas: { workloads: 2 } }), 200);
    const make = (i: number) => tenant.rest<{ code: string }>('POST', '/v1/workloads', { name: `w${i}`, template: 'web' });
    const answers = await Promise.all([1, 2, 3, 4, 5].map(make));
    expect(answers.map((answer) => answer.status).sort()).toEqual([201, 201, 409, 409, 409]);
    expect(answers.flatMap(({ status, body }) => (status === 409 ? [body.code] : []))).toEqual(Array(3).fill('QUOTA_EXCEEDED'));
    expect((await tenant.rest('POST', '/v1/workloads', { name: 'w9', template: 'nowhere' })).body).toMatchObject({
      code: 'QUOTA_EXCEEDED',
    });
  });
});
