import type { KubernetesObject } from './client.ts';
import { RequestFailed } from './client.ts';

/** Whatever can send a request as the admin: a ControlPlane or a Client. */
export interface Requester {
  request<T = KubernetesObject>(method: string, path: string, body?: unknown): Promise<T>;
}

/** Creates a namespace, and waits until pods can be made in it: they need its `default` service account, which a controller adds. */
export async function createNamespace(cluster: Requester, name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
  await cluster.request('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  for (const deadline = Date.now() + 20_000; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    try {
      await cluster.request('GET', `/api/v1/namespaces/${name}/serviceaccounts/default`);
      return;
    } catch (error) {
      if (!(error instanceof RequestFailed) || error.status !== 404 || Date.now() > deadline) throw error;
    }
  }
}

/** A rule of a Role or ClusterRole. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

/**
 * A token for the service account `name`, which is made where it is missing; it may do nothing until it is granted something.
 * @param expirationSeconds 600 to 2^32; the server may grant less.
 */
export async function createServiceAccountToken(
  cluster: Requester,
  namespace: string,
  name: string,
  expirationSeconds = 7_200,
): Promise<string> {
  const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`;
  await cluster.request('POST', accounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name } }).catch((error: unknown) => {
    if (!(error instanceof RequestFailed) || error.reason !== 'AlreadyExists') throw error;
  });
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds } };
  const answer = await cluster.request<{ status: { token: string } }>('POST', `${accounts}/${name}/token`, body);
  return answer.status.token;
}

/** Lets the service account do what `rules` say, in its own namespace alone. */
export async function grant(cluster: Requester, namespace: string, name: string, rules: readonly Rule[]): Promise<void> {
  const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  await cluster.request('POST', `${path}/roles`, { metadata: { name }, rules });
  await cluster.request('POST', `${path}/rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  });
}
