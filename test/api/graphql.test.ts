import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../src/platform/db/database.ts';
import { startTestApi, type TestApi, type TestTenant } from '../support/api.ts';

let api: TestApi;
let tenant: TestTenant;

beforeAll(async () => {
  api = await startTestApi();
  tenant = await api.tenant('acme');
  for (let i = 0; i < 6; i++) {
    await tenant.rest('POST', '/v1/templates', { name: `t${i}` });
    for (let n = 0; n < 3; n++)
      await tenant.rest('POST', `/v1/templates/t${i}/revisions`, { pod: { spec: { containers: [{ name: 'web', image: `web:${n}` }] } } });
  }
});
afterAll(() => api.close());

/** Statements on tenants' rows that the work costs. */
async function statementsOf(work: () => Promise<unknown>): Promise<number> {
  interface Pool {
    on(event: 'acquire', listener: () => void): void;
    off(event: 'acquire', listener: () => void): void;
  }
  const database: object = api.app.get(Database);
  const { pool } = database as { pool: Pool };
  let count = 0;
  const listener = (): void => void count++;
  pool.on('acquire', listener);
  await work();
  pool.off('acquire', listener);
  return count;
}

describe('what is refused before anything is read', () => {
  const selections = (n: number): string => Array.from({ length: n }, (_, i) => `a${i}: me { role }`).join(' ');
  const deep = (n: number): string =>
    `{ __schema { types { ${'ofType { '.repeat(0)}${'fields { type { '.repeat(n)} name ${'} } '.repeat(n)} } } }`;

  it.each([
    ['depth', deep(8), 'GRAPHQL_INVALID', 400],
    ['aliases', `{ ${selections(16)} }`, 'GRAPHQL_INVALID', 400],
    [
      'aliases in fragments',
      `{ ...f ...g } fragment f on Query { ${selections(10)} } fragment g on Query { ...f b: me { role } c: me { role } d: me { role } e: me { role } f: me { role } g: me { role } }`,
      'GRAPHQL_INVALID',
      400,
    ],
    [
      'cost',
      '{ templates(first: 200) { edges { node { revisions(first: 50) { edges { cursor } } more: revisions(first: 50) { edges { cursor } } } } } }',
      'GRAPHQL_INVALID',
      400,
    ],
    [
      'a long list inside another',
      '{ templates(first: 2) { edges { node { revisions(first: 51) { edges { cursor } } } } } }',
      'GRAPHQL_INVALID',
      400,
    ],
    ['size', `{ me { role } } # ${'x'.repeat(17_000)}`, 'TOO_LARGE', 413],
    ['a tree in JSON instead of a document', '{"kind":"Document","definitions":[]}', 'GRAPHQL_INVALID', 400],
    ['a number', '1', 'GRAPHQL_INVALID', 400],
    ['an unknown field', '{ everything }', 'GRAPHQL_INVALID', 400],
    ['half a document', '{ me {', 'GRAPHQL_INVALID', 400],
    ['nothing', '', 'GRAPHQL_INVALID', 400],
    ['a fragment that spreads itself', '{ ...f } fragment f on Query { ...f }', 'GRAPHQL_INVALID', 400],
  ])('%s', async (_, query, code, status) => {
    let answer = { status: 0, errors: [] as { extensions: { code: string } }[] };
    expect(await statementsOf(async () => (answer = await tenant.graphql(query)))).toBe(0);
    expect([answer.status, answer.errors[0]?.extensions.code]).toEqual([status, code]);
  });

  it('a large number in a variable counts as in the document, each time', async () => {
    const query = 'query ($n: Int!) { templates(first: 200) { edges { node { revisions(first: $n) { edges { cursor } } } } } }';
    expect((await tenant.graphql(query, { n: 10 })).status).toBe(200);
    for (let i = 0; i < 6; i++) expect((await tenant.graphql(query, { n: 51 })).status).toBe(400);
  });

  it.each([
    [
      'cost',
      'query ($a: Int = 200, $b: Int = 50) { templates(first: $a) { edges { node { revisions(first: $b) { edges { cursor } } more: revisions(first: $b) { edges { cursor } } } } } }',
    ],
    [
      'a long list inside another',
      'query ($b: Int = 51) { templates(first: 2) { edges { node { ...f } } } } fragment f on Template { revisions(first: $b) { edges { cursor } } }',
    ],
  ])('the default of a variable counts as in the document: %s', async (_, query) => {
    let status = 0;
    expect(await statementsOf(async () => ({ status } = await tenant.graphql(query)))).toBe(0);
    expect(status).toBe(400);
    expect((await tenant.graphql(query, { a: 2, b: 2 })).status).toBe(200);
  });

  it('batches', async () => {
    const body = JSON.stringify([{ query: '{ me { role } }' }, { query: '{ me { role } }' }]);
    const answer = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { authorization: `Bearer ${tenant.key}`, 'content-type': 'application/json' },
      body,
    });
    expect(answer.status).toBe(400);
  });

  it('questions by GET, whose documents would stand in logs', async () => {
    const answer = await fetch(`${api.url}/graphql?query={me{role}}`, { headers: { authorization: `Bearer ${tenant.key}` } });
    expect(answer.status).toBe(400);
  });
});

describe('what is taken', () => {
  it('the standard introspection query, with a key', async () => {
    const answer = await tenant.graphql<{ __schema: { types: unknown[] } }>(getIntrospectionQuery());
    expect(answer.status).toBe(200);
    expect(answer.data.__schema.types.length).toBeGreaterThan(30);
  });

  it('fifteen aliases', async () => {
    const answer = await tenant.graphql(`{ ${Array.from({ length: 15 }, (_, i) => `a${i}: me { role }`).join(' ')} }`);
    expect([answer.status, Object.keys(answer.data)]).toEqual([200, Array.from({ length: 15 }, (_, i) => `a${i}`)]);
  });
});

describe('nested lists', () => {
  const query =
    '{ templates(first: 6) { edges { node { name revisions(first: 2) { edges { node { number document } cursor } pageInfo { hasNextPage endCursor } } } } } }';
  interface Data {
    templates: {
      edges: {
        node: {
          name: string;
          revisions: { edges: { node: { number: number }; cursor: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
        };
      }[];
    };
  }

  it('cost one statement a level, and one for the checks of revisions, whatever their number', async () => {
    await tenant.graphql(query);
    expect(await statementsOf(() => tenant.graphql(query))).toBe(3);
  });

  it('are pages of each parent, and go on from their cursor', async () => {
    const { data } = await tenant.graphql<Data>(query);
    expect(data.templates.edges.map(({ node }) => node.name)).toEqual(['t5', 't4', 't3', 't2', 't1', 't0']);
    for (const { node } of data.templates.edges) expect(node.revisions.edges.map((edge) => edge.node.number)).toEqual([3, 2]);
    const after = data.templates.edges[0]?.node.revisions.pageInfo.endCursor;
    const more = await tenant.graphql<{
      template: { revisions: { edges: { node: { number: number } }[]; pageInfo: { hasNextPage: boolean } } };
    }>(
      'query ($after: String) { template(template: "t5") { revisions(after: $after) { edges { node { number } } pageInfo { hasNextPage } } } }',
      { after },
    );
    expect(more.data.template.revisions).toEqual({ edges: [{ node: { number: 1 } }], pageInfo: { hasNextPage: false } });
  });
});

describe('a page', () => {
  interface Info {
    hasPreviousPage: boolean;
    hasNextPage: boolean;
    startCursor: string | null;
    endCursor: string | null;
  }
  const fields = '{ edges { cursor } pageInfo { hasPreviousPage hasNextPage startCursor endCursor } }';

  it('says where it begins, where it ends and what lies on either side', async () => {
    type Found = { list: { edges: { cursor: string }[]; pageInfo: Info } };
    const ask = async (after: string | null): Promise<Found['list']> =>
      (await tenant.graphql<Found>(`query ($after: String) { list: templates(first: 4, after: $after) ${fields} }`, { after })).data.list;
    const first = await ask(null);
    const cursors = first.edges.map((edge) => edge.cursor);
    expect(first.pageInfo).toEqual({ hasPreviousPage: false, hasNextPage: true, startCursor: cursors[0], endCursor: cursors[3] });
    const second = await ask(cursors[3]!);
    expect(second.pageInfo).toMatchObject({ hasPreviousPage: true, hasNextPage: false, startCursor: second.edges[0]?.cursor });
  });

  it('that is empty has neither', async () => {
    const { data } = await tenant.graphql<{ clusters: { pageInfo: Info }; template: { revisions: { pageInfo: Info } } }>(
      `{ clusters ${fields} template(template: "t1") { revisions(after: "MQ") ${fields} } }`,
    );
    expect(data.clusters.pageInfo).toEqual({ hasPreviousPage: false, hasNextPage: false, startCursor: null, endCursor: null });
    expect(data.template.revisions.pageInfo).toEqual({ hasPreviousPage: true, hasNextPage: false, startCursor: null, endCursor: null });
  });
});

describe('errors', () => {
  it('have code, status, faults and request id, at their path; what else was asked for is answered', async () => {
    const { status, data, errors } = await tenant.graphql('{ me { role } t: templates(first: 1) { edges { node { name } } } }');
    expect([status, data, errors]).toEqual([200, { me: { role: 'ADMIN' }, t: { edges: [{ node: { name: 't5' } }] } }, []]);
    const failed = await tenant.graphql('mutation { createTemplate(input: {name: "t1"}) { id } }');
    expect([failed.status, failed.errors[0]]).toMatchObject([
      200,
      { path: ['createTemplate'], extensions: { code: 'NAME_TAKEN', status: 409, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) } },
    ]);
  });

  it('faults are the same as in REST', async () => {
    const rest = await tenant.rest('POST', '/v1/templates', { name: 'BAD', description: 'x'.repeat(1001) });
    const graphql = await tenant.graphql('mutation ($input: CreateTemplate!) { createTemplate(input: $input) { id } }', {
      input: { name: 'BAD', description: 'x'.repeat(1001) },
    });
    expect(graphql.errors[0]?.extensions).toMatchObject({ code: rest.body['code'], errors: rest.body['errors'] });
  });

  it('NUL in a document cannot reach the database', async () => {
    const { errors } = await tenant.graphql('{ template(template: "a\\u0000b") { id } }');
    expect(errors[0]?.extensions.code).toBe('INVALID');
  });

  it('a variable inside a JSON literal is refused instead of lost', async () => {
    const query = 'mutation ($x: JSON) { createRevision(template: "t1", document: {pod: $x}) { number } }';
    for (let i = 0; i < 6; i++) expect((await tenant.graphql(query, { x: {} })).status).toBe(400);
  });
});

describe('a document in use', () => {
  it('answers the same once it has been compiled', async () => {
    const query =
      'query ($r: String!) { template(template: $r) { name latestRevision revisions(first: 1) { edges { node { document createdBy { name } } } } } }';
    const answers = [];
    for (let i = 0; i < 8; i++) answers.push(JSON.stringify(await tenant.graphql(query, { r: 't2' })));
    expect(new Set(answers).size).toBe(1);
    const missing = await tenant.graphql(query, { r: 'nowhere' });
    expect([missing.status, missing.errors[0]?.extensions.code]).toEqual([200, 'NOT_FOUND']);
    expect((await tenant.graphql(query, {})).status).toBe(400);
  });
});
