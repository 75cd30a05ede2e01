import type { Strategy } from '../../../workloads/core/strategy.ts';
import type { Stage } from '../stages/stage.ts';

/** What a strategy makes of the way from one release to another. */
export interface Compiler {
  /** The stages that replace the pods; what follows them is the same for all strategies. */
  stages(strategy: Strategy): Stage[];
  /** How many steps the user sees. */
  steps(strategy: Strategy): number;
}
