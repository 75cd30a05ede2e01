import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalQuantity, quantity } from '../../simulator/admission/quantity.ts';
import { compare, fieldsOf } from '../../simulator/fields/compare.ts';
import { difference, FieldSet, fromFieldsV1, intersection, pathText, toFieldsV1, union } from '../../simulator/fields/field-set.ts';
import { applyConfiguration } from '../../simulator/fields/managed-fields.ts';
import { merge } from '../../simulator/fields/merge.ts';
import { applyJsonPatch } from '../../simulator/patch/json-patch.ts';
import { applyMergePatch } from '../../simulator/patch/merge-patch.ts';

const deployment = { ref: 'apps.v1.Deployment' };

const path = fc.array(fc.constantFrom('f:spec', 'f:metadata', 'f:a', 'f:b', 'k:{"name":"web"}'), { minLength: 1, maxLength: 4 });
const set = fc.array(path, { maxLength: 8 }).map((paths) => {
  const made = new FieldSet();
  for (const one of paths) made.insert(one);
  return made;
});
const members = (one: FieldSet): string[] => [...one.paths()].map((found) => found.join('/')).sort();

describe('a set of fields', () => {
  it('survives being written down', () => {
    fc.assert(
      fc.property(set, (one) => {
        expect(members(fromFieldsV1(toFieldsV1(one)))).toEqual(members(one));
      }),
    );
  });

  it('follows the laws of sets', () => {
    fc.assert(
      fc.property(set, set, (one, other) => {
        const [left, right] = [new Set(members(one)), new Set(members(other))];
        expect(members(union(one, other))).toEqual([...new Set([...left, ...right])].sort());
        expect(members(intersection(one, other))).toEqual([...left].filter((path) => right.has(path)).sort());
        expect(members(difference(one, other))).toEqual([...left].filter((path) => !right.has(path)).sort());
      }),
    );
  });

  it('names its paths as conflicts do', () => {
    expect(pathText(['f:spec', 'f:containers', 'k:{"name":"web"}', 'f:ports', 'k:{"containerPort":80,"protocol":"TCP"}', 'f:name'])).toBe(
      '.spec.containers[name="web"].ports[containerPort=80,protocol="TCP"].name',
    );
    expect(pathText(['f:metadata', 'f:finalizers', 'v:"keep"'])).toBe('.metadata.finalizers[="keep"]');
  });
});

const name = fc.constantFrom('a', 'b', 'c', 'd');
const text = fc.constantFrom('x', 'y', 'z');
const container = fc.record(
  { name, image: text, env: fc.uniqueArray(fc.record({ name, value: text }), { selector: (one) => one.name, maxLength: 3 }) },
  { requiredKeys: ['name'] },
);
const config = fc
  .record(
    {
      labels: fc.dictionary(name, text, { maxKeys: 3 }),
      replicas: fc.nat(5),
      minReadySeconds: fc.nat(5),
      containers: fc.uniqueArray(container, { selector: (one) => one.name, minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: ['containers'] },
  )
  .map(({ labels, containers, ...spec }) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', ...(labels ? { labels } : {}) },
    spec: { ...spec, template: { spec: { containers } } },
  }));

const writer = (manager: string) => ({ manager, apiVersion: 'apps/v1', time: '2026-01-01T00:00:00Z' });
const bare = ({ metadata: { managedFields: _, ...metadata }, ...rest }: any) => ({ ...rest, metadata });

describe('server-side apply', () => {
  it('of one manager alone gives exactly what was applied last', () => {
    fc.assert(
      fc.property(config, config, (first: any, second: any) => {
        const live = applyConfiguration(undefined, first, deployment, writer('one'), false);
        const next = bare(applyConfiguration(live, second, deployment, writer('one'), false));
        expect(members(fieldsOf(next, deployment))).toEqual(members(fieldsOf(second, deployment)));
        expect(compare(second, next, deployment).modified.empty).toBe(true);
      }),
    );
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(config, config, (first: any, second: any) => {
        const live = applyConfiguration(
          applyConfiguration(undefined, first, deployment, writer('one'), false),
          second,
          deployment,
          writer('two'),
          true,
        );
        expect(applyConfiguration(live, second, deployment, writer('two'), false)).toBe(live);
      }),
    );
  });

  it('takes nothing from others without force, and everything that it states with it', () => {
    fc.assert(
      fc.property(config, config, (first: any, second: any) => {
        const live = applyConfiguration(undefined, first, deployment, writer('one'), false);
        const differs = !intersection(
          fieldsOf(first, deployment),
          union(compare(first, merge(first, second, deployment), deployment).modified, new FieldSet()),
        ).empty;
        const attempt = (): unknown => applyConfiguration(live, second, deployment, writer('two'), false);
        if (differs) expect(attempt).toThrow(/^Apply failed with \d+ conflict/);
        else expect(attempt).not.toThrow();
        const forced = applyConfiguration(live, second, deployment, writer('two'), true);
        expect(compare(second, merge(bare(forced), second, deployment), deployment).modified.empty).toBe(true);
        expect(compare(bare(forced), merge(bare(forced), second, deployment), deployment).modified.empty).toBe(true);
      }),
    );
  });

  it('keeps every item of a list exactly once', () => {
    const list = fc.uniqueArray(fc.record({ name, image: text }), { selector: (one) => one.name, maxLength: 4 });
    const type = { list: { ref: 'core.v1.Container' }, keys: ['name'] };
    fc.assert(
      fc.property(list, list, (live, stated) => {
        const names = (merge(live, stated, type) as { name: string }[]).map((one) => one.name);
        expect([...names].sort()).toEqual([...new Set([...live, ...stated].map((one) => one.name))].sort());
        const order: string[] = stated.map((one) => one.name);
        expect(names.filter((one) => order.includes(one))).toEqual(order);
      }),
    );
  });
});

describe('patches', () => {
  it.each([
    [[{ op: 'add', path: '/a/-', value: 3 }], { a: [1, 2, 3] }],
    [[{ op: 'add', path: '/a/0', value: 0 }], { a: [0, 1, 2] }],
    [[{ op: 'remove', path: '/a/0' }], { a: [2] }],
    [[{ op: 'replace', path: '/a/1', value: 9 }], { a: [1, 9] }],
    [[{ op: 'move', from: '/a', path: '/b' }], { b: [1, 2] }],
    [[{ op: 'copy', from: '/a/0', path: '/b' }], { a: [1, 2], b: 1 }],
    [[{ op: 'add', path: '/x~1y', value: 1 }], { a: [1, 2], 'x/y': 1 }],
  ])('JSON patch %j', (patch, expected) => {
    expect(applyJsonPatch({ a: [1, 2] }, patch)).toEqual(expected);
  });

  it('a failed test leaves everything as it was', () => {
    const document = { a: 1 };
    expect(() =>
      applyJsonPatch(document, [
        { op: 'replace', path: '/a', value: 2 },
        { op: 'test', path: '/a', value: 3 },
      ]),
    ).toThrow();
    expect(document).toEqual({ a: 1 });
  });

  it('a merge patch removes by null', () => {
    expect(applyMergePatch({ a: 1, b: { c: 1, d: 2 } }, { a: null, b: { c: null, e: 3 } })).toEqual({ b: { d: 2, e: 3 } });
  });
});

describe('quantities', () => {
  it.each([
    ['1000m', '1'],
    ['0.5', '500m'],
    ['0.5Gi', '512Mi'],
    ['1024Mi', '1Gi'],
    ['2000', '2k'],
    ['100m', '100m'],
    ['0', '0'],
    ['1.5Gi', '1536Mi'],
    ['128974848', '128974848'],
  ])('%s is written as %s', (given, canonical) => {
    expect(canonicalQuantity(given)).toBe(canonical);
  });

  it('keep their value', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000 }), fc.constantFrom('', 'm', 'k', 'M', 'Ki', 'Mi', 'Gi'), (number, suffix) => {
        expect(quantity(canonicalQuantity(`${number}${suffix}`))).toBeCloseTo(quantity(`${number}${suffix}`), 6);
      }),
    );
  });
});
