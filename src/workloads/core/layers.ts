import type { Fault } from '../../common/fault.ts';
import { at } from '../../templates/core/json.ts';

/** Values of parameters by name. */
export type Values = Readonly<Record<string, unknown>>;

/** Values that lie over others, and whose they are. */
export interface Layer {
  values: Values;
  /** Reads on from "the value is"; null where they are those of the request itself. */
  origin: string | null;
}

export const ofRequest = (values: Values): Layer => ({ values, origin: null });
export const ofWorkload = (values: Values): Layer => ({ values, origin: "the workload's own: change it by PATCH" });
export const ofRelease = (number: number, values: Values): Layer => ({ values, origin: `that of release ${number}` });
/** @param place cluster and namespace, such as `eu-1/shop` */
export const ofPlacement = (place: string, values: Values): Layer => ({ values, origin: `that of placement ${place}` });

/** Each value as the last layer that has it says. */
export const merged = (layers: readonly Layer[]): Record<string, unknown> =>
  Object.fromEntries(layers.flatMap(({ values }) => Object.entries(values)));

/** Says of each fault of a value where that value comes from, where it does not stand in the request: whoever sent that could not find it otherwise. */
export function withOrigins(faults: readonly Fault[], layers: readonly Layer[]): Fault[] {
  const origins = new Map(layers.flatMap(({ values, origin }) => Object.keys(values).map((name) => [at('/values', name), origin])));
  return faults.map((fault) => {
    const origin = origins.get(fault.pointer ?? '') ?? null;
    return origin === null ? fault : { ...fault, detail: `${fault.detail}; the value is ${origin}` };
  });
}
