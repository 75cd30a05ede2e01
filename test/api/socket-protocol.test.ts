import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATOR_KEY, startTestApi, type TestApi, type TestTenant } from '../support/api.ts';
import { acknowledgedSocket, rawSocket, subscribe } from '../support/socket.ts';

let api: TestApi;
let tenant: TestTenant;
beforeAll(async () => {
  api = await startTestApi();
  tenant = await api.tenant('acme');
});
afterAll(() => api.close());

const EVENTS = 'subscription { events(afterId: "0") { id } }';
const init = (): object => ({ type: 'connection_init', payload: { authorization: `Bearer ${tenant.key}` } });
const NOWHERE = '01890000-0000-7000-8000-000000000000';

describe('a subscription that cannot be executed', () => {
  it.each([
    ['an unknown field', 'subscription { events { id everything } }', {}, 'GRAPHQL_INVALID', 400],
    ['an unknown argument', 'subscription { events(since: 1) { id } }', {}, 'GRAPHQL_INVALID', 400],
    ['no selection', 'subscription { events }', {}, 'GRAPHQL_INVALID', 400],
    ['two root fields', `subscription { events { id } rolloutChanged(id: "${NOWHERE}") { id } }`, {}, 'GRAPHQL_INVALID', 400],
    ['a variable of another type', 'subscription ($a: String) { events(afterId: $a) { id } }', { a: 7 }, 'GRAPHQL_INVALID', 400],
    ['a variable that is missing', 'subscription ($a: String!) { events(afterId: $a) { id } }', {}, 'GRAPHQL_INVALID', 400],
    ['half a document', 'subscription { events {', {}, 'GRAPHQL_INVALID', 400],
    ['no subscription', '{ me { role } }', {}, 'GRAPHQL_INVALID', 400],
    [
      'too many aliases',
      `subscription { events { ${Array.from({ length: 16 }, (_, i) => `a${i}: id`).join(' ')} } }`,
      {},
      'GRAPHQL_INVALID',
      400,
    ],
    ['size', `subscription { events { id } } # ${'x'.repeat(17_000)}`, {}, 'TOO_LARGE', 413],
    ['an event that is none', 'subscription { events(afterId: "x") { id } }', {}, 'INVALID', 422],
    ['a rollout that is not there', `subscription { rolloutChanged(id: "${NOWHERE}") { id } }`, {}, 'NOT_FOUND', 404],
  ])('for %s is answered with an error as over HTTP', async (_, query, variables, code, status) => {
    const socket = await acknowledgedSocket(api.url, tenant.key);
    socket.say(subscribe(query, variables));
    const { type, id, payload } = await socket.next();
    expect([type, id]).toEqual(['error', '1']);
    expect(payload?.[0]?.message).toMatch(/\w/);
    expect(payload?.[0]?.extensions).toEqual({
      code,
      status,
      errors: expect.any(Array),
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    // The socket goes on, and so may the id.
    socket.say({ type: 'ping' });
    expect((await socket.next()).type).toBe('pong');
    socket.close();
  });

  it('for what the role may not says so', async () => {
    const socket = await acknowledgedSocket(api.url, OPERATOR_KEY);
    socket.say(subscribe(EVENTS));
    const { type, payload } = await socket.next();
    expect([type, payload?.[0]?.extensions]).toMatchObject(['error', { code: 'FORBIDDEN', status: 403, requestId: expect.any(String) }]);
    socket.close();
  });

  it('for a long list inside another is refused, also where its length stands in a variable', async () => {
    const query = `subscription ($n: Int = 51) { rolloutChanged(id: "${NOWHERE}") { ...f } } fragment f on Rollout { id }`;
    const nested = 'query ($n: Int = 51) { templates(first: 2) { edges { node { revisions(first: $n) { edges { cursor } } } } } }';
    const socket = await acknowledgedSocket(api.url, tenant.key);
    // A document may hold a query beside the subscription: its limits are the same.
    const document = query.replace('($n: Int = 51)', 'S').concat(nested.replace('query', ' query Q'));
    const ask = (variables: object, id: string): void =>
      socket.say({ type: 'subscribe', id, payload: { query: document, variables, operationName: 'S' } });
    ask({}, 'a');
    expect((await socket.next()).payload?.[0]?.extensions.code).toBe('GRAPHQL_INVALID');
    ask({ n: 60 }, 'b');
    expect((await socket.next()).payload?.[0]?.extensions.code).toBe('GRAPHQL_INVALID');
    ask({ n: 2 }, 'c');
    expect((await socket.next()).payload?.[0]?.extensions.code).toBe('NOT_FOUND');
    socket.close();
  });
});

describe('a socket is closed', () => {
  it.each([
    ['4401 where it subscribes before it has said who it is', [subscribe(EVENTS)], 4401],
    ['4400 for what is no message', ['hello'], 4400],
    ['4400 for a list', ['[]'], 4400],
    ['4400 for a type that there is not', [{ type: 'start', id: '1' }], 4400],
    ['4400 for a subscription without id', [{ type: 'subscribe', payload: { query: EVENTS } }], 4400],
    ['4400 for a subscription without document', [{ type: 'subscribe', id: '1', payload: {} }], 4400],
    ['4400 for a key that no reader takes', ['{"type":"ping","\\u005f_proto__":{}}'], 4400],
    ['4400 for depth', [`{"type":"ping","payload":${'['.repeat(5000)}${']'.repeat(5000)}}`], 4400],
  ])('%s', async (_, messages, code) => {
    const socket = await rawSocket(api.url);
    for (const message of messages) socket.say(message);
    expect(await socket.closed).toBe(code);
  });

  it('4429 where it says who it is twice, at once or later', async () => {
    const hasty = await rawSocket(api.url);
    hasty.say(init());
    hasty.say(init());
    expect(await hasty.closed).toBe(4429);
    const late = await acknowledgedSocket(api.url, tenant.key);
    late.say(init());
    expect(await late.closed).toBe(4429);
  });

  it('4409 where an id is used that is in use, and not where its subscription is over', async () => {
    const socket = await acknowledgedSocket(api.url, tenant.key);
    socket.say(subscribe('subscription { events { nothing } }'));
    expect((await socket.next()).type).toBe('error');
    socket.say(subscribe(EVENTS));
    socket.say({ type: 'complete', id: '1' });
    socket.say(subscribe(EVENTS));
    socket.say({ type: 'ping' });
    socket.say(subscribe(EVENTS));
    expect(await socket.closed).toBe(4409);
  });

  it('4408 where it does not say who it is within ten seconds', async () => {
    const [silent, known] = [await rawSocket(api.url), await acknowledgedSocket(api.url, tenant.key)];
    const begin = performance.now();
    expect(await silent.closed).toBe(4408);
    expect(performance.now() - begin).toBeGreaterThan(9_000);
    known.say({ type: 'ping' });
    expect((await known.next()).type).toBe('pong');
    known.close();
  });

  it('4406 where it speaks an older protocol', async () => {
    expect(await (await rawSocket(api.url, 'graphql-ws')).closed).toBe(4406);
  });

  it('4406 for a protocol that nobody knows, and no line is written past the logger', async () => {
    const written: unknown[] = [];
    const original = console.log;
    console.log = (...given: unknown[]) => void written.push(given);
    expect(await (await rawSocket(api.url, 'chat')).closed).toBe(4406);
    console.log = original;
    expect(written).toEqual([]);
  });
});
