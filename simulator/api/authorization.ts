/** Authorization: the admin may do everything except what a fault denies; others have the rights of their roles in the namespace. */
import type { Cluster } from '../cluster.ts';
import type { Fields } from '../objects.ts';
import { resources } from '../resources.ts';
import { forbidden } from '../status.ts';
import type { User } from './authentication.ts';

export interface Attempt {
  verb: string;
  group: string;
  /** Plural, or `*`. */
  resource: string;
  subresource: string | undefined;
  namespace: string | undefined;
  name: string | undefined;
}

export interface PolicyRule {
  apiGroups?: string[];
  resources?: string[];
  verbs?: string[];
  resourceNames?: string[];
}

interface Subject {
  kind: string;
  name: string;
  namespace?: string;
}

const covers = (list: readonly string[] | undefined, value: string): boolean => (list ?? []).some((one) => one === '*' || one === value);

function isSubject(subject: Subject, user: User): boolean {
  if (subject.kind === 'ServiceAccount') return user.name === `system:serviceaccount:${subject.namespace ?? ''}:${subject.name}`;
  return subject.kind === 'Group' ? user.groups.includes(subject.name) : user.name === subject.name;
}

/** The rules that are granted to a user in a namespace. */
export function rulesOf(cluster: Cluster, user: User, namespace: string): PolicyRule[] {
  const rules: PolicyRule[] = [];
  for (const binding of cluster.store.each(resources.roleBindings, namespace)) {
    const subjects = (binding['subjects'] ?? []) as Subject[];
    const reference = binding['roleRef'] as Fields;
    if (reference['kind'] !== 'Role' || !subjects.some((subject) => isSubject(subject, user))) continue;
    const role = cluster.store.get(resources.roles, namespace, String(reference['name']))?.object;
    rules.push(...((role?.['rules'] ?? []) as PolicyRule[]));
  }
  return rules;
}

export function allows(cluster: Cluster, user: User, { verb, group, resource, subresource, namespace, name }: Attempt): boolean {
  const what = subresource ? `${resource}/${subresource}` : resource;
  if (!cluster.faults.allows(verb, what, namespace)) return false;
  if (user.admin) return true;
  if (!namespace) return false;
  return rulesOf(cluster, user, namespace).some(
    (rule) =>
      covers(rule.verbs, verb) &&
      covers(rule.apiGroups, group) &&
      covers(rule.resources, what) &&
      (!rule.resourceNames?.length || (name !== undefined && rule.resourceNames.includes(name))),
  );
}

/** Throws 403 with the API server's message if the user may not do it. */
export function authorize(cluster: Cluster, user: User, attempt: Attempt): void {
  if (allows(cluster, user, attempt)) return;
  const { verb, group, resource, subresource, namespace, name } = attempt;
  const where = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
  const what = subresource ? `${resource}/${subresource}` : resource;
  throw forbidden(
    { group, plural: resource },
    name ?? '',
    `User "${user.name}" cannot ${verb} resource "${what}" in API group "${group}" ${where}`,
  );
}
