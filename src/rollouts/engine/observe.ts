import type { KubernetesError, KubernetesErrorKind } from '../../clusters/kubernetes/errors.ts';
import type { PlacementSnapshot } from '../../clusters/kubernetes/types.ts';
import { isThere } from '../core/draft.ts';
import { liveOf } from '../core/live/live.ts';
import type { Live, LivePod, LiveReplicaSet, TargetObservation, TargetState } from '../core/observation.ts';
import type { Memory } from './memory.ts';
import type { SideCounts } from '../core/counts.ts';
import type { ActiveTarget } from '../store/placement.repository.ts';

/** Kinds of error that only new credentials or permissions fix. */
const ACCESS: ReadonlySet<KubernetesErrorKind> = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'UNKNOWN_CA']);

/**
 * Since when a cluster has been unreachable, by the database's clock. The watch reports the time by our clock. It is converted once per outage, because it is
 * stored in rows and must not vary with the conversion.
 */
export class Absence {
  private known: { own: number; since: Date } | null = null;
  private failedAt: Date | null = null;

  /** For a cluster to which no watch could be opened: since the first attempt. */
  live(error: KubernetesError, now: Date): Live {
    this.failedAt ??= now;
    return { kind: 'UNREACHABLE', since: this.failedAt, ...errorData(error) };
  }

  /** A watch is open; from now on its state counts. */
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

/** The watch's snapshot as input of the core. */
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
    unreachable: unreachable && { since: absence.since(unreachable.since, now), ...errorData(unreachable.error) },
    deployment,
    replicaSets: snapshot.replicaSets,
    pods: snapshot.pods,
    clusterNow: snapshot.clusterNow,
    workloadId: placement.workloadId,
  });
}

const errorData = ({ message, advice, kind }: KubernetesError) => ({ message, advice, access: ACCESS.has(kind) });

/** @param others the targets that are under way at the placement besides */
export function observeTarget(
  active: ActiveTarget,
  others: readonly ActiveTarget[],
  live: Live,
  memory: Memory,
  now: Date,
): TargetObservation {
  const { rollout, wave, placement, target } = active;
  const { checked, edits, answers, performed, writeFailure, hindrance, logs, warnings } = memory;
  const own = { checked, edits, answers, performed, writeFailure, hindrance, logs, warnings };
  const beside = others.map((one) => ({ rollout: one.rollout, placement: one.placement, target: one.target.state }));
  return { now, rollout, wave, placement, target: target.state, beside, live, ...own };
}

/** Counts of pods by side, for readers of the API. While going back, the new side is the one being removed. */
export function sideCounts(live: Live, target: TargetState | null): SideCounts | null {
  if (live.kind === 'ABSENT') return { desired: 0, ready: 0, updated: 0, new: 0, old: 0 };
  if (live.kind !== 'PRESENT') return null;
  const { current, others } = live;
  const all = [...(current ? [current] : []), ...others];
  const standing = (sets: readonly LiveReplicaSet[]): LivePod[] => sets.flatMap((set) => set.pods.filter((pod) => !pod.terminating));
  const backwards =
    target !== null && target.to !== null && target.from !== null && isThere(live, target.from) && live.template !== target.to.template;
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

/** Detects new pods that become Ready, from which deadlines count. Pods that were Ready at the first observation are not progress. */
export class ReadinessProgress {
  private seen: Set<string> | null = null;

  /** Whether a pod of the current template has become Ready since the last observation. */
  look(live: Live): boolean {
    if (live.kind !== 'PRESENT') return false;
    const ready = (live.current?.pods ?? []).filter((pod) => pod.ready).map((pod) => pod.uid);
    const fresh = this.seen !== null && ready.some((uid) => !this.seen?.has(uid));
    this.seen = new Set([...(this.seen ?? []), ...ready]);
    return fresh;
  }
}
