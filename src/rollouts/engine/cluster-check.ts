import type { Begun, CheckRepository } from '../../clusters/check/check.repository.ts';
import { checkCluster, unreachable } from '../../clusters/check/check.ts';
import type { Finding } from '../../clusters/check/check.ts';
import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesClient, KubernetesObject } from '../../clusters/kubernetes/types.ts';
import type { Announce } from '../../platform/queue/announce.ts';
import type { Database } from '../../platform/db/database.ts';
import type { EventLog } from '../../events/event-log.ts';
import { LABELS, MANAGED_BY } from '../../workloads/core/objects.ts';
import type { Connections } from '../../clusters/connections.ts';
import type { Lease } from '../../runtime/lease.ts';
import { storable } from '../../platform/db/storable.ts';
import type { CountsChange, HeldPlacementRepository, StandingPlacement } from '../store/placement.repository.ts';

/** How often a check is repeated whose credentials were replaced on the way. */
const ATTEMPTS = 3;

/** Checks a cluster: reachability, our permissions and the number of pods. The finding is stored with the cluster. */
export class ClusterCheck {
  constructor(
    private readonly database: Database,
    private readonly checks: CheckRepository,
    private readonly placements: HeldPlacementRepository,
    private readonly events: EventLog,
    private readonly announce: Announce,
    private readonly connections: Connections,
  ) {}

  /**
   * Runs in the context of the cluster's tenant.
   *
   * @param lease under which it is checked
   * @returns the finding, which is not stored where a later one is; null if the lease was lost on the way, or the credentials were replaced each time
   */
  async run(clusterId: string, lease: Lease): Promise<Finding | null> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const [begun, standing] = await Promise.all([this.checks.begin(clusterId), this.placements.onCluster(clusterId)]);
      const { finding, counts } = await this.look(lease, clusterId, standing);
      if (!lease.stillOurs()) return null;
      const saved = await this.database.transaction(() => this.save(clusterId, lease, begun, finding));
      if (saved && counts.length > 0) await this.placements.saveCounts(counts);
      if (saved || (await this.checks.begin(clusterId)).version === begun.version) return finding;
    }
    return null;
  }

  private async save(clusterId: string, lease: Lease, begun: Begun, finding: Finding): Promise<boolean> {
    const saved = await this.checks.save(lease, clusterId, begun, { ...finding, ...storableTexts(finding) });
    if (!saved) return false;
    if (saved.before !== finding.status) this.events.append([checkEvent(clusterId, saved.name, finding)]);
    this.database.afterCommit(() => this.announce.publish({ kind: 'cluster', tenantId: lease.tenantId, id: clusterId }));
    return true;
  }

  private async look(
    lease: Lease,
    clusterId: string,
    standing: readonly StandingPlacement[],
  ): Promise<{ finding: Finding; counts: CountsChange[] }> {
    try {
      const connection = await this.connections.openNewest(lease, clusterId);
      try {
        const namespaces = [...new Set(standing.map((placement) => placement.namespace))];
        const finding = await checkCluster(connection.client, namespaces);
        const idle = standing.filter((placement) => placement.idle);
        return { finding, counts: finding.status === 'CONNECTED' ? await countPods(connection.client, idle) : [] };
      } finally {
        connection.release();
      }
    } catch (error) {
      return { finding: unreachable(error), counts: [] };
    }
  }
}

/** The texts in a finding that come from the cluster. */
function storableTexts({ statusReason, version }: Finding): Pick<Finding, 'statusReason' | 'version'> {
  return { statusReason: statusReason && storable(statusReason), version: version && storable(version) };
}

/** Counts pods with one list per namespace of Deployments with our label. */
async function countPods(client: KubernetesClient, idle: readonly StandingPlacement[]): Promise<CountsChange[]> {
  const namespaces = [...Map.groupBy(idle, (placement) => placement.namespace)];
  const counted = await Promise.all(
    namespaces.map(async ([namespace, placements]) => {
      const labelSelector = `${LABELS.managedBy}=${MANAGED_BY}`;
      const { items } = await client.list({ apiVersion: 'apps/v1', kind: 'Deployment', namespace, labelSelector });
      return placements.map((placement) =>
        countsChange(
          placement,
          items.find((item) => item.metadata.labels?.[LABELS.workloadId] === placement.workloadId),
        ),
      );
    }),
  ).catch((error: unknown) => {
    // The finding is complete; a list that fails now shows in the next check.
    if (error instanceof KubernetesError) return [];
    throw error;
  });
  return counted.flat();
}

function countsChange({ id }: StandingPlacement, deployment: KubernetesObject | undefined): CountsChange {
  const number = (value: unknown): number => (typeof value === 'number' ? value : 0);
  const spec = (deployment?.['spec'] ?? {}) as Record<string, unknown>;
  const status = (deployment?.['status'] ?? {}) as Record<string, unknown>;
  return {
    id,
    targets: [],
    progressAt: null,
    observed: {
      desired: number(spec['replicas']),
      ready: number(status['readyReplicas']),
      updated: number(status['updatedReplicas']),
    },
  };
}

function checkEvent(clusterId: string, name: string, finding: Finding) {
  const reason = finding.statusReason === null ? null : storable(finding.statusReason);
  const type = `cluster.${finding.status.toLowerCase() as Lowercase<Finding['status']>}` as const;
  const sentences = {
    CONNECTED: `Cluster ${name} is connected (Kubernetes ${finding.version ?? 'of an unknown version'}).`,
    UNREACHABLE: `Cluster ${name} is unreachable: ${reason ?? ''}`,
    DENIED: `Cluster ${name} denies access: ${reason ?? ''}`,
  };
  return {
    type,
    message: sentences[finding.status],
    data: { cluster: clusterId, name, status: finding.status, reason },
  };
}
