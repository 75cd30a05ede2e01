/** Access reviews: what the token may do, by the verbs that are denied to it. */
import type { Cluster } from '../cluster.ts';
import { isFields } from '../objects.ts';
import type { Fields } from '../objects.ts';
import { invalid, requiredValue } from '../status.ts';

const text = (fields: Fields, name: string): string | undefined =>
  typeof fields[name] === 'string' && fields[name] !== '' ? fields[name] : undefined;

export function reviewAccess(cluster: Cluster, review: Fields): Fields {
  const spec = isFields(review['spec']) ? review['spec'] : {};
  const attributes = isFields(spec['resourceAttributes']) ? spec['resourceAttributes'] : undefined;
  const path = isFields(spec['nonResourceAttributes']) ? spec['nonResourceAttributes'] : undefined;
  if (!attributes && !path) {
    throw invalid({ group: 'authorization.k8s.io', kind: 'SelfSubjectAccessReview' }, '', [
      requiredValue('spec.resourceAttributes', 'exactly one of nonResourceAttributes or resourceAttributes must be specified'),
    ]);
  }
  const allowed =
    !attributes ||
    cluster.faults.allows(
      text(attributes, 'verb') ?? '*',
      { plural: text(attributes, 'resource') ?? '*' },
      text(attributes, 'subresource'),
      text(attributes, 'namespace'),
    );
  return { ...review, status: allowed ? { allowed, reason: 'RBAC: allowed by ClusterRoleBinding "cluster-admin"' } : { allowed } };
}

export function reviewRules(cluster: Cluster, review: Fields): Fields {
  const denied = cluster.faults.settings.deniedVerbs ?? [];
  const everything = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
  const resourceRules =
    denied.length === 0
      ? [everything]
      : [
          {
            ...everything,
            verbs: ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'].filter(
              (verb) => !denied.some((one) => one.verb === verb),
            ),
          },
        ];
  return {
    ...review,
    status: { resourceRules, nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }], incomplete: denied.length > 0 },
  };
}
