import { stringify } from 'yaml';
import { accessRules, resourceName } from './access.ts';

/** The account that a tenant makes for us in each namespace. */
export const serviceAccountName = 'slipway';

/**
 * The least ServiceAccount, Role and RoleBinding that let Slipway work in a namespace, as YAML to hand to `kubectl apply -f -`. It is namespaced through and
 * through, and grants no secrets, no exec, no wildcard, nothing by which rights could grow.
 */
export function accessManifest(namespace: string): string {
  const metadata = { name: serviceAccountName, namespace, labels: { 'app.kubernetes.io/managed-by': 'slipway' } };
  const rules = accessRules.map(({ group, verbs, ...resource }) => ({
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
    '# What Slipway needs in this namespace, and nothing more.',
    '# Apply it, then make a token and put it into the credentials of the cluster:',
    `#   kubectl --namespace ${namespace} create token ${serviceAccountName} --duration 8760h`,
    '# For a further namespace of the same cluster, name the first namespace in `subjects`: one credential then serves both.',
    '',
  ].join('\n');
  return heading + documents.map((document) => `---\n${stringify(document, { aliasDuplicateObjects: false })}`).join('');
}
