/** One permission in a namespace, in terms of Kubernetes' RBAC. The core API group is ''. */
export interface Access {
  group: string;
  resource: string;
  /** For example `scale` in `deployments/scale`; absent for the resource itself. */
  subresource?: string;
  verb: string;
}

interface Rule {
  group: string;
  resource: string;
  subresource?: string;
  verbs: readonly string[];
  /** What is done without where it is not granted, as the cluster's check says: a warning, and nothing else. */
  without?: string;
}

/**
 * All permissions that Slipway uses. The Role for tenants and the access reviews are both built from this.
 * A server-side apply needs `patch` and, where the object is new, `create`.
 */
export const accessRules: readonly Rule[] = [
  { group: 'apps', resource: 'deployments', verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
  { group: 'apps', resource: 'deployments', subresource: 'scale', verbs: ['patch'] },
  { group: 'apps', resource: 'replicasets', verbs: ['list', 'watch'] },
  { group: '', resource: 'pods', verbs: ['list', 'watch'] },
  { group: '', resource: 'pods', subresource: 'log', verbs: ['get'] },
  { group: '', resource: 'services', verbs: ['get', 'create', 'patch', 'delete'] },
  { group: '', resource: 'configmaps', verbs: ['get', 'create', 'patch', 'delete'] },
  {
    group: '',
    resource: 'events',
    verbs: ['list'],
    without: 'So what keeps a pod from starting is not always named, such as a volume that cannot be mounted',
  },
  {
    group: 'autoscaling',
    resource: 'horizontalpodautoscalers',
    verbs: ['list'],
    without:
      'So where an autoscaler lowers the number of pods while a canary is held, fewer may be Ready for as long as one takes to start',
  },
];

const withOneVerb = (rules: readonly Rule[]): Access[] =>
  rules.flatMap(({ verbs, without: _, ...rest }) => verbs.map((verb) => ({ ...rest, verb })));

/** The permissions without which nothing is done, with one verb each. */
export const requiredAccess: readonly Access[] = withOneVerb(accessRules.filter(({ without }) => without === undefined));

/** Those that are done without. */
export const optionalAccess: readonly Access[] = withOneVerb(accessRules.filter(({ without }) => without !== undefined));

/** Of an optional permission: what is done without it. */
export function withoutAccess({ group, resource }: Access): string {
  return accessRules.find((rule) => rule.group === group && rule.resource === resource)?.without ?? '';
}

/** `deployments`, `deployments/scale`. */
export function resourceName(access: Pick<Access, 'resource' | 'subresource'>): string {
  return access.subresource === undefined ? access.resource : `${access.resource}/${access.subresource}`;
}

/** The permission for people, such as `patch deployments/scale in apps`. */
export function describeAccess(access: Access): string {
  return `${access.verb} ${resourceName(access)}${access.group === '' ? '' : ` in ${access.group}`}`;
}

/** A rule as SelfSubjectRulesReview reports it; `*` means any. */
export interface GrantedRule {
  verbs: string[];
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
}

/** Whether a rule grants this access on every object of the namespace. A rule for named objects does not. */
export function isGranted(access: Access, rules: readonly GrantedRule[]): boolean {
  const has = (list: string[] | undefined, wanted: string): boolean => (list ?? []).some((item) => item === '*' || item === wanted);
  return rules.some((rule) => {
    const resources = rule.resources ?? [];
    const named =
      has(resources, resourceName(access)) || (access.subresource !== undefined && resources.includes(`*/${access.subresource}`));
    return has(rule.verbs, access.verb) && has(rule.apiGroups, access.group) && named && (rule.resourceNames ?? []).length === 0;
  });
}
