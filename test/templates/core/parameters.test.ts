import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { resolveValues, type Parameters } from '../../../src/templates/core/parameters.ts';

const parameters: Parameters = {
  image: { type: 'string', required: true },
  replicas: { type: 'integer', default: 3, minimum: 1, maximum: 200 },
  ratio: { type: 'number', minimum: 0, maximum: 1 },
  debug: { type: 'boolean', default: false },
  logLevel: { type: 'string', enum: ['debug', 'info', 'warn'], default: 'info' },
  password: { type: 'secretRef' },
};
const faultsOf = (...layers: (Record<string, unknown> | null)[]) => {
  const result = resolveValues(parameters, ...layers);
  return 'faults' in result ? result.faults : [];
};

describe('values are layered', () => {
  it("the template's default, then the workload's, then the placement's", () => {
    expect(resolveValues(parameters, { image: 'a:1', logLevel: 'warn' }, { logLevel: 'debug', replicas: 7 })).toEqual({
      values: { image: 'a:1', replicas: 7, debug: false, logLevel: 'debug' },
    });
  });

  it('a parameter that is neither required nor set stays absent', () => {
    const result = resolveValues(parameters, { image: 'a:1' }, null, undefined);
    expect(result).toEqual({ values: { image: 'a:1', replicas: 3, debug: false, logLevel: 'info' } });
  });

  it('no parameters, no values', () => {
    expect(resolveValues(undefined)).toEqual({ values: {} });
  });

  it('resolving what is resolved changes nothing', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 20 }).filter((text) => !text.includes('\0')),
        fc.integer({ min: 1, max: 200 }),
        (image, replicas) => {
          const once = resolveValues(parameters, { image }, { replicas });
          if ('faults' in once) throw new Error('valid values were refused');
          expect(resolveValues(parameters, once.values)).toEqual(once);
        },
      ),
    );
  });
});

describe('a value that its parameter does not take is a fault at its pointer', () => {
  it.each([
    ['a string for an integer', { replicas: '3' }, '/values/replicas', 'must be an integer'],
    ['a fraction for an integer', { replicas: 3.5 }, '/values/replicas', 'must be an integer'],
    ['null for an integer', { replicas: null }, '/values/replicas', 'must be an integer'],
    ['less than the minimum', { replicas: 0 }, '/values/replicas', 'must be at least 1'],
    ['more than the maximum', { replicas: 201 }, '/values/replicas', 'must be at most 200'],
    ['a number for a string', { logLevel: 1 }, '/values/logLevel', 'must be a string'],
    ['a string outside the enum', { logLevel: 'loud' }, '/values/logLevel', 'must be one of debug, info, warn'],
    ['a string for a number', { ratio: '0.5' }, '/values/ratio', 'must be a number'],
    ['infinity', { ratio: Number.POSITIVE_INFINITY }, '/values/ratio', 'must be a number'],
    ['a string for a boolean', { debug: 'true' }, '/values/debug', 'must be true or false'],
    ['an object for a string', { image: { a: 1 } }, '/values/image', 'must be a string'],
    ['a NUL character', { image: 'a\0' }, '/values/image', 'contains a NUL character'],
    ['a text without end', { image: 'x'.repeat(65_537) }, '/values/image', 'must have at most 65536 characters'],
    [
      'a secret itself',
      { password: 'Hunter2!' },
      '/values/password',
      'must be the name of a Secret: lower-case letters, digits, "-" and "."',
    ],
    ['an unknown name', { imgae: 'a' }, '/values/imgae', 'is not a parameter of this revision'],
    ['the name of an inherited field', { constructor: 'a' }, '/values/constructor', 'is not a parameter of this revision'],
    ['a name that needs escaping', { 'a/b~c': 1 }, '/values/a~1b~0c', 'is not a parameter of this revision'],
  ])('%s', (_, values, pointer, detail) => {
    expect(faultsOf({ image: 'a:1' }, values)).toEqual([{ pointer, detail }]);
  });

  it('a required one that is missing, beside all others that are wrong', () => {
    expect(faultsOf({ replicas: 0 }, { debug: 1 })).toEqual([
      { pointer: '/values/replicas', detail: 'must be at least 1' },
      { pointer: '/values/debug', detail: 'must be true or false' },
      { pointer: '/values/image', detail: 'is required' },
    ]);
  });

  it('also where a later layer overrides it', () => {
    expect(faultsOf({ image: 'a:1', replicas: 'many' }, { replicas: 2 })).toEqual([
      { pointer: '/values/replicas', detail: 'must be an integer' },
    ]);
  });

  it('a key called __proto__ pollutes nothing', () => {
    expect(faultsOf({ image: 'a:1' }, JSON.parse('{"__proto__":{"replicas":5}}') as Record<string, unknown>)).toEqual([
      { pointer: '/values/__proto__', detail: 'is not a parameter of this revision' },
    ]);
  });
});
