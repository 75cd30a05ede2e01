import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import pg from 'pg';
import { expectStatus, secondApi, startTestApi, type Client, type TestApi, type TestTenant } from '../support/api.ts';

interface Key {
  id: string;
  name: string;
  role: string;
  secret: string | null;
  expiresAt: string | null;
}

let api: TestApi;
let tenant: TestTenant;
let acting: Client;

beforeAll(async () => {
  api = await startTestApi();
  tenant = await api.tenant('acme');
  acting = api.operator.with({ 'slipway-tenant': 'acme' });
});
afterAll(() => api.close());

const make = async (name: string, role = 'VIEWER', more: object = {}): Promise<Key & { secret: string }> =>
  expectStatus(await tenant.rest<Key & { secret: string }>('POST', '/v1/api-keys', { name, role, ...more }), 201);
const me = async (key: string): Promise<number> => (await api.client(key).rest('GET', '/v1/me')).status;

describe('API keys', () => {
  it('are told once, when they are made', async () => {
    const made = await make('ci');
    expect(made.secret).toMatch(/^slp_/);
    const shown = expectStatus(await tenant.rest<Key>('GET', `/v1/api-keys/${made.id}`), 200);
    expect(shown).toMatchObject({ id: made.id, name: 'ci', role: 'VIEWER', secret: null });
    const { items } = expectStatus(await tenant.rest<{ items: Key[] }>('GET', '/v1/api-keys'), 200);
    expect(items.every(({ secret }) => secret === null)).toBe(true);
    expect(await me(made.secret)).toBe(200);
  });

  it('are null in the replay of the request that made them', async () => {
    const headers = { 'idempotency-key': 'make-a-key' };
    const first = await tenant.rest<Key>('POST', '/v1/api-keys', { name: 'once', role: 'VIEWER' }, headers);
    const second = await tenant.rest<Key>('POST', '/v1/api-keys', { name: 'once', role: 'VIEWER' }, headers);
    expect(first.body.secret).toMatch(/^slp_/);
    expect(second.status).toBe(201);
    expect(second.body).toEqual({ ...first.body, secret: null });
  });

  it('are nowhere in the database', async () => {
    const { secret } = await make('secretive');
    const client = new pg.Client({ connectionString: api.database.ownerUrl });
    await client.connect();
    const { rows } = await client.query<{ text: string }>(
      'SELECT row_to_json(k)::text AS text FROM api_keys k UNION ALL SELECT row_to_json(i)::text FROM idempotency_keys i',
    );
    await client.end();
    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter(({ text }) => text.includes(secret.split('_')[2]!.slice(0, 20)))).toEqual([]);
  });

  it('stop to be valid when they are revoked, at once in the process that did it', async () => {
    const { id, secret } = await make('short-lived');
    expect(await me(secret)).toBe(200);
    expect((await tenant.rest('DELETE', `/v1/api-keys/${id}`)).status).toBe(204);
    expect(await me(secret)).toBe(401);
    expect((await tenant.rest('GET', `/v1/api-keys/${id}`)).status).toBe(404);
    expect((await tenant.rest('DELETE', `/v1/api-keys/${id}`)).status).toBe(404);
  });

  it('stop to be valid within five seconds in another process', async () => {
    const other = await secondApi(api);
    const { id, secret } = await make('everywhere');
    expect((await other.client(secret).rest('GET', '/v1/me')).status).toBe(200);
    await tenant.rest('DELETE', `/v1/api-keys/${id}`);
    await expect.poll(async () => (await other.client(secret).rest('GET', '/v1/me')).status, { timeout: 5_000, interval: 50 }).toBe(401);
    await other.close();
  });

  it('stop to be valid when they expire', async () => {
    const { secret } = await make('brief', 'VIEWER', { expiresAt: new Date(Date.now() + 700).toISOString() });
    expect(await me(secret)).toBe(200);
    await expect.poll(() => me(secret), { timeout: 3_000, interval: 50 }).toBe(401);
  });

  it('cannot be made to expire in the past', async () => {
    const answer = await tenant.rest('POST', '/v1/api-keys', { name: 'late', role: 'VIEWER', expiresAt: '2020-01-01T00:00:00Z' });
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ code: 'INVALID', errors: [{ pointer: '/expiresAt', detail: 'must be in the future' }] });
  });

  it('are rotated: the new one has name and role of the old one, which is gone', async () => {
    const old = await make('robot', 'DEPLOYER');
    const fresh = expectStatus(await tenant.rest<Key & { secret: string }>('POST', '/v1/api-keys/robot/rotate'), 201);
    expect(fresh).toMatchObject({ name: 'robot', role: 'DEPLOYER' });
    expect(fresh.id).not.toBe(old.id);
    expect([await me(old.secret), await me(fresh.secret)]).toEqual([401, 200]);
  });

  it('overlap while they are rotated, where that is asked for', async () => {
    const old = await make('gentle');
    const fresh = expectStatus(
      await tenant.rest<Key & { secret: string }>('POST', '/v1/api-keys/gentle/rotate', { overlapSeconds: 1 }),
      201,
    );
    expect([await me(old.secret), await me(fresh.secret)]).toEqual([200, 200]);
    await expect.poll(() => me(old.secret), { timeout: 3_000, interval: 50 }).toBe(401);
    expect(await me(fresh.secret)).toBe(200);
  });

  it('have names of their own', async () => {
    await make('unique');
    const again = await tenant.rest('POST', '/v1/api-keys', { name: 'unique', role: 'VIEWER' });
    expect(again.status).toBe(409);
    expect(again.body).toMatchObject({ code: 'NAME_TAKEN' });
  });

  it('are made by the operator on behalf of a tenant, who is noted', async () => {
    const made = await acting
      .with({ 'slipway-actor': Buffer.from('Zoë').toString('latin1') })
      .rest<Key & { secret: string }>('POST', '/v1/api-keys', { name: 'by-operator', role: 'ADMIN' });
    expect(made.status).toBe(201);
    expect((await api.client(made.body.secret).rest<{ tenant: { name: string } }>('GET', '/v1/me')).body.tenant.name).toBe('acme');
  });

  it('are made, rotated and revoked by GraphQL alike', async () => {
    const made = await tenant.graphql<{ createApiKey: Key }>(
      'mutation { createApiKey(input: {name: "graph", role: VIEWER}) { id secret role } }',
    );
    const { id, secret } = made.data.createApiKey;
    expect(await me(secret ?? '')).toBe(200);
    const rotated = await tenant.graphql<{ rotateApiKey: Key }>('mutation { rotateApiKey(apiKey: "graph") { id secret } }');
    expect(await me(rotated.data.rotateApiKey.secret ?? '')).toBe(200);
    const shown = await tenant.graphql<{ apiKey: Key; apiKeys: { edges: { node: Key }[] } }>(
      'query ($id: String!) { apiKey(apiKey: $id) { name secret } apiKeys(first: 200) { edges { node { secret } } } }',
      { id: rotated.data.rotateApiKey.id },
    );
    expect(shown.data.apiKey).toEqual({ name: 'graph', secret: null });
    expect(shown.data.apiKeys.edges.every(({ node }) => node.secret === null)).toBe(true);
    const gone = await tenant.graphql('mutation ($id: String!) { deleteApiKey(apiKey: $id) }', { id: rotated.data.rotateApiKey.id });
    expect(gone.data).toEqual({ deleteApiKey: true });
    expect(id).not.toBe(rotated.data.rotateApiKey.id);
  });
});

describe('a request without a valid key', () => {
  it.each([undefined, 'Bearer', 'Bearer slp_nope', 'Basic dXNlcjpwYXNz', `Bearer ${'x'.repeat(400)}`])(
    'with %s is refused',
    async (authorization) => {
      const answer = await fetch(`${api.url}/v1/me`, authorization === undefined ? {} : { headers: { authorization } });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      expect(await answer.json()).toMatchObject({ code: 'UNAUTHENTICATED', status: 401 });
    },
  );

  it('costs no statement where the checksum is wrong', async () => {
    const { secret } = await make('typo');
    const wrong = `${secret.slice(0, -1)}${secret.endsWith('a') ? 'b' : 'a'}`;
    const statements = await statementsOf(api, async () => {
      for (let i = 0; i < 20; i++) expect(await me(wrong)).toBe(401);
    });
    expect(statements).toBe(0);
  });

  it('is refused by GraphQL with 401', async () => {
    expect((await api.client(null).graphql('{ me { role } }')).status).toBe(401);
  });

  it('does not get in with the key in the URL', async () => {
    expect((await fetch(`${api.url}/v1/me?access_token=${tenant.key}`)).status).toBe(401);
  });
});

/** Statements across tenants that the work costs: keys are looked for by nothing else. */
async function statementsOf(target: TestApi, work: () => Promise<void>): Promise<number> {
  const { Database } = await import('../../src/platform/db/database.ts');
  const database = target.app.get(Database);
  let count = 0;
  const original = database.system.run.bind(database.system);
  database.system.run = (statement) => {
    count++;
    return original(statement);
  };
  try {
    await work();
  } finally {
    database.system.run = original;
  }
  return count;
}
