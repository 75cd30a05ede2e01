import { GraphQLSchemaHost } from '@nestjs/graphql';
import { getNamedType, isLeafType, isNonNullType, type GraphQLField } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACTIONS, isAction } from '../../src/auth/actions.ts';
import { routes, type RegisteredRoute } from '../../src/platform/api/route.ts';
import { takenBy } from '../../src/platform/api/shapes.ts';
import { v7 } from 'uuid';
import { startTestApi, type TestApi, type TestTenant } from '../support/api.ts';
import { bodies, furnish, nothing, template, type Belongings } from './samples.ts';

/** Two tenants: what one has must be to the other as if it were not. Made from the routes' own metadata, so a new route is in it from its first day. */
let api: TestApi;
let owner: TestTenant;
let stranger: TestTenant;
let theirs: Belongings;
let samples: Record<string, unknown>;

beforeAll(async () => {
  api = await startTestApi();
  [owner, stranger] = [await api.tenant('owner'), await api.tenant('stranger')];
  theirs = await furnish(api, owner, 'a');
  await furnish(api, stranger, 'b');
  samples = await bodies();
});
afterAll(() => api.close());

const isTenants = (action: string): boolean => isAction(action) && ACTIONS[action].role !== 'OPERATOR';
const parametersOf = (path: string): string[] => [...path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '');
const named = routes().filter(({ path, action }) => parametersOf(path).length > 0 && isTenants(action));

const query: Record<string, string> = { 'GET /v1/clusters/:cluster/access-manifest': '?namespace=default' };

function bodyOf(route: RegisteredRoute): unknown {
  const { body, freeBody } = takenBy(route.controller, route.handler);
  if (freeBody) return template;
  if (!body) return undefined;
  if (!(body.name in samples)) throw new Error(`samples.ts has no ${body.name}`);
  return samples[body.name];
}

const pathWith = (route: RegisteredRoute, values: Record<string, string>): string =>
  route.path.replace(/:(\w+)/g, (_, name: string) => values[name] ?? '') + (query[`${route.method} ${route.path}`] ?? '');

/** An answer without what differs from request to request, and with the reference taken out. */
const comparable = ({ status, body }: { status: number; body: unknown }, reference: string): unknown =>
  JSON.parse(
    JSON.stringify({ status, body })
      .replaceAll(reference, 'REFERENCE')
      .replace(/"requestId":"[^"]*"/, '"requestId":""'),
  );

describe('in REST', () => {
  it('there are routes to try', () => expect(named.length).toBeGreaterThan(20));

  it.each(named.map((route) => [`${route.method} ${route.path}`, route] as const))(
    "%s answers for another tenant's as for what does not exist",
    async (_, route) => {
      const [first = '', ...others] = parametersOf(route.path);
      const references = theirs[first];
      if (!references) throw new Error(`samples.ts furnishes no ${first}`);
      const rest = Object.fromEntries(others.map((name) => [name, theirs[name]?.[0] ?? '1']));
      const body = bodyOf(route);
      for (const reference of references) {
        const missing = /^[0-9a-f-]{36}$/.test(reference) ? v7() : nothing();
        const foreign = await stranger.rest(route.method, pathWith(route, { ...rest, [first]: reference }), body);
        const absent = await stranger.rest(route.method, pathWith(route, { ...rest, [first]: missing }), body);
        expect(foreign.status, foreign.text).toBe(404);
        expect(foreign.body).toMatchObject({ code: 'NOT_FOUND' });
        expect(comparable(foreign, reference)).toEqual(comparable(absent, missing));
      }
    },
  );

  it.each(
    routes()
      .filter(({ path, method, action }) => method === 'GET' && parametersOf(path).length === 0 && isTenants(action))
      .map(({ path }) => [path]),
  )("GET %s shows nothing of another tenant's", async (path) => {
    const { status, text } = await stranger.rest('GET', path);
    expect(status).toBe(200);
    for (const reference of Object.entries(theirs)
      .filter(([name]) => name !== 'number')
      .flatMap(([, references]) => references)) {
      if (path !== '/v1/regions') expect(text).not.toContain(`"${reference}"`);
    }
  });

  it("a body that names another tenant's is a fault at its pointer, as of what does not exist", async () => {
    for (const [field, reference] of [
      ['template', theirs['template']?.[0]],
      ['template', 'template-a'],
      ['template', v7()],
    ] as const) {
      const answer = await stranger.rest('POST', '/v1/workloads', { name: 'w', [field]: reference });
      expect(answer.status).toBe(422);
      expect(JSON.stringify(answer.body['errors'])).toContain('/template');
    }
  });

  it("a filter by another tenant's finds nothing", async () => {
    for (const path of [
      `/v1/workloads?cluster=${theirs['cluster']?.[0]}`,
      `/v1/rollouts?workload=${theirs['workload']?.[0]}`,
      `/v1/events?workload=${theirs['workload']?.[0]}`,
    ]) {
      const { body } = await stranger.rest<{ items?: unknown[] }>('GET', path);
      expect(body.items ?? []).toEqual([]);
    }
  });

  it("another tenant's key of idempotency and cursor are nothing either", async () => {
    const { body } = await owner.rest<{ nextCursor: string | null }>('GET', '/v1/api-keys?limit=1');
    const page = await stranger.rest<{ items: { id: string }[] }>('GET', `/v1/api-keys?cursor=${body.nextCursor}`);
    const keys = theirs['key'] ?? [];
    expect(page.body.items.filter(({ id }) => keys.includes(id))).toEqual([]);
  });
});

describe('in GraphQL', () => {
  /** What an argument of that name refers to. */
  const refersTo = (field: GraphQLField<unknown, unknown>, argument: string): string | null => {
    if (argument === 'apiKey') return 'key';
    if (argument === 'id') return 'rollout';
    return ['cluster', 'template', 'workload'].includes(argument) &&
      String(field.args.find(({ name }) => name === argument)?.type).startsWith('String')
      ? argument
      : null;
  };

  function document(
    kind: 'query' | 'mutation',
    field: GraphQLField<unknown, unknown>,
    reference: string,
  ): { query: string; variables: Record<string, unknown> } {
    const variables: Record<string, unknown> = {};
    const used = field.args.filter(
      ({ name, type, defaultValue }) => refersTo(field, name) !== null || (isNonNullType(type) && defaultValue === undefined),
    );
    for (const { name, type } of used) {
      const typeName = getNamedType(type).name;
      if (refersTo(field, name) !== null) variables[name] = reference;
      else if (name === 'number') variables[name] = 1;
      else if (name === 'namespace') variables[name] = 'default';
      else if (name === 'document') variables[name] = template;
      else if (typeName in samples) variables[name] = samples[typeName];
      else throw new Error(`${field.name}(${name}: ${typeName}) has no sample`);
    }
    const selection = isLeafType(getNamedType(field.type)) ? '' : '{ __typename }';
    const declared = used.map(({ name, type }) => `$${name}: ${String(type)}`).join(', ');
    const passed = used.map(({ name }) => `${name}: $${name}`).join(', ');
    return { query: `${kind} (${declared}) { ${field.name}(${passed}) ${selection} }`, variables };
  }

  it("every field answers for another tenant's as for what does not exist", async () => {
    const { schema } = api.app.get(GraphQLSchemaHost);
    const fields = [
      ...Object.values(schema.getQueryType()?.getFields() ?? {}).map((field) => ['query', field] as const),
      ...Object.values(schema.getMutationType()?.getFields() ?? {}).map((field) => ['mutation', field] as const),
    ].filter(
      ([, field]) => field.args.some(({ name }) => refersTo(field, name) !== null) && !field.args.some(({ name }) => name === 'tenant'),
    );
    let tried = 0;
    for (const [kind, field] of fields) {
      const argument = field.args.find(({ name }) => refersTo(field, name) !== null)?.name ?? '';
      for (const reference of theirs[refersTo(field, argument) ?? ''] ?? []) {
        const missing = /^[0-9a-f-]{36}$/.test(reference) ? v7() : nothing();
        const ask = async (value: string): Promise<unknown> => {
          const { query: text, variables } = document(kind, field, value);
          const answer = await stranger.graphql(text, variables);
          expect(answer.errors[0]?.extensions.code, `${field.name}: ${JSON.stringify(answer)}`).toBe('NOT_FOUND');
          return comparable({ status: answer.status, body: answer.errors }, value);
        };
        expect(await ask(reference)).toEqual(await ask(missing));
        tried++;
      }
    }
    expect(tried).toBeGreaterThan(20);
  });
});

describe('afterwards', () => {
  it('everything of the owner is as it was', async () => {
    for (const [noun, path] of [
      ['cluster', 'clusters'],
      ['template', 'templates'],
      ['workload', 'workloads'],
      ['key', 'api-keys'],
      ['rollout', 'rollouts'],
    ] as const) {
      const answer = await owner.rest<{ version: number }>('GET', `/v1/${path}/${theirs[noun]?.[0]}`);
      expect([noun, answer.status]).toEqual([noun, 200]);
      if (noun !== 'rollout') expect([noun, answer.body.version]).toEqual([noun, 1]);
    }
  });
});
