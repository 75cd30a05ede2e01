import { Injectable } from '@nestjs/common';
import { Database } from '../platform/db/database.ts';
import type { Fault } from '../platform/fault.ts';
import { canonical, newId } from '../platform/id.ts';
import { checkVersion } from '../platform/api/etag.ts';
import type { ExpectedVersions } from '../platform/api/etag.ts';
import { differing, mergePatch, patchedField } from '../platform/api/merge-patch.ts';
import { pageOf } from '../platform/api/page.ts';
import type { Page, Window } from '../platform/api/page.ts';
import { invalid, nameTaken, notFound } from '../platform/problem.ts';
import { Resources } from '../platform/api/resources.ts';
import { checked } from '../platform/api/shapes.ts';
import type { Prisma } from '../generated/prisma/client.ts';
import { TenantService } from '../tenants/tenant.service.ts';
import { tables } from './columns.ts';
import { placementChanges } from './core/placement-changes.ts';
import { PlacementRule, workloadOf } from './workload.model.ts';
import type { CreateWorkload, PlacementPlace, PlacementRulePatch, UpdateWorkload, Workload } from './workload.model.ts';
import { WorkloadRepository } from './workload.repository.ts';
import type { ClusterReference, NewPlacement, WorkloadChange, WorkloadRow } from './workload.repository.ts';

type Placements = PlacementPlace[] | PlacementRule;

@Injectable()
export class WorkloadService {
  constructor(
    private readonly database: Database,
    private readonly workloads: WorkloadRepository,
    private readonly tenants: TenantService,
    resources: Resources,
  ) {
    resources.add('workload', (id) => this.get(id));
  }

  async get(reference: string): Promise<Workload> {
    return workloadOf(await this.find(reference));
  }

  /** The row for a reference. Throws NOT_FOUND. */
  async find(reference: string): Promise<WorkloadRow> {
    const row = await this.workloads.find(reference);
    if (!row) throw notFound('Workload', reference);
    return row;
  }

  /** The row, locked until the transaction ends. */
  async lock(reference: string): Promise<WorkloadRow> {
    const row = await this.lockIfThere(reference);
    if (!row) throw notFound('Workload', reference);
    return row;
  }

  /** Null if it has been removed. */
  async lockIfThere(reference: string): Promise<WorkloadRow | null> {
    return this.workloads.lock(reference);
  }

  /** The locked row, with its placements updated by its rule, if it has one. */
  async placed(row: WorkloadRow): Promise<WorkloadRow> {
    const rule = tables.read('workloads', 'placement_rule', row.placementRule);
    if (rule === null) return row;
    await this.place(row, rule);
    return this.find(row.id);
  }

  async page(window: Window, filter: { template?: string[]; cluster?: string[] }): Promise<Page<Workload>> {
    return pageOf(await this.workloads.page(window, filter), window.limit, (row) => row.id, workloadOf);
  }

  async create(input: CreateWorkload): Promise<Workload> {
    return this.database.transaction(async () => {
      await this.tenants.checkQuota('workloads');
      // Reported before other faults. Of two concurrent requests, the unique constraint refuses one.
      if (await this.workloads.isNameTaken(input.name)) throw nameTaken('A workload with this name exists.');
      const template = await this.templateOf(input.template);
      const id = newId();
      const placements = input.placements ?? [];
      await this.workloads.create(
        {
          id,
          name: input.name,
          templateId: template.id,
          values: (input.values ?? {}) as Prisma.InputJsonObject,
          ...(Array.isArray(placements) ? {} : { placementRule: placements }),
        },
        await this.newPlacements(placements),
      );
      return this.get(id);
    });
  }

  /** Changes the template, values or placements for the next rollout. */
  async update(reference: string, input: UpdateWorkload, expected: ExpectedVersions): Promise<Workload> {
    return this.database.transaction(async () => {
      const row = await this.lock(reference);
      checkVersion(row.version, expected);
      const template = input.template === undefined ? null : await this.templateOf(input.template);
      const values = patchedField(row.values as Record<string, unknown>, input.values) as Prisma.InputJsonObject | undefined;
      const placements = input.placements === undefined ? undefined : patched(row, input.placements);
      const hasMoved = placements !== undefined && (await this.place(row, placements));
      const isOther = template !== null && template.id !== row.templateId;
      const change = differing<WorkloadRow, WorkloadChange>(row, {
        ...(isOther && { templateId: template.id, pinnedRevision: null, pinnedAtLatest: null }),
        ...(values && { values }),
        ...(placements && { placementRule: Array.isArray(placements) ? null : placements }),
      });
      if (!change && !hasMoved) return workloadOf(row);
      await this.workloads.change(row.id, change ?? {});
      return this.get(row.id);
    });
  }

  /** The wanted placements on all clusters or on one. */
  placementsOn(row: WorkloadRow, cluster: string | undefined): WorkloadRow['placements'] {
    const wanted = cluster && canonical(cluster);
    const isMeant = ({ id, name }: { id: string; name: string }): boolean => wanted === undefined || id === wanted || name === wanted;
    const concerned = row.placements.filter((placement) => placement.wanted && isMeant(placement.cluster));
    if (cluster !== undefined && concerned.length === 0)
      throw invalid({ pointer: '/cluster', detail: `${row.name} has no placement on cluster ${cluster}` });
    return concerned;
  }

  /** Gives the workload's placements the numbers of pods that they have in `scaled`. Counts as a client's change. */
  async setReplicas(row: WorkloadRow, scaled: readonly WorkloadRow['placements'][number][]): Promise<void> {
    const numbers = new Map(row.placements.map(({ id, replicas }) => [id, replicas]));
    const other = scaled.filter(({ id, replicas }) => numbers.get(id) !== replicas);
    if (other.length === 0) return;
    for (const [replicas, group] of Map.groupBy(other, (placement) => placement.replicas))
      await this.workloads.setReplicas(
        group.map(({ id }) => id),
        replicas,
      );
    await this.workloads.change(row.id, {});
  }

  private async templateOf(reference: string): Promise<{ id: string }> {
    const template = await this.workloads.template(reference);
    if (!template) throw invalid({ pointer: '/template', detail: `there is no template ${reference}` });
    return template;
  }

  /** Updates the placements to the wanted ones: adds, changes, and marks those left out for removal. Returns false if nothing changed. */
  private async place(row: WorkloadRow, placements: Placements): Promise<boolean> {
    const wanted = await this.newPlacements(placements);
    const changes = placementChanges(row.placements, wanted, Array.isArray(placements));
    await this.workloads.addPlacements(row.id, changes.add);
    for (const { id, ...change } of changes.change) await this.workloads.changePlacement(id, change);
    await this.workloads.takeAway(changes.remove);
    return changes.add.length + changes.change.length + changes.remove.length > 0;
  }

  private async newPlacements(placements: Placements): Promise<NewPlacement[]> {
    if (!Array.isArray(placements)) {
      const clusters = await this.workloads.clustersLabelled(placements.clusterLabels);
      return clusters.map((cluster) => newPlacement(cluster, { namespace: placements.namespace }));
    }
    const clusters = await this.workloads.clusters(placements.map((placement) => placement.cluster));
    const byReference = new Map(
      clusters.flatMap((cluster) => [cluster.id, cluster.name].map((reference) => [reference, cluster] as const)),
    );
    const faults: Fault[] = [];
    const seen = new Set<string>();
    const found = placements.flatMap((placement, i) => {
      const cluster = byReference.get(canonical(placement.cluster));
      if (!cluster) {
        faults.push({ pointer: `/placements/${i}/cluster`, detail: `there is no cluster ${placement.cluster}` });
        return [];
      }
      const place = `${cluster.id}/${placement.namespace}`;
      if (seen.has(place))
        faults.push({ pointer: `/placements/${i}`, detail: `namespace ${placement.namespace} of cluster ${cluster.name} is listed twice` });
      seen.add(place);
      return [newPlacement(cluster, placement)];
    });
    if (faults.length > 0) throw invalid(...faults);
    return found;
  }
}

/** The placements that a patch asks for: a rule is merged into the one that stands (RFC 7396), and where none does it has to be whole. Null asks for none. */
function patched(row: WorkloadRow, patch: PlacementPlace[] | PlacementRulePatch | null): Placements {
  if (patch === null) return [];
  if (Array.isArray(patch)) return patch;
  const rule = mergePatch((row.placementRule ?? {}) as Record<string, unknown>, { ...patch });
  return checked(PlacementRule, rule, 'pointer', '/placements');
}

const newPlacement = (
  cluster: ClusterReference,
  place: { namespace: string; replicas?: number | null; values?: Record<string, unknown> },
): NewPlacement => ({
  id: newId(),
  clusterId: cluster.id,
  regionId: cluster.regionId,
  namespace: place.namespace,
  values: (place.values ?? {}) as Prisma.InputJsonObject,
  replicas: place.replicas ?? null,
});
