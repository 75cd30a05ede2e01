import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { tenantId } from '../platform/db/context.ts';
import { Database } from '../platform/db/database.ts';
import { anyOf, json } from '../platform/db/statements.ts';
import type { CheckState, PodSecurityLevel } from '../generated/prisma/enums.ts';
import { tables } from './columns.ts';
import type { CheckFinding } from './core/finding.ts';
import type { TemplateDocument } from './core/document.ts';
import type { RevisionCheck } from './revision-check.model.ts';

/** A new check: PENDING if a cluster is asked, else with what is known without asking. */
export interface NewCheck {
  id: string;
  clusterId: string;
  namespace: string | null;
  workloadId: string | null;
  values: Readonly<Record<string, unknown>>;
  kubernetesVersion: string | null;
  state: CheckState;
  findings: readonly CheckFinding[];
}

/** What a worker needs for a dry run. */
export interface AskedCheck {
  revisionId: string;
  namespace: string;
  values: Readonly<Record<string, unknown>>;
  document: TemplateDocument;
  podSecurity: PodSecurityLevel;
}

/** So long a worker has time for a dry run; then its result counts as unknown. Longer than an inquiry is answered. */
const LATE = sql<boolean>`(c.state = 'PENDING' AND c.created_at < now() - interval '75 seconds')`;

/** The dry runs of revisions. They are deleted 30 days after they were made. */
@Injectable()
export class RevisionCheckRepository {
  constructor(private readonly database: Database) {}

  /** Replaces the checks of a revision. */
  replace(revisionId: string, checks: readonly NewCheck[]): void {
    this.database.write(tables.deleteFrom('revision_checks').where('tenant_id', '=', tenantId()).where('revision_id', '=', revisionId));
    for (const [position, check] of checks.entries()) this.database.write(insertion(revisionId, position, check));
  }

  /** The checks of several revisions, each in their order. */
  async of(revisionIds: readonly string[]): Promise<Map<string, RevisionCheck[]>> {
    const rows = revisionIds.length === 0 ? [] : await this.database.run(checksOf(revisionIds));
    const found = new Map<string, RevisionCheck[]>(revisionIds.map((id) => [id, []]));
    for (const { revisionId, clusterId, clusterName, workloadId, workloadName, isLate, state, findings, ...row } of rows)
      found.get(revisionId)?.push({
        ...row,
        cluster: { id: clusterId, name: clusterName },
        workload: workloadId === null ? null : { id: workloadId, name: workloadName ?? '' },
        state: isLate ? 'UNKNOWN' : state,
        findings: isLate ? [unanswered(clusterName)] : [...findings],
      });
    return found;
  }

  /** Null if it has been replaced, or is settled. */
  async asked(id: string): Promise<AskedCheck | null> {
    const [row] = await this.database.run(asked(id));
    return row?.namespace ? { ...row, namespace: row.namespace } : null;
  }

  /** Stores what a dry run has found, unless the check has been replaced or has it already. */
  settle(id: string, state: CheckState, findings: readonly CheckFinding[]): void {
    this.database.write(
      tables
        .updateTable('revision_checks')
        .set({ state, findings: json(findings), settled_at: sql`now()` })
        .where('tenant_id', '=', tenantId())
        .where('id', '=', id)
        .where('state', '=', sql.lit('PENDING')),
    );
  }

  /** Those of these revisions, of any tenant, of which no check is pending. */
  async settledOf(revisionIds: readonly string[]): Promise<string[]> {
    const pending = tables
      .selectFrom('revision_checks as c')
      .select('c.revision_id as id')
      .where('c.revision_id', '=', anyOf(revisionIds))
      .where('c.state', '=', sql.lit('PENDING'))
      .where((e) => e.not(LATE));
    const open = new Set((await this.database.system.run(pending)).map(({ id }) => id));
    return revisionIds.filter((id) => !open.has(id));
  }

  /** Deletes what is older than 30 days, of all tenants. */
  async expire(): Promise<void> {
    await this.database.system.run(tables.deleteFrom('revision_checks').where('created_at', '<', sql<Date>`now() - interval '30 days'`));
  }
}

const unanswered = (cluster: string): CheckFinding => ({
  kind: 'CLUSTER',
  pointer: '',
  detail: `no worker has answered for cluster ${cluster}: check that one serves its region, then post the document again`,
});

const insertion = (revisionId: string, position: number, check: NewCheck) =>
  tables.insertInto('revision_checks').values({
    tenant_id: tenantId(),
    id: check.id,
    revision_id: revisionId,
    position,
    cluster_id: check.clusterId,
    namespace: check.namespace,
    workload_id: check.workloadId,
    values: json(check.values),
    kubernetes_version: check.kubernetesVersion,
    state: check.state,
    findings: json(check.findings),
    settled_at: check.state === 'PENDING' ? null : sql`now()`,
  });

const checksOf = (revisionIds: readonly string[]) =>
  tables
    .selectFrom('revision_checks as c')
    .innerJoin('clusters as k', (join) => join.onRef('k.tenant_id', '=', 'c.tenant_id').onRef('k.id', '=', 'c.cluster_id'))
    .leftJoin('workloads as w', (join) => join.onRef('w.tenant_id', '=', 'c.tenant_id').onRef('w.id', '=', 'c.workload_id'))
    .select(['c.revision_id as revisionId', 'c.namespace', 'c.kubernetes_version as version', 'c.state', 'c.findings'])
    .select(['c.settled_at as checkedAt', 'k.id as clusterId', 'k.name as clusterName', 'w.id as workloadId', 'w.name as workloadName'])
    .select(LATE.as('isLate'))
    .where('c.tenant_id', '=', tenantId())
    .where('c.revision_id', '=', anyOf(revisionIds))
    .orderBy('c.position');

const asked = (id: string) =>
  tables
    .selectFrom('revision_checks as c')
    .innerJoin('revisions as r', (join) => join.onRef('r.tenant_id', '=', 'c.tenant_id').onRef('r.id', '=', 'c.revision_id'))
    .innerJoin('tenants as t', 't.id', 'c.tenant_id')
    .select(['c.revision_id as revisionId', 'c.namespace', 'c.values', 'r.document', 't.pod_security as podSecurity'])
    .where('c.tenant_id', '=', tenantId())
    .where('c.id', '=', id)
    .where('c.state', '=', sql.lit('PENDING'));
