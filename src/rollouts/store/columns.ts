import { Statements } from '../../platform/db/statements.ts';
import type { Tables } from '../../platform/db/statements.ts';
import type { CreatedBy } from '../../platform/model/reference.model.ts';
import type { WorkloadColumns } from '../../workloads/columns.ts';
import type { Values } from '../../workloads/core/layers.ts';
import type { Strategy } from '../../workloads/core/strategy.ts';
import type { StoredCondition } from '../core/condition-types.ts';
import type { SideCounts } from '../core/counts.ts';
import type { StoredFailure } from '../core/failure.ts';
import type { Hindrance } from '../core/hindrance.ts';
import type { AnyStage, StageProgress, StoredSide, TargetState, WaveEvidence } from '../core/observation.ts';
import type { Detail } from '../core/reasons.ts';

/** What the JSON columns of these tables hold. */
export interface RolloutColumns extends Omit<WorkloadColumns, 'placements'> {
  rollouts: { strategy: Strategy; values: Values; phase_detail: Detail; failure: StoredFailure; created_by: CreatedBy };
  waves: { evidence: WaveEvidence[] };
  targets: {
    phase_detail: Detail;
    from: StoredSide;
    to: StoredSide;
    superseded: StoredSide;
    stages: readonly AnyStage[];
    progress: StageProgress;
    gate: NonNullable<TargetState['gate']>;
    pods: SideCounts;
    condition: StoredCondition;
    hindrance: Hindrance;
    failure: StoredFailure;
  };
  placements: WorkloadColumns['placements'] & { applied: StoredSide; observed: Partial<SideCounts> };
}

export type RolloutTables = Tables<RolloutColumns>;

export const tables = new Statements<RolloutColumns>();
