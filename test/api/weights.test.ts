import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Database } from '../../src/platform/db/database.ts';
import { newId } from '../../src/platform/id.ts';
import { makeKey } from '../../src/auth/key.ts';
import { type Client, expectStatus, startTestApi, type TestApi, type TestTenant } from '../support/api.ts';
import { acknowledgedSocket, rawSocket, subscribe } from '../support/socket.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

/** A tenant whose bucket holds so many tokens and fills with one a second. */
async function poor(name: string, burst: number): Promise<TestTenant> {
  const tenant = await api.tenant(name);
  expectStatus(
    await api.operator.rest('PATCH', `/v1/tenants/${tenant.id}`, { quotas: { requestsPerSecond: 1, requestBurst: burst } }),
    200,
  );
  // The quotas that a key was read with are remembered for some seconds.
  return { ...tenant, ...(await tenant.as('ADMIN')) };
}

async function raw(client: Client, query: string): Promise<{ status: number; headers: Headers; code: string | undefined }> {
  const answer = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${client.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const { errors } = (await answer.json()) as { errors?: { extensions: { code: string } }[] };
  return { status: answer.status, headers: answer.headers, code: errors?.[0]?.extensions.code };
}
const remaining = ({ headers }: { headers: Headers }): number => Number(headers.get('ratelimit-remaining'));

describe('a GraphQL document', () => {
  it('costs what its root fields cost as routes', async () => {
    const tenant = await poor('weighed', 100);
    const check = 'checkCluster(cluster: "nowhere") { id }';
    const begin = performance.now();
    const left = [
      remaining(await raw(tenant, '{ me { role } }')),
      remaining(await raw(tenant, '{ a: me { role } b: me { role } ...f } fragment f on Query { c: me { role } }')),
      remaining(await raw(tenant, `mutation { ${Array.from({ length: 10 }, (_, i) => `a${i}: ${check}`).join(' ')} }`)),
      remaining(await tenant.rest('POST', '/v1/clusters/nowhere/check')),
    ];
    // The bucket fills with one a second meanwhile.
    const filled = Math.ceil((performance.now() - begin) / 1000);
    [3, 50, 5].forEach((cost, i) => {
      const taken = left[i]! - left[i + 1]!;
      expect(taken).toBeLessThanOrEqual(cost);
      expect(taken).toBeGreaterThanOrEqual(cost - filled);
    });
  });

  it('that costs more than is left is refused with when to come back, and nothing of it is done', async () => {
    const tenant = await poor('hasty', 8);
    const create = (name: string): string =>
      `mutation { ${Array.from({ length: 5 }, (_, i) => `a${i}: createTemplate(input: {name: "${name}${i}"}) { id }`).join(' ')} }`;
    expect((await raw(tenant, create('t'))).status).toBe(200);
    const refused = await raw(tenant, create('x'));
    expect([refused.status, refused.code]).toEqual([429, 'RATE_LIMITED']);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const acting = api.operator.with({ 'slipway-tenant': tenant.id });
    await expect.poll(async () => (await acting.rest('GET', '/v1/templates/x0')).status, { timeout: 10_000, interval: 1_100 }).toBe(404);
  });
});

describe('a socket', () => {
  it("takes from the tenant's bucket, and is told when it is empty", async () => {
    const tenant = await poor('talkative', 5);
    const socket = await acknowledgedSocket(api.url, tenant.key);
    for (const id of ['1', '2', '3', '4']) socket.say(subscribe('subscription { events { id } }', {}, id));
    const told = await socket.next();
    expect([told.type, told.id]).toEqual(['error', '4']);
    expect(told.payload?.[0]?.extensions).toMatchObject({ code: 'RATE_LIMITED', status: 429, errors: [], requestId: expect.any(String) });
    const another = await rawSocket(api.url);
    another.say({ type: 'connection_init', payload: { authorization: `Bearer ${tenant.key}` } });
    expect(await another.closed).toBe(1013);
    expect((await tenant.rest('GET', '/v1/me')).status).toBe(429);
    socket.close();
  });
});

describe('keys that are none, with a right checksum', () => {
  it('are looked for so often and no more from one address; those that are known go on', async () => {
    const own = await startTestApi();
    const tenant = await own.tenant('acme');
    expect((await tenant.rest('GET', '/v1/me')).status).toBe(200);
    const { system } = own.app.get(Database);
    const run = system.run.bind(system);
    let statements = 0;
    system.run = (statement) => {
      if (statement.compile().sql.includes('api_keys')) statements += 1;
      return run(statement);
    };
    // All of it happens in one moment, however slow the machine is: nothing is filled up meanwhile.
    const clock = vi.spyOn(performance, 'now').mockReturnValue(performance.now());
    const answers = await Promise.all(Array.from({ length: 550 }, () => own.client(makeKey(newId())).rest('GET', '/v1/me')));
    clock.mockRestore();
    const limited = answers.filter(({ status }) => status === 429);
    expect(limited).toHaveLength(50);
    expect(answers.every(({ status }) => status === 401 || status === 429)).toBe(true);
    expect(Number(limited[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(limited[0]?.body).toMatchObject({ code: 'RATE_LIMITED' });
    expect(statements).toBe(answers.length - limited.length);
    expect((await tenant.rest('GET', '/v1/me')).status).toBe(200);
    const socket = await rawSocket(own.url);
    socket.say({ type: 'connection_init', payload: { authorization: `Bearer ${makeKey(newId())}` } });
    expect([1013, 4403]).toContain(await socket.closed);
    await own.close();
  });
});
