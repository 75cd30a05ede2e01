import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routes } from '../../src/platform/api/route.ts';
import { startTestApi, testConfig, type TestApi } from '../support/api.ts';
import { startApi } from '../../src/main.ts';

const ORIGIN = 'https://console.example.com';
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ corsOrigins: [ORIGIN] });
});
afterAll(() => api.close());

describe('without a key', () => {
  it('the process says that it is alive, and whether it can work', async () => {
    expect(await (await fetch(`${api.url}/healthz`)).json()).toEqual({ status: 'ok' });
    const ready = await fetch(`${api.url}/readyz`);
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, checks: { database: 'ok', queue: 'ok', migrations: 'ok' } }]);
  });

  it.each([
    ['/openapi.json', 'application/json'],
    ['/schema.graphql', 'text/plain'],
    ['/docs', 'text/html'],
    ['/docs/swagger-ui-bundle.js', 'application/javascript'],
    ['/graphiql', 'text/html'],
  ])('%s can be read', async (path, type) => {
    const answer = await fetch(api.url + path);
    expect([answer.status, (answer.headers.get('content-type') ?? '').split(';')[0]]).toEqual([200, type]);
    expect((await answer.text()).length).toBeGreaterThan(100);
  });

  it('nothing else can', async () => {
    for (const path of ['/v1', '/v1/', '/v1/templates', '/v1/../v1/me', '/graphql', '//v1/me', '/V1/me', '/v1%2Fme']) {
      expect([path, (await fetch(api.url + path)).status]).toEqual([
        path,
        path === '//v1/me' || path === '/V1/me' || path === '/v1%2Fme' ? 404 : 401,
      ]);
    }
  });

  it('however its address is written: every route asks for a key', async () => {
    const { hostname, port } = new URL(api.url);
    const ask = async (method: string, path: string): Promise<number> => {
      const sent = request({ hostname, port, method, path });
      sent.end();
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      answer.resume();
      return answer.statusCode ?? 0;
    };
    const asPercent = (text: string): string => text.replaceAll(/[a-z0-9-]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`);
    const asked: [string, number][] = [];
    for (const { method, path } of [...routes(), { method: 'POST', path: '/graphql' }, { method: 'GET', path: '/graphql' }]) {
      const plain = path.replaceAll(/:\w+/g, 'x');
      for (const written of [plain, `${plain}?x=1`, plain.replace(/[a-z]/, asPercent), asPercent(plain), `http://elsewhere.test${plain}`])
        asked.push([`${method} ${written}`, await ask(method, written)]);
    }
    expect(asked.length).toBeGreaterThan(200);
    expect(asked.filter(([, status]) => status !== 401)).toEqual([]);
  });

  it('/metrics is not on the port of the API', async () => {
    expect((await fetch(`${api.url}/metrics`)).status).toBe(404);
  });
});

describe('a browser', () => {
  it('of an origin that is allowed may ask, and read why it was refused', async () => {
    const preflight = await fetch(`${api.url}/v1/templates`, {
      method: 'OPTIONS',
      headers: { origin: ORIGIN, 'access-control-request-method': 'POST', 'access-control-request-headers': 'idempotency-key' },
    });
    expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, ORIGIN]);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('Idempotency-Key');
    const refused = await fetch(`${api.url}/v1/templates`, { headers: { origin: ORIGIN } });
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([401, ORIGIN]);
  });

  it('of another origin may not', async () => {
    const answer = await fetch(`${api.url}/v1/templates`, { headers: { origin: 'https://evil.example' } });
    expect(answer.headers.get('access-control-allow-origin')).not.toBe('https://evil.example');
  });
});

describe('in production', () => {
  it('graphiql is not served; metrics are, on a port of their own, by route and not by path', async () => {
    const production = await startApi(testConfig(api.database, { environment: 'production', metricsPort: 0 }));
    expect((await fetch(`${production.url}/graphiql`)).status).toBe(404);
    await fetch(`${production.url}/v1/templates/some-name`);
    const text = await (await fetch(production.metricsUrl ?? '')).text();
    expect(text).toMatch(/slipway_http_request_duration_seconds_count\{method="GET",route="\/v1\/templates\/:template",status="401"\} 1/);
    expect(text).toContain('process_cpu_seconds_total');
    expect(text).not.toContain('some-name');
    await production.close();
    await expect(fetch(production.metricsUrl ?? '')).rejects.toThrow();
  });
});

describe('when the database goes away', () => {
  it('the process is alive and not ready, requests answer 503 with when to come back, and it recovers', async () => {
    const other = await startTestApi();
    const tenant = await other.tenant('acme');
    const { inDatabase, onConnection, testServer } = await import('../support/database.ts');
    const name = new URL(other.database.ownerUrl).pathname.slice(1);
    const admin = inDatabase((await testServer()).ownerUrl, 'postgres');
    await onConnection(admin, async (client) => {
      await client.query(`ALTER DATABASE ${name} CONNECTION LIMIT 0`);
      await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]);
    });
    await expect.poll(async () => (await fetch(`${other.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${other.url}/healthz`)).status).toBe(200);
    const answer = await tenant.rest('GET', '/v1/templates');
    expect([answer.status, answer.body['code']]).toEqual([503, 'UNAVAILABLE']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    await onConnection(admin, (client) => client.query(`ALTER DATABASE ${name} CONNECTION LIMIT -1`));
    await expect.poll(async () => (await tenant.rest('GET', '/v1/templates')).status, { timeout: 30_000 }).toBe(200);
    await expect.poll(async () => (await fetch(`${other.url}/readyz`)).status, { timeout: 30_000 }).toBe(200);
    await other.close();
  });
});
