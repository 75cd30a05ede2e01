import type { Fault } from '../../platform/fault.ts';

/** Faults of a document's service that we could not write: one with a selector, because it selects the pods of its workload. All else an API server judges. */
export const serviceFaults = (service: Record<string, unknown>): Fault[] =>
  service.selector === undefined
    ? []
    : [{ pointer: '/service/selector', detail: 'cannot be given: the service selects the pods of its workload' }];
