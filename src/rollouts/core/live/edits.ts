/** In what the objects of a cluster differ from ours, field by field: what others have changed in a pod template, and in the objects around it. */
import { fieldManager } from '../../../clusters/core/managers.ts';
import { isRecord } from '../../../platform/json.ts';
import { part, parts, sameJson, text, time } from '../raw.ts';
import type { Raw } from '../raw.ts';

/** A field that would change: as texts, JSON where the value is not one. */
export interface Difference {
  /** As Kubernetes writes it: `.spec.template.spec.containers[name="web"].image`. */
  path: string;
  /** The field manager that wrote the live value; null where nobody owns it, as where it was removed. */
  manager: string | null;
  /** The live value and ours; null = not there. */
  live: string | null;
  ours: string | null;
}

const MOST_CHARACTERS = 200;

/** A text of the cluster as it may be shown, without what its client knows to be secret. */
export type PublicText = (text: string) => string;

/** The keys by which server-side apply tells the items of a list apart. Other lists are one value. */
const LIST_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  imagePullSecrets: ['name'],
  resourceClaims: ['name'],
  schedulingGates: ['name'],
  ports: ['containerPort', 'protocol'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
};

/** A Service's ports are not those of a container. */
const SERVICE_PORT: readonly string[] = ['port', 'protocol'];

/** One step into a value: its text in a path, its key in managed fields, and how to find it. */
interface Step {
  shown: string;
  owned: string;
  from: (value: unknown) => unknown;
}

/** A live object and what it is compared with. */
export interface Compared {
  live: unknown;
  /** What we wrote, as the cluster answered it. */
  base: unknown;
  /** What we would write now: a change that it has too is none. */
  next: unknown;
  /** Of the live object. */
  managedFields: unknown;
  publicText: PublicText;
}

/** In what a live pod template differs from what we wrote, ordered by path. */
export function editsOf(template: Compared): Difference[] {
  return editsBelow(['spec', 'template'], template);
}

/** In what the content of a live object (all but its metadata and status) differs from what we wrote, ordered by path. */
export function objectEditsOf(content: Compared): Difference[] {
  return editsBelow([], content);
}

function editsBelow(root: readonly string[], { live, base, next, managedFields, publicText }: Compared): Difference[] {
  const above = root.map(fieldStep);
  const edits: Difference[] = [];
  for (const path of differences(live, base, [])) {
    const [now, then] = [valueAt(live, path), valueAt(next, path)];
    if (sameJson(now, then)) continue;
    const whole = [...above, ...path];
    const owner = ownerAt(managedFields, whole);
    edits.push({
      path: publicText(whole.map(({ shown }) => shown).join('')),
      manager: owner === null ? null : publicText(owner),
      live: shownValue(now, namesIn(path), publicText),
      ours: shownValue(then, namesIn(path), publicText),
    });
  }
  return edits.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** The topmost paths at which two values differ. */
function differences(a: unknown, b: unknown, path: readonly Step[]): Step[][] {
  if (sameJson(a, b)) return [];
  const name = path.at(-1)?.owned.slice(2) ?? '';
  const items = Array.isArray(a) && Array.isArray(b) ? keyed(a, b, keysOf(name, [a, b])) : null;
  if (items !== null) return items.flatMap((step) => differences(step.from(a), step.from(b), [...path, step]));
  if (!isRecord(a) || !isRecord(b)) return [[...path]];
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return names.flatMap((key) => differences(a[key], b[key], [...path, fieldStep(key)]));
}

function keysOf(name: string, lists: readonly (readonly unknown[])[]): readonly string[] | undefined {
  const isOfService = name === 'ports' && lists.flat().some((item) => isRecord(item) && 'port' in item);
  return isOfService ? SERVICE_PORT : LIST_KEYS[name];
}

/** The items of two lists by their keys; null where they cannot be told apart, or where only their order differs. */
function keyed(a: readonly unknown[], b: readonly unknown[], keys: readonly string[] | undefined): Step[] | null {
  if (keys === undefined || ![...a, ...b].every(isRecord)) return null;
  const steps = [a, b].map((list) => list.map((item) => itemStep(item as Raw, keys)));
  if (steps.some((list) => new Set(list.map(({ owned }) => owned)).size < list.length)) return null;
  const all = [...new Map(steps.flat().map((step) => [step.owned, step])).values()];
  return all.every((step) => sameJson(step.from(a), step.from(b))) ? null : all;
}

function fieldStep(name: string): Step {
  const isPlain = /^[A-Za-z0-9]+$/.test(name);
  return {
    shown: isPlain ? `.${name}` : `[${JSON.stringify(name)}]`,
    owned: `f:${name}`,
    from: (value) => (isRecord(value) ? value[name] : undefined),
  };
}

function itemStep(item: Raw, keys: readonly string[]): Step {
  const named = Object.fromEntries([...keys].sort().map((key) => [key, item[key] ?? null]));
  const is = (other: unknown): boolean => isRecord(other) && keys.every((key) => (other[key] ?? null) === named[key]);
  return {
    shown: `[${keys.map((key) => `${key}=${JSON.stringify(named[key])}`).join(',')}]`,
    owned: `k:${JSON.stringify(named)}`,
    from: (value: unknown) => (Array.isArray(value) ? (value as unknown[]).find(is) : undefined),
  };
}

function valueAt(value: unknown, path: readonly Step[]): unknown {
  return path.reduce<unknown>((at, step) => step.from(at), value);
}

/** The manager other than us that owns something at, above or below the path, the latest first. */
function ownerAt(managedFields: unknown, path: readonly Step[]): string | null {
  const owns = (entry: Raw): boolean => {
    let fields: unknown = part(entry, 'fieldsV1');
    for (const { owned } of path) {
      if (!isRecord(fields) || !(owned in fields)) return false;
      fields = fields[owned];
    }
    return true;
  };
  const owners = parts({ managedFields }, 'managedFields').filter((entry) => text(entry, 'manager') !== fieldManager && owns(entry));
  const newest = owners.sort((a, b) => (time(b, 'time') ?? 0) - (time(a, 'time') ?? 0))[0];
  return newest === undefined ? null : text(newest, 'manager');
}

const HIDDEN = '(hidden)';

/**
 * The fields whose texts are shown. People put secrets into whatever takes free text (variables, arguments, headers, paths, annotations, the data of a ConfigMap), and
 * no name tells which: so all other texts are hidden, and so is whatever lies below a field that is not here.
 */
const SHOWN_FIELDS: ReadonlySet<string> = new Set([
  // On the way
  ...['metadata', 'spec', 'template', 'containers', 'initContainers', 'ephemeralContainers', 'env', 'envFrom', 'valueFrom', 'resources'],
  ...[
    'livenessProbe',
    'readinessProbe',
    'startupProbe',
    'httpGet',
    'httpHeaders',
    'tcpSocket',
    'grpc',
    'lifecycle',
    'preStop',
    'postStart',
  ],
  ...['securityContext', 'capabilities', 'seccompProfile', 'appArmorProfile', 'seLinuxOptions', 'volumeMounts', 'volumeDevices'],
  ...['volumes', 'emptyDir', 'configMap', 'secret', 'projected', 'sources', 'downwardAPI', 'persistentVolumeClaim', 'items'],
  ...['configMapKeyRef', 'secretKeyRef', 'configMapRef', 'secretRef', 'fieldRef', 'resourceFieldRef', 'serviceAccountToken'],
  ...['imagePullSecrets', 'tolerations', 'topologySpreadConstraints', 'affinity', 'nodeAffinity', 'podAffinity', 'podAntiAffinity'],
  ...['requiredDuringSchedulingIgnoredDuringExecution', 'preferredDuringSchedulingIgnoredDuringExecution', 'preference'],
  ...['podAffinityTerm', 'nodeSelectorTerms', 'matchExpressions', 'matchFields', 'labelSelector', 'namespaceSelector', 'ports'],
  ...['readinessGates', 'schedulingGates', 'resourceClaims', 'strategy', 'rollingUpdate', 'os'],
  // Names of objects and of their parts
  ...['name', 'generateName', 'namespace', 'namespaces', 'key', 'fieldPath', 'resource', 'containerName', 'secretName', 'claimName'],
  ...['serviceAccount', 'serviceAccountName', 'schedulerName', 'priorityClassName', 'runtimeClassName', 'nodeName', 'finalizers'],
  // Amounts, words of Kubernetes, places
  ...['image', 'imagePullPolicy', 'restartPolicy', 'dnsPolicy', 'preemptionPolicy', 'terminationMessagePolicy', 'type', 'protocol'],
  ...['port', 'targetPort', 'hostIP', 'scheme', 'appProtocol', 'service', 'operator', 'values', 'effect', 'topologyKey', 'conditionType'],
  ...[
    'whenUnsatisfiable',
    'nodeAffinityPolicy',
    'nodeTaintsPolicy',
    'matchLabelKeys',
    'mismatchLabelKeys',
    'medium',
    'sizeLimit',
    'divisor',
  ],
  ...['mountPath', 'devicePath', 'mountPropagation', 'recursiveReadOnly', 'add', 'drop', 'procMount', 'fsGroupChangePolicy'],
  ...['supplementalGroupsPolicy', 'level', 'role', 'user', 'maxSurge', 'maxUnavailable', 'minAvailable', 'clusterIP', 'clusterIPs'],
  ...[
    'externalName',
    'externalTrafficPolicy',
    'internalTrafficPolicy',
    'trafficDistribution',
    'sessionAffinity',
    'ipFamilyPolicy',
    'ipFamilies',
  ],
]);

/** Maps with names of people's own, in which every text is shown. */
const SHOWN_MAPS: ReadonlySet<string> = new Set(['labels', 'matchLabels', 'nodeSelector', 'selector', 'limits', 'requests']);

/** Which texts at a place are shown: all, none, or those of known fields. */
type Texts = 'ALL' | 'NONE' | 'KNOWN';

function textsBelow(texts: Texts, name: string): Texts {
  if (texts !== 'KNOWN') return texts;
  if (SHOWN_MAPS.has(name)) return 'ALL';
  return SHOWN_FIELDS.has(name) ? 'KNOWN' : 'NONE';
}

function namesIn(path: readonly Step[]): string[] {
  return path.flatMap(({ owned }) => (owned.startsWith('f:') ? [owned.slice(2)] : []));
}

/** The value as a bounded text; null = there is none. `names`: of the fields on the way to it. */
function shownValue(value: unknown, names: readonly string[], publicText: PublicText): string | null {
  if (value === undefined) return null;
  const open = withoutSecrets(value, names.reduce<Texts>(textsBelow, 'KNOWN'));
  const shown = publicText(typeof open === 'string' ? open : JSON.stringify(open));
  return shown.length <= MOST_CHARACTERS ? shown : `${shown.slice(0, MOST_CHARACTERS - 3)}...`;
}

/** Names stay, and so do numbers and booleans, which Kubernetes has for amounts and switches only. */
function withoutSecrets(value: unknown, texts: Texts): unknown {
  if (typeof value === 'string') return texts === 'NONE' ? HIDDEN : value;
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, texts));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withoutSecrets(item, textsBelow(texts, name))]));
}
