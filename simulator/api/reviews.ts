/** Access reviews of the caller. */
import type { Cluster } from '../cluster.ts';
import { isFields } from '../objects.ts';
import type { Fields } from '../objects.ts';
import { invalid, requiredValue } from '../status.ts';
import type { User } from './authentication.ts';
import { allows, rulesOf } from './authorization.ts';

const text = (fields: Fields, name: string): string | undefined =>
  typeof fields[name] === 'string' && fields[name] !== '' ? fields[name] : undefined;

export function reviewAccess(cluster: Cluster, user: User, review: Fields): Fields {
  const spec = isFields(review['spec']) ? review['spec'] : {};
  const attributes = isFields(spec['resourceAttributes']) ? spec['resourceAttributes'] : undefined;
  if (!attributes && !isFields(spec['nonResourceAttributes'])) {
    throw invalid({ group: 'authorization.k8s.io', kind: 'SelfSubjectAccessReview' }, '', [
      requiredValue('spec.resourceAttributes', 'exactly one of nonResourceAttributes or resourceAttributes must be specified'),
    ]);
  }
  return { ...review, status: { allowed: !attributes || isAllowed(cluster, user, attributes) } };
}

function isAllowed(cluster: Cluster, user: User, attributes: Fields): boolean {
  return allows(cluster, user, {
    verb: text(attributes, 'verb') ?? '*',
    group: text(attributes, 'group') ?? '',
    resource: text(attributes, 'resource') ?? '*',
    subresource: text(attributes, 'subresource'),
    namespace: text(attributes, 'namespace'),
    name: text(attributes, 'name'),
  });
}

const everything = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
const allVerbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'];

export function reviewRules(cluster: Cluster, user: User, review: Fields): Fields {
  const spec = isFields(review['spec']) ? review['spec'] : {};
  const denied = (cluster.faults.settings.deniedVerbs ?? []).map(({ verb }) => verb);
  const all = denied.length === 0 ? [everything] : [{ ...everything, verbs: allVerbs.filter((verb) => !denied.includes(verb)) }];
  const resourceRules = user.admin ? all : rulesOf(cluster, user, text(spec, 'namespace') ?? '');
  const nonResourceRules = user.admin ? [{ verbs: ['*'], nonResourceURLs: ['*'] }] : [];
  // Rules cannot express the resource of a denial; a client must review that access by itself.
  return { ...review, status: { resourceRules, nonResourceRules, incomplete: denied.length > 0 } };
}
