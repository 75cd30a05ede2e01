import { GraphQLSchemaHost } from '@nestjs/graphql';
import fc from 'fast-check';
import { getNamedType, isEnumType, isInputObjectType, isLeafType, isListType, isNonNullType } from 'graphql';
import type { GraphQLField, GraphQLInputType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { routes } from '../../src/platform/api/route.ts';
import { takenBy } from '../../src/platform/api/shapes.ts';
import { startTestApi } from '../support/api.ts';
import type { TestApi, TestTenant } from '../support/api.ts';
import { bodies, furnish } from './samples.ts';
import type { Belongings } from './samples.ts';

const RUNS = 10;
/** Asks a worker, of which there is none, and waits for it. */
const WAITS = '/v1/clusters/:cluster/check';

let api: TestApi;
let tenant: TestTenant;
let mine: Belongings;
let sample: Record<string, unknown>;

beforeAll(async () => {
  api = await startTestApi();
  tenant = await api.tenant('acme');
  await api.operator.rest('PATCH', `/v1/tenants/${tenant.id}`, { quotas: { requestBurst: 1_000_000, requestsPerSecond: 100_000 } });
  mine = await furnish(api, tenant, 'a');
  sample = await bodies();
});
afterAll(() => api.close());

/** The first numbers past what Postgres' integer and bigint hold. */
const LARGE = [2 ** 31, 2 ** 63, Number.MAX_SAFE_INTEGER];
const LARGE_TEXT = ['2147483648', '9223372036854775808'];

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('', '0', '-1', '1e9', 'null', '__proto__', 'constructor', 'x'.repeat(254), '9999-12-31T23:59:59-14:00', ...LARGE_TEXT),
);
const word = fc.oneof(text, fc.constantFrom('REJECT', 'SUPERSEDE', 'CANARY', 'ROLLING', 'true', 'default', '25%'));
const anything = fc.oneof(
  { depthSize: 'small' },
  word,
  fc.integer(),
  fc.constantFrom(...LARGE),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
  fc.jsonValue({ maxDepth: 3 }),
);

/** A body of the right shape with something in it that is not. */
const spoiled = (good: Record<string, unknown>, fields: string[]): fc.Arbitrary<unknown> => {
  const keys = [...fields, 'name', 'values', 'placements', 'strategy', 'labels', 'replicas', 'steps', 'quotas', 'pod'];
  const spoil = fc.dictionary(fc.constantFrom(...keys), anything, { maxKeys: 2 }).map((change) => ({ ...good, ...change }));
  return fc.oneof({ weight: 5, arbitrary: spoil }, { weight: 2, arbitrary: fc.constant(good) }, { weight: 1, arbitrary: anything });
};

const QUERY = [
  'limit',
  'cursor',
  'after',
  'phase',
  'kind',
  'region',
  'status',
  'label',
  'type',
  'workload',
  'rollout',
  'cluster',
  'template',
  'namespace',
  'force',
  'objects',
];
const query = fc.dictionary(fc.constantFrom(...QUERY), word, { maxKeys: 2 });
const visible = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 30 });
const headers = fc.dictionary(
  fc.constantFrom('if-match', 'idempotency-key', 'slipway-actor', 'slipway-tenant', 'accept', 'if-none-match'),
  fc.oneof(visible, fc.constantFrom('"1"', '*', 'W/"1"', 'again', 'acme')),
  { maxKeys: 2 },
);
const prefer = fc.constantFrom(undefined, 'wait=0', 'wait=-1', 'wait=x', 'respond-async', 'wait');

/** What of a request is drawn: the references in its path, query, headers, `Prefer` and body. */
type Asked = [string[], Record<string, string>, Record<string, string>, string | undefined, unknown];

const encoded = (reference: string): string => {
  // A lone surrogate has no encoding, and a segment of dots is gone before it is sent.
  const segment = encodeURIComponent(reference.toWellFormed());
  return /^\.*$/.test(segment) ? '%00' : segment;
};

describe('whatever is sent, the answer is one of the contract and no fault of ours', () => {
  it.each(routes().map((route) => [`${route.method} ${route.path}`, route] as const))('%s', async (_, route) => {
    const { method, path, controller, handler } = route;
    const model = takenBy(controller, handler).body;
    const good = (sample[model?.name ?? ''] ?? {}) as Record<string, unknown>;
    const fields = model ? Object.keys((model.schema as unknown as z.ZodObject).shape) : [];
    const body = method === 'GET' ? fc.constant(undefined) : spoiled(good, fields);
    const names = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => name);
    const references = fc.tuple(
      ...names.map((name) => (path === WAITS ? text : fc.oneof(text, fc.constantFrom(...(mine[name] ?? ['x']))))),
    );
    const client = path.startsWith('/v1/tenants') ? api.operator : tenant;
    // Chance seldom finds the field whose column a number is too large for, so each is tried: in the path, and in the body.
    const own = names.map((name) => mine[name]?.[0] ?? 'x');
    const without = [{}, {}, undefined] as const;
    const examples: Asked[] = [
      ...names.flatMap((_, i) => LARGE_TEXT.map((large): Asked => [own.with(i, large), ...without, method === 'GET' ? undefined : good])),
      ...fields.flatMap((field) => LARGE.map((large): Asked => [own, ...without, { ...good, [field]: large }])),
    ];
    await fc.assert(
      fc.asyncProperty(references, query, headers, prefer, body, async (chosen, asked, sent, wait, value) => {
        const address = names.reduce((at, name, i) => at.replace(`:${name}`, () => encoded(chosen[i] ?? '')), path);
        const parameters = Object.entries(asked).map(([name, given]) => `${name}=${encodeURIComponent(given.toWellFormed())}`);
        const all = { ...sent, ...(wait === undefined ? {} : { prefer: wait }), 'content-type': 'application/json' };
        // The client holds every answer against the OpenAPI document.
        const answer = await client.rest(
          method,
          `${address}?${parameters.join('&')}`,
          value === undefined ? undefined : JSON.stringify(value),
          all,
        );
        expect(answer.status).toBeLessThan(500);
      }),
      { numRuns: RUNS + examples.length, examples },
    );
  });
});

/** Values that GraphQL's own checks let through: what is left is ours to refuse. */
function valueOf(type: GraphQLInputType): fc.Arbitrary<unknown> {
  if (isNonNullType(type)) return fc.oneof(presentOf(type.ofType), presentOf(type.ofType));
  return fc.oneof({ weight: 1, arbitrary: fc.constantFrom(null, undefined) }, { weight: 2, arbitrary: presentOf(type) });
}

function presentOf(type: GraphQLInputType): fc.Arbitrary<unknown> {
  if (isListType(type)) return fc.array(valueOf(type.ofType), { maxLength: 2 });
  if (isEnumType(type)) return fc.constantFrom(...type.getValues().map(({ name }) => name));
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields());
    if (type.isOneOf) return fc.oneof(...fields.map(({ name, type: inner }) => presentOf(inner).map((value) => ({ [name]: value }))));
    return fc.record(Object.fromEntries(fields.map(({ name, type: inner }) => [name, valueOf(inner)])));
  }
  switch (getNamedType(type).name) {
    case 'Int':
      return fc.oneof(fc.integer({ min: -1, max: 300 }), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1));
    case 'Boolean':
      return fc.boolean();
    case 'JSON':
      return anything;
    default:
      return fc.oneof(word, fc.constantFrom(...Object.values(mine).flat()));
  }
}

describe('whatever GraphQL is asked, nothing that fails is a fault of ours', () => {
  it.each(['query', 'mutation'] as const)('by a %s', async (kind) => {
    const { schema } = api.app.get(GraphQLSchemaHost);
    const root = kind === 'query' ? schema.getQueryType() : schema.getMutationType();
    const fields = Object.values(root?.getFields() ?? {}).filter(({ name }) => name !== 'checkCluster') as GraphQLField<unknown, unknown>[];
    expect(fields.length).toBeGreaterThan(10);
    for (const { name, args, type } of fields) {
      const declared = args.map((arg) => `$${arg.name}: ${String(arg.type)}`).join(', ');
      const given = args.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
      const document = `${kind} ${declared && `(${declared})`} { ${name}${given && `(${given})`} ${isLeafType(getNamedType(type)) ? '' : '{ __typename }'} }`;
      const variables = fc.record(
        Object.fromEntries(args.map((arg) => [arg.name, arg.name === 'waitSeconds' ? fc.constant(0) : valueOf(arg.type)])),
      );
      const client = /tenant/i.test(name) ? api.operator : tenant;
      await fc.assert(
        fc.asyncProperty(variables, async (values) => {
          const { errors } = await client.graphql(document, values);
          const ours = errors.filter(({ extensions }) => extensions.status >= 500);
          expect(ours).toEqual([]);
        }),
        { numRuns: RUNS },
      );
    }
  });
});
