import type { KubernetesErrorKind } from '../../clusters/core/error-kinds.ts';
import { type CheckFinding, MAX_FINDINGS } from '../../templates/core/finding.ts';
import type { Fault } from '../../platform/fault.ts';
import { isRecord } from '../../platform/json.ts';
import type { KubernetesObject } from './objects.ts';
import { placeOf, type Rendered } from './places.ts';

/** Faults of a rendering as findings. A fault of a value is one of its parameter; where several are to blame, it says so. */
export const faultsOfValues = (faults: readonly Fault[]): CheckFinding[] =>
  faults.map(({ pointer = '', detail }) => ({
    kind: 'FAULT',
    pointer: pointer.startsWith('/values/') ? pointer.replace('/values', '/parameters') : '',
    detail,
  }));

/** What a cluster has said of a dry run that it did not accept. */
export interface Refusal {
  kind: KubernetesErrorKind;
  message: string;
  advice: string;
  causes: readonly { field: string; message: string }[];
}

/** Whether an error says something about the document, or only about the cluster: its permissions, namespaces, quotas, or that it did not answer. */
const JUDGES: Readonly<Record<KubernetesErrorKind, boolean>> = {
  INVALID: true,
  ADMISSION_DENIED: true,
  ...{ UNREACHABLE: false, UNKNOWN_CA: false, UNAUTHENTICATED: false, FORBIDDEN: false, NOT_FOUND: false, CONFLICT: false },
  ...{
    FIELD_CONFLICT: false,
    EXISTS: false,
    QUOTA_EXCEEDED: false,
    NAMESPACE_MISSING: false,
    EXPIRED: false,
    THROTTLED: false,
    SERVER: false,
  },
};

/** What is in use in the cluster, most likely by a workload of this template, cannot be tried under another name. */
const IN_USE = /already allocated/;
/** What server-side apply says of fields that its schema does not know, all in one message: `.spec.template.spec.foo: field not declared in schema`. */
function causesIn(message: string): { field: string; message: string }[] {
  const found: { field: string; words: string[] }[] = [];
  for (const word of message.split(/\s/)) {
    if (word.startsWith('.') && word.endsWith(':')) found.push({ field: word.slice(0, -1), words: [] });
    else if (word !== '') found.at(-1)?.words.push(word);
  }
  return found.map(({ field, words }) => ({ field, message: words.join(' ') }));
}

/** The findings of a refused dry run of one object, at the places of the document that they are about. */
export function findingsOf(rendered: Rendered, object: KubernetesObject, { kind, message, advice, causes }: Refusal): CheckFinding[] {
  if (!JUDGES[kind]) return [{ kind: 'CLUSTER', pointer: '', detail: `${message} ${advice}` }];
  const found = causes.length > 0 ? causes : causesIn(message);
  if (found.length === 0) return [{ kind: 'FAULT', pointer: placeOf(rendered, object, ''), detail: message }];
  return found.map(({ field, message: detail }) => {
    const pointer = placeOf(rendered, object, field);
    return IN_USE.test(detail)
      ? { kind: 'NOTE', pointer, detail: `not checked, because it is in use in the cluster: ${detail}` }
      : { kind: 'FAULT', pointer, detail };
  });
}

const SECRET_FIELDS: Readonly<Record<string, string>> = { secretKeyRef: 'name', secretRef: 'name', secret: 'secretName' };

/** The Secrets that a pod refers to, each with its field: they exist in the cluster or not, and a dry run does not say. */
function secretsIn(value: unknown, field: string): { name: string; field: string }[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => secretsIn(item, `${field}[${index}]`));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = `${field}.${key}`;
    const reference = isRecord(inner) && SECRET_FIELDS[key] !== undefined ? [SECRET_FIELDS[key], 'name'].find((name) => typeof inner[name] === 'string') : undefined; // prettier-ignore
    if (reference !== undefined && isRecord(inner)) return [{ name: String(inner[reference]), field: `${here}.${reference}` }];
    if (key !== 'imagePullSecrets' || !Array.isArray(inner)) return secretsIn(inner, here);
    return inner.flatMap((one, index) => (isRecord(one) ? [{ name: String(one['name']), field: `${here}[${index}].name` }] : []));
  });
}

export const secretNotes = (rendered: Rendered): CheckFinding[] =>
  rendered.objects
    .filter(({ kind }) => kind === 'Deployment')
    .flatMap((object) =>
      secretsIn(object['spec'], 'spec').map(({ name, field }) => ({
        kind: 'NOTE',
        pointer: placeOf(rendered, object, field),
        detail: `not checked: whether the Secret ${name} exists`,
      })),
    );

/** Each finding once, faults first, and no more than are kept. */
export function ordered(findings: readonly CheckFinding[]): CheckFinding[] {
  const order: CheckFinding['kind'][] = ['FAULT', 'CLUSTER', 'NOTE'];
  const distinct = new Map(findings.map((finding) => [`${finding.kind} ${finding.pointer} ${finding.detail}`, finding]));
  return [...distinct.values()].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)).slice(0, MAX_FINDINGS);
}
