import { z } from 'zod';
import { Enum, labelFilter, labels, labelsPatch, listOf, name, reference, resource, time } from '../platform/model/fields.ts';
import { Arguments, Input, Model, Output } from '../platform/model/model.ts';
import { pageArguments, pageQuery } from '../platform/api/page.ts';
import { Reference } from '../platform/model/reference.model.ts';
import { ClusterStatus as Statuses } from '../generated/prisma/enums.ts';
import { type Access, resourceName } from './core/access.ts';
import { tables } from './columns.ts';
import type { ClusterRow, LeftBehind } from './cluster.repository.ts';

export const ClusterStatus = Enum(
  'ClusterStatus',
  Statuses,
  'UNKNOWN: not checked yet. CONNECTED: answers and grants the required permissions. UNREACHABLE: does not answer. DENIED: refuses the credentials, or permissions are missing.',
);

@Output('A permission that the credentials lack.')
export class MissingPermission extends Model({
  namespace: z.string(),
  group: z.string().describe("'' = the core group."),
  resource: z.string().describe('For example `pods` or `deployments/scale`.'),
  verb: z.string(),
}) {}

@Output('A Kubernetes cluster. Its credentials are never shown.')
export class Cluster extends Model({
  ...resource,
  name,
  region: Reference.schema,
  labels,
  server: z.string().describe('Address of the API server.'),
  status: ClusterStatus,
  statusReason: z.string().nullable().describe('The reason for the status, in one sentence.'),
  kubernetesVersion: z.string().nullable(),
  latencySeconds: z.number().nullable().describe('Duration of one request, as last measured.'),
  missingPermissions: z.array(MissingPermission.schema),
  checkedAt: time.nullable().describe('When it was last checked.'),
}) {}

const credentials = {
  kubeconfig: z
    .string()
    .min(1)
    .max(100_000)
    .optional()
    .describe('A kubeconfig that contains a token or a client certificate. Either this, or server, caData and token.'),
  server: z.string().min(1).max(2_000).optional().describe('An https URL.'),
  caData: z.string().min(1).max(100_000).optional().describe('Certificate authorities to trust: PEM, or base64 of PEM as in a kubeconfig.'),
  token: z.string().min(1).max(20_000).optional().describe('A bearer token.'),
};

/** Requires exactly one form of the credentials, complete. */
const eitherForm = (given: { [K in keyof typeof credentials]?: string | undefined }, check: z.RefinementCtx): void => {
  const short = ['server', 'caData', 'token'] as const;
  const fault = (path: string, message: string): void => check.addIssue({ code: 'custom', path: [path], message });
  if (given.kubeconfig !== undefined) {
    for (const field of short) if (given[field] !== undefined) fault(field, 'cannot be combined with kubeconfig');
  } else if (short.every((field) => given[field] === undefined)) fault('kubeconfig', 'is required, or server, caData and token');
  else for (const field of short) if (given[field] === undefined) fault(field, 'is required');
};

@Input('A new cluster, with a kubeconfig, or server, caData and token.')
export class CreateCluster extends Model({ name, region: reference('a region'), labels: labels.optional(), ...credentials }, (schema) =>
  schema.superRefine(eitherForm),
) {}

@Input('Changes to a cluster. Omitted fields stay unchanged.')
export class UpdateCluster extends Model({
  name: name.optional(),
  labels: labelsPatch.nullish().describe('Labels to set; a label that is null is removed, others stay unchanged. null removes all.'),
}) {}

@Input('New credentials of a cluster: a kubeconfig, or server, caData and token.')
export class ReplaceCredentials extends Model(credentials, (schema) => schema.superRefine(eitherForm)) {}

const filters = {
  region: listOf(z.string().min(1).max(253), 'Ids or names of regions.').optional(),
  status: listOf(ClusterStatus, 'Statuses.').optional(),
  label: listOf(labelFilter, 'Labels such as `tier=prod`, or `tier` for any value: clusters with any of them.').optional(),
};

@Arguments()
export class ListClusters extends Model({ ...pageQuery, ...filters }) {}

@Arguments()
export class ClustersArguments extends Model({ ...pageArguments, ...filters }) {}

@Arguments()
export class DeleteClusterQuery extends Model({
  force: z.enum(['true', 'false']).optional().describe('`true` also forgets the placements on the cluster.'),
}) {}

@Arguments()
export class AccessManifestQuery extends Model({
  namespace: z
    .string()
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a namespace')
    .describe('The namespace of the workloads.'),
}) {}

@Output('A placement that was forgotten: its objects keep running, but Slipway no longer manages them.')
export class LeftBehindPlacement extends Model({ workload: Reference.schema, namespace: z.string() }) {}

@Output('Placements left behind on a removed cluster.')
export class Removed extends Model({ leftBehind: z.array(LeftBehindPlacement.schema) }) {}

export const removedOf = (left: LeftBehind[]): Removed => ({
  leftBehind: left.map(({ workloadId, workload, namespace }) => ({ workload: { id: workloadId, name: workload }, namespace })),
});

const missingOf = ({ namespace, verb, group, ...access }: Access & { namespace: string }): MissingPermission => ({
  namespace,
  group,
  resource: resourceName(access),
  verb,
});

export const clusterOf = (row: ClusterRow): Cluster => ({
  id: row.id,
  name: row.name,
  region: { id: row.region.id, name: row.region.name },
  labels: row.labels as Record<string, string>,
  server: row.server,
  status: row.status,
  statusReason: row.statusReason,
  kubernetesVersion: row.kubernetesVersion,
  latencySeconds: row.latencyMilliseconds === null ? null : row.latencyMilliseconds / 1000,
  missingPermissions: tables.read('clusters', 'missing_permissions', row.missingPermissions).map(missingOf),
  checkedAt: row.checkedAt,
  version: row.version,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
});
