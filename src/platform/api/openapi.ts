import type { OpenAPIObject } from '@nestjs/swagger';
import { z } from 'zod';
import { components, fieldsOf } from '../model/model.ts';
import type { Modelled } from '../model/model.ts';
import { PageSchema } from './page.ts';
import { allCodes } from '../problem.ts';
import type { RegisteredRoute } from './route.ts';
import { takenBy } from './shapes.ts';

type Json = Record<string, unknown>;

/** Describes a date as it is on the wire, and drops zod's default bounds and patterns, which do not help a reader. */
const override = ({ zodSchema, jsonSchema }: { zodSchema: unknown; jsonSchema: unknown }): void => {
  const schema = jsonSchema as Json;
  if ((zodSchema as z.ZodType).def.type === 'date') Object.assign(schema, { type: 'string', format: 'date-time' });
  if (schema['format'] === 'uuid' || schema['format'] === 'date-time') delete schema['pattern'];
  if (schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum'];
  if (schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum'];
};
const options = { io: 'input', unrepresentable: 'any', override } as const;

const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

function schemaOf(answers: NonNullable<RegisteredRoute['answers']>): Json {
  if (answers instanceof PageSchema) {
    const properties = {
      items: { type: 'array', items: ref(answers.item.name) },
      nextCursor: { type: ['string', 'null'], description: '`cursor` of the next page; null after the last.' },
    };
    return { type: 'object', required: ['items', 'nextCursor'], additionalProperties: false, properties };
  }
  return ref((answers as Modelled).name);
}

function content({ answers, streams }: RegisteredRoute): Json {
  if (!answers) return {};
  if ('media' in answers) return { content: Object.fromEntries(Object.entries(answers.media).map(([type, schema]) => [type, { schema }])) };
  const stream = streams ? { 'text/event-stream': { schema: { type: 'string' } } } : {};
  return { content: { 'application/json': { schema: schemaOf(answers) }, ...stream } };
}

/** Parameters of a query, each with its schema from the model. */
function queryParameters(model: Modelled): Json[] {
  const { properties = {}, required = [] } = z.toJSONSchema(model.schema, options) as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
    ...(schema['type'] === 'array' ? { style: 'form', explode: false } : {}),
  }));
}

const header = (name: string, description: string, schema: Json = { type: 'string' }): Json => ({
  name,
  in: 'header',
  required: false,
  description,
  schema,
});

/** What every request may say of itself. */
const CALLER_HEADERS: Record<string, Json> = {
  SlipwayTenant: header(
    'Slipway-Tenant',
    "Id or name of the tenant that the operator's key acts for; a tenant's own key names none but its own.",
  ),
  SlipwayActor: header('Slipway-Actor', "Who is behind the request, for `createdBy`: a console's user, in UTF-8, at most 200 characters.", {
    type: 'string',
    maxLength: 200,
  }),
};

const text = (description: string): Json => ({ description, schema: { type: 'string' } });
const number = (description: string): Json => ({ description, schema: { type: 'integer' } });

/** What answers say besides their body. */
const ANSWER_HEADERS: Record<string, Json> = {
  ETag: text('`"<version>"`, for `If-Match`.'),
  Location: text('Where what was made is found.'),
  'Idempotency-Replayed': text('`true` where an earlier request with this key did it.'),
  'Preference-Applied': text('`wait=<seconds>` where `Prefer` was heeded.'),
  'Retry-After': number('Seconds until it is worth trying again.'),
  'RateLimit-Limit': number('Tokens that the bucket of the tenant holds.'),
  'RateLimit-Remaining': number('Tokens that are left.'),
  'RateLimit-Reset': number('Seconds until the bucket is full, or until the request would be let in.'),
  'RateLimit-Policy': text('`<tokens>;w=<seconds in which the bucket fills>`.'),
  'X-Request-Id': text('Names the request in the log.'),
};

const RATE = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset', 'RateLimit-Policy', 'X-Request-Id'];
const headers = (...names: string[]): Json => Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));

function headersOf({ status = 200, answers, idempotent, waits }: RegisteredRoute): Json {
  const isVersioned = answers !== undefined && 'schema' in answers && fieldsOf(answers).includes('version');
  return headers(
    ...(isVersioned ? ['ETag'] : []),
    ...(status === 201 || status === 202 ? ['Location'] : []),
    ...(typeof idempotent === 'string' ? ['Idempotency-Replayed'] : []),
    ...(waits === undefined ? [] : ['Preference-Applied']),
    ...RATE,
  );
}

function parametersOf(route: RegisteredRoute): Json[] {
  const inPath = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
  const { query } = takenBy(route.controller, route.handler);
  return [
    ...inPath,
    ...(query ? queryParameters(query) : []),
    ...(typeof route.idempotent === 'string'
      ? [
          header(
            'Idempotency-Key',
            'Makes it safe to repeat the request within 24 hours: a repetition returns the result and changes nothing.',
          ),
        ]
      : []),
    ...(route.waits === undefined
      ? []
      : [header('Prefer', '`wait=<seconds>`, at most 600: the response is sent when it has settled, or when the time is up.')]),
    ...(route.streams ? [header('Last-Event-ID', 'Id of the last event that was read: the stream continues after it.')] : []),
    ...(route.method === 'PATCH' || route.method === 'PUT' || route.method === 'DELETE'
      ? [header('If-Match', 'The ETag of the expected version; the request is refused (STALE) if the current one differs.')]
      : []),
    ...Object.keys(CALLER_HEADERS).map((name) => ({ $ref: `#/components/parameters/${name}` })),
  ];
}

function bodyOf(route: RegisteredRoute): Json | null {
  const { body } = takenBy(route.controller, route.handler);
  if (route.body) {
    const types = ['application/json', ...(route.consumes ?? [])];
    return { required: true, content: Object.fromEntries(types.map((type) => [type, { schema: route.body }])) };
  }
  if (!body) return null;
  const types = ['application/json', ...(route.method === 'PATCH' ? ['application/merge-patch+json'] : [])];
  return {
    required: !body.schema.safeParse({}).success,
    content: Object.fromEntries(types.map((type) => [type, { schema: ref(body.name) }])),
  };
}

const STATUS_TEXT: Record<number, string> = { 200: 'The current state.', 201: 'Created.', 202: 'Accepted.', 204: 'Done.' };

function operation(route: RegisteredRoute): Json {
  const statuses = [route.status ?? 200, ...(route.alsoAnswers ?? [])];
  const success = Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: STATUS_TEXT[status] ?? '', headers: headersOf(route), ...(status === 204 ? {} : content(route)) },
    ]),
  );
  const body = bodyOf(route);
  return {
    operationId: `${route.controller.name.replace(/Controller$/, '')}_${route.handler}`,
    tags: [route.path.split('/')[2] ?? ''],
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    parameters: parametersOf(route),
    ...(body ? { requestBody: body } : {}),
    responses: { ...success, default: { $ref: '#/components/responses/Problem' } },
  };
}

const problem = (): Json => ({
  type: 'object',
  description: 'An error (RFC 9457).',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId', 'errors'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    code: { type: 'string', enum: allCodes().filter((code) => code !== 'GRAPHQL_INVALID') },
    requestId: { type: ['string', 'null'] },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['detail'],
        properties: { pointer: { type: 'string' }, parameter: { type: 'string' }, detail: { type: 'string' } },
      },
    },
  },
});

function sorted(schemas: Record<string, Json>): Record<string, Json> {
  const named = Object.entries(schemas).map(([name, { $schema: _schema, $id: _id, ...rest }]) => [name, rest] as const);
  return Object.fromEntries(named.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What the document says of the product. */
export interface ApiDescription {
  title: string;
  version: string;
  description: string;
  /** What stands in `Authorization: Bearer`. */
  key: string;
}

/** The OpenAPI document of these routes and of every named model. */
export function openApi(routes: readonly RegisteredRoute[], { key, ...info }: ApiDescription): OpenAPIObject {
  const { schemas } = z.toJSONSchema(components, { ...options, uri: (id) => `#/components/schemas/${id}` });
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[route.method.toLowerCase()] = operation(route);
  }
  const document = {
    openapi: '3.1.0',
    info,
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    paths,
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer', description: key } },
      parameters: CALLER_HEADERS,
      headers: ANSWER_HEADERS,
      responses: {
        Problem: {
          description: 'An error.',
          headers: headers('Retry-After', ...RATE),
          content: { 'application/problem+json': { schema: ref('Problem') } },
        },
      },
      schemas: { ...sorted(schemas), Problem: problem() },
    },
  };
  // Nest's type is that of OpenAPI 3.0, in which `type: [string, null]` does not exist.
  return document as unknown as OpenAPIObject;
}
