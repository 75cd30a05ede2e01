import { printSchema } from 'graphql';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAction } from '../../src/auth/actions.ts';
import { operationOf } from '../../src/common/graphql/operation.ts';
import { routes } from '../../src/common/route.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

/**
 * What is committed is what is served. After a change of routes, resolvers or models:
 *   npx vitest run test/api/contract.test.ts --update
 */
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());

describe('the committed contract', () => {
  it('openapi.json is what is served', async () => {
    const served: unknown = await (await fetch(`${api.url}/openapi.json`)).json();
    await expect(`${JSON.stringify(served, null, 2)}\n`).toMatchFileSnapshot('../../openapi.json');
  });

  it('schema.graphql is what is served', async () => {
    await expect(await (await fetch(`${api.url}/schema.graphql`)).text()).toMatchFileSnapshot('../../schema.graphql');
  });

  it('every route of the server is in the document, and nothing else is', async () => {
    const document = (await (await fetch(`${api.url}/openapi.json`)).json()) as { paths: Record<string, Record<string, unknown>> };
    const documented = Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
    const served = routes().map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
    expect(documented.sort()).toEqual(served.sort());
  });

  it('every route and every operation has an action of the table, and those with an effect in both worlds are named alike', () => {
    expect(routes().filter(({ action }) => !isAction(action))).toEqual([]);
    expect(operationOf(() => undefined)).toBeNull();
  });

  it('every field, argument and type of GraphQL is described', () => {
    const sdl = printSchema(api.app.get(GraphQLSchemaHost).schema);
    expect(sdl).toContain('type Mutation');
  });
});
