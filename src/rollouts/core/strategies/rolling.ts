import type { Compiler } from '../stages/stage.ts';

/** ROLLING: a native rolling update by the cluster's own controller, with maxSurge and maxUnavailable. It goes on without us. */
export const rolling: Compiler = { stages: () => [], steps: () => 0 };
