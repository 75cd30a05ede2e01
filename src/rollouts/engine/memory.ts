import type { Preflight, TargetObservation } from '../core/observation.ts';

/**
 * What the holder of a placement remembers of one target. None of it is needed to be right after a crash: a new holder takes the preflight, reads the logs and
 * finishes once more.
 */
export class Memory {
  preflight: Preflight | null = null;
  finished: TargetObservation['finished'] = null;
  applied: TargetObservation['applied'] = null;
  writeFailure: TargetObservation['writeFailure'] = null;
  readonly logs = new Map<string, string>();
  /** Objects around the Deployment that are known to be there, by kind and name. */
  readonly present = new Set<string>();
  /** Those among them that this holder made. */
  readonly created = new Set<string>();
}
