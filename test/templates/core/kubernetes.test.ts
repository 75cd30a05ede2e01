import { Ajv, type ErrorObject } from 'ajv';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { schemaFaults, SCHEMA_VERSION, type KubernetesSchema } from '../../../src/templates/core/kubernetes.ts';
import data from '../../../src/templates/core/kubernetes-schema.json' with { type: 'json' };
import { isQuantity } from '../../../src/templates/core/quantity.ts';

const definitions = data.definitions as Record<string, KubernetesSchema>;

describe('the schema', () => {
  it('is that of a named release, complete in itself', () => {
    expect(SCHEMA_VERSION).toMatch(/^v1\.\d+\.\d+$/);
    for (const [, name] of JSON.stringify(definitions).matchAll(/#\/definitions\/(\w+)/g)) expect(definitions).toHaveProperty(String(name));
  });
});

describe('a pod that Kubernetes would not decode', () => {
  const pod = (container: object) => ({ spec: { containers: [{ name: 'web', image: 'x', ...container }] } });

  it.each([
    ['a field of nobody', pod({ constructor: 1 }), '/pod/spec/containers/0/constructor', 'is not a field'],
    ['a text for a boolean', pod({ stdin: 'yes' }), '/pod/spec/containers/0/stdin', 'must be true or false'],
    [
      'a negative quantity of nothing',
      pod({ resources: { limits: { cpu: '-' } } }),
      '/pod/spec/containers/0/resources/limits/cpu',
      'must be a quantity such as 500m or 64Mi',
    ],
    [
      'a set with the same entry twice',
      { ...pod({}), metadata: { finalizers: ['a', 'a'] } },
      '/pod/metadata/finalizers/1',
      '"a" occurs twice in the list, which is a set to server-side apply',
    ],
    [
      'one port and protocol twice',
      pod({ ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }, { containerPort: 80, protocol: 'TCP' }] }),
      '/pod/spec/containers/0/ports/2/containerPort',
      'is taken: /pod/spec/containers/0/ports/0 has the same containerPort 80, protocol "TCP", by which server-side apply tells entries apart',
    ],
  ])('%s', (_, value, pointer, detail) => {
    expect(schemaFaults('PodTemplateSpec', value, '/pod')).toContainEqual({ pointer, detail });
  });
});

describe('quantities', () => {
  it.each(['1', '0.5', '500m', '64Mi', '1e3', '1E3', '2.5Gi', '-1', '+1', '.5', '5.', '100k', '3E', '1e-3', '12n'])('%s is one', (text) => {
    expect(isQuantity(text)).toBe(true);
  });
  it.each(['', 'm', '1 Mi', '1mi', '1KiB', '0x10', '1e', 'NaN', '1,5', '--1'])('%j is none', (text) => {
    expect(isQuantity(text)).toBe(false);
  });
});

/** The same schema as JSON Schema for an independent validator: closed objects, and the formats that are Kubernetes' own. */
function strict(schema: KubernetesSchema): Record<string, unknown> {
  const { $ref, type, format, enum: values, required, properties, additionalProperties, items } = schema;
  if ($ref) return { $ref };
  if (format === 'quantity') return { anyOf: [{ type: 'number' }, { type: 'string', format: 'quantity' }] };
  const int32 = { minimum: -2_147_483_648, maximum: 2_147_483_647 };
  if (format === 'int-or-string') return { anyOf: [{ type: 'string' }, { type: 'integer', ...int32 }] };
  if (type === 'object' && !properties && !additionalProperties) return { type };
  return {
    ...(type ? { type } : {}),
    ...(type === 'integer' && format !== 'int64' ? int32 : {}),
    ...(values ? { enum: [...new Set(['', ...values])] } : {}),
    ...(required ? { required } : {}),
    ...(properties
      ? { properties: Object.fromEntries(Object.entries(properties).map(([name, property]) => [name, strict(property)])) }
      : {}),
    ...(type === 'object' ? { additionalProperties: additionalProperties ? strict(additionalProperties) : false } : {}),
    ...(items ? { items: strict(items) } : {}),
  };
}

/** Values that mostly fit a schema and sometimes do not. */
function arbitrary(schema: KubernetesSchema, depth: number): fc.Arbitrary<unknown> {
  const resolved = schema.$ref ? (definitions[schema.$ref.slice('#/definitions/'.length)] as KubernetesSchema) : schema;
  const wrong = fc.constantFrom<unknown>('text', 1, 1.5, true, {}, [], { nope: 1 }, ['x'], 9_999_999_999);
  const right = (): fc.Arbitrary<unknown> => {
    const { type, format, enum: values, properties, additionalProperties, items, required } = resolved;
    if (values) return fc.constantFrom(...values);
    if (format === 'quantity') return fc.constantFrom<unknown>('1', '64Mi', 0.5, 'x');
    if (format === 'int-or-string') return fc.constantFrom<unknown>('http', 80);
    if (type === 'string') return fc.constantFrom('a', '', 'http');
    if (type === 'integer') return fc.integer({ min: 0, max: 70_000 });
    if (type === 'boolean') return fc.boolean();
    if (type === 'array') return depth > 0 && items ? fc.array(arbitrary(items, depth - 1), { maxLength: 1 }) : fc.constant([]);
    if (type !== 'object' || (depth <= 0 && !required)) return fc.constant({});
    if (additionalProperties) return fc.dictionary(fc.constantFrom('a', 'b'), arbitrary(additionalProperties, depth - 1), { maxKeys: 2 });
    const names = Object.keys(properties ?? {});
    if (!names.length) return fc.constant({});
    return fc.subarray(names, { maxLength: Math.min(4, names.length) }).chain((chosen) => {
      const wanted = [...new Set([...chosen, ...(required ?? [])])];
      return fc.record(
        Object.fromEntries(wanted.map((name) => [name, arbitrary((properties ?? {})[name] as KubernetesSchema, depth - 1)])),
      );
    });
  };
  return fc.oneof({ weight: 25, arbitrary: fc.constant(0).chain(right) }, { weight: 1, arbitrary: wrong });
}

describe('judged as an independent validator judges', () => {
  const ajv = new Ajv({ allErrors: true, strict: false, formats: { quantity: isQuantity } });
  const validators = Object.fromEntries(
    (['PodTemplateSpec', 'ServiceSpec'] as const).map((type) => [
      type,
      ajv.compile({
        definitions: Object.fromEntries(Object.entries(definitions).map(([name, schema]) => [name, strict(schema)])),
        $ref: `#/definitions/${type}`,
      }),
    ]),
  );
  /** The places that the validator blames, without those inside its alternatives. */
  const placesOf = (errors: ErrorObject[]): Set<string> =>
    new Set(
      errors
        .filter(({ schemaPath }) => !schemaPath.includes('/anyOf/'))
        .map(({ instancePath, keyword, params }) => {
          const field =
            keyword === 'required'
              ? String(params.missingProperty)
              : keyword === 'additionalProperties'
                ? String(params.additionalProperty)
                : null;
          return field === null ? instancePath : `${instancePath}/${field.replaceAll('~', '~0').replaceAll('/', '~1')}`;
        }),
    );

  it.each(['PodTemplateSpec', 'ServiceSpec'] as const)('%s: the same places are wrong', (type) => {
    let valid = 0;
    let invalid = 0;
    fc.assert(
      fc.property(arbitrary({ $ref: `#/definitions/${type}` }, 6), (value) => {
        const validate = validators[type];
        if (validate?.(value)) valid += 1;
        else invalid += 1;
        const faults = schemaFaults(type, value, '').filter(({ detail }) => !/^is taken|stands twice/.test(detail));
        expect(new Set(faults.map(({ pointer }) => pointer))).toEqual(placesOf(validate?.errors ?? []));
      }),
      { numRuns: 400 },
    );
    expect(valid).toBeGreaterThan(20);
    expect(invalid).toBeGreaterThan(20);
  });
});
