import type { KubernetesError, KubernetesErrorKind } from '../../clusters/kubernetes/errors.ts';
import type { PlacementSnapshot } from '../../clusters/kubernetes/types.ts';
import { liveOf } from '../core/live.ts';
import type { Live, LivePod, LiveReplicaSet, TargetObservation, TargetState } from '../core/observation.ts';
import type { Memory } from './memory.ts';
import type { ActiveTarget, Counts } from './placement.repository.ts';

/** Kinds of error that new credentials or permissions put right, and nothing else. */
const ACCESS: ReadonlySet<KubernetesErrorKind> = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'UNKNOWN_CA']);

/**
 * Since when a cluster has been away, by the database's clock. The watch tells it by our own clock; it is converted once per absence, because it stands in rows
 * and must not waver with the conversion.
 */
export class Absence {
  private known: { own: number; since: Date } | null = null;
  private failedAt: Date | null = null;

  /** For a cluster that no watch could be opened to, from the first time that it was tried. */
  live(error: KubernetesError, now: Date): Live {
    this.failedAt ??= now;
    return { kind: 'UNREACHABLE', since: this.failedAt, ...told(error) };
  }

  /** A watch is open: what it says counts from now on. */
  opened(): void {
    this.failedAt = null;
  }

  since(own: Date, now: Date): Date {
    if (this.known?.own !== own.getTime()) {
      const milliseconds = Math.max(0, performance.timeOrigin + performance.now() - own.getTime());
      this.known = { own: own.getTime(), since: new Date(now.getTime() - milliseconds) };
    }
    return this.known.since;
  }
}

/** The placement's watch as the core sees it. */
export function observeLive(
  snapshot: PlacementSnapshot,
  placement: { workload: string; workloadId: string },
  absence: Absence,
  now: Date,
): Live {
  const { unreachable } = snapshot;
  absence.opened();
  const deployment = snapshot.deployments.find((object) => object.metadata.name === placement.workload) ?? null;
  return liveOf({
    synced: snapshot.synced,
    unreachable: unreachable && { since: absence.since(unreachable.since, now), ...told(unreachable.error) },
    deployment,
    replicaSets: snapshot.replicaSets,
    pods: snapshot.pods,
    clusterNow: snapshot.clusterNow,
    workloadId: placement.workloadId,
  });
}

const told = ({ message, advice, kind }: KubernetesError) => ({ message, advice, access: ACCESS.has(kind) });

export function observeTarget(active: ActiveTarget, live: Live, memory: Memory, now: Date): TargetObservation {
  const { rollout, wave, placement, target } = active;
  const { preflight, finished, applied, writeFailure, logs } = memory;
  return { now, rollout, wave, placement, target: target.state, live, preflight, finished, applied, writeFailure, logs };
}

/** Counts of pods by side, for those who read. While going back, the new side is what is being taken away. */
export function countsOf(live: Live, target: TargetState | null): Counts | null {
  if (live.kind === 'ABSENT') return { desired: 0, ready: 0, updated: 0, new: 0, old: 0 };
  if (live.kind !== 'PRESENT') return null;
  const { current, others } = live;
  const all = [...(current ? [current] : []), ...others];
  const standing = (sets: readonly LiveReplicaSet[]): LivePod[] => sets.flatMap((set) => set.pods.filter((pod) => !pod.terminating));
  const backwards =
    target !== null &&
    target.to !== null &&
    target.from !== null &&
    live.template === target.from.templateDigest &&
    live.template !== target.to.templateDigest;
  const updated = standing(current ? [current] : []).length;
  const rest = standing(others).length;
  return {
    desired: live.replicas,
    ready: standing(all).filter((pod) => pod.ready).length,
    updated,
    new: backwards ? rest : updated,
    old: backwards ? updated : rest,
  };
}

/** Notices new pods that become Ready, which is what a deadline counts from. Pods that were Ready at the first look are no progress. */
export class Progress {
  private seen: Set<string> | null = null;

  /** Whether a pod of the current template has become Ready since the last look. */
  look(live: Live): boolean {
    if (live.kind !== 'PRESENT') return false;
    const ready = (live.current?.pods ?? []).filter((pod) => pod.ready).map((pod) => pod.uid);
    const fresh = this.seen !== null && ready.some((uid) => !this.seen?.has(uid));
    this.seen = new Set([...(this.seen ?? []), ...ready]);
    return fresh;
  }
}
