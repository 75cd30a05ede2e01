/** What is wrong with the pods that are being brought: which of it is named, and what of it fails the target. */
import { graceSeconds } from '../../../workloads/core/strategy.ts';
import { causeOf, judgementOf } from '../causes.ts';
import { foundAt, shownSeverity } from '../failure.ts';
import type { Blame, PodFault } from '../failure.ts';
import { graceEnd, lasting } from '../hindrance.ts';
import type { LiveDeployment, LiveReplicaSet, TargetObservation } from '../observation.ts';
import { standing } from './health.ts';
import { explained } from './warnings.ts';
import { creationKind } from './words.ts';

type Sets = readonly (LiveReplicaSet | null)[];

/** Kubernetes' times and its Date header have whole seconds. */
const CLOCK_STEP_MILLISECONDS = 1_000;

/**
 * What to name of what is wrong: what fails the target at once, then what fails it soon, then what may still come right; what every pod says while it starts comes
 * last. Among equals the one that is in the row already, so that it gets older, then refused creation, ended pods, and pods by name.
 */
export function worstFault(o: TargetObservation, live: LiveDeployment, sets: Sets = [live.current]): Blame | null {
  const found = faultsIn(o, live, sets);
  const rank = (blame: Blame): number => 2 * rankOf(o, blame) + (isKnown(o, blame) ? 0 : 1);
  return found.reduce<Blame | null>((worst, blame) => (worst === null || rank(blame) < rank(worst) ? blame : worst), null);
}

/** What fails the target now, without a look at its deadline. After a retry only faults since then count: the cause of an older one may be mended, and the cluster has not retried yet. */
export function failingFault(o: TargetObservation, live: LiveDeployment, sets: Sets = [live.current]): Blame | null {
  const blame = worstFault(o, live, sets);
  if (blame === null) return null;
  if (blame.fault.severity === 'FATAL') return isNews(o, blame.fault) ? blame : null;
  const ends = graceEnd(lasting(o.target.hindrance, foundAt(blame), o.now), graceSeconds(o.rollout.strategy));
  return ends !== null && o.now >= ends ? blame : null;
}

/** Milliseconds until a fault that every pod has while it starts has lasted for too long to be that; null where it is not one of those, or has. */
export function quietFor(o: TargetObservation, { reason, ageMilliseconds }: PodFault): number | null {
  const left = 1000 * graceSeconds(o.rollout.strategy) - ageMilliseconds;
  return causeOf(reason).quiet === true && left > 0 ? left : null;
}

function rankOf(o: TargetObservation, { fault }: Blame): number {
  if (fault.severity === 'FATAL' && isNews(o, fault)) return 0;
  if (fault.severity === 'TRANSIENT') return 1;
  if (fault.reason === 'Unschedulable') return 2;
  return causeOf(fault.reason).quiet === true ? 4 : 3;
}

function isKnown({ target }: TargetObservation, blame: Blame): boolean {
  const { hindrance } = target;
  return hindrance !== null && hindrance.pod === blame.pod && hindrance.container === blame.fault.container;
}

function isNews({ now, target }: TargetObservation, { ageMilliseconds }: PodFault): boolean {
  return target.retriedAt === null || ageMilliseconds + CLOCK_STEP_MILLISECONDS < now.getTime() - target.retriedAt.getTime();
}

function faultsIn(o: TargetObservation, live: LiveDeployment, sets: Sets): Blame[] {
  const refused = live.replicaFailure === null ? [] : [{ pod: null, fault: refusedCreation(live.replicaFailure) }];
  const ended = sets.flatMap((one) => one?.ended ?? []);
  const ofPods = sets.flatMap((one) =>
    standing(one).flatMap((pod) =>
      pod.fault === null || (pod.ready && !hasToAge(o)) ? [] : [{ pod: pod.name, fault: explained(o, pod.uid, pod.fault) }],
    ),
  );
  return [...refused, ...ended, ...ofPods];
}

/** A pod has to be Ready for some time before it counts. */
function hasToAge({ target: { undoing, from, to } }: TargetObservation): boolean {
  return ((undoing ? from : to)?.strategy.minReadySeconds ?? 0) > 0;
}

function refusedCreation(failure: NonNullable<LiveDeployment['replicaFailure']>): PodFault {
  const kind = creationKind(failure.message);
  const details = kind === undefined ? {} : { kind };
  const { severity } = judgementOf({ code: failure.reason, data: details });
  return { ...failure, container: null, exitCode: null, restarts: 0, log: null, details, severity: shownSeverity(severity) };
}
