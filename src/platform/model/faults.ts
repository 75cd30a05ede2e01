import type { z } from 'zod';
import type { Fault } from '../fault.ts';

const escape = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

/** JSON Pointer (RFC 6901) of a path. */
export const pointer = (path: readonly PropertyKey[]): string => path.map((part) => `/${escape(String(part))}`).join('');

/** Depth at which a branch of a union failed; -1 for a wrong type at its root, so that it is not chosen. */
function depth(branch: readonly z.core.$ZodIssue[]): number {
  return Math.max(0, ...branch.map((issue) => (issue.code === 'invalid_type' && issue.path.length === 0 ? -1 : issue.path.length)));
}

/** zod's issues as a flat list, each at its innermost place. For a union, the branch that failed deepest is reported. */
export function faultsOf(issues: readonly z.core.$ZodIssue[], at = ''): Fault[] {
  return issues.flatMap((issue) => {
    const here = at + pointer(issue.path);
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ pointer: `${here}/${escape(key)}`, detail: 'is not a field' }));
    if (issue.code === 'invalid_union') {
      const [best] = [...issue.errors].sort((a, b) => depth(b) - depth(a) || a.length - b.length);
      if (best) return faultsOf(best, here);
    }
    if (issue.code === 'invalid_key') return [{ pointer: here, detail: issue.issues[0]?.message ?? issue.message }];
    return [{ pointer: here, detail: issue.message }];
  });
}

const unescape = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');

/** A copy of the value without the nulls that the issues point to. */
export function withoutNulls(value: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy = structuredClone(value);
  for (const { pointer: place = '' } of faultsOf(issues)) {
    const path = place.split('/').slice(1).map(unescape);
    const key = path.pop() ?? '';
    const parent = path.reduce<unknown>((at, part) => (at as Record<string, unknown> | null | undefined)?.[part], copy) as Record<
      string,
      unknown
    >;
    if (typeof parent === 'object' && !Array.isArray(parent) && parent[key] === null) Reflect.deleteProperty(parent, key);
  }
  return copy;
}

/** Faults of a query or of arguments, which have names instead of pointers. */
export function parameterFaults(issues: readonly z.core.$ZodIssue[]): Fault[] {
  return faultsOf(issues).map((fault) => ({
    parameter: (fault.pointer ?? '').split('/')[1] ?? '',
    detail: fault.detail === 'is not a field' ? 'is not a parameter' : fault.detail,
  }));
}
