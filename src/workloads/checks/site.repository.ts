import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import { tenantId } from '../../platform/db/context.ts';
import { Database } from '../../platform/db/database.ts';
import { isId } from '../../platform/id.ts';
import { tables } from '../columns.ts';
import type { CheckCluster, CheckSite } from '../core/check-plan.ts';
import { merged, ofPlacement, ofWorkload } from '../core/layers.ts';

/** Of places with the same minor version of Kubernetes and the same values one is enough; of all these, so many are looked at. */
const MOST = 50;

/** Where revisions of a template can be checked. */
@Injectable()
export class SiteRepository {
  constructor(private readonly database: Database) {}

  /** Placements of the template's workloads: of each minor version and set of values one, on a connected cluster if there is one. */
  async of(templateId: string): Promise<CheckSite[]> {
    const rows = await this.database.run(sites(templateId));
    return rows.map(({ workloadId, workloadName, workloadValues, placementValues, namespace, ...cluster }) => ({
      cluster: clusterOf(cluster),
      namespace,
      workload: { id: workloadId, name: workloadName },
      values: merged([ofWorkload(workloadValues), ofPlacement('', placementValues)]),
    }));
  }

  /** The cluster of this id or name; null if there is none. */
  async cluster(reference: string): Promise<CheckCluster | null> {
    const [row] = await this.database.run(clusters().where(isId(reference) ? 'k.id' : 'k.name', '=', reference));
    return row ? clusterOf(row) : null;
  }

  /** Any connected cluster. */
  async anyCluster(): Promise<CheckCluster | null> {
    const [row] = await this.database.run(clusters().where('k.status', '=', sql.lit('CONNECTED')).orderBy('k.name').limit(1));
    return row ? clusterOf(row) : null;
  }
}

const clusters = () =>
  tables
    .selectFrom('clusters as k')
    .select(['k.id', 'k.name', 'k.region_id as regionId', 'k.status', 'k.kubernetes_version as version'])
    .where('k.tenant_id', '=', tenantId())
    .where('k.deleted_at', 'is', null);

const clusterOf = ({
  status,
  ...cluster
}: Pick<CheckCluster, 'id' | 'name' | 'regionId' | 'version'> & { status: string }): CheckCluster => ({
  ...cluster,
  isConnected: status === 'CONNECTED',
});

const MINOR = sql<string>`substring(k.kubernetes_version from '\\d+\\.\\d+')`;

const sites = (templateId: string) =>
  tables
    .selectFrom('workloads as w')
    .innerJoin('placements as p', (join) => join.onRef('p.tenant_id', '=', 'w.tenant_id').onRef('p.workload_id', '=', 'w.id'))
    .innerJoin('clusters as k', (join) => join.onRef('k.tenant_id', '=', 'p.tenant_id').onRef('k.id', '=', 'p.cluster_id'))
    .distinctOn([MINOR, 'w.values', 'p.values'])
    .select(['w.id as workloadId', 'w.name as workloadName', 'w.values as workloadValues', 'p.values as placementValues'])
    .select(['p.namespace', 'k.id', 'k.name', 'k.region_id as regionId', 'k.status', 'k.kubernetes_version as version'])
    .where('w.tenant_id', '=', tenantId())
    .where('w.template_id', '=', templateId)
    .where('w.deleted_at', 'is', null)
    .where('p.wanted', '=', true)
    .where('k.deleted_at', 'is', null)
    .orderBy(MINOR)
    .orderBy('w.values')
    .orderBy('p.values')
    .orderBy(sql`k.status <> 'CONNECTED'`)
    .orderBy('w.name')
    .orderBy('k.name')
    .orderBy('p.namespace')
    .limit(MOST);
