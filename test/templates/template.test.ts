import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApi, type TestApi, type TestTenant } from '../support/api.ts';

let api: TestApi;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startTestApi();
  tenant = await api.tenant('acme');
});
afterAll(() => api.close());

describe('templates', () => {
  it('are made, shown by id and name, and listed', async () => {
    const made = await tenant.rest('POST', '/v1/templates', { name: 'web', description: 'the shop' });
    expect(made.status).toBe(201);
    expect(made.headers.get('location')).toBe(`/v1/templates/${made.body['id']}`);
    expect(made.headers.get('etag')).toBe('"1"');
    expect(made.body).toMatchObject({ name: 'web', description: 'the shop', latestRevision: null, version: 1 });
    expect((await tenant.rest('GET', '/v1/templates/web')).body).toEqual(made.body);
    expect((await tenant.rest('GET', '/v1/templates')).body).toEqual({ items: [made.body], nextCursor: null });
  });
});
