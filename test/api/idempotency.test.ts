import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Expiry } from '../../src/platform/db/expiry.ts';
import { onConnection } from '../support/database.ts';
import { startTestApi, type TestApi, type TestTenant } from '../support/api.ts';
import { openShop } from '../support/shop.ts';

let api: TestApi;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startTestApi();
  tenant = await api.tenant('acme');
});
afterAll(() => api.close());

const key = (value: string): Record<string, string> => ({ 'idempotency-key': value });

describe('an idempotency key', () => {
  it('answers the second request with the effect of the first, as it is now', async () => {
    const first = await tenant.rest('POST', '/v1/templates', { name: 'once' }, key('a'));
    await tenant.rest('PATCH', '/v1/templates/once', { description: 'changed since' });
    const second = await tenant.rest('POST', '/v1/templates', { name: 'once' }, key('a'));
    expect(first.headers.get('idempotency-replayed')).toBeNull();
    expect([second.status, second.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(second.body).toMatchObject({ id: first.body['id'], description: 'changed since', version: 2 });
    expect(second.headers.get('location')).toBe(first.headers.get('location'));
  });

  it('of another body or path is refused, and nothing is done', async () => {
    await tenant.rest('POST', '/v1/templates', { name: 'mine' }, key('b'));
    const other = await tenant.rest('POST', '/v1/templates', { name: 'other' }, key('b'));
    expect(other.status).toBe(422);
    expect(other.body).toMatchObject({ code: 'KEY_REUSED' });
    expect((await tenant.rest('GET', '/v1/templates/other')).status).toBe(404);
    expect((await tenant.rest('POST', '/v1/api-keys', { name: 'mine', role: 'VIEWER' }, key('b'))).body).toMatchObject({
      code: 'KEY_REUSED',
    });
  });

  it('remembers effects only: what was refused may be tried again', async () => {
    await tenant.rest('POST', '/v1/templates', { name: 'blocking' });
    expect((await tenant.rest('POST', '/v1/templates', { name: 'blocking' }, key('c'))).status).toBe(409);
    await tenant.rest('DELETE', '/v1/templates/blocking');
    const retried = await tenant.rest('POST', '/v1/templates', { name: 'blocking' }, key('c'));
    expect([retried.status, retried.headers.get('idempotency-replayed')]).toEqual([201, null]);
  });

  it('of a hundred parallel requests lets one act; the others replay or wait their turn', async () => {
    const answers = await Promise.all(Array.from({ length: 100 }, () => tenant.rest('POST', '/v1/templates', { name: 'crowd' }, key('d'))));
    const made = answers.filter(({ status }) => status === 201);
    const busy = answers.filter(({ status }) => status === 409);
    expect(made.length + busy.length).toBe(100);
    expect(new Set(made.map(({ body }) => body['id'])).size).toBe(1);
    expect(made.filter(({ headers }) => headers.get('idempotency-replayed') === null)).toHaveLength(1);
    expect(busy.every(({ body, headers }) => body['code'] === 'IN_PROGRESS' && headers.get('retry-after') === '1')).toBe(true);
  });

  it('belongs to its tenant', async () => {
    const other = await api.tenant('other');
    await tenant.rest('POST', '/v1/templates', { name: 'theirs' }, key('e'));
    const answer = await other.rest('POST', '/v1/templates', { name: 'ours' }, key('e'));
    expect([answer.status, answer.headers.get('idempotency-replayed')]).toEqual([201, null]);
  });

  it('works for the operator, whose scope is no tenant', async () => {
    const first = await api.operator.rest('POST', '/v1/tenants', { name: 'new' }, key('f'));
    const second = await api.operator.rest('POST', '/v1/tenants', { name: 'new' }, key('f'));
    expect([first.status, second.status, second.headers.get('idempotency-replayed')]).toEqual([201, 201, 'true']);
    expect(second.body).toEqual(first.body);
    const regions = [1, 2].map(() => api.operator.rest('POST', '/v1/regions', { name: 'eu' }, key('g')));
    const [one, two] = [await regions[0]!, await regions[1]!];
    expect(new Set([one, two].filter(({ status }) => status === 201).map(({ body }) => body['id'])).size).toBe(1);
  });

  it.each(['createTenant', 'createRegion'])('of %s has that scope also where the operator names a tenant', async (mutation) => {
    const [name, document] = [
      mutation.toLowerCase(),
      `mutation ($name: String!, $key: String!) { made: ${mutation}(input: { name: $name }, idempotencyKey: $key) { id } }`,
    ];
    const made = async (headers: Record<string, string>): Promise<string> => {
      const { data, errors } = await api.operator.graphql<{ made: { id: string } }>(document, { name, key: name }, headers);
      expect(errors).toEqual([]);
      return data.made.id;
    };
    expect(await made({})).toBe(await made({ 'slipway-tenant': 'acme' }));
    expect((await tenant.rest('POST', '/v1/templates', { name }, key(name))).status).toBe(201);
  });

  it.each(['', ' ', 'x'.repeat(256), 'sp ace'])('of the wrong form is refused: %j', async (value) => {
    const answer = await tenant.rest('POST', '/v1/templates', { name: 'formless' }, key(value));
    expect([answer.status, answer.body['errors']]).toEqual([
      422,
      [{ parameter: 'Idempotency-Key', detail: 'must be 1 to 255 visible ASCII characters' }],
    ]);
  });

  it('keeps the 200 of a revision that was there already', async () => {
    const document = { pod: { spec: { containers: [{ name: 'web', image: 'example/web:1' }] } } };
    await tenant.rest('POST', '/v1/templates', { name: 'revised' });
    expect((await tenant.rest('POST', '/v1/templates/revised/revisions', document)).status).toBe(201);
    const statuses = [];
    for (let i = 0; i < 2; i++) statuses.push((await tenant.rest('POST', '/v1/templates/revised/revisions', document, key('h'))).status);
    expect(statuses).toEqual([200, 200]);
  });

  it('is an argument in GraphQL', async () => {
    const mutation = 'mutation ($key: String!, $name: String!) { createTemplate(input: {name: $name}, idempotencyKey: $key) { id } }';
    const first = await tenant.graphql(mutation, { key: 'i', name: 'graph' });
    const second = await tenant.graphql(mutation, { key: 'i', name: 'graph' });
    const third = await tenant.graphql(mutation, { key: 'i', name: 'other' });
    expect(second.data).toEqual(first.data);
    expect(third.errors[0]?.extensions).toMatchObject({ code: 'KEY_REUSED', status: 422 });
  });

  it('means the same before and after the document is compiled, which changes the order of its arguments', async () => {
    const shop = await openShop(api, 'compiled', 1);
    await shop.workload('web');
    const mutation =
      'mutation ($input: CreateRollout, $key: String!) { createRollout(workload: "web", input: $input, idempotencyKey: $key) { id } }';
    const variables = { input: { concurrency: 'SUPERSEDE', values: { greeting: 'hi' } }, key: 'm' };
    const answers = [];
    for (let i = 0; i < 12; i++) answers.push(await shop.tenant.graphql<{ createRollout: { id: string } }>(mutation, variables));
    expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
    expect(new Set(answers.map(({ data }) => data.createRollout.id)).size).toBe(1);
  });

  it('takes no input and an empty one for the same request', async () => {
    const shop = await openShop(api, 'empty', 1);
    await shop.workload('web');
    const path = '/v1/workloads/web/rollouts';
    const answers = [];
    for (const body of [undefined, {}, undefined]) answers.push(await shop.tenant.rest('POST', path, body, key('n')));
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 202]);
    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(1);
    expect((await shop.tenant.rest('POST', path, { reason: 'other' }, key('n'))).body).toMatchObject({ code: 'KEY_REUSED' });
    await shop.workload('other');
    const mutation = 'mutation ($input: CreateRollout) { createRollout(workload: "other", input: $input, idempotencyKey: "o") { id } }';
    const mutated = [];
    for (const input of [{}, undefined, null])
      mutated.push(await shop.tenant.graphql<{ createRollout: { id: string } }>(mutation, { input }));
    expect(mutated.flatMap(({ errors }) => errors)).toEqual([]);
    expect(new Set(mutated.map(({ data }) => data.createRollout.id)).size).toBe(1);
  });

  it('is forgotten after a day, and so are its records', async () => {
    await tenant.rest('POST', '/v1/templates', { name: 'yesterday' }, key('k'));
    await tenant.rest('POST', '/v1/templates', { name: 'today' }, key('l'));
    await onConnection(api.database.ownerUrl, (client) =>
      client.query("UPDATE idempotency_keys SET created_at = now() - interval '25 hours' WHERE key = 'k'"),
    );
    const again = await tenant.rest('POST', '/v1/templates', { name: 'anew' }, key('k'));
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, null]);
    await onConnection(api.database.ownerUrl, (client) =>
      client.query("UPDATE idempotency_keys SET created_at = now() - interval '25 hours' WHERE key = 'k'"),
    );
    await api.app.get(Expiry).clean();
    const { rows } = await onConnection(api.database.ownerUrl, (client) =>
      client.query<{ key: string }>("SELECT key FROM idempotency_keys WHERE key IN ('k', 'l')"),
    );
    expect(rows).toEqual([{ key: 'l' }]);
  });

  it('comes after the shape of the request: a bad body is told as such', async () => {
    await tenant.rest('POST', '/v1/templates', { name: 'shaped' }, key('j'));
    expect((await tenant.rest('POST', '/v1/templates', { name: 'SHAPED' }, key('j'))).body).toMatchObject({ code: 'INVALID' });
  });
});
