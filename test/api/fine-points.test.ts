import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectStatus, startTestApi } from '../support/api.ts';
import type { Answer, TestApi } from '../support/api.ts';
import { openShop } from '../support/shop.ts';
import type { Refusal, Shop, WorkloadView } from '../support/shop.ts';

let api: TestApi;
let shop: Shop;

beforeAll(async () => {
  api = await startTestApi();
  shop = await openShop(api, 'acme', 1);
});
afterAll(() => api.close());

interface Labelled {
  version: number;
  labels: Record<string, string>;
}

const said = ({ status, body }: Answer<unknown>): [number, string | undefined] => [status, (body as Partial<Refusal> | null)?.code];
const versionOf = async (path: string): Promise<number> => (await shop.get<{ version: number }>(path)).version;

describe('a PATCH', () => {
  it('of labels is a merge patch: what it names is set or taken away, what it does not name stays', async () => {
    await shop.cluster('labelled', { env: 'prod', tier: 'a' });
    const patch = async (labels: object): Promise<Answer<Labelled>> =>
      shop.tenant.rest<Labelled>('PATCH', '/v1/clusters/labelled', { labels });
    expect(expectStatus(await patch({ zone: 'x', tier: null }), 200)).toMatchObject({ version: 2, labels: { env: 'prod', zone: 'x' } });
    const many = Object.fromEntries(Array.from({ length: 63 }, (_, i) => [`l${i}`, 'x']));
    expect(said(await patch(many))).toEqual([422, 'INVALID']);
    const { data } = await shop.tenant.graphql<{ updateCluster: Labelled }>(
      'mutation ($labels: JSON!) { updateCluster(cluster: "labelled", input: { labels: $labels }) { version labels } }',
      { labels: { env: null } },
    );
    expect(data.updateCluster).toEqual({ version: 3, labels: { zone: 'x' } });
  });

  it('of values merges what lies within them too', async () => {
    await shop.workload('merged', { values: { greeting: 'hi', deep: { a: 1, b: { c: 2 } } } });
    const values = { deep: { b: { c: null, d: 3 } } };
    const { body } = await shop.tenant.rest<WorkloadView>('PATCH', '/v1/workloads/merged', { values });
    expect(body.values).toEqual({ greeting: 'hi', deep: { a: 1, b: { d: 3 } } });
  });

  it('that changes nothing is not counted', async () => {
    const { placements } = await shop.workload('still', { values: { greeting: 'hi' } });
    const same = placements.map(({ cluster, namespace }) => ({ cluster: cluster.id, namespace }));
    const cases: [string, object][] = [
      ['/v1/templates/still', {}],
      ['/v1/templates/still', { name: 'still' }],
      ['/v1/clusters/acme-1', { labels: {} }],
      ['/v1/workloads/still', { template: 'still', values: { greeting: 'hi' }, placements: same }],
    ];
    for (const [path, patch] of cases) {
      const before = await versionOf(path);
      expect(expectStatus(await shop.tenant.rest('PATCH', path, patch), 200)).toMatchObject({ version: before });
      expect(await versionOf(path)).toBe(before);
    }
  });

  it('is held off by a scale that it has not seen', async () => {
    const { version, placements } = await shop.workload('scaled');
    await shop.post('/v1/workloads/scaled/rollouts');
    await shop.post('/v1/workloads/scaled/scale', { replicas: 5 });
    const stale = placements.map(({ cluster, namespace }) => ({ cluster: cluster.name, namespace, replicas: 1 }));
    const answer = await shop.tenant.rest('PATCH', '/v1/workloads/scaled', { placements: stale }, { 'if-match': `"${version}"` });
    expect(said(answer)).toEqual([412, 'STALE']);
  });
});

describe('what is wrong is said in its order', () => {
  it('a name that is taken before what the body means', async () => {
    const body = { name: 'acme-1', region: 'nowhere', kubeconfig: 'x' };
    expect(said(await shop.tenant.rest('POST', '/v1/clusters', body))).toEqual([409, 'NAME_TAKEN']);
  });

  it('a cluster that is not there, or has changed, before what new credentials mean', async () => {
    const credentials = { kubeconfig: 'not: one' };
    expect(said(await shop.tenant.rest('PUT', '/v1/clusters/nowhere/credentials', credentials))).toEqual([404, 'NOT_FOUND']);
    const stale = await shop.tenant.rest('PUT', '/v1/clusters/acme-1/credentials', credentials, { 'if-match': '"99"' });
    expect(said(stale)).toEqual([412, 'STALE']);
  });

  it('where a timeline is to be read from before the rollout that is not there', async () => {
    const path = '/v1/rollouts/nowhere/events';
    const stream = { accept: 'text/event-stream' };
    const cases: [string, Record<string, string>, string][] = [
      [`${path}?after=x`, {}, 'after'],
      [`${path}?cursor=x`, {}, 'cursor'],
      [`${path}?after=x`, stream, 'after'],
      [path, { ...stream, 'last-event-id': 'x' }, 'Last-Event-ID'],
    ];
    for (const [address, headers, parameter] of cases) {
      const answer = await shop.tenant.rest<Refusal>('GET', address, undefined, headers);
      expect([...said(answer), answer.body.errors[0]?.parameter]).toEqual([422, 'INVALID', parameter]);
    }
    expect(said(await shop.tenant.rest('GET', path))).toEqual([404, 'NOT_FOUND']);
  });

  it('a key that is not there, or whose name is taken, before the time at which it would end', async () => {
    const expiresAt = '2020-01-31T12:00:00Z';
    const post = async (path: string, body: object): Promise<unknown[]> =>
      said(await shop.tenant.rest('POST', `/v1/api-keys${path}`, body));
    await shop.post('/v1/api-keys', { name: 'ci', role: 'VIEWER' }, 201);
    expect(await post('/nowhere/rotate', { expiresAt })).toEqual([404, 'NOT_FOUND']);
    expect(await post('', { name: 'ci', role: 'VIEWER', expiresAt })).toEqual([409, 'NAME_TAKEN']);
    expect(await post('/ci/rotate', { expiresAt })).toEqual([422, 'INVALID']);
    expect(await post('', { name: 'late', role: 'VIEWER', expiresAt })).toEqual([422, 'INVALID']);
  });

  it('what a role may not before a header that is too long; 200 characters are counted as people count them', async () => {
    const viewer = await shop.tenant.as('VIEWER');
    const long = { 'slipway-actor': 'x'.repeat(201) };
    expect(said(await viewer.rest('POST', '/v1/templates', { name: 'a' }, long))).toEqual([403, 'FORBIDDEN']);
    expect(said(await shop.tenant.rest('GET', '/v1/templates', undefined, long))).toEqual([422, 'INVALID']);
    const people = { 'slipway-actor': Buffer.from('👩'.repeat(150)).toString('latin1') };
    expect(expectStatus(await shop.tenant.rest('GET', '/v1/me', undefined, people), 200)).toMatchObject({ actor: '👩'.repeat(150) });
  });
});

describe('a reference', () => {
  it('by id is taken in either case, wherever it stands', async () => {
    const id = shop.clusters[0]!.id.toUpperCase();
    const placements = [{ cluster: id, namespace: 'default' }];
    await shop.workload('upper', { placements });
    await shop.post('/v1/workloads/upper/rollouts');
    expect(await shop.post('/v1/workloads/upper/scale', { replicas: 3, cluster: id })).toMatchObject({ kind: 'SCALE' });
    const same = await shop.tenant.rest('GET', '/v1/me', undefined, { 'slipway-tenant': shop.tenant.id.toUpperCase() });
    expect(same.status).toBe(200);
  });
});

describe('a retry', () => {
  it('of a removal takes the role that a removal takes', async () => {
    const deployer = await shop.tenant.as('DEPLOYER');
    await shop.workload('kept');
    await shop.post('/v1/workloads/kept/rollouts');
    const removal = expectStatus(await shop.tenant.rest<{ id: string }>('DELETE', '/v1/workloads/kept'), 202);
    expect(said(await deployer.rest('POST', `/v1/rollouts/${removal.id}/retry`))).toEqual([403, 'FORBIDDEN']);
    expect(said(await shop.tenant.rest('POST', `/v1/rollouts/${removal.id}/retry`))).toEqual([409, 'WRONG_PHASE']);
  });
});

describe('a request', () => {
  it('that names a path parameter as what is wrong says which', async () => {
    await shop.workload('idle', { placements: [] });
    for (const action of ['rollouts', 'restart']) {
      const answer = await shop.tenant.rest<Refusal>('POST', `/v1/workloads/idle/${action}`);
      expect(answer.body.errors).toMatchObject([{ parameter: 'workload' }]);
    }
  });

  it('does not take the names that GraphQL gives the members of a union', async () => {
    const answer = await shop.tenant.rest('POST', '/v1/workloads', { name: 'wrapped', template: 'idle', placements: { list: [] } });
    expect(said(answer)).toEqual([422, 'INVALID']);
  });

  it.each([
    ['bytes that are not UTF-8', Buffer.from('{"name":"caf\xe9"}', 'latin1'), {}, [400, 'UNREADABLE']],
    ['another charset', Buffer.from('{}'), { 'content-type': 'application/json; charset=iso-8859-1' }, [415, 'UNSUPPORTED_MEDIA_TYPE']],
    ['a content encoding', Buffer.from('{}'), { 'content-encoding': 'gzip' }, [415, 'UNSUPPORTED_MEDIA_TYPE']],
    ['a key twice', Buffer.from('{"name":"web","template":"a","template":"b"}'), {}, [400, 'UNREADABLE']],
    ['a number that none can hold', Buffer.from('{"name":"huge","template":"idle","values":{"x":1e400}}'), {}, [422, 'INVALID']],
  ])('with %s is refused', async (_, body, headers, expected) => {
    const answer = await fetch(`${api.url}/v1/workloads`, {
      method: 'POST',
      headers: { authorization: `Bearer ${shop.tenant.key}`, 'content-type': 'application/json', ...headers },
      body,
    });
    expect([answer.status, ((await answer.json()) as Refusal).code]).toEqual(expected);
  });

  it.each([
    ['no HTTP', 'hello\r\n\r\n', [400, 'UNREADABLE']],
    ['an unknown method', 'BREW / HTTP/1.1\r\nhost: x\r\n\r\n', [400, 'UNREADABLE']],
    ['headers without end', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, [413, 'TOO_LARGE']],
  ])('that is %s is answered with a problem', async (_, bytes, [status, code]) => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(bytes);
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head).toContain('application/problem+json');
    expect(JSON.parse(body)).toMatchObject({ status, code });
  });

  it('that is repeated after what it made was removed says so', async () => {
    const key = { 'idempotency-key': 'make-once' };
    expectStatus(await shop.tenant.rest('POST', '/v1/templates', { name: 'once' }, key), 201);
    expectStatus(await shop.tenant.rest('DELETE', '/v1/templates/once'), 204);
    expect(said(await shop.tenant.rest('POST', '/v1/templates', { name: 'once' }, key))).toEqual([410, 'EXPIRED']);
  });

  it('for a stream is known by its media type in any case, and not where it is refused', async () => {
    const typeOf = async (accept: string): Promise<string | null> => {
      const ended = new AbortController();
      const headers = { authorization: `Bearer ${shop.tenant.key}`, accept };
      const answer = await fetch(`${api.url}/v1/events`, { headers, signal: ended.signal });
      ended.abort();
      return answer.headers.get('content-type');
    };
    expect(await typeOf('Text/Event-Stream')).toContain('text/event-stream');
    expect(await typeOf('text/event-stream;q=0, application/json')).toContain('application/json');
  });
});

describe('GraphQL', () => {
  it('has no answer for a subscription that comes as a request', async () => {
    const { status, errors } = await shop.tenant.graphql('subscription { events { id type } }');
    expect([status, errors[0]?.extensions.code]).toEqual([400, 'GRAPHQL_INVALID']);
    expect(errors[0]?.message).toContain('WebSocket');
  });

  it('says which limit a document is past, and that a body is too large', async () => {
    const deep = `{ __schema { types { ${'fields { type { '.repeat(8)} name ${'} } '.repeat(8)} } } }`;
    expect((await shop.tenant.graphql(deep)).errors[0]?.message).toMatch(/depth/);
    const { status, errors } = await shop.tenant.graphql(`{ me { role } } # ${'x'.repeat(1_100_000)}`);
    expect([status, errors[0]?.extensions.code]).toEqual([413, 'TOO_LARGE']);
  });
});
