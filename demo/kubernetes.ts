import { readFileSync } from 'node:fs';
import { ApiException, AppsV1Api, CoreV1Api, KubeConfig, KubernetesObjectApi, loadAllYaml } from '@kubernetes/client-node';
import type { AuthenticationV1TokenRequest, KubernetesObject, V1Deployment, V1ReplicaSet } from '@kubernetes/client-node';

const TOKEN_SECONDS = 24 * 3600;

/** The state of a workload, as reported by its cluster. */
export interface Standing {
  image: string | null;
  replicas: number;
  ready: number;
  gateOpen: boolean;
  /** ReplicaSets that have pods: exactly one when a single revision runs. */
  replicaSets: { name: string; uid: string; image: string | null; pods: number }[];
}

/** A cluster from its owner's point of view: the demo reads its state directly and does not rely on Slipway's reports. */
export class OwnedCluster {
  readonly name: string;
  private readonly config: KubeConfig;
  private readonly core: CoreV1Api;
  private readonly apps: AppsV1Api;

  constructor(name: string, kubeconfigFile: string, context?: string) {
    this.name = name;
    this.config = new KubeConfig();
    this.config.loadFromFile(kubeconfigFile);
    if (context !== undefined) this.config.setCurrentContext(context);
    this.core = this.config.makeApiClient(CoreV1Api);
    this.apps = this.config.makeApiClient(AppsV1Api);
  }

  get server(): string {
    return this.config.getCurrentCluster()!.server;
  }

  /** The API server's certificate authority, in base64. */
  get caData(): string {
    const cluster = this.config.getCurrentCluster()!;
    if (cluster.caData) return cluster.caData;
    if (cluster.caFile) return readFileSync(cluster.caFile).toString('base64');
    throw new Error(`context ${this.config.getCurrentContext()} has no certificate authority`);
  }

  async makeNamespace(name: string): Promise<void> {
    await this.core.createNamespace({ body: { metadata: { name } } });
  }

  async removeNamespace(name: string): Promise<void> {
    await this.core.deleteNamespace({ name }).catch((error: unknown) => {
      if (!(error instanceof ApiException && error.code === 404)) throw error;
    });
  }

  /** Creates a ServiceAccount without rights, and a token for it. */
  async makeAccount(namespace: string, name: string): Promise<string> {
    await this.core.createNamespacedServiceAccount({ namespace, body: { metadata: { name } } });
    const body = { spec: { audiences: [], expirationSeconds: TOKEN_SECONDS } } as unknown as AuthenticationV1TokenRequest;
    const answer = await this.core.createNamespacedServiceAccountToken({ namespace, name, body });
    if (!answer.status?.token) throw new Error(`${this.name} gave no token`);
    return answer.status.token;
  }

  /** Applies a manifest with the owner's rights. */
  async apply(yaml: string): Promise<void> {
    const api = KubernetesObjectApi.makeApiClient(this.config);
    for (const object of loadAllYaml(yaml) as (KubernetesObject | null)[]) {
      if (!object?.kind) continue;
      await api.create(object).catch(async (error: unknown) => {
        if (!(error instanceof ApiException && error.code === 409)) throw error;
        await api.patch(object);
      });
    }
  }

  async read(namespace: string, workload: string): Promise<Standing | null> {
    const deployments = await this.apps.listNamespacedDeployment({ namespace, fieldSelector: `metadata.name=${workload}` });
    const deployment = deployments.items[0];
    if (!deployment) return null;
    const { items } = await this.apps.listNamespacedReplicaSet({ namespace });
    const ours = items.filter((set) => set.metadata?.ownerReferences?.some((owner) => owner.uid === deployment.metadata?.uid));
    return standingOf(deployment, ours);
  }
}

const imageOf = (object: V1Deployment | V1ReplicaSet): string | null => object.spec?.template?.spec?.containers?.[0]?.image ?? null;

const standingOf = (deployment: V1Deployment, sets: V1ReplicaSet[]): Standing => ({
  image: imageOf(deployment),
  replicas: deployment.spec?.replicas ?? 0,
  ready: deployment.status?.readyReplicas ?? 0,
  gateOpen: (deployment.spec?.minReadySeconds ?? 0) < 1_000_000,
  replicaSets: sets
    .filter((set) => (set.spec?.replicas ?? 0) > 0)
    .map((set) => ({ name: set.metadata!.name!, uid: set.metadata!.uid!, image: imageOf(set), pods: set.status?.replicas ?? 0 })),
});
