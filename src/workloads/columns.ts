import { Statements } from '../platform/db/statements.ts';
import type { CreatedBy } from '../platform/model/reference.model.ts';
import type { TemplateColumns } from '../templates/columns.ts';
import type { Values } from './core/layers.ts';
import type { Strategy } from './core/strategy.ts';

/** Placements that follow the clusters with these labels. */
export interface StoredRule {
  clusterLabels: Record<string, string>;
  namespace: string;
}

/** A place of a release, as it was when the release was made. */
export interface ReleasedPlacement {
  placementId: string;
  namespace: string;
  values: Values;
}

/** What the JSON columns of these tables hold. */
export interface WorkloadColumns extends TemplateColumns {
  workloads: { values: Values; placement_rule: StoredRule };
  placements: { values: Values };
  releases: { values: Values; placements: readonly ReleasedPlacement[]; created_by: CreatedBy };
  release_objects: { strategy: Strategy };
  clusters: { labels: Record<string, string> };
}

export const tables = new Statements<WorkloadColumns>();
