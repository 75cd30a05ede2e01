/** Label and field selectors: parsing of the query form, and matching. */
import { badRequest } from '../status.ts';
import type { KubernetesObject, LabelSelector, StringMap } from '../objects.ts';
import { isFields } from '../objects.ts';

export type LabelMatch = (labels: StringMap | undefined) => boolean;
export type FieldMatch = (object: KubernetesObject) => boolean;

const none: StringMap = {};

function requirement(text: string): LabelMatch {
  const set = /^\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*$/.exec(text);
  if (set) {
    const [, key = '', operator = '', list = ''] = set;
    const values = new Set(list.split(',').map((value) => value.trim()));
    return (labels) => (key in (labels ?? none) && values.has(labels?.[key] ?? '')) === (operator === 'in');
  }
  const compared = /^\s*([^\s!=]+)\s*(==|=|!=)\s*(\S*)\s*$/.exec(text);
  if (compared) {
    const [, key = '', operator = '', value = ''] = compared;
    return (labels) => (labels?.[key] === value) === (operator !== '!=');
  }
  const exists = /^\s*(!?)\s*([^\s!=,()]+)\s*$/.exec(text);
  if (exists) return (labels) => (exists[2] ?? '') in (labels ?? none) === (exists[1] === '');
  throw badRequest(`unable to parse requirement: found '${text}', expected: a label selector`);
}

/** `app=web,tier in (a, b),!legacy` */
export function parseLabelSelector(text: string | null | undefined): LabelMatch | undefined {
  if (!text) return undefined;
  const requirements = text.split(/,(?![^(]*\))/).map(requirement);
  return (labels) => requirements.every((matches) => matches(labels));
}

/** The selector of an object's spec. Without requirements it matches nothing, because no controller may own everything. */
export function labelSelectorMatch(selector: LabelSelector | undefined): LabelMatch {
  const labels = Object.entries(selector?.matchLabels ?? {});
  const expressions = selector?.matchExpressions ?? [];
  if (labels.length + expressions.length === 0) return () => false;
  return (found) =>
    labels.every(([key, value]) => found?.[key] === value) &&
    expressions.every(({ key, operator, values }) => {
      const value = found?.[key];
      switch (operator) {
        case 'In':
          return value !== undefined && (values ?? []).includes(value);
        case 'NotIn':
          return value === undefined || !(values ?? []).includes(value);
        case 'Exists':
          return value !== undefined;
        default:
          return value === undefined;
      }
    });
}

/** A Service's selector: a plain map, all of which must match. */
export function mapMatch(selector: StringMap | undefined): LabelMatch {
  return labelSelectorMatch({ matchLabels: selector ?? {} });
}

function valueAt(object: unknown, path: string): string {
  const value = path.split('.').reduce<unknown>((at, name) => (isFields(at) ? at[name] : undefined), object);
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

const everywhere = ['metadata.name', 'metadata.namespace'];

/** The fields by which a kind can be selected, besides name and namespace. */
const selectable: { [plural: string]: string[] } = {
  pods: [
    ...['spec.nodeName', 'spec.restartPolicy', 'spec.schedulerName', 'spec.serviceAccountName', 'spec.hostNetwork'],
    ...['status.phase', 'status.podIP', 'status.nominatedNodeName'],
  ],
  events: [
    ...['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((name) => `involvedObject.${name}`),
    ...['reason', 'reportingComponent', 'source', 'type'],
  ],
  namespaces: ['status.phase'],
  nodes: ['spec.unschedulable'],
  replicasets: ['status.replicas'],
  secrets: ['type'],
};

/** `metadata.name=web,status.phase!=Running` */
export function parseFieldSelector(text: string | null | undefined, plural: string): FieldMatch | undefined {
  if (!text) return undefined;
  const known = [...everywhere, ...(selectable[plural] ?? [])];
  const tests = text.split(',').map((part) => {
    const found = /^([^=!]+)(!=|==|=)(.*)$/.exec(part);
    if (!found) throw badRequest(`invalid selector: '${text}'; can't understand '${part}'`);
    const [, path = '', operator = '', value = ''] = found;
    if (!known.includes(path)) {
      const list = everywhere.map((name) => `"${name}"`).join(', ');
      throw badRequest(known.length > 2 ? `field label not supported: ${path}` : `"${path}" is not a known field selector: only ${list}`);
    }
    return (object: KubernetesObject) => (valueAt(object, path) === value) === (operator !== '!=');
  });
  return (object) => tests.every((test) => test(object));
}
