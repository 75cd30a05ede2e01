import { describe, expect, it } from 'vitest';
import { merged, ofPlacement, ofRelease, ofRequest, ofWorkload, withOrigins } from '../../../src/workloads/core/layers.ts';

const fault = (pointer: string) => ({ pointer, detail: 'must be a string' });
const own = '; the value is set on the workload (change it with PATCH /v1/workloads/{workload})';

describe('layers of values', () => {
  it('the last one that has a value says it, also of a name that objects have anyway', () => {
    const hostile = JSON.parse('{"__proto__":{"a":9},"constructor":1}') as Record<string, unknown>;
    const values = merged([ofWorkload({ a: 1, b: 1 }), ofRequest({ b: 2, c: 2 }), ofPlacement('eu-1/shop', { c: 3 }), ofRequest(hostile)]);
    expect(Object.entries(values)).toEqual([['a', 1], ['b', 2], ['c', 3], ...Object.entries(hostile)]);
  });

  it.each([
    ["the workload's own", [ofWorkload({ x: 1 })], '/values/x', own],
    ["the workload's own, with a name that is escaped", [ofWorkload({ 'a/b': 1 })], '/values/a~1b', own],
    ["a placement's", [ofWorkload({ x: 1 }), ofPlacement('eu-1/shop', { x: 2 })], '/values/x', '; the value is set on placement eu-1/shop'],
    ["a release's", [ofRelease(7, { x: 1 }), ofPlacement('eu-1/shop', {})], '/values/x', '; the value is from release 7'],
    ["the request's", [ofWorkload({ x: 1 }), ofRequest({ x: 2 })], '/values/x', ''],
    ["nobody's, as it is missing", [ofWorkload({ y: 1 })], '/values/x', ''],
    ['of no single value', [ofWorkload({ x: 1 })], '/values', ''],
  ])('a fault of a value says whose the value is: %s', (_, layers, pointer, said) => {
    expect(withOrigins([fault(pointer)], layers)).toEqual([{ pointer, detail: `must be a string${said}` }]);
  });
});
