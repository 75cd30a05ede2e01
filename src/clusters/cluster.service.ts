import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '../platform/settings.ts';
import { Database } from '../platform/db/database.ts';
import { checkVersion, type ExpectedVersions } from '../platform/api/etag.ts';
import { newId } from '../platform/id.ts';
import { differing, patchedField } from '../platform/api/merge-patch.ts';
import { MOST_LABELS } from '../platform/model/fields.ts';
import { Work } from '../runtime/work.ts';
import { type Page, pageOf, type Window } from '../platform/api/page.ts';
import { invalid, listed, nameTaken, notFound, Problem } from '../platform/problem.ts';
import { Resources } from '../platform/api/resources.ts';
import { EventLog } from '../events/event-log.ts';
import { TenantService } from '../tenants/tenant.service.ts';
import { accessManifest } from './core/access-manifest.ts';
import { parseNetworks } from '../platform/net/address.ts';
import { type Credentials, credentialOf } from './credentials.ts';
import { type Cluster, clusterOf, type CreateCluster, type UpdateCluster } from './cluster.model.ts';
import { type ClusterFilter, ClusterRepository, type ClusterRow, type LeftBehind } from './cluster.repository.ts';
import { CredentialStore } from './credential.store.ts';
import { RegionService } from './region.service.ts';

declare module '../runtime/kinds.ts' {
  interface WorkKinds {
    /** Clusters, checked at intervals. */
    clusters: 'REGION';
  }
}

declare module '../platform/queue/announce.ts' {
  interface Announcements {
    /** The cluster was checked, or has changed. */
    cluster: { tenantId: string; id: string };
  }
}

/** What of the configuration concerns clusters. */
export interface ClusterSettings {
  /** CIDRs of private addresses that clusters may have. */
  allowedNetworks: string[];
}

/** A tenant's clusters. The API only changes rows; workers of the cluster's region connect to it. */
@Injectable()
export class ClusterService {
  private readonly allowed;

  constructor(
    @Inject(CONFIG) config: ClusterSettings,
    private readonly database: Database,
    private readonly clusters: ClusterRepository,
    private readonly store: CredentialStore,
    private readonly regions: RegionService,
    private readonly tenants: TenantService,
    private readonly events: EventLog,
    private readonly work: Work,
    resources: Resources,
  ) {
    this.allowed = parseNetworks([...config.allowedNetworks]);
    resources.add('cluster', (id) => this.get(id));
  }

  /** Registers a cluster without waiting for it. A worker checks it at once. */
  async create({ name, region, labels = {}, ...credentials }: CreateCluster): Promise<Cluster> {
    return this.database.transaction(async () => {
      await this.tenants.checkQuota('clusters');
      // Reported before other faults. Of two concurrent requests, the unique constraint refuses one.
      if (await this.clusters.find(name)) throw nameTaken('A cluster with this name exists.');
      const found = await this.regions.find(region);
      if (!found) throw invalid({ pointer: '/region', detail: 'is not a known region' });
      const credential = credentialOf(credentials, this.allowed);
      const row = await this.clusters.create({ id: newId(), name, regionId: found.id, labels, server: credential.server });
      await this.store.put(row.id, credential);
      this.check(row);
      this.events.append([
        { type: 'cluster.registered', message: `Cluster ${name} was registered in region ${found.name}.`, data: { cluster: row.id } },
      ]);
      return clusterOf(row);
    });
  }

  async get(reference: string): Promise<Cluster> {
    return clusterOf(await this.row(reference));
  }

  async row(reference: string): Promise<ClusterRow> {
    const row = await this.clusters.find(reference);
    if (!row) throw notFound('Cluster', reference);
    return row;
  }

  async list(window: Window, filter: ClusterFilter): Promise<Page<Cluster>> {
    return pageOf(await this.clusters.list(window, filter), window.limit, (row) => row.id, clusterOf);
  }

  update(reference: string, { name, labels }: UpdateCluster, expected: ExpectedVersions): Promise<Cluster> {
    return this.database.transaction(async () => {
      const row = await this.lock(reference, expected);
      const after = patchedField(row.labels as Record<string, string>, labels) as Record<string, string> | undefined;
      if (after && Object.keys(after).length > MOST_LABELS)
        throw invalid({ pointer: '/labels', detail: `would be more than ${MOST_LABELS}` });
      const change = differing(row, { name, labels: after });
      return clusterOf(change ? await this.clusters.update(row.id, change) : row);
    });
  }

  /** Replaces and deletes the old credentials. The cluster is checked with the new ones at once. */
  async replaceCredentials(reference: string, credentials: Credentials, expected: ExpectedVersions): Promise<Cluster> {
    return this.database.transaction(async () => {
      const { id } = await this.lock(reference, expected);
      const credential = credentialOf(credentials, this.allowed);
      await this.store.put(id, credential);
      const row = await this.clusters.update(id, { server: credential.server, status: 'UNKNOWN', statusReason: null });
      this.check(row);
      return clusterOf(row);
    });
  }

  /** Records on the cluster that no worker has done the check that was asked for then. */
  async noteUnserved({ id, region }: ClusterRow, askedAt: Date): Promise<void> {
    await this.clusters.noteUnserved(id, askedAt, `no worker serves region ${region.name}`);
  }

  /** Removes a cluster without placements. With `force` also gives up its placements, and returns the live ones. History stays as it was. */
  delete(reference: string, force: boolean, expected: ExpectedVersions): Promise<LeftBehind[]> {
    return this.database.transaction(async () => {
      const row = current(await this.clusters.lockWithWorkloads(reference), reference, expected);
      const placed = force ? [] : await this.clusters.inhabitants(row.id);
      if (placed.length > 0)
        throw new Problem(
          'IN_USE',
          `Still placed there: ${listed(placed)}. \`?force=true\` forgets these placements and leaves what runs there.`,
        );
      const left = await this.giveUp(row);
      await this.store.remove(row.id);
      this.clusters.softDelete(row.id);
      this.work.forget('clusters', [row.id]);
      const rest =
        left.length === 0 ? '' : ` Left behind: ${left.map(({ workload, namespace }) => `${workload} in ${namespace}`).join(', ')}.`;
      this.events.append([
        { type: 'cluster.removed', message: `Cluster ${row.name} was removed.${rest}`, data: { cluster: row.id, name: row.name } },
      ]);
      return left;
    });
  }

  async accessManifest(reference: string, namespace: string): Promise<string> {
    await this.row(reference);
    return accessManifest(namespace);
  }

  private async giveUp(row: ClusterRow): Promise<LeftBehind[]> {
    const active = await this.clusters.activeRollouts(row.id);
    if (active > 0) throw new Problem('ROLLOUT_ACTIVE', `${active} active rollouts have targets on ${row.name}: abort them first.`);
    const placements = await this.clusters.giveUpPlacements(row.id);
    this.work.forget(
      'placements',
      placements.map(({ id }) => id),
    );
    return placements.filter(({ live }) => live);
  }

  /** A worker of its region checks it at once. */
  private check({ id, regionId }: ClusterRow): void {
    this.work.due('clusters', [{ id, regionId, clusterId: id }]);
  }

  private async lock(reference: string, expected: ExpectedVersions): Promise<ClusterRow> {
    return current(await this.clusters.lock(reference), reference, expected);
  }
}

/** A locked row, in one of the versions expected. */
function current(row: ClusterRow | null, reference: string, expected: ExpectedVersions): ClusterRow {
  if (!row) throw notFound('Cluster', reference);
  checkVersion(row.version, expected);
  return row;
}
