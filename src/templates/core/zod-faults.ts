import type { z } from 'zod';
import type { Fault } from '../../platform/fault.ts';
import { at, stringFault } from './json.ts';
import { Hole } from './placeholders.ts';

const AN: Record<string, string> = {
  int: 'an integer',
  object: 'an object',
  array: 'a list',
  record: 'an object',
  number: 'a number',
  boolean: 'true or false',
};

const valueAt = (document: unknown, path: PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined),
    document,
  );

const bound = (
  issue: z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig,
  word: string,
  limit: number | bigint,
  inclusive: boolean | undefined,
): string => {
  if (issue.origin === 'string') return limit === 1 && word === 'least' ? 'must not be empty' : `must have at ${word} ${limit} characters`;
  if (issue.origin === 'array') return `must have at ${word} ${limit} ${limit === 1 ? 'entry' : 'entries'}`;
  if (inclusive === false) return `must be ${word === 'least' ? 'more' : 'less'} than ${limit}`;
  return `must be at ${word} ${limit}`;
};

/** The fault as a phrase that follows its place. `value` is the value there. */
export const detailOf = (issue: z.core.$ZodIssue, value: unknown): string => {
  if (value === undefined && issue.code !== 'custom') return 'is required';
  if (value instanceof Hole && issue.code !== 'custom') return 'cannot be a placeholder: it must be fixed in the template';
  switch (issue.code) {
    case 'invalid_key':
      return issue.issues[0] ? detailOf(issue.issues[0], issue.path.at(-1)) : 'is not an allowed name here';
    case 'invalid_type':
      if (issue.message.startsWith('must ')) return issue.message;
      if (issue.expected === 'string') return stringFault(value);
      return `must be ${AN[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return issue.values.length === 1
        ? `must be ${JSON.stringify(issue.values[0])}`
        : `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return bound(issue, 'least', issue.minimum, issue.inclusive);
    case 'too_big':
      return bound(issue, 'most', issue.maximum, issue.inclusive);
    default:
      return issue.message;
  }
};

/** Zod's issues as faults: a JSON Pointer below `pointer`, and a phrase that follows the place. Each unknown field is a fault at its own pointer. */
export function faultsOf(error: z.ZodError, document: unknown, pointer = ''): Fault[] {
  return error.issues.flatMap((issue) => {
    const path = issue.path.map((segment) => (typeof segment === 'symbol' ? String(segment) : segment));
    const here = at(pointer, ...path);
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ pointer: at(here, key), detail: 'is not a field' }));
    return [{ pointer: here, detail: detailOf(issue, valueAt(document, issue.path)) }];
  });
}
