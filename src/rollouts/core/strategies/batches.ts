import type { Strategy } from '../../../workloads/core/strategy.ts';
import type { Stage, Compiler } from '../stages/stage.ts';

/**
 * BATCHES: so many pods at a time, each batch healthy before the next; the last size repeats until all pods are new. (1, 2, 2) of 10 pods: 1, 3, 5, 7, 9, 10.
 * The next batch goes on from the surge of the one before, so that a batch costs one write.
 */
export const batches: Compiler = {
  stages: ({ batches: sizes = [] }: Strategy) =>
    sizes.map((size, step): Stage => {
      const count = sizes.slice(0, step + 1).reduce((sum, one) => sum + one, 0);
      return { kind: 'PODS', step, share: step === sizes.length - 1 ? { each: size } : { count }, rest: false };
    }),
  steps: ({ batches: sizes = [] }) => sizes.length,
};
