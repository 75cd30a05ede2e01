import type { Fault } from '../../platform/fault.ts';
import { at, listOf, objectOf } from './json.ts';
import type { KnownNames } from './names.ts';
import { quantityOf } from './quantity.ts';

function quantityFaults(quantities: unknown, pointer: string): Fault[] {
  return Object.entries(objectOf(quantities)).flatMap(([name, value]) => {
    const amount = quantityOf(value);
    return amount !== null && amount < 0 ? [{ pointer: at(pointer, name), detail: 'must be at least 0' }] : [];
  });
}

function excessFaults(requests: unknown, limits: unknown, pointer: string): Fault[] {
  return Object.entries(objectOf(requests)).flatMap(([name, request]) => {
    const limit = objectOf(limits)[name];
    const [asked, most] = [quantityOf(request), quantityOf(limit)];
    return asked !== null && most !== null && asked > most
      ? [{ pointer: at(pointer, name), detail: `must be at most the limit, ${String(limit)}` }]
      : [];
  });
}

/** Faults of the `resources` of a container or pod: negative amounts, requests above the limit, and unknown claims. */
export function resourceFaults(resources: unknown, pointer: string, claims: KnownNames): Fault[] {
  const { requests, limits, claims: claimed } = objectOf(resources);
  return [
    ...quantityFaults(requests, at(pointer, 'requests')),
    ...quantityFaults(limits, at(pointer, 'limits')),
    ...excessFaults(requests, limits, at(pointer, 'requests')),
    ...listOf(claimed).flatMap((claim, index) => {
      const { name } = objectOf(claim);
      return typeof name === 'string' && claims && !claims.has(name)
        ? [{ pointer: at(pointer, 'claims', index, 'name'), detail: `is not a resource claim of the pod: there is no "${name}"` }]
        : [];
    }),
  ];
}
