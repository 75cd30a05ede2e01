import type { Client } from '../control-plane/client.ts';
import { isAtLeast } from './clusters.ts';

const API = '/apis/admissionregistration.k8s.io/v1';

/** MutatingAdmissionPolicy is stable from 1.36 on. */
export const hasPolicies = isAtLeast(36);

/** What is changed of which objects, when. */
export interface Mutation {
  resource: 'deployments' | 'replicasets';
  operations: readonly ('CREATE' | 'UPDATE')[];
  /** CEL, as an apply configuration. */
  expression: string;
}

/** Makes a mutating policy of the cluster's for a namespace. Returns what removes it. */
export async function mutate(
  admin: Client,
  namespace: string,
  { resource, operations, expression }: Mutation,
): Promise<() => Promise<void>> {
  const name = `mutate-${resource}-${namespace}`;
  const selector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  await admin.request('POST', `${API}/mutatingadmissionpolicies`, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicy',
    metadata: { name },
    spec: {
      matchConstraints: {
        namespaceSelector: selector,
        resourceRules: [{ apiGroups: ['apps'], apiVersions: ['v1'], operations, resources: [resource] }],
      },
      failurePolicy: 'Fail',
      reinvocationPolicy: 'Never',
      mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
    },
  });
  await admin.request('POST', `${API}/mutatingadmissionpolicybindings`, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicyBinding',
    metadata: { name },
    spec: { policyName: name },
  });
  return async () => {
    await admin.request('DELETE', `${API}/mutatingadmissionpolicybindings/${name}`);
    await admin.request('DELETE', `${API}/mutatingadmissionpolicies/${name}`);
  };
}
