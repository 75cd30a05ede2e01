/** What each kind of rollout means, as one table: a kind without a row does not compile. */
import type { OnFailure, RolloutKind } from '../../generated/prisma/enums.ts';

/** What the sentence at acceptance is made of. */
export type Accepted = {
  workload: string;
  /** The release's number, null where the kind has none. */
  release: number | null;
  targets: number;
};

export interface Kind {
  /** What it writes on a placement: a release's objects, the Deployment's number of pods only, or nothing, because it removes what is there. */
  writes: 'TEMPLATE' | 'NUMBER' | 'NOTHING';
  /** Fields that other field managers own are taken over, also where the request does not ask for it (`takesOver`). */
  takesOver: boolean;
  /** ALONE: a workload has one of these active at a time. BESIDE: it runs beside that one. */
  place: 'ALONE' | 'BESIDE';
  /** The default of `onFailure`. */
  onFailure: OnFailure;
  /** OWN: the release's or the request's strategy. ROLLING: the same limits without steps. */
  strategy: 'OWN' | 'ROLLING';
  /** What its success makes of the workload: its release and values become the workload's, the workload goes back to those of the release, or it is deleted. */
  success: 'DEPLOYED' | 'GONE_BACK' | 'DELETED' | null;
  /** What a retry of a settled one does: its release as it was rendered, a restart of what runs now, its numbers of pods, or the removal. */
  retry: 'RELEASE' | 'RESTART' | 'NUMBER' | 'REMOVAL';
  /** Why a rollout that it supersedes ends, as the end of a sentence. */
  asked: string;
  /** The sentence at acceptance. */
  accepted: (accepted: Accepted) => string;
}

export const kinds = {
  DEPLOY: {
    writes: 'TEMPLATE',
    takesOver: false,
    place: 'ALONE',
    onFailure: 'ROLLBACK_ALL',
    strategy: 'OWN',
    success: 'DEPLOYED',
    retry: 'RELEASE',
    asked: 'another rollout was asked for',
    accepted: ({ workload, release, targets }) => `Release ${release} of ${workload} is to be rolled out to ${countTargets(targets)}.`,
  },
  ROLLBACK: {
    writes: 'TEMPLATE',
    takesOver: true,
    place: 'ALONE',
    onFailure: 'PAUSE',
    strategy: 'ROLLING',
    success: 'GONE_BACK',
    retry: 'RELEASE',
    asked: 'a rollback was asked for',
    accepted: ({ workload, release, targets }) => `${workload} is to go back to release ${release} on ${countTargets(targets)}.`,
  },
  RESTART: {
    writes: 'TEMPLATE',
    takesOver: false,
    place: 'ALONE',
    onFailure: 'ROLLBACK_ALL',
    strategy: 'ROLLING',
    success: null,
    retry: 'RESTART',
    asked: 'a restart was asked for',
    accepted: ({ workload, targets }) => `The pods of ${workload} are to be restarted on ${countTargets(targets)}.`,
  },
  SCALE: {
    writes: 'NUMBER',
    takesOver: false,
    place: 'BESIDE',
    onFailure: 'PAUSE',
    strategy: 'ROLLING',
    success: null,
    retry: 'NUMBER',
    asked: 'another number of pods was asked for',
    accepted: ({ workload, targets }) => `${workload} is to be scaled on ${countTargets(targets)}.`,
  },
  DELETE: {
    writes: 'NOTHING',
    takesOver: false,
    place: 'ALONE',
    onFailure: 'PAUSE',
    strategy: 'ROLLING',
    success: 'DELETED',
    retry: 'REMOVAL',
    asked: 'the workload is to be removed',
    accepted: ({ workload, targets }) => `${workload} is to be removed from ${countTargets(targets)}.`,
  },
} as const satisfies Record<RolloutKind, Kind>;

/** The kinds of which that is true. */
export function kindsThat(is: (kind: Kind) => boolean): RolloutKind[] {
  return (Object.keys(kinds) as RolloutKind[]).filter((kind) => is(kinds[kind]));
}

/** Whether what other field managers have changed is made ours; else it fails the target before its first write. */
export function takesOver({ kind, takeOver }: { kind: RolloutKind; takeOver: boolean }): boolean {
  return takeOver || kinds[kind].takesOver;
}

/** A number of targets in words. */
export function countTargets(targets: number): string {
  return targets === 1 ? '1 target' : `${targets} targets`;
}
