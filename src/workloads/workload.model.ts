import { z } from 'zod';
import { isId } from '../platform/id.ts';
import {
  AnyOf,
  JsonObject,
  labels,
  labelsPatch,
  listOf,
  namespace as fieldNamespace,
  reference,
  resource,
  time,
} from '../platform/model/fields.ts';
import { Arguments, Input, Model, Output, Shape } from '../platform/model/model.ts';
import { pageArguments, pageQuery } from '../platform/api/page.ts';
import { Reference } from '../platform/model/reference.model.ts';
import type { PlacementRow, WorkloadRow } from './workload.repository.ts';

/** The name is used for the Deployment, the Service and labels, and as a prefix for ConfigMaps. So it is shorter than a DNS label may be. */
export const workloadName = z
  .string()
  .regex(
    /^[a-z]([-a-z0-9]{0,45}[a-z0-9])?$/,
    'must begin with a letter, contain only a-z, 0-9 and -, not end with -, and have at most 47 characters',
  )
  .refine((text) => !isId(text), 'must not look like an id')
  .describe('Unique per tenant. Also the name of the Deployment and the Service.');

const namespace = fieldNamespace.describe('Namespace in the cluster. It must exist.');
const replicas = z.int().min(0).max(10_000);

@Shape('Where a workload runs: one namespace of one cluster.')
export class PlacementPlace extends Model({
  cluster: reference('a cluster'),
  namespace,
  replicas: replicas.nullish().describe("Number of pods; null = the release's number."),
  values: JsonObject.optional().describe('Values of parameters for this cluster only; they override all others.'),
}) {}

@Shape('Every cluster with these labels, evaluated when a rollout is accepted.')
export class PlacementRule extends Model({
  clusterLabels: labels
    .refine((given) => Object.keys(given).length > 0, 'needs at least one label')
    .describe('Labels that a cluster must have, all of them.'),
  namespace,
}) {}

@Input('Changes to the placement rule (JSON Merge Patch). If the placements are a list, a complete new rule.')
export class PlacementRulePatch extends Model({
  clusterLabels: labelsPatch.optional().describe('Labels to change; null removes a label.'),
  namespace: namespace.optional(),
}) {}

const placements = AnyOf('PlacementsInput', 'A list of places, or a rule that selects clusters by their labels.', {
  list: z.array(PlacementPlace.schema).max(1000),
  match: PlacementRule.schema,
});

const placementsPatch = AnyOf('PlacementsPatch', 'A list of places, or changes to the rule.', {
  list: z.array(PlacementPlace.schema).max(1000),
  match: PlacementRulePatch.schema,
});

@Output("Counts of pods as last reported by the cluster's controllers.")
export class PodCounts extends Model({
  desired: z.int(),
  ready: z.int(),
  updated: z.int().describe('Pods of the newest revision.'),
}) {}

@Output('One namespace of one cluster in which the workload runs.')
export class Placement extends Model({
  id: z.uuid(),
  cluster: Reference.schema,
  namespace: z.string(),
  replicas: z.int().nullable().describe("The placement's own number of pods; null = the release's."),
  values: JsonObject,
  release: z.int().nullable().describe('Number of the current release; null = none.'),
  pods: PodCounts.schema.nullable().describe('null until the placement has been observed.'),
  observedAt: time.nullable(),
  wanted: z.boolean().describe('false: taken away; the next rollout removes what runs there.'),
}) {}

@Output('A workload on many clusters: a template, its values, and its placements.')
export class Workload extends Model({
  ...resource,
  name: workloadName,
  template: Reference.schema,
  values: JsonObject,
  placementRule: PlacementRule.schema.nullable().describe('The rule, if placements follow the labels of clusters.'),
  placements: z.array(Placement.schema),
  release: z.int().nullable().describe('Number of the release on which it settled; null before the first.'),
}) {}

@Input('A new workload. Nothing is written to a cluster before the first rollout.')
export class CreateWorkload extends Model({
  name: workloadName,
  template: reference('a template'),
  values: JsonObject.optional().describe("Values of the template's parameters."),
  placements: placements.optional(),
}) {}

@Input('Changes for the next rollout (JSON Merge Patch).')
export class UpdateWorkload extends Model({
  template: reference('a template').optional(),
  values: JsonObject.nullish().describe('Merged into the values; a value that is null is removed. null removes all.'),
  placements: placementsPatch
    .nullish()
    .describe(
      'A list replaces the placements; a rule is merged into the current one; null removes all. The next rollout removes those left out.',
    ),
}) {}

const filters = {
  template: listOf(reference('a template'), 'Ids or names of templates: any of them.').optional(),
  cluster: listOf(reference('a cluster'), 'Ids or names of clusters: any of them.').optional(),
};

/** `?limit=&cursor=&template=&cluster=` */
@Arguments()
export class WorkloadQuery extends Model({ ...pageQuery, ...filters }) {}

@Arguments()
export class WorkloadArguments extends Model({ ...pageArguments, ...filters }) {}

/** Converts rows to entities, so that no column leaks. */
export const placementOf = (row: PlacementRow): Placement => {
  const counts = row.observed as { desired: number; ready: number; updated: number } | null;
  return {
    id: row.id,
    cluster: row.cluster,
    namespace: row.namespace,
    replicas: row.replicas,
    values: row.values as Record<string, unknown>,
    release: (row.applied as { release: number } | null)?.release ?? null,
    pods: counts && { desired: counts.desired, ready: counts.ready, updated: counts.updated },
    observedAt: row.observedAt,
    wanted: row.wanted,
  };
};

export const workloadOf = (row: WorkloadRow): Workload => ({
  id: row.id,
  name: row.name,
  template: { id: row.template.id, name: row.template.name },
  values: row.values as Record<string, unknown>,
  placementRule: row.placementRule as PlacementRule | null,
  placements: row.placements.filter((placement) => placement.wanted || placement.applied !== null).map(placementOf),
  release: row.currentRelease?.number ?? null,
  version: row.version,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
});
