/** What an accepted request asks of the engine, put together from what the request says and what is default. */
import type { OnFailure, OnUnreachable, RolloutKind } from '../../generated/prisma/enums.ts';
import type { Values } from '../../workloads/core/layers.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import { templateDigestOf, withRestart } from '../../workloads/core/restart.ts';
import type { Strategy } from '../../workloads/core/strategy.ts';
import type { StoredRendering } from '../../workloads/release.repository.ts';
import type { PlacementRow, WorkloadRow } from '../../workloads/workload.repository.ts';
import { kinds } from '../core/kinds.ts';
import { readSide, UNIDENTIFIED } from '../core/observation.ts';
import type { Side } from '../core/observation.ts';
import { tables } from '../store/columns.ts';

/** What one placement is to run; `to` null = nothing (it is taken away), both null for SCALE, which writes no template. */
export interface Aim {
  placement: PlacementRow;
  to: Side | null;
}

/** Everything that an accepted request asks of the engine. */
export interface Order {
  kind: RolloutKind;
  workload: WorkloadRow;
  release: { id: string; number: number } | null;
  aims: readonly Aim[];
  strategy: Strategy;
  values: Record<string, unknown>;
  reason: string | null;
  retryOfId: string | null;
  takeOver: boolean;
  onFailure: OnFailure;
  onUnreachable: OnUnreachable;
  wave: { name: string; maxConcurrent: number | null; maxFailed: number };
}

/** What a request says of how; the rest is default. */
export interface Options {
  reason?: string | undefined;
  values?: Record<string, unknown> | undefined;
  retryOfId?: string;
  takeOver?: boolean | undefined;
  strategy?: Strategy;
  onFailure?: Order['onFailure'] | undefined;
  onUnreachable?: Order['onUnreachable'] | undefined;
  waves?: readonly { name?: string | undefined; maxConcurrent?: number | null | undefined; maxFailed?: number | undefined }[] | undefined;
}

type Renderings = ReadonlyMap<string, Omit<StoredRendering, 'objects'>>;

/** `base`: whose limits the strategy has where the request names none. */
export function orderOf(
  kind: Order['kind'],
  workload: WorkloadRow,
  release: Order['release'],
  aims: readonly Aim[],
  options: Options,
  base = strategyOf(aims),
): Order {
  const wave = options.waves?.[0];
  return {
    kind,
    workload,
    release,
    aims,
    strategy: kinds[kind].strategy === 'OWN' ? (options.strategy ?? base) : withoutSteps(base),
    values: options.values ?? {},
    reason: options.reason ?? null,
    retryOfId: options.retryOfId ?? null,
    takeOver: options.takeOver ?? false,
    onFailure: options.onFailure ?? kinds[kind].onFailure,
    onUnreachable: options.onUnreachable ?? 'WAIT',
    wave: { name: wave?.name ?? 'all', maxConcurrent: wave?.maxConcurrent ?? null, maxFailed: wave?.maxFailed ?? 0 },
  };
}

export const siteOf = (placement: PlacementRow) => ({
  id: placement.id,
  cluster: placement.cluster.name,
  namespace: placement.namespace,
  values: placement.values as Values,
});

export const appliedOf = (placement: PlacementRow): Side | null => readSide(tables.read('placements', 'applied', placement.applied));

/** Every placement to the release as it is rendered there. */
export function aimsOf(placements: readonly PlacementRow[], release: { id: string; number: number }, renderings: Renderings): Aim[] {
  return placements.map((placement) => {
    const { digest, templateDigest, strategy } = renderings.get(placement.id)!;
    const to = {
      releaseId: release.id,
      release: release.number,
      digest,
      templateDigest,
      restartedAt: null,
      ...UNIDENTIFIED,
      strategy,
    };
    return { placement, to };
  });
}

export const NATIVE: Strategy = {
  type: 'ROLLING',
  maxSurge: '25%',
  maxUnavailable: 0,
  steps: [],
  minReadySeconds: 0,
  progressDeadlineSeconds: 600,
};

/** Digest of the pod template with the restart written into it. */
export const restartedDigest = (objects: string, restartedAt: string): string =>
  templateDigestOf(withRestart(JSON.parse(objects) as KubernetesObject[], restartedAt))!;

/** The strategy that the rollout shows: that of its first target, they differ only where values do. */
export const strategyOf = (aims: readonly Aim[]): Strategy => aims.find((aim) => aim.to !== null)?.to?.strategy ?? NATIVE;

const withoutSteps = ({ batches: _none, ...strategy }: Strategy): Strategy => ({ ...strategy, type: 'ROLLING', steps: [] });
