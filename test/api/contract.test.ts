import { isSpecifiedScalarType, type GraphQLNamedType, type GraphQLObjectType } from 'graphql';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { routes } from '../../src/platform/api/route.ts';
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

  it('openapi.json says which headers and types a route takes and answers with', async () => {
    interface Operation {
      parameters: { $ref?: string; name?: string; in?: string }[];
      requestBody?: { content: object };
      responses: Record<string, { headers?: object; content?: object }>;
    }
    const document = (await (await fetch(`${api.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, Operation>>;
      components: { parameters: Record<string, { name: string }>; responses: { Problem: { headers: object } } };
    };
    const headersOf = ({ parameters }: Operation): (string | undefined)[] =>
      parameters.map(({ $ref, name }) => ($ref ? document.components.parameters[$ref.split('/').at(-1)!]?.name : name));
    const at = (method: string, path: string): Operation => document.paths[`/v1${path}`]![method]!;
    for (const path of ['/events', '/rollouts/{rollout}/events']) {
      expect(headersOf(at('get', path))).toContain('Last-Event-ID');
      expect(Object.keys(at('get', path).responses['200']!.content!)).toEqual(['application/json', 'text/event-stream']);
    }
    for (const methods of Object.values(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        expect(headersOf(operation)).toEqual(expect.arrayContaining(['Slipway-Tenant', 'Slipway-Actor']));
        if (method === 'patch')
          expect(Object.keys(operation.requestBody!.content)).toEqual(['application/json', 'application/merge-patch+json']);
        for (const [status, { headers }] of Object.entries(operation.responses))
          if (status !== 'default')
            expect(Object.keys(headers ?? {})).toEqual(expect.arrayContaining(['RateLimit-Limit', 'RateLimit-Remaining']));
      }
    }
    expect(headersOf(at('put', '/clusters/{cluster}/credentials'))).toContain('If-Match');
    const answered = (method: string, path: string, status: string): string[] => Object.keys(at(method, path).responses[status]!.headers!);
    expect(answered('get', '/templates/{template}', '200')).toContain('ETag');
    expect(answered('get', '/templates', '200')).not.toContain('ETag');
    expect(answered('post', '/templates', '201')).toEqual(expect.arrayContaining(['ETag', 'Location', 'Idempotency-Replayed']));
    expect(answered('post', '/workloads/{workload}/rollouts', '202')).toEqual(expect.arrayContaining(['Location', 'Preference-Applied']));
    expect(Object.keys(document.components.responses.Problem.headers)).toEqual(expect.arrayContaining(['Retry-After', 'RateLimit-Reset']));
  });

  it('every resource says when it was made and updated, and its version', async () => {
    const document = (await (await fetch(`${api.url}/openapi.json`)).json()) as {
      components: { schemas: Record<string, { properties?: object }> };
    };
    const fields = Object.entries(document.components.schemas).map(([name, { properties = {} }]) => ({
      name,
      has: Object.keys(properties),
    }));
    const resources = fields.filter(({ has }) => has.includes('id') && has.includes('createdAt'));
    expect(resources.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['Cluster', 'Release', 'ReleaseDetail', 'Revision', 'Rollout']),
    );
    for (const { name, has } of resources) expect(has, name).toEqual(expect.arrayContaining(['updatedAt', 'version']));
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
