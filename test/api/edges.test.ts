import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectStatus, startTestApi } from '../support/api.ts';
import type { Answer, Client, TestApi } from '../support/api.ts';
import { onConnection, openShop } from '../support/shop.ts';
import type { Refusal, RolloutView, Shop } from '../support/shop.ts';

let api: TestApi;
let shop: Shop;
beforeAll(async () => {
  api = await startTestApi();
  shop = await openShop(api, 'acme', 1);
  await shop.workload('web');
});
afterAll(() => api.close());

const said = ({ status, body }: Answer<unknown>): unknown[] => [status, (body as Partial<Refusal> | null)?.code];
const faultsOf = ({ body }: Answer<unknown>): unknown => (body as Refusal).errors;
/** Sends bytes as they are. */
const send = async (client: Client, method: string, path: string, body: string | undefined, type: string): Promise<[number, Refusal]> => {
  const headers = { authorization: `Bearer ${client.key}`, 'content-type': type };
  const answer = await fetch(api.url + path, { method, headers, ...(body === undefined ? {} : { body }) });
  return [answer.status, (await answer.json()) as Refusal];
};

describe('an address that names nothing because of how it is written', () => {
  it.each([
    ['/v1/templates/%zz', 401, 404],
    ['/v1/templates/%ff', 401, 404],
    [`/v1/templates/${'a'.repeat(400)}`, 401, 404],
    [`/v1/workloads/web/releases/${'1'.repeat(400)}`, 401, 404],
    ['/%zz', 404, 404],
  ])('%s: who asks comes first', async (path, withoutKey, withKey) => {
    expect((await fetch(api.url + path)).status).toBe(withoutKey);
    const answer = await fetch(api.url + path, { headers: { authorization: `Bearer ${shop.tenant.key}` } });
    expect([answer.status, ((await answer.json()) as Refusal).code]).toEqual([withKey, 'NOT_FOUND']);
  });
});

describe('text that cannot be stored', () => {
  const ask = async (query: string, variables: object): Promise<unknown> => {
    const { errors } = await shop.tenant.graphql(query, variables as Record<string, unknown>);
    return [errors[0]?.extensions.status, errors[0]?.extensions.errors];
  };
  const detail = expect.stringContaining('cannot be stored') as string;

  it.each(['a\0b', 'a\ud800b'])('is a fault of its field in an input, of its parameter elsewhere: %j', async (bad) => {
    const create = 'mutation ($input: CreateTemplate!) { createTemplate(input: $input) { id } }';
    const rest = await shop.tenant.rest('POST', '/v1/templates', { name: 'x', description: bad });
    expect([rest.status, faultsOf(rest)]).toEqual([422, [{ pointer: '/description', detail }]]);
    expect(await ask(create, { input: { name: 'x', description: bad } })).toEqual([422, [{ pointer: '/description', detail }]]);
    const read = 'query ($t: String!) { template(template: $t) { id } }';
    expect(await ask(read, { t: bad })).toEqual([422, [{ parameter: 'template', detail }]]);
    const place = { cluster: 'acme-1', namespace: 'default', values: { greeting: bad } };
    const workload = 'mutation ($input: CreateWorkload!) { createWorkload(input: $input) { id } }';
    const input = { name: 'y', template: 'web', placements: { list: [place] } };
    expect(await ask(workload, { input })).toEqual([422, [{ pointer: '/placements/0/values/greeting', detail }]]);
  });
});

describe('a number or time that no column can hold', () => {
  const TOO_LARGE = [2_147_483_648, Number.MAX_SAFE_INTEGER];

  it.each([
    ['rollouts', 'revision'],
    ['rollback', 'toRelease'],
  ])('is refused as a field: %s, %s', async (action, field) => {
    for (const number of TOO_LARGE) {
      const answer = await shop.tenant.rest('POST', `/v1/workloads/web/${action}`, { [field]: number });
      expect([...said(answer), faultsOf(answer)]).toEqual([
        422,
        'INVALID',
        [{ pointer: `/${field}`, detail: 'must be at most 2147483647' }],
      ]);
    }
  });

  it.each(['/v1/templates/web/revisions', '/v1/workloads/web/releases'])('names nothing below %s', async (path) => {
    for (const number of TOO_LARGE) expect(said(await shop.tenant.rest('GET', `${path}/${number}`))).toEqual([404, 'NOT_FOUND']);
  });

  it.each(['9999-12-31T23:59:59-14:00', '0001-01-01T00:00:00+14:00', '0000-01-01T00:00:00Z'])(
    'is refused as a time: %s',
    async (expiresAt) => {
      const fault = { pointer: '/expiresAt', detail: 'must be within the years 0001 to 9999 in UTC' };
      const input = { name: 'timeless', role: 'VIEWER', expiresAt };
      const answer = await shop.tenant.rest('POST', '/v1/api-keys', input);
      expect([...said(answer), faultsOf(answer)]).toEqual([422, 'INVALID', [fault]]);
      const create = 'mutation ($input: CreateApiKey!) { createApiKey(input: $input) { id } }';
      const { errors } = await shop.tenant.graphql(create, { input });
      expect(errors[0]?.extensions).toMatchObject({ code: 'INVALID', errors: [fault] });
    },
  );
});

describe('a header or argument', () => {
  it('Slipway-Actor that is not UTF-8 is refused by its name', async () => {
    const answer = await shop.tenant.rest('GET', '/v1/me', undefined, { 'slipway-actor': Buffer.from([0x41, 0xff]).toString('latin1') });
    expect([answer.status, faultsOf(answer)]).toEqual([422, [{ parameter: 'Slipway-Actor', detail: 'must be UTF-8' }]]);
  });

  it('waitSeconds below zero is refused before anything is done', async () => {
    await shop.workload('waits');
    const { errors } = await shop.tenant.graphql('mutation { createRollout(workload: "waits", waitSeconds: -1) { id } }');
    expect(errors[0]?.extensions).toMatchObject({ code: 'INVALID', errors: [{ parameter: 'waitSeconds', detail: 'must be at least 0' }] });
    expect(await shop.get('/v1/rollouts?workload=waits')).toMatchObject({ items: [] });
  });
});

describe('a body', () => {
  it('of an action that takes none is refused, also where it is an empty list', async () => {
    await shop.workload('abortable');
    const { id } = await shop.post<RolloutView>('/v1/workloads/abortable/rollouts');
    const answer = await shop.tenant.rest('POST', `/v1/rollouts/${id}/abort`, []);
    expect([answer.status, faultsOf(answer)]).toEqual([422, [{ pointer: '', detail: 'must be empty: this route takes no body' }]]);
    expect(await shop.get(`/v1/rollouts/${id}`)).toMatchObject({ phase: 'QUEUED' });
    expectStatus(await shop.tenant.rest('POST', `/v1/rollouts/${id}/abort`, {}), 202);
  });

  it.each([
    ['{"name":"a","__proto__":{"admin":true}}', '/__proto__'],
    ['{"name":"a","\\u005f_proto__":1}', '/__proto__'],
    ['{"name":"a","description":{"__proto__":null}}', '/description/__proto__'],
  ])('with the key of a prototype has a field that there is not: %s', async (body, pointer) => {
    const [status, refusal] = await send(shop.tenant, 'POST', '/v1/templates', body, 'application/json');
    expect([status, refusal.errors]).toEqual([422, [{ pointer, detail: 'is not a field' }]]);
  });

  it.each(['text/plain', 'application/yaml', 'application/json; charset=iso-8859-1', 'application/x-www-form-urlencoded'])(
    'that is empty is none, whatever its type: %s',
    async (type) => {
      await shop.workload('empty').catch(() => null);
      const [status] = await send(shop.tenant, 'POST', '/v1/workloads/empty/rollouts?x=1', '', type);
      expect(status).toBe(422);
      const headers = { authorization: `Bearer ${shop.tenant.key}`, 'content-type': type };
      const body = new ReadableStream({ start: (controller) => controller.close() });
      const chunked = { method: 'POST', headers, body, duplex: 'half' } as RequestInit;
      expect((await fetch(`${api.url}/v1/workloads/empty/rollouts?x=1`, chunked)).status).toBe(422);
      expect((await send(shop.tenant, 'POST', '/v1/workloads/empty/rollouts', 'x', type))[0]).not.toBe(202);
    },
  );
});

describe('a conflict says with what', () => {
  it('a name that is taken, at the name', async () => {
    const taken = [{ pointer: '/name', detail: 'is taken' }];
    const cases: [Client, string, object][] = [
      [shop.tenant, '/v1/templates', { name: 'web' }],
      [shop.tenant, '/v1/workloads', { name: 'web', template: 'web' }],
      [shop.tenant, '/v1/clusters', { name: 'acme-1', region: shop.region.name, server: 'https://127.0.0.1:1', caData: 'x', token: 't' }],
      [api.operator, '/v1/tenants', { name: 'acme' }],
      [api.operator, '/v1/regions', { name: shop.region.name }],
    ];
    for (const [client, path, body] of cases) {
      const answer = await client.rest('POST', path, body);
      expect([path, ...said(answer), faultsOf(answer)]).toEqual([path, 409, 'NAME_TAKEN', taken]);
    }
    await shop.template('second');
    expect(faultsOf(await shop.tenant.rest('PATCH', '/v1/templates/second', { name: 'web' }))).toEqual(taken);
  });

  it('a cluster that is in use, what lives there and how to forget it', async () => {
    const answer = await shop.tenant.rest<{ detail: string }>('DELETE', '/v1/clusters/acme-1');
    expect(said(answer)).toEqual([409, 'IN_USE']);
    expect(answer.body.detail).toContain('web in default');
    expect(answer.body.detail).toContain('?force=true');
  });

  it('a template that is in use, by which workloads, the first five', async () => {
    for (let i = 0; i < 6; i += 1) await shop.post('/v1/workloads', { name: `more-${i}`, template: 'web' }, 201);
    const answer = await shop.tenant.rest<{ detail: string }>('DELETE', '/v1/templates/web');
    expect(said(answer)).toEqual([409, 'IN_USE']);
    expect(answer.body.detail).toContain('web, more-0, more-1, more-2, more-3 and 2 more');
  });
});

it('/docs/ leads to the page, whose files stand beside it', async () => {
  const answer = await fetch(`${api.url}/docs/`);
  expect([answer.status, answer.url]).toEqual([200, `${api.url}/docs`]);
  expect(await answer.text()).toContain('swagger');
});

it('a release is immutable, and was last updated when it became one to go back to', async () => {
  await shop.workload('released');
  await shop.post('/v1/workloads/released/rollouts');
  const release = await shop.get<{ id: string; createdAt: string }>('/v1/workloads/released/releases/1');
  expect(release).toMatchObject({ version: 1, goodAt: null, updatedAt: release.createdAt });
  const goodAt = '2100-01-31T12:00:00.000Z';
  await onConnection(api.database.ownerUrl, (client) =>
    client.query('UPDATE releases SET good_at = $1 WHERE id = $2', [goodAt, release.id]),
  );
  expect(await shop.get('/v1/workloads/released/releases/1')).toMatchObject({ version: 1, goodAt, updatedAt: goodAt });
  const { data } = await shop.tenant.graphql('{ release(workload: "released", number: 1) { version createdAt updatedAt } }');
  expect(data).toEqual({ release: { version: 1, createdAt: release.createdAt, updatedAt: goodAt } });
});

it('/me says how many targets move', async () => {
  const used = async (): Promise<unknown> => (await shop.get<{ use: object }>('/v1/me')).use;
  expect(await used()).toMatchObject({ concurrentTargets: 0 });
  await shop.workload('moving');
  const { id } = await shop.post<RolloutView>('/v1/workloads/moving/rollouts');
  await onConnection(api.database.ownerUrl, async (client) => {
    await client.query(`UPDATE rollouts SET phase = 'RUNNING' WHERE id = $1`, [id]);
    await client.query(`UPDATE targets SET phase = 'PROGRESSING' WHERE rollout_id = $1`, [id]);
  });
  expect(await used()).toMatchObject({ concurrentTargets: 1 });
});

it.each(['tier!=a', 'a==b', '=a', '-', 'a=b c', 'tier in (a)'])('the label filter %s is refused', async (label) => {
  const answer = await shop.tenant.rest('GET', `/v1/clusters?label=${encodeURIComponent(label)}`);
  expect([answer.status, faultsOf(answer)]).toEqual([422, [{ parameter: 'label', detail: 'must be `key` or `key=value`' }]]);
  const { errors } = await shop.tenant.graphql('query ($l: [String!]) { clusters(label: $l) { edges { cursor } } }', { l: [label] });
  expect(errors[0]?.extensions).toMatchObject({ code: 'INVALID', errors: [{ parameter: 'label' }] });
  for (const good of ['tier', 'tier=a', 'example.com/tier=', 'tier=a,zone'])
    expect((await shop.tenant.rest('GET', `/v1/clusters?label=${encodeURIComponent(good)}`)).status).toBe(200);
});
