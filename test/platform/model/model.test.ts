import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { lookAt, unstorable } from '../../../src/platform/model/text.ts';
import { pointer } from '../../../src/platform/model/faults.ts';
import { AnyOf, listOf, name, unwrapped, wholeNumber } from '../../../src/platform/model/fields.ts';
import { exactlyOne, Model } from '../../../src/platform/model/model.ts';
import { checked } from '../../../src/platform/api/shapes.ts';
import { Problem } from '../../../src/platform/problem.ts';
import { expectedVersions } from '../../../src/platform/api/etag.ts';

class Place extends Model({ cluster: z.string(), replicas: z.int().min(0).max(9).nullish() }) {}
class Rule extends Model({ labels: z.record(z.string(), z.string()), namespace: z.string() }) {}
class Step extends Model({ weight: z.int().optional(), pause: z.literal(true).optional() }, exactlyOne) {}
const places = AnyOf('TestPlaces', 'For the test.', { list: z.array(Place.schema).max(3), match: Rule.schema });
class Sample extends Model({
  name: name.optional(),
  places: places.optional(),
  steps: z.array(Step.schema).optional(),
  tags: listOf(z.enum(['A', 'B']), 'For the test.').optional(),
  limit: wholeNumber(1, 200).default(50),
}) {}

/** The faults of a value, as `pointer: detail`. */
function faults(value: unknown): string[] {
  try {
    checked(Sample, value);
    return [];
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return error.faults.map((fault) => `${fault.pointer ?? fault.parameter}: ${fault.detail}`);
  }
}

describe('a model', () => {
  it.each([
    ['nothing', {}, []],
    ['an unknown field', { nonsense: 1 }, ['/nonsense: is not a field']],
    ['an id as a name', { name: '01890a5d-ac96-774b-bcce-b302099a8057' }, ['/name: must not look like an id']],
    ['an empty name', { name: '' }, ['/name: must be a DNS label: at most 63 lower-case letters, digits and hyphens']],
    ['null for what is optional', { name: null }, ['/name: must be text']],
    ['a fault deep in a list', { steps: [{ weight: 1 }, { weight: 'x' }] }, ['/steps/1/weight: must be a number']],
    ['two where one is needed', { steps: [{ weight: 1, pause: true }] }, ['/steps/0: exactly one of weight, pause is required']],
    ['none where one is needed', { steps: [{}] }, ['/steps/0: exactly one of weight, pause is required']],
    [
      'a fault in the branch of a union that was meant',
      { places: [{ cluster: 'a', replicas: 10 }] },
      ['/places/0/replicas: must be at most 9'],
    ],
    ['a fault in the other branch', { places: { labels: { a: 1 }, namespace: 'n' } }, ['/places/labels/a: must be text']],
    ['too many', { places: Array(4).fill({ cluster: 'a' }) }, ['/places: must be at most 3 items']],
    ['a list where an object is needed', [], [': must be an object']],
    ['text where an object is needed', 'x', [': must be an object']],
  ])('with %s', (_, value, expected) => {
    expect(faults(value)).toEqual(expected);
  });

  it('takes each option of a union bare, as REST has it, and once unwrapped as GraphQL names it', () => {
    const list = [{ cluster: 'a' }];
    const rule = { labels: { a: 'b' }, namespace: 'n' };
    expect(checked(Sample, { places: list }).places).toEqual(list);
    expect(checked(Sample, { places: rule }).places).toEqual(rule);
    expect(faults({ places: { list } })).toContain('/places/list: is not a field');
    expect(unwrapped(Sample.schema, { name: 'a', places: { list } })).toEqual({ name: 'a', places: list });
    expect(unwrapped(Sample.schema, { places: { match: rule } })).toEqual({ places: rule });
    expect(unwrapped(Sample.schema, { places: null, name: null })).toEqual({ places: null, name: null });
  });

  it('takes lists and numbers as a query writes them, and as they are', () => {
    expect(checked(Sample, { tags: 'A,B', limit: '7' })).toEqual({ tags: ['A', 'B'], limit: 7 });
    expect(checked(Sample, { tags: ['A', 'B'], limit: 7 })).toEqual({ tags: ['A', 'B'], limit: 7 });
    expect(checked(Sample, {})).toEqual({ limit: 50 });
    for (const limit of ['', ' 7', '7.0', '0x7', '1e1', '9999999999']) expect(faults({ limit })).toHaveLength(1);
  });

  it('never throws anything but a problem, whatever it is given', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true }), (value) => {
        faults(value);
        faults({ places: value, steps: value, tags: value, limit: value, name: value });
      }),
    );
  });
});

describe('a pointer', () => {
  it('escapes as RFC 6901 has it, so that each part can be read back', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (path) => {
        const parts = pointer(path).split('/').slice(1);
        expect(parts.map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))).toEqual(path);
      }),
    );
  });
});

describe('text of a body', () => {
  const depth = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0;

  it('nests as deep as its value does', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => lookAt(JSON.stringify(value), 100).depth === depth(value)));
  });

  it.each([
    ['{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}', null],
    ['{"a":1, "b":"a", "a" :2}', '"a"'],
    ['{"x":{"a":"}","\\u0061":2}}', '"a"'],
    ['[{"":1,"":2}]', '""'],
    ['{"a\\"b":1,"a\\"b":2}', '"a\\"b"'],
    ['{"\\x":1,"\\x":2', '"\\x"'],
  ])('tells a key that one object has twice: %s', (text, key) => {
    expect(lookAt(text, 100).repeated).toBe(key);
  });

  it('has no key twice where it was written from a value', () => {
    fc.assert(fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => lookAt(JSON.stringify(value, null, 1), 100).repeated === null));
  });

  it('is measured whatever it is, and however deep', () => {
    fc.assert(fc.property(fc.string(), (text) => lookAt(text, 100).depth >= 0));
    expect(lookAt('{'.repeat(500_000), 100).depth).toBe(101);
  });

  it.each([
    [{ a: ['fine', 'é', '🚀'] }, null],
    [{ a: ['fine', 'x\0'] }, '/a/1'],
    [{ a: { 'b\0': 1 } }, '/a'],
    [{ 'a/b': '\ud800' }, '/a~1b'],
    ['\udc00', ''],
    [null, null],
  ])('that cannot be stored is found: %j', (value, place) => {
    expect(unstorable(value)).toBe(place);
  });
});

describe('If-Match', () => {
  it.each([
    [undefined, null],
    ['*', null],
    ['"3"', [3]],
    ['"3", "4"', [3, 4]],
    ['W/"3"', []],
    ['"x"', []],
    ['"3.0"', []],
  ])('%s expects %j', (header, versions) => {
    expect(expectedVersions(header)).toEqual(versions);
  });

  it.each(['3', '"3', '', 'W/3'])('%j is no header', (header) => {
    expect(() => expectedVersions(header)).toThrow(Problem);
  });
});
