import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectStatus, startTestApi, type TestApi } from '../support/api.ts';
import { openShop } from '../support/shop.ts';

interface Tenant {
  id: string;
  name: string;
  quotas: Record<string, number>;
  version: number;
}

const DEFAULTS = { clusters: 1000, workloads: 1000, concurrentTargets: 1000, requestsPerSecond: 50, requestBurst: 200 };

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

const rows = async <T extends object>(text: string, values: unknown[] = []): Promise<T[]> => {
  const client = new pg.Client({ connectionString: api.database.ownerUrl });
  await client.connect();
  const result = await client.query<T>(text, values);
  await client.end();
  return result.rows;
};

describe('tenants', () => {
  it('are made with quotas, a data key of their own and the head of their events', async () => {
    const made = expectStatus(await api.operator.rest<Tenant>('POST', '/v1/tenants', { name: 'acme', quotas: { clusters: 3 } }), 201);
    expect(made).toMatchObject({ name: 'acme', version: 1, quotas: { ...DEFAULTS, clusters: 3 } });
    const other = expectStatus(await api.operator.rest<Tenant>('POST', '/v1/tenants', { name: 'other' }), 201);
    const stored = await rows<{ id: string; key: string; seq: string }>(
      "SELECT t.id, encode(t.data_key_sealed, 'hex') AS key, h.seq FROM tenants t JOIN event_heads h ON h.tenant_id = t.id WHERE t.id IN ($1, $2)",
      [made.id, other.id],
    );
    expect(stored).toHaveLength(2);
    expect(new Set(stored.map(({ key }) => key)).size).toBe(2);
    expect(stored.every(({ seq }) => seq === '0')).toBe(true);
  });

  it('are read by id and name, listed newest first, renamed and given other quotas', async () => {
    const made = expectStatus(await api.operator.rest<Tenant>('POST', '/v1/tenants', { name: 'first-name' }), 201);
    expect((await api.operator.rest('GET', '/v1/tenants/first-name')).body).toEqual(made);
    const changed = await api.operator.rest<Tenant>(
      'PATCH',
      `/v1/tenants/${made.id}`,
      { name: 'second-name', quotas: { workloads: 1 } },
      { 'if-match': '"1"' },
    );
    expect(expectStatus(changed, 200)).toMatchObject({ name: 'second-name', version: 2, quotas: { ...DEFAULTS, workloads: 1 } });
    const more = await api.operator.rest<Tenant>('PATCH', '/v1/tenants/second-name', { quotas: { clusters: 2 } });
    expect(more.body.quotas).toEqual({ ...DEFAULTS, workloads: 1, clusters: 2 });
    const { items } = (await api.operator.rest<{ items: Tenant[] }>('GET', '/v1/tenants?limit=1')).body;
    expect(items.map(({ name }) => name)).toEqual(['second-name']);
    expect((await api.operator.rest('PATCH', '/v1/tenants/nobody', { name: 'x' })).status).toBe(404);
  });

  it('have names of their own', async () => {
    await api.operator.rest('POST', '/v1/tenants', { name: 'unique' });
    expect((await api.operator.rest('POST', '/v1/tenants', { name: 'unique' })).body).toMatchObject({ code: 'NAME_TAKEN', status: 409 });
  });

  it('are made, read and changed by GraphQL alike', async () => {
    const made = await api.operator.graphql<{ createTenant: Tenant }>(
      'mutation { createTenant(input: {name: "graph", quotas: {clusters: 1}}) { id quotas { clusters workloads } } }',
    );
    expect(made.data.createTenant).toMatchObject({ quotas: { clusters: 1, workloads: 1000 } });
    const changed = await api.operator.graphql(
      'mutation { updateTenant(tenant: "graph", input: {quotas: {workloads: 7}}, ifVersion: 1) { version quotas { clusters workloads } } }',
    );
    expect(changed.data).toEqual({ updateTenant: { version: 2, quotas: { clusters: 1, workloads: 7 } } });
    const read = await api.operator.graphql('{ tenant(tenant: "graph") { name } tenants(first: 1) { edges { node { name } } } }');
    expect(read.data).toEqual({ tenant: { name: 'graph' }, tenants: { edges: [{ node: { name: 'graph' } }] } });
    const stale = await api.operator.graphql('mutation { updateTenant(tenant: "graph", input: {}, ifVersion: 1) { version } }');
    expect(stale.errors[0]?.extensions.code).toBe('STALE');
  });
});

describe('the rate of a tenant', () => {
  it('is held, with the time to come back, and its neighbour is not held up', async () => {
    const noisy = await api.tenant('noisy');
    const quiet = await api.tenant('quiet');
    const limited = await noisy.as('VIEWER');
    await api.operator.rest('PATCH', '/v1/tenants/noisy', { quotas: { requestsPerSecond: 1, requestBurst: 5 } });
    const answers = [];
    for (let i = 0; i < 8; i++) answers.push(await limited.rest('GET', '/v1/me'));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
    const refused = answers[5];
    expect(refused?.body).toMatchObject({ code: 'RATE_LIMITED' });
    expect(Number(refused?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(refused?.headers.get('ratelimit-remaining')).toBe('0');
    expect(answers[0]?.headers.get('ratelimit-limit')).toBe('5');
    expect((await quiet.rest('GET', '/v1/me')).status).toBe(200);
    // 429 comes before 403 and before the body.
    expect((await limited.rest('POST', '/v1/templates', { name: 'NO' })).status).toBe(429);
    expect((await limited.graphql('{ me { role } }')).status).toBe(429);
  });
});

describe('me', () => {
  it('says who calls, what the tenant may have, and what it has', async () => {
    const tenant = await api.tenant('self');
    expect((await tenant.rest('GET', '/v1/me')).body).toMatchObject({
      tenant: { id: tenant.id, name: 'self' },
      role: 'ADMIN',
      quotas: { clusters: 1000, requestsPerSecond: 10_000 },
      use: { clusters: 0, workloads: 0 },
    });
    const { data } = await tenant.graphql('{ me { role actor tenant { name } key { name } use { clusters } } }');
    expect(data).toMatchObject({ me: { role: 'ADMIN', actor: null, tenant: { name: 'self' }, use: { clusters: 0 } } });
    expect((await api.operator.rest('GET', '/v1/me')).body).toMatchObject({ tenant: null, key: null, role: 'OPERATOR' });
  });
});

describe('the Pod Security level of a tenant', () => {
  const pod = (spec: object) => ({ pod: { spec: { containers: [{ name: 'web', image: 'web:1' }], ...spec } } });
  const privileged = pod({ hostNetwork: true });

  it('is BASELINE until the operator changes it, by REST and GraphQL alike, and shown in /me', async () => {
    const tenant = await api.tenant('guarded');
    const read = async () => (await api.operator.rest<{ podSecurity: string }>('GET', `/v1/tenants/${tenant.id}`)).body.podSecurity;
    const me = async () => (await tenant.rest<{ podSecurity: string }>('GET', '/v1/me')).body.podSecurity;
    expect([await read(), await me()]).toEqual(['BASELINE', 'BASELINE']);
    const changed = await api.operator.rest('PATCH', `/v1/tenants/${tenant.id}`, { podSecurity: 'PRIVILEGED' });
    expect(expectStatus(changed, 200)).toMatchObject({ podSecurity: 'PRIVILEGED', version: 2 });
    const mutation = 'mutation ($tenant: String!) { updateTenant(tenant: $tenant, input: { podSecurity: RESTRICTED }) { podSecurity } }';
    expect(await api.operator.graphql(mutation, { tenant: tenant.id })).toMatchObject({
      data: { updateTenant: { podSecurity: 'RESTRICTED' } },
    });
    expect([await read(), await me()]).toEqual(['RESTRICTED', 'RESTRICTED']);
    expect(await tenant.graphql('{ me { podSecurity } }')).toMatchObject({ data: { me: { podSecurity: 'RESTRICTED' } } });
    expectStatus(await api.operator.rest('PATCH', `/v1/tenants/${tenant.id}`, { podSecurity: null }), 200);
    expect(await read()).toBe('BASELINE');
    const wrong = await api.operator.rest('PATCH', `/v1/tenants/${tenant.id}`, { podSecurity: 'baseline' });
    expect([wrong.status, wrong.body['errors']]).toEqual([422, [{ pointer: '/podSecurity', detail: expect.any(String) }]]);
  });

  it('can be given when the tenant is made', async () => {
    const made = await api.operator.rest('POST', '/v1/tenants', { name: 'host-bound', podSecurity: 'PRIVILEGED' });
    expect(expectStatus(made, 201)).toMatchObject({ podSecurity: 'PRIVILEGED' });
  });

  it('decides which revisions can be posted, and which can still be rolled out', async () => {
    const { tenant, clusters } = await openShop(api, 'changing', 1);
    const set = async (podSecurity: string) =>
      expectStatus(await api.operator.rest('PATCH', `/v1/tenants/${tenant.id}`, { podSecurity }), 200);
    const post = (document: object) => tenant.rest('POST', '/v1/templates/host/revisions', document);
    expectStatus(await tenant.rest('POST', '/v1/templates', { name: 'host' }), 201);
    const refused = await post(privileged);
    expect([refused.status, refused.body['errors']]).toEqual([
      422,
      [{ pointer: '/pod/spec/hostNetwork', detail: 'is refused by Pod Security level baseline: must not be true' }],
    ]);
    await set('PRIVILEGED');
    expectStatus(await post(privileged), 201);
    const placements = [{ cluster: clusters[0]!.name, namespace: 'default' }];
    expectStatus(await tenant.rest('POST', '/v1/workloads', { name: 'host', template: 'host', placements }), 201);
    const render = () => tenant.rest('POST', '/v1/templates/host/revisions/1/render', {});
    const rollOut = () => tenant.rest('POST', '/v1/workloads/host/rollouts', {});
    expectStatus(await render(), 200);
    await set('BASELINE');
    const detail = 'with these values, /pod/spec/hostNetwork is refused by Pod Security level baseline: must not be true';
    expect([(await render()).status, (await render()).body['errors']]).toEqual([422, [{ pointer: '/values', detail }]]);
    expect((await post(privileged)).status).toBe(422);
    expect([(await rollOut()).status, (await rollOut()).body['errors']]).toEqual([422, [{ pointer: '/values', detail }]]);
    await set('RESTRICTED');
    expect((await post(pod({}))).status).toBe(422);
  });
});
