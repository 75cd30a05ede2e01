import type { SideName, TargetAction } from '../core/action.ts';
import type { PodWarnings, Preflight, TargetObservation } from '../core/observation.ts';

/**
 * The holder's memory of one target, lost in a crash. A new holder repeats the preflight, the reading of logs and the last action; all are idempotent.
 */
export class Memory {
  checked: Preflight | null = null;
  /** Digests of the pod templates that the cluster has answered our dry runs and writes with, by side. */
  readonly answers = new Map<SideName, string>();
  performed: TargetAction | null = null;
  writeFailure: TargetObservation['writeFailure'] = null;
  hindrance: TargetObservation['hindrance'] = null;
  readonly logs = new Map<string, string>();
  readonly warnings = new Map<string, PodWarnings>();
  edits: TargetObservation['edits'] = null;
  /** By the container, or by what else was asked for. */
  readonly tries = new Map<string, number>();
}
