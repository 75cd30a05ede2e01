import { stringify } from 'yaml';
import { accessRules, resourceName } from './access.ts';

/** The account that a tenant creates for Slipway in each namespace. */
export const serviceAccountName = 'slipway';

/**
 * The minimal ServiceAccount, Role and RoleBinding for Slipway in a namespace, as YAML for `kubectl apply -f -`. All are namespaced. They grant no secrets,
 * no exec, no wildcards, and nothing that allows escalating rights.
 */
export function accessManifest(namespace: string): string {
  const metadata = { name: serviceAccountName, namespace, labels: { 'app.kubernetes.io/managed-by': 'slipway' } };
  const rules = accessRules.map(({ group, verbs, without: _, ...resource }) => ({
    apiGroups: [group],
    resources: [resourceName(resource)],
    verbs: [...verbs],
  }));
  const documents = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: serviceAccountName },
      subjects: [{ kind: 'ServiceAccount', name: serviceAccountName, namespace }],
    },
  ];
  const heading = [
    '# The minimal permissions of Slipway in this namespace.',
    "# Apply it, then create a token and use it in the cluster's credentials:",
    `#   kubectl --namespace ${namespace} create token ${serviceAccountName} --duration 8760h`,
    '# For another namespace of the same cluster, name the first namespace in `subjects`: one credential then works for both.',
    '',
  ].join('\n');
  return heading + documents.map((document) => `---\n${stringify(document, { aliasDuplicateObjects: false })}`).join('');
}
