import type { CheckRepository } from '../../clusters/check/check.repository.ts';
import { checkCluster, unreachable } from '../../clusters/check/check.ts';
import type { Finding } from '../../clusters/check/check.ts';
import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesClient, KubernetesObject } from '../../clusters/kubernetes/types.ts';
import type { Announce } from '../../platform/queue/announce.ts';
import type { Database } from '../../platform/db/database.ts';
import type { EventLog } from '../../events/event-log.ts';
import { LABELS, MANAGED_BY } from '../../workloads/core/objects.ts';
import { Claims } from '../../runtime/claims.ts';
import type { DatabaseClock } from '../../runtime/clock.ts';
import type { Connections } from '../../clusters/connections.ts';
import type { Lease } from '../../runtime/lease.ts';
import type { Leases } from '../../runtime/leases.ts';
import { storable } from '../../platform/db/storable.ts';
import type { CountsChange, HeldPlacementRepository, StandingPlacement } from '../store/placement.repository.ts';

/** How many clusters one worker checks at once, and how many it claims in one statement. */
const CAPACITY = 200;
const BATCH = 20;
/** Interval of checks. It varies randomly by up to a fifth, so that clusters registered together are not always checked together. */
const INTERVAL_MILLISECONDS = 300_000;
const JITTER = 0.2;

/** Checks each cluster of the served regions every five minutes and on request: reachability, our permissions and the number of pods. */
export class ClusterChecks {
  private regions: readonly string[] = [];
  private readonly claims: Claims;

  constructor(
    private readonly leases: Leases,
    private readonly database: Database,
    private readonly checks: CheckRepository,
    private readonly placements: HeldPlacementRepository,
    private readonly events: EventLog,
    private readonly announce: Announce,
    private readonly connections: Connections,
    private readonly clock: DatabaseClock,
    private readonly report: (error: unknown) => void,
  ) {
    this.claims = new Claims({
      claim: async (limit) => (this.regions.length === 0 ? [] : this.leases.claim('clusters', this.regions, limit)),
      serve: (lease) => this.serveCluster(lease),
      capacity: CAPACITY,
      batch: BATCH,
      report,
    });
  }

  setRegions(regions: readonly string[]): void {
    this.regions = regions;
  }

  wake(): Promise<void> {
    return this.claims.wake();
  }

  ended(): Promise<void> {
    return this.claims.ended();
  }

  private async serveCluster(lease: Lease): Promise<void> {
    try {
      await this.database.as({ tenantId: lease.tenantId }, () => this.check(lease));
    } finally {
      const spread = 1 + JITTER * (2 * Math.random() - 1);
      if (lease.stillOurs() && (await lease.release(new Date(this.clock.now().getTime() + INTERVAL_MILLISECONDS * spread))))
        void this.wake().catch(this.report);
    }
  }

  private async check(lease: Lease): Promise<void> {
    const [begun, standing] = await Promise.all([this.checks.begin(lease.id), this.placements.onCluster(lease.id)]);
    const { finding, counts } = await this.look(lease, standing);
    if (!lease.stillOurs()) return;
    await this.database.transaction(async () => {
      const saved = await this.checks.save(lease, begun, { ...finding, ...storableTexts(finding) });
      if (!saved) return;
      if (saved.before !== finding.status) this.events.append([checkEvent(lease.id, saved.name, finding)]);
      this.database.afterCommit(() => this.announce.publish({ kind: 'cluster', tenantId: lease.tenantId, id: lease.id }));
    });
    if (counts.length > 0) await this.placements.saveCounts(counts);
  }

  private async look(lease: Lease, standing: readonly StandingPlacement[]): Promise<{ finding: Finding; counts: CountsChange[] }> {
    try {
      const connection = await this.connections.openNewest(lease, lease.id);
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
