import { GraphQLSchemaHost } from '@nestjs/graphql';
import { getNamedType, isLeafType, isNonNullType, type GraphQLField, type GraphQLObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACTIONS, isAction, mayDo, type Action } from '../../src/auth/actions.ts';
import { operationsByName } from '../../src/auth/completeness.ts';
import { routes } from '../../src/platform/api/route.ts';
import { startTestApi, type Client, type TestApi } from '../support/api.ts';

/** Who may do what, at the door: the matrix of every route and every field with every role, held against a table written by hand. */
const ROLES = ['VIEWER', 'DEPLOYER', 'ADMIN', 'OPERATOR'] as const;
type Caller = (typeof ROLES)[number];

/** api.md: VIEWER every GET but keys; DEPLOYER also revisions, plan, render, rollouts and verbs; ADMIN all; tenants and regions are the operator's. */
function least(method: string, path: string): Caller {
  if (path.startsWith('/v1/tenants')) return 'OPERATOR';
  if (path.startsWith('/v1/regions') && method !== 'GET') return 'OPERATOR';
  if (path.startsWith('/v1/api-keys')) return 'ADMIN';
  if (method === 'GET') return 'VIEWER';
  if (path.includes('/revisions') || /\/(plan|render|rollouts|rollback|restart|scale)$/.test(path) || path.startsWith('/v1/rollouts/'))
    return 'DEPLOYER';
  return 'ADMIN';
}

/** Lists that GraphQL has inside what they belong to alone. */
const nested: Record<string, [type: string, field: string]> = { 'releases.list': ['Workload', 'releases'] };

let api: TestApi;
const clients = {} as Record<Caller, Client>;

beforeAll(async () => {
  api = await startTestApi();
  const tenant = await api.tenant('acme');
  for (const role of ['VIEWER', 'DEPLOYER', 'ADMIN'] as const) clients[role] = await tenant.as(role);
  clients.OPERATOR = api.operator.with({ 'slipway-tenant': 'acme' });
  await api.operator.rest('PATCH', `/v1/tenants/${tenant.id}`, { quotas: { requestBurst: 1_000_000, requestsPerSecond: 100_000 } });
});
afterAll(() => api.close());

const allows = (wanted: Caller, caller: Caller): boolean => ROLES.indexOf(caller) >= ROLES.indexOf(wanted);

describe('routes', () => {
  it.each(routes().map(({ method, path }) => [method, path] as const))('%s %s', async (method, path) => {
    const bare = path.replace(/:\w+/g, 'nothing');
    for (const caller of ROLES) {
      // Nothing of these is there: whoever may comes as far as 404 or 422, or reads an empty list.
      const { status } = await clients[caller].rest(method, `${bare}${bare.includes('access-manifest') ? '?namespace=a' : ''}`);
      expect([caller, status === 403]).toEqual([caller, !allows(least(method, path), caller)]);
      if (status !== 403) expect(status).toBeLessThan(500);
    }
    expect((await api.client(null).rest(method, bare)).status).toBe(401);
  });
});

describe('fields of GraphQL', () => {
  const argumentsOf = (field: GraphQLField<unknown, unknown>): string => {
    const needed = field.args.filter(({ type, defaultValue }) => isNonNullType(type) && defaultValue === undefined);
    return needed.length === 0 ? '' : `(${needed.map(({ name }) => `${name}: $${name}`).join(', ')})`;
  };

  it('have the actions that the routes have, and ask for the same roles', async () => {
    const { schema } = api.app.get(GraphQLSchemaHost);
    const actions = operationsByName();
    const inRest = new Set<string>(routes().map(({ action }) => action));
    const inGraphql = new Set<string>(Object.values(actions));
    expect([...inRest].filter((action) => !inGraphql.has(action) && !(action in nested))).toEqual([]);
    for (const [type, field] of Object.values(nested))
      expect(Object.keys((schema.getType(type) as GraphQLObjectType).getFields())).toContain(field);
    expect([...inGraphql].filter((action) => !inRest.has(action))).toEqual([]);
    for (const [kind, type] of [
      ['query', schema.getQueryType()],
      ['mutation', schema.getMutationType()],
    ] as const) {
      for (const field of Object.values(type?.getFields() ?? {})) {
        const action = actions[field.name] ?? '';
        expect(isAction(action), field.name).toBe(true);
        // Only fields without arguments that must be given are asked; the guard is the same for all.
        if (argumentsOf(field) !== '') continue;
        for (const caller of ROLES) {
          const { errors } = await clients[caller].graphql(
            `${kind} { ${field.name} ${isLeafType(getNamedType(field.type)) ? '' : '{ __typename }'} }`,
          );
          expect([field.name, caller, errors[0]?.extensions.code === 'FORBIDDEN']).toEqual([
            field.name,
            caller,
            !mayDo(caller, action as Action),
          ]);
        }
      }
    }
  });

  it('refuse a mutation to whoever may not, before anything else', async () => {
    const answer = await clients.VIEWER.graphql('mutation { createTemplate(input: {name: "NOT VALID"}) { id } }');
    expect(answer.errors[0]?.extensions).toMatchObject({ code: 'FORBIDDEN', status: 403 });
  });
});

describe('the table', () => {
  it('has no action that nothing asks for', () => {
    const used = new Set<string>([...routes().map(({ action }) => action), ...Object.values(operationsByName())]);
    expect(Object.keys(ACTIONS).filter((action) => !used.has(action))).toEqual([]);
  });
});
