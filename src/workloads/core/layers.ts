import type { Fault } from '../../platform/fault.ts';
import { at } from '../../templates/core/json.ts';

/** Values of parameters by name. */
export type Values = Readonly<Record<string, unknown>>;

/** Values that override those of earlier layers, and their origin. */
export interface Layer {
  values: Values;
  /** Completes "the value is ..."; null for values of the request itself. */
  origin: string | null;
}

export const ofRequest = (values: Values): Layer => ({ values, origin: null });
export const ofWorkload = (values: Values): Layer => ({
  values,
  origin: 'set on the workload (change it with PATCH /v1/workloads/{workload})',
});
export const ofRelease = (number: number, values: Values): Layer => ({ values, origin: `from release ${number}` });
/** @param place cluster and namespace, such as `eu-1/shop` */
export const ofPlacement = (place: string, values: Values): Layer => ({ values, origin: `set on placement ${place}` });

/** Each value from the last layer that has it. */
export const merged = (layers: readonly Layer[]): Record<string, unknown> =>
  Object.fromEntries(layers.flatMap(({ values }) => Object.entries(values)));

/** Adds the origin to each fault of a value that is not in the request, so that the caller can find it. */
export function withOrigins(faults: readonly Fault[], layers: readonly Layer[]): Fault[] {
  const origins = new Map(layers.flatMap(({ values, origin }) => Object.keys(values).map((name) => [at('/values', name), origin])));
  return faults.map((fault) => {
    const origin = origins.get(fault.pointer ?? '') ?? null;
    return origin === null ? fault : { ...fault, detail: `${fault.detail}; the value is ${origin}` };
  });
}
