import { isSpecifiedScalarType, type GraphQLNamedType, type GraphQLObjectType } from 'graphql';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
    const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = routes().map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
    expect(documented.sort()).toEqual(served.sort());
  });

  it('everything that GraphQL can be asked is described, and so is every type', () => {
    const { schema } = api.app.get(GraphQLSchemaHost);
    const own = Object.values(schema.getTypeMap()).filter(
      ({ name }) => !name.startsWith('__') && !isSpecifiedScalarType(schema.getType(name) as GraphQLNamedType),
    );
    const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
    expect(own.filter((type) => !type.description && !roots.includes(type as GraphQLObjectType)).map(({ name }) => name)).toEqual([]);
    const fields = roots.flatMap((root) => Object.values(root?.getFields() ?? {}));
    expect(fields.filter(({ description }) => !description).map(({ name }) => name)).toEqual([]);
  });

  it('every operation has a summary, and every answer of success a schema unless there is none', async () => {
    const document = (await (await fetch(`${api.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { summary?: string; responses: Record<string, { content?: object }> }>>;
    };
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, { summary, responses }] of Object.entries(methods)) {
        expect(summary, `${method} ${path}`).toMatch(/\w/);
        for (const [status, { content }] of Object.entries(responses)) {
          if (/^2/.test(status) && status !== '204') expect(content, `${method} ${path} ${status}`).toBeDefined();
        }
      }
    }
  });
});
