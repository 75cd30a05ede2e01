import { z } from 'zod';
import { Enum, labelFilter, labels, labelsPatch, listOf, name, reference, resource, time } from '../common/model/fields.ts';
import { Arguments, Input, Model, Output } from '../common/model/model.ts';
import { pageArguments, pageQuery } from '../common/page.ts';
import { Reference } from '../common/reference.model.ts';
import { ClusterStatus as Statuses } from '../generated/prisma/enums.ts';
import { type Access, resourceName } from './core/access.ts';
import type { ClusterRow, LeftBehind } from './cluster.repository.ts';

export const ClusterStatus = Enum(
  'ClusterStatus',
  Statuses,
  'UNKNOWN: not checked yet. CONNECTED: answers, and grants what is needed. UNREACHABLE: does not answer. DENIED: refuses the credentials or lacks permissions.',
);

@Output('Something that the credentials may not do and should.')
export class MissingPermission extends Model({
  namespace: z.string(),
  group: z.string().describe("'' is the core group."),
  resource: z.string().describe('As in `pods`, or `deployments/scale`.'),
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
  statusReason: z.string().nullable().describe('Why, in one sentence for a person.'),
  kubernetesVersion: z.string().nullable(),
  latencySeconds: z.number().nullable().describe('Time of one request, as last measured.'),
  missingPermissions: z.array(MissingPermission.schema),
  checkedAt: time.nullable().describe('When it was last checked.'),
}) {}

const credentials = {
  kubeconfig: z
    .string()
    .min(1)
    .max(100_000)
    .optional()
    .describe('A kubeconfig with a token or a client certificate in it. Either this, or server, caData and token.'),
  server: z.string().min(1).max(2_000).optional().describe('An https URL.'),
  caData: z.string().min(1).max(100_000).optional().describe('The authorities to trust: PEM, or base64 of PEM as in a kubeconfig.'),
  token: z.string().min(1).max(20_000).optional().describe('A bearer token.'),
};

/** Either form of the credentials, whole. */
const eitherForm = (given: { [K in keyof typeof credentials]?: string | undefined }, check: z.RefinementCtx): void => {
  const short = ['server', 'caData', 'token'] as const;
  const fault = (path: string, message: string): void => check.addIssue({ code: 'custom', path: [path], message });
  if (given.kubeconfig !== undefined) {
    for (const field of short) if (given[field] !== undefined) fault(field, 'cannot stand beside kubeconfig');
  } else if (short.every((field) => given[field] === undefined)) fault('kubeconfig', 'is needed, or server, caData and token');
  else for (const field of short) if (given[field] === undefined) fault(field, 'is needed');
};

@Input('What a new cluster needs: a kubeconfig, or server, caData and token.')
export class CreateCluster extends Model({ name, region: reference('a region'), labels: labels.optional(), ...credentials }, (schema) =>
  schema.superRefine(eitherForm),
) {}

@Input('What is to change; what is left out stays.')
export class UpdateCluster extends Model({
  name: name.optional(),
  labels: labelsPatch.optional().describe('Labels to set; null takes one away, and what is not named stays.'),
}) {}

@Input('New credentials of a cluster: a kubeconfig, or server, caData and token.')
export class ReplaceCredentials extends Model(credentials, (schema) => schema.superRefine(eitherForm)) {}

const filters = {
  region: listOf(z.string().min(1).max(253), 'Ids or names of regions.').optional(),
  status: listOf(ClusterStatus, 'Statuses.').optional(),
  label: listOf(labelFilter, 'Labels, as in `tier=prod`, or `tier` for any value: a cluster with any of them.').optional(),
};

@Arguments()
export class ListClusters extends Model({ ...pageQuery, ...filters }) {}

@Arguments()
export class ClustersArguments extends Model({ ...pageArguments, ...filters }) {}

@Arguments()
export class DeleteClusterQuery extends Model({
  force: z.enum(['true', 'false']).optional().describe('`true` forgets the placements that live there.'),
}) {}

@Arguments()
export class AccessManifestQuery extends Model({
  namespace: z
    .string()
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a namespace')
    .describe('The namespace that workloads go to.'),
}) {}

@Output('A placement that was forgotten: what runs there goes on running, and nobody looks after it.')
export class LeftBehindPlacement extends Model({ workload: Reference.schema, namespace: z.string() }) {}

@Output('What removing a cluster left behind on it.')
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
  missingPermissions: (row.missingPermissions as unknown as (Access & { namespace: string })[]).map(missingOf),
  checkedAt: row.checkedAt,
  version: row.version,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
});
