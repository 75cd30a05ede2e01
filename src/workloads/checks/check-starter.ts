import { Injectable } from '@nestjs/common';
import { Inquiries } from '../../clusters/inquiries/inquiries.ts';
import { newId } from '../../platform/id.ts';
import { invalid } from '../../platform/problem.ts';
import { type NamedPlace, type PostedRevision, RevisionChecks } from '../../templates/revision-checks.ts';
import { RevisionCheckRepository } from '../../templates/revision-check.repository.ts';
import { type CheckCluster, planChecks } from '../core/check-plan.ts';
import { SiteRepository } from './site.repository.ts';

declare module '../../clusters/inquiries/question.ts' {
  interface Questions {
    /** Would this cluster accept the revision? What it found is stored with the check. */
    DRY_RUN: { input: { check: string }; answer: { check: string } };
  }
}

/** Starts the dry runs of a posted revision where the template's workloads are placed. */
@Injectable()
export class CheckStarter {
  constructor(
    private readonly sites: SiteRepository,
    private readonly inquiries: Inquiries,
    private readonly rows: RevisionCheckRepository,
    checks: RevisionChecks,
  ) {
    checks.startedBy((revision, named) => this.start(revision, named));
  }

  private async start({ id: revisionId, templateId, document }: PostedRevision, named: NamedPlace | null): Promise<void> {
    const place = named && { cluster: await this.clusterAt(named), namespace: named.namespace };
    const sites = await this.sites.of(templateId);
    const spare = sites.length === 0 && !place ? await this.sites.anyCluster() : null;
    const checks = planChecks(document, sites, place, spare).map((check) => ({ id: newId(), ...check }));
    this.rows.replace(
      revisionId,
      checks.map(({ cluster, workload, ...check }) => ({
        ...check,
        clusterId: cluster.id,
        workloadId: workload?.id ?? null,
        kubernetesVersion: cluster.version,
      })),
    );
    for (const { id, cluster, state } of checks) if (state === 'PENDING') this.inquiries.start(id, cluster, 'DRY_RUN', { check: id });
  }

  private async clusterAt({ cluster, place }: NamedPlace): Promise<CheckCluster> {
    const found = await this.sites.cluster(cluster);
    if (!found) throw invalid({ ...place, detail: `there is no cluster ${cluster}` });
    return found;
  }
}
