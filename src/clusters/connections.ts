import type { CheckRepository } from './check/check.repository.ts';
import type { CredentialReader } from './credential.reader.ts';
import type { Credential } from './core/credential.ts';
import { KubernetesError } from './kubernetes/errors.ts';
import { clusterStores, watchPlacement, workerStores } from './kubernetes/placement-watch.ts';
import type { WatchedPlacement } from './kubernetes/placement-watch.ts';
import type { ByteBudget } from './kubernetes/store.ts';
import type { KubernetesClient, PlacementWatch } from './kubernetes/types.ts';
import type { Database } from '../platform/db/database.ts';
import { DataKeyError, SealError } from '../platform/crypto/seal.ts';
import type { Lease } from '../runtime/lease.ts';

/** How long an unused connection is kept open. */
const WARM_MILLISECONDS = 60_000;

/** One user's reference to a cluster's connection, under its own lease. */
export interface Connection {
  /** Its requests are aborted when the lease ends. */
  client: KubernetesClient;
  /** Version of the credentials with which it was opened. */
  version: number;
  watch(placement: WatchedPlacement, onChange: () => void): PlacementWatch;
  release(): void;
}

interface Shared {
  client: KubernetesClient;
  /** What the watches on this connection keep. */
  stores: ByteBudget;
  version: number;
  users: number;
  closing: NodeJS.Timeout | null;
}

/** One connection per cluster, shared by all its users, and reopened when the credentials are replaced. */
export class Connections {
  private readonly opened = new Map<string, Shared>();
  private readonly stores = workerStores();
  private readonly opening = new Map<string, Promise<Shared>>();

  constructor(
    private readonly database: Pick<Database, 'as'>,
    private readonly credentials: Pick<CredentialReader, 'get'>,
    private readonly checks: Pick<CheckRepository, 'credentialVersion'>,
    private readonly connect: (credential: Credential) => KubernetesClient,
  ) {}

  /** @param version of the credentials in the caller's rows; a connection with another version is left to its current users */
  async open(lease: Lease, clusterId: string, version: number): Promise<Connection> {
    const known = this.opened.get(clusterId);
    return this.use(lease, clusterId, known?.version === version ? known : await this.openOnce(lease.tenantId, clusterId));
  }

  /** A connection with the current credentials, regardless of existing ones. */
  async openNewest(lease: Lease, clusterId: string): Promise<Connection> {
    const version = await this.database.as({ tenantId: lease.tenantId }, () => this.checks.credentialVersion(clusterId));
    return this.open(lease, clusterId, version ?? 0);
  }

  /** Closes all connections; requests still running fail. */
  async close(): Promise<void> {
    const all = [...this.opened.values()];
    this.opened.clear();
    for (const shared of all) if (shared.closing) clearTimeout(shared.closing);
    await Promise.all(all.map((shared) => shared.client.close()));
  }

  private use(lease: Lease, clusterId: string, shared: Shared): Connection {
    shared.users += 1;
    if (shared.closing) clearTimeout(shared.closing);
    shared.closing = null;
    let released = false;
    return {
      client: shared.client.under(lease.signal),
      version: shared.version,
      watch: (placement, onChange) => watchPlacement(shared.client, placement, onChange, shared.stores),
      release: () => {
        if (!released) this.leave(clusterId, shared);
        released = true;
      },
    };
  }

  private openOnce(tenantId: string, clusterId: string): Promise<Shared> {
    const opening = this.opening.get(clusterId) ?? this.openAnew(tenantId, clusterId).finally(() => this.opening.delete(clusterId));
    this.opening.set(clusterId, opening);
    return opening;
  }

  private async openAnew(tenantId: string, clusterId: string): Promise<Shared> {
    const opened = await this.database
      .as({ tenantId }, () => this.credentials.get(clusterId))
      .catch((error: unknown) => {
        if (error instanceof DataKeyError)
          throw unusable("The cluster's credentials cannot be opened with this installation's master key.", KEY_USED_BEFORE);
        if (error instanceof SealError) throw unusable("The cluster's credentials cannot be opened.", CREDENTIALS_ANEW);
        throw error;
      });
    if (!opened) throw unusable('The cluster has no credentials.', CREDENTIALS_ANEW);
    const { version, credential } = opened;
    const shared: Shared = {
      client: this.connect(credential),
      stores: clusterStores(this.stores),
      version,
      users: 0,
      closing: null,
    };
    const before = this.opened.get(clusterId);
    this.opened.set(clusterId, shared);
    if (before?.users === 0) this.end(before);
    return shared;
  }

  private leave(clusterId: string, shared: Shared): void {
    shared.users -= 1;
    if (shared.users > 0) return;
    if (this.opened.get(clusterId) !== shared) return this.end(shared);
    shared.closing = setTimeout(() => {
      this.opened.delete(clusterId);
      this.end(shared);
    }, WARM_MILLISECONDS).unref();
  }

  private end(shared: Shared): void {
    if (shared.closing) clearTimeout(shared.closing);
    void shared.client.close();
  }
}

const CREDENTIALS_ANEW = "Replace the cluster's credentials (PUT /v1/clusters/{cluster}/credentials).";
const KEY_USED_BEFORE = 'Ask the operator to start Slipway with the SLIPWAY_MASTER_KEY that was used before.';

const unusable = (message: string, advice: string): KubernetesError => new KubernetesError({ kind: 'UNAUTHENTICATED', message, advice });
