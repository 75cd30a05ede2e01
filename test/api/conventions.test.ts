import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type Answer, type Client, type TestApi, type TestTenant } from '../support/api.ts';

let api: TestApi;
let tenant: TestTenant;
let viewer: Client;

beforeAll(async () => {
  api = await startTestApi();
  tenant = await api.tenant('acme');
  viewer = await tenant.as('VIEWER');
  await tenant.rest('POST', '/v1/templates', { name: 'there' });
});
afterAll(() => api.close());

const json = { 'content-type': 'application/json' };
const codeOf = ({ status, body }: Answer): unknown[] => [status, (body as { code?: string } | null)?.code];

describe('errors', () => {
  it('are problems with a request id, which the header repeats', async () => {
    const answer = await tenant.rest('GET', '/v1/templates/nowhere');
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(answer.body).toEqual({
      type: 'urn:slipway:problem:NOT_FOUND',
      title: 'Not found',
      status: 404,
      detail: 'Template nowhere does not exist.',
      code: 'NOT_FOUND',
      requestId: answer.headers.get('x-request-id'),
      errors: [],
    });
  });

  it('come in order: 401 before 403, 403 before the body is read, the body before its shape, the shape before 404, 404 before 412', async () => {
    const large = JSON.stringify({ name: 'x'.repeat(1_100_000) });
    const broken = '{"name":';
    const nobody = api.client(null);
    expect(codeOf(await nobody.rest('POST', '/v1/templates', large, json))).toEqual([401, 'UNAUTHENTICATED']);
    expect(codeOf(await viewer.rest('POST', '/v1/templates', large, json))).toEqual([403, 'FORBIDDEN']);
    expect(codeOf(await viewer.rest('POST', '/v1/templates', broken, json))).toEqual([403, 'FORBIDDEN']);
    expect(codeOf(await tenant.rest('POST', '/v1/templates', large, json))).toEqual([413, 'TOO_LARGE']);
    expect(codeOf(await tenant.rest('POST', '/v1/templates', broken, json))).toEqual([400, 'UNREADABLE']);
    expect(codeOf(await tenant.rest('POST', '/v1/templates', 'name: x', { 'content-type': 'application/yaml' }))).toEqual([
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ]);
    expect(codeOf(await tenant.rest('POST', '/v1/templates', 'name=x', { 'content-type': 'application/x-www-form-urlencoded' }))).toEqual([
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ]);
    expect(codeOf(await tenant.rest('PATCH', '/v1/templates/nowhere', { name: 'BAD' }))).toEqual([422, 'INVALID']);
    expect(codeOf(await tenant.rest('PATCH', '/v1/templates/nowhere', { name: 'good' }, { 'if-match': '"7"' }))).toEqual([
      404,
      'NOT_FOUND',
    ]);
    expect(codeOf(await tenant.rest('PATCH', '/v1/templates/there', { name: 'good' }, { 'if-match': '"7"' }))).toEqual([412, 'STALE']);
  });

  it('name every fault at its pointer', async () => {
    const answer = await tenant.rest('POST', '/v1/api-keys', { name: 'No', role: 'GOD', extra: 1, 'a/b~c': 2, expiresAt: 'soon' });
    expect(answer.status).toBe(422);
    expect(answer.body['errors']).toEqual([
      { pointer: '/name', detail: 'must be a DNS label: at most 63 lower-case letters, digits and hyphens' },
      { pointer: '/role', detail: 'must be one of VIEWER, DEPLOYER, ADMIN' },
      { pointer: '/expiresAt', detail: 'must be a time in RFC 3339' },
      { pointer: '/extra', detail: 'is not a field' },
      { pointer: '/a~1b~0c', detail: 'is not a field' },
    ]);
  });

  it.each([
    ['/v1/templates?limit=0', 'limit', 'must be at least 1'],
    ['/v1/templates?limit=201', 'limit', 'must be at most 200'],
    ['/v1/templates?limit=ten', 'limit', 'must be a number'],
    ['/v1/templates?limit=5&limit=6', 'limit', 'must be a number'],
    ['/v1/templates?cursor=garbage', 'cursor', 'is not a cursor of this list'],
    ['/v1/templates?page=2', 'page', 'is not a parameter'],
    ['/v1/templates/there?fields=name', 'fields', 'is not a parameter'],
    ['/v1/clusters?status=BROKEN', 'status', 'must be one of UNKNOWN, CONNECTED, UNREACHABLE, DENIED'],
  ])('of %s name the parameter', async (path, parameter, detail) => {
    const answer = await tenant.rest('GET', path);
    expect([answer.status, answer.body['errors']]).toEqual([422, [{ parameter, detail }]]);
  });
});

describe('whatever a client sends', () => {
  it.each([
    ['null', 'null'],
    ['a number', '7'],
    ['a list', '[]'],
    ['text', '"x"'],
    ['half a document', '{"name":"a"'],
    ['a polluted prototype', '{"name":"a","__proto__":{"admin":true}}'],
    ['a constructor', '{"name":"a","constructor":{"prototype":{"x":1}}}'],
    ['NUL', '{"name":"a","description":"\\u0000"}'],
    ['half a surrogate pair', '{"name":"a","description":"\\ud800"}'],
    ['a key with NUL', '{"name":"a","\\u0000":1}'],
    ['depth', '{"name":' + '['.repeat(5000) + ']'.repeat(5000) + '}'],
    ['a huge number', '{"name":1e999}'],
    ['an empty body', ''],
    ['nothing but white space', '   '],
  ])('as a body: %s answers in the 4xx', async (_, body) => {
    const answer = await tenant.rest('POST', '/v1/templates', body, json);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    expect(answer.body).toMatchObject({ status: answer.status, errors: expect.any(Array) });
  });

  it.each([
    '%00',
    '%',
    '%ff',
    '%zz',
    '..%2f..%2fetc',
    'a'.repeat(250),
    '%F0%9F%9A%80',
    '__proto__',
    'constructor',
    "'; DROP TABLE templates;--",
  ])('in a path: %s answers in the 4xx', async (reference) => {
    const answer = await tenant.rest('GET', `/v1/templates/${reference}`);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
  });

  it.each(['__proto__=1', 'constructor=1', 'limit=%00', 'limit[]=1', 'cursor=%00', 'cursor=AAAA', '='])(
    'in a query: %s answers 4xx or is understood',
    async (query) => {
      const answer = await tenant.rest('GET', `/v1/templates?${query}`);
      expect(answer.status).toBeLessThan(500);
      expect(answer.status).toBeGreaterThanOrEqual(400);
    },
  );

  it('an actor that is no name is refused, one that is comes back', async () => {
    expect((await tenant.with({ 'slipway-actor': 'x'.repeat(201) }).rest('GET', '/v1/me')).status).toBe(422);
    expect((await tenant.with({ 'slipway-actor': 'ann@example.com' }).rest('GET', '/v1/me')).body).toMatchObject({
      actor: 'ann@example.com',
    });
  });
});

describe('routes', () => {
  it('that do not exist answer 404, to those without a key 401', async () => {
    expect(codeOf(await tenant.rest('GET', '/v1/nothing'))).toEqual([404, 'NOT_FOUND']);
    expect(codeOf(await tenant.rest('PUT', '/v1/templates'))).toEqual([404, 'NOT_FOUND']);
    expect(codeOf(await api.client(null).rest('GET', '/v1/nothing'))).toEqual([401, 'UNAUTHENTICATED']);
  });

  it('take no body where there is nothing to say', async () => {
    const answer = await tenant.rest('DELETE', '/v1/templates/there', { really: true });
    expect(codeOf(answer)).toEqual([422, 'INVALID']);
    expect((await tenant.rest('GET', '/v1/templates/there')).status).toBe(200);
  });
});

describe('the operator', () => {
  it('acts for a tenant by id or name, and for none where it names none', async () => {
    const { operator } = api;
    expect((await operator.with({ 'slipway-tenant': 'acme' }).rest('GET', '/v1/templates/there')).status).toBe(200);
    expect((await operator.with({ 'slipway-tenant': tenant.id }).rest('GET', '/v1/templates/there')).status).toBe(200);
    expect(codeOf(await operator.rest('GET', '/v1/templates/there'))).toEqual([403, 'FORBIDDEN']);
    const unknown = await operator.with({ 'slipway-tenant': 'nobody' }).rest('GET', '/v1/templates/there');
    expect(unknown.status).toBe(422);
    expect(unknown.body['errors']).toEqual([{ parameter: 'Slipway-Tenant', detail: 'is not a known tenant' }]);
  });

  it('is not who a tenant can become by naming another', async () => {
    const other = await api.tenant('other');
    expect(codeOf(await tenant.with({ 'slipway-tenant': other.id }).rest('GET', '/v1/templates'))).toEqual([403, 'FORBIDDEN']);
    expect((await tenant.with({ 'slipway-tenant': 'acme' }).rest('GET', '/v1/templates')).status).toBe(200);
  });
});

describe('versions', () => {
  it('count changes, and If-Match holds a change to one of them', async () => {
    const made = await tenant.rest('POST', '/v1/templates', { name: 'versioned' });
    expect(made.headers.get('etag')).toBe('"1"');
    const changed = await tenant.rest('PATCH', '/v1/templates/versioned', { description: 'a' }, { 'if-match': '"1"' });
    expect(changed.headers.get('etag')).toBe('"2"');
    for (const stale of ['"1"', 'W/"2"', '"two"', '"1", "3"']) {
      expect(codeOf(await tenant.rest('PATCH', '/v1/templates/versioned', { description: 'b' }, { 'if-match': stale }))).toEqual([
        412,
        'STALE',
      ]);
      expect(codeOf(await tenant.rest('DELETE', '/v1/templates/versioned', undefined, { 'if-match': stale }))).toEqual([412, 'STALE']);
    }
    expect((await tenant.rest('PATCH', '/v1/templates/versioned', { description: 'b' }, { 'if-match': '"1", "2"' })).status).toBe(200);
    expect(codeOf(await tenant.rest('PATCH', '/v1/templates/versioned', {}, { 'if-match': '3' }))).toEqual([422, 'INVALID']);
    expect((await tenant.rest('DELETE', '/v1/templates/versioned', undefined, { 'if-match': '*' })).status).toBe(204);
  });

  it('of two concurrent changes of one version one is refused', async () => {
    await tenant.rest('POST', '/v1/templates', { name: 'contended' });
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) => tenant.rest('PATCH', '/v1/templates/contended', { description: `${i}` }, { 'if-match': '"1"' })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(412)]);
  });
});
