import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectStatus, startTestApi } from '../support/api.ts';
import type { TestApi } from '../support/api.ts';
import { openShop } from '../support/shop.ts';
import type { Refusal, Shop } from '../support/shop.ts';

let api: TestApi;
let shop: Shop;
beforeAll(async () => {
  api = await startTestApi();
  shop = await openShop(api, 'acme', 1);
  await shop.workload('web');
});
afterAll(() => api.close());

/** An input with null where a field may be left out: by REST, and as the mutation takes it. */
const CASES: [what: string, method: string, path: string, mutation: string, input: object, wrapped?: object][] = [
  ['the name of a template', 'PATCH', '/v1/templates/web', 'updateTemplate(template: "web", input: $input)', { name: null }],
  ['the template of a workload', 'PATCH', '/v1/workloads/web', 'updateWorkload(workload: "web", input: $input)', { template: null }],
  ['the name of a tenant', 'PATCH', '/v1/tenants/acme', 'updateTenant(tenant: "acme", input: $input)', { name: null }],
  ['the revision of a rollout', 'POST', '/v1/workloads/web/rollouts', 'createRollout(workload: "web", input: $input)', { revision: null }],
  ['the values of a rollout', 'POST', '/v1/workloads/web/rollouts', 'createRollout(workload: "web", input: $input)', { values: null }],
  [
    'the values of a new workload and of a place',
    'POST',
    '/v1/workloads',
    'createWorkload(input: $input)',
    { name: 'nulls', template: 'web', values: null, placements: [{ cluster: 'acme-1', namespace: 'default', values: null }] },
    { name: 'nulls', template: 'web', values: null, placements: { list: [{ cluster: 'acme-1', namespace: 'default', values: null }] } },
  ],
];

interface Patched {
  version: number;
  [field: string]: unknown;
}

const DEFAULTS = { clusters: 1000, workloads: 1000, concurrentTargets: 1000, requestsPerSecond: 50, requestBurst: 200 };

/** Null in a merge patch: what is patched, from what, by what, the fields to read, and their values afterwards. */
const REMOVALS: [what: string, noun: string, path: string, before: object, patch: object, fields: string, after: object][] = [
  [
    'all labels of a cluster',
    'cluster',
    '/v1/clusters/patched',
    { labels: { tier: 'a', zone: 'b' } },
    { labels: null },
    'labels',
    { labels: {} },
  ],
  [
    'all values of a workload',
    'workload',
    '/v1/workloads/patched',
    { values: { greeting: 'hi', deep: { a: 1 } } },
    { values: null },
    'values',
    { values: {} },
  ],
  [
    'the list of placements of a workload',
    'workload',
    '/v1/workloads/patched',
    { placements: [{ cluster: 'acme-1', namespace: 'default' }] },
    { placements: null },
    'placementRule { namespace } placements { id }',
    { placementRule: null, placements: [] },
  ],
  [
    'the rule of placements of a workload',
    'workload',
    '/v1/workloads/patched',
    { placements: { clusterLabels: { none: 'has-it' }, namespace: 'default' } },
    { placements: null },
    'placementRule { namespace } placements { id }',
    { placementRule: null, placements: [] },
  ],
  [
    'one quota of a tenant',
    'tenant',
    '/v1/tenants/patched',
    { quotas: { clusters: 3, workloads: 4 } },
    { quotas: { clusters: null } },
    `quotas { ${Object.keys(DEFAULTS).join(' ')} }`,
    { quotas: { ...DEFAULTS, workloads: 4 } },
  ],
  [
    'all quotas of a tenant',
    'tenant',
    '/v1/tenants/patched',
    { quotas: { clusters: 3, workloads: 4 } },
    { quotas: null },
    `quotas { ${Object.keys(DEFAULTS).join(' ')} }`,
    { quotas: DEFAULTS },
  ],
];

describe('null in a merge patch removes', () => {
  beforeAll(async () => {
    await shop.cluster('patched');
    await shop.workload('patched', { placements: [] });
    expectStatus(await api.operator.rest('POST', '/v1/tenants', { name: 'patched' }), 201);
  });

  it.each(REMOVALS)('%s, by both doors alike', async (_, noun, path, before, patch, fields, after) => {
    const client = noun === 'tenant' ? api.operator : shop.tenant;
    const prepared = async (): Promise<number> => expectStatus(await client.rest<Patched>('PATCH', path, before), 200).version;
    let version = await prepared();
    expect(expectStatus(await client.rest<Patched>('PATCH', path, patch), 200)).toMatchObject({ ...after, version: version + 1 });
    version = await prepared();
    const type = noun[0]!.toUpperCase() + noun.slice(1);
    const mutation = `mutation ($input: Update${type}!) { patched: update${type}(${noun}: "patched", input: $input) { version ${fields} } }`;
    const { data, errors } = await client.graphql<{ patched: Patched }>(mutation, { input: patch });
    expect(errors).toEqual([]);
    expect(data.patched).toEqual({ ...after, version: version + 1 });
    expect(expectStatus(await client.rest<Patched>('PATCH', path, patch), 200).version).toBe(version + 1);
  });
});

describe('null where a field may be left out', () => {
  it.each(CASES)('as %s is refused by both doors alike', async (_, method, path, mutation, input, wrapped) => {
    const client = path.includes('tenants') ? api.operator : shop.tenant;
    const rest = await client.rest<Refusal>(method, path, input);
    const type = mutation.replace(/\(.*/, '');
    const inputType = type[0]!.toUpperCase() + type.slice(1);
    const { errors } = await client.graphql(`mutation ($input: ${inputType}!) { answer: ${mutation} { id } }`, { input: wrapped ?? input });
    expect([rest.status, rest.body.code, rest.body.errors.length > 0]).toEqual([422, 'INVALID', true]);
    expect(errors[0]?.extensions).toMatchObject({ code: 'INVALID', status: 422, errors: rest.body.errors });
  });

  it('is what is left out where it is a whole argument of GraphQL, which has no other way to say so in a variable', async () => {
    const { errors } = await shop.tenant.graphql(
      '{ rollouts(phase: null, workload: null) { edges { cursor } } clusters(region: null) { edges { cursor } } }',
    );
    expect(errors).toEqual([]);
    const rollback = await shop.tenant.graphql('mutation { rollbackWorkload(workload: "web", input: null) { id } }');
    expect(rollback.errors[0]?.extensions).toMatchObject({ code: 'INVALID', errors: [{ pointer: '/toRelease' }] });
  });
});
