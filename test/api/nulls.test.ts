import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi } from '../support/api.ts';
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
  ['the placements of a workload', 'PATCH', '/v1/workloads/web', 'updateWorkload(workload: "web", input: $input)', { placements: null }],
  ['the values of a workload', 'PATCH', '/v1/workloads/web', 'updateWorkload(workload: "web", input: $input)', { values: null }],
  ['the labels of a cluster', 'PATCH', '/v1/clusters/acme-1', 'updateCluster(cluster: "acme-1", input: $input)', { labels: null }],
  ['the quotas of a tenant', 'PATCH', '/v1/tenants/acme', 'updateTenant(tenant: "acme", input: $input)', { quotas: null }],
  ['the name of a tenant', 'PATCH', '/v1/tenants/acme', 'updateTenant(tenant: "acme", input: $input)', { name: null }],
  ['one quota', 'PATCH', '/v1/tenants/acme', 'updateTenant(tenant: "acme", input: $input)', { quotas: { clusters: null } }],
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
