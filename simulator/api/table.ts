/** Tables for `kubectl get`: the columns of each kind. */
import { isFields } from '../objects.ts';
import type { Deployment, Fields, KubernetesObject, Pod, ReplicaSet, Service, StringMap } from '../objects.ts';
import { resources } from '../resources.ts';
import type { Resource } from '../resources.ts';
import type { Stored } from '../store/store.ts';

type Cell = string | number;
type Columns = { name: string; priority?: number; cell: (object: KubernetesObject, now: number) => Cell }[];

const shortUnits: [number, string][] = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'm'],
];

/** `5s`, `12m`, `3h`: an age as kubectl shows it. */
function age(since: unknown, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(String(since))) / 1000));
  if (Number.isNaN(seconds)) return '<unknown>';
  if (seconds < 120) return `${seconds}s`;
  for (const [unit, letter] of shortUnits) if (seconds >= unit * 2) return `${Math.floor(seconds / unit)}${letter}`;
  return `${seconds}s`;
}

const fieldsAt = (object: Fields, name: string): Fields => (isFields(object[name]) ? object[name] : {});
const list = (values: readonly (string | undefined)[]): string => values.filter(Boolean).join(',') || '<none>';
const labelText = (labels: StringMap | undefined): string => list(Object.entries(labels ?? {}).map(([name, value]) => `${name}=${value}`));

const name: Columns[number] = { name: 'Name', cell: ({ metadata }) => metadata.name };
const created: Columns[number] = { name: 'Age', cell: ({ metadata }, now) => age(metadata.creationTimestamp, now) };

function podReason(pod: Pod): string {
  if (pod.metadata.deletionTimestamp) return 'Terminating';
  for (const status of pod.status.initContainerStatuses ?? []) {
    const reason = (status.state['waiting'] as Fields | undefined)?.['reason'];
    const exit = status.state['terminated'] as Fields | undefined;
    if (exit && exit['exitCode'] !== 0) return `Init:${String(exit['reason'])}`;
    if (typeof reason === 'string' && reason !== 'PodInitializing') return `Init:${reason}`;
    if (!exit && !status.started) return 'Init:0/' + String(pod.spec.initContainers?.length ?? 0);
  }
  for (const { state } of pod.status.containerStatuses ?? []) {
    const reason = (state['waiting'] as Fields | undefined)?.['reason'] ?? (state['terminated'] as Fields | undefined)?.['reason'];
    if (typeof reason === 'string') return reason;
  }
  return pod.status.phase;
}

const podColumns: Columns = [
  name,
  {
    name: 'Ready',
    cell: (object) => {
      const { status, spec } = object as Pod;
      const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map((one) => one.name);
      const all = [
        ...(status.containerStatuses ?? []),
        ...(status.initContainerStatuses ?? []).filter((one) => sidecars.includes(one.name)),
      ];
      return `${all.filter(({ ready }) => ready).length}/${spec.containers.length + sidecars.length}`;
    },
  },
  { name: 'Status', cell: (object) => podReason(object as Pod) },
  {
    name: 'Restarts',
    cell: (object) => ((object as Pod).status.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0),
  },
  created,
  { name: 'IP', priority: 1, cell: (object) => (object as Pod).status.podIP ?? '<none>' },
  { name: 'Node', priority: 1, cell: (object) => (object as Pod).spec.nodeName ?? '<none>' },
];

const images = (object: KubernetesObject): string => list((object as Deployment).spec.template.spec.containers.map(({ image }) => image));

const columns = new Map<Resource, Columns>([
  [resources.pods, podColumns],
  [
    resources.deployments,
    [
      name,
      { name: 'Ready', cell: (object) => `${(object as Deployment).status.readyReplicas ?? 0}/${(object as Deployment).spec.replicas}` },
      { name: 'Up-to-date', cell: (object) => (object as Deployment).status.updatedReplicas ?? 0 },
      { name: 'Available', cell: (object) => (object as Deployment).status.availableReplicas ?? 0 },
      created,
      { name: 'Images', priority: 1, cell: images },
    ],
  ],
  [
    resources.replicaSets,
    [
      name,
      { name: 'Desired', cell: (object) => (object as ReplicaSet).spec.replicas },
      { name: 'Current', cell: (object) => (object as ReplicaSet).status.replicas },
      { name: 'Ready', cell: (object) => (object as ReplicaSet).status.readyReplicas ?? 0 },
      created,
      { name: 'Images', priority: 1, cell: images },
    ],
  ],
  [
    resources.services,
    [
      name,
      { name: 'Type', cell: (object) => (object as Service).spec.type ?? '' },
      { name: 'Cluster-IP', cell: (object) => (object as Service).spec.clusterIP ?? '<none>' },
      { name: 'External-IP', cell: () => '<none>' },
      {
        name: 'Port(s)',
        cell: (object) => list(((object as Service).spec.ports ?? []).map(({ port, protocol }) => `${port}/${protocol ?? 'TCP'}`)),
      },
      created,
      { name: 'Selector', priority: 1, cell: (object) => labelText((object as Service).spec.selector) },
    ],
  ],
  [resources.configMaps, [name, { name: 'Data', cell: (object) => Object.keys(fieldsAt(object, 'data')).length }, created]],
  [
    resources.secrets,
    [
      name,
      { name: 'Type', cell: (object) => String(object['type']) },
      { name: 'Data', cell: (object) => Object.keys(fieldsAt(object, 'data')).length },
      created,
    ],
  ],
  [resources.namespaces, [name, { name: 'Status', cell: (object) => String(fieldsAt(object, 'status')['phase']) }, created]],
  [
    resources.nodes,
    [
      name,
      { name: 'Status', cell: (object) => (fieldsAt(object, 'spec')['unschedulable'] === true ? 'Ready,SchedulingDisabled' : 'Ready') },
      { name: 'Roles', cell: () => '<none>' },
      created,
      { name: 'Version', cell: (object) => String(fieldsAt(fieldsAt(object, 'status'), 'nodeInfo')['kubeletVersion']) },
    ],
  ],
  [
    resources.events,
    [
      { name: 'Last Seen', cell: (object, now) => age(object['lastTimestamp'], now) },
      { name: 'Type', cell: (object) => String(object['type']) },
      { name: 'Reason', cell: (object) => String(object['reason']) },
      {
        name: 'Object',
        cell: (object) =>
          `${String(fieldsAt(object, 'involvedObject')['kind']).toLowerCase()}/${String(fieldsAt(object, 'involvedObject')['name'])}`,
      },
      { name: 'Message', cell: (object) => String(object['message']) },
    ],
  ],
]);

const fallback: Columns = [name, { name: 'Created At', cell: ({ metadata }) => metadata.creationTimestamp }];

/** A table of these objects. `columnsToo`: watches send the definitions only once. */
export function tableJson(resource: Resource, items: readonly Stored[], metadata: Fields, now: number, include: string | null): string {
  const chosen = columns.get(resource) ?? fallback;
  const definitions = chosen.map((column) => ({
    name: column.name,
    type: 'string',
    format: column.name === 'Name' ? 'name' : '',
    description: column.name,
    priority: column.priority ?? 0,
  }));
  const rows = items.map((stored) => {
    const cells = JSON.stringify(chosen.map(({ cell }) => cell(stored.object, now)));
    if (include === 'None') return `{"cells":${cells}}`;
    const object =
      include === 'Object'
        ? stored.json()
        : JSON.stringify({ kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: stored.object.metadata });
    return `{"cells":${cells},"object":${object}}`;
  });
  return `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":${JSON.stringify(metadata)},"columnDefinitions":${JSON.stringify(definitions)},"rows":[${rows.join(',')}]}`;
}
