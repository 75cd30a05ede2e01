/** The reasons of rollouts and waves: code, typed data and sentence. */
import type { RolloutKind } from '../../../generated/prisma/enums.ts';
import { kinds } from '../kinds.ts';

export const rolloutReasons = {
  /** `by`: the kind of the rollout that was accepted instead. */
  SUPERSEDED: ({ by }: { by: RolloutKind }) => `Superseded: ${kinds[by].asked}.`,
};
