import type { Fault } from '../../common/fault.ts';
import { at, listOf, objectOf, own } from './json.ts';
import { normalPath } from './paths.ts';
import { containersOf, type PlacedContainer } from './pod.ts';

/** What one entry of `sidecars` or `config` adds to the pod. */
export interface Extra {
  /** The entry, as a JSON Pointer into the document. */
  pointer: string;
  /** The name of the container that it is for. */
  container: unknown;
  /** A container that runs beside it: appended to the init containers. */
  sidecar?: Record<string, unknown>;
  /** A volume of the pod, and how the named container mounts it. */
  volume?: Record<string, unknown>;
  mount?: Record<string, unknown>;
  /** Annotations of the pod. */
  annotations?: Record<string, string>;
}

const NAME_LIMIT = 63;

/** An unknown container, or one that has ended before the sidecar is of use. */
function targetFaults({ pointer, container, sidecar }: Extra, containers: PlacedContainer[]): Fault[] {
  const here = at(pointer, 'container');
  const target = containers.find((placed) => placed.container.name === container);
  if (target)
    return sidecar && target.kind !== 'CONTAINER'
      ? [{ pointer: here, detail: 'is an init container: a sidecar accompanies one of /pod/spec/containers' }]
      : [];
  const open = containers.some((placed) => typeof placed.container.name !== 'string');
  return open || typeof container !== 'string'
    ? []
    : [{ pointer: here, detail: `names no container of the pod: there is no "${container}"` }];
}

function nameFaults({ pointer, sidecar, volume }: Extra, containers: PlacedContainer[], pod: unknown): Fault[] {
  const faults: Fault[] = [];
  const longest = [sidecar?.name, volume?.name].find((name): name is string => typeof name === 'string' && name.length > NAME_LIMIT);
  if (longest)
    faults.push({
      pointer: at(pointer, 'container'),
      detail: `is too long a name: "${longest}", which is made of it, has more than ${NAME_LIMIT} characters`,
    });
  for (const placed of containers)
    if (sidecar && placed.container.name === sidecar.name)
      faults.push({ pointer: at(placed.pointer, 'name'), detail: `is taken by the container that ${pointer} adds` });
  listOf(objectOf(objectOf(pod).spec).volumes).forEach((taken, index) => {
    if (volume && objectOf(taken).name === volume.name)
      faults.push({ pointer: at('/pod/spec/volumes', index, 'name'), detail: `is taken by the volume that ${pointer} adds` });
  });
  return faults;
}

/** A path that is already mounted: by the container itself, or by an entry before this one. */
function mountFaults(extra: Extra, containers: PlacedContainer[], earlier: Extra[]): Fault[] {
  const path = extra.mount?.mountPath;
  if (typeof path !== 'string') return [];
  const same = (mount: unknown): boolean => {
    const taken = objectOf(mount).mountPath;
    return typeof taken === 'string' && normalPath(taken) === normalPath(path);
  };
  const target = containers.find(({ container }) => container.name === extra.container);
  const index = listOf(target?.container.volumeMounts).findIndex(same);
  const other = earlier.find(({ container, mount }) => container === extra.container && same(mount));
  const by = target && index >= 0 ? at(target.pointer, 'volumeMounts', index) : other?.pointer;
  return by === undefined
    ? []
    : [{ pointer: at(extra.pointer, 'path'), detail: `is already mounted in container "${String(extra.container)}", by ${by}` }];
}

/** A port that another container has: all containers of a pod share one network. */
function portFaults(extra: Extra, containers: PlacedContainer[], earlier: Extra[]): Fault[] {
  const others = [...containers, ...earlier.flatMap(({ sidecar, pointer }) => (sidecar ? [{ container: sidecar, pointer }] : []))];
  return listOf(extra.sidecar?.ports).flatMap((port) => {
    const { name, containerPort } = objectOf(port);
    const clash = others.find(({ container }) =>
      listOf(container.ports).some((taken) => {
        const { name: takenName, containerPort: number, protocol } = objectOf(taken);
        return (
          takenName === name || (number === containerPort && typeof number === 'number' && (protocol === undefined || protocol === 'TCP'))
        );
      }),
    );
    return clash
      ? [
          {
            pointer: at(extra.pointer, 'port'),
            detail: `clashes with a port of ${clash.pointer}: number ${String(containerPort)} and name "${String(name)}" must be free`,
          },
        ]
      : [];
  });
}

/** Annotations that the pod has already. */
function annotationFaults({ pointer, annotations }: Extra, pod: unknown): Fault[] {
  const present = objectOf(objectOf(objectOf(pod).metadata).annotations);
  return Object.keys(annotations ?? {})
    .filter((key) => own(present, key) !== undefined)
    .map((key) => ({ pointer: at('/pod/metadata/annotations', key), detail: `is written by ${pointer}` }));
}

/** What keeps the extras from being added to the pod: an unknown container, names that clash, a path already mounted, a port or annotation already there. The pod may hold Holes. */
export function extraFaults(pod: unknown, extras: Extra[]): Fault[] {
  const containers = containersOf(pod, '/pod');
  return extras.flatMap((extra, index) => {
    const earlier = extras.slice(0, index);
    const twice = earlier.find(
      ({ sidecar, volume }) => (sidecar && sidecar.name === extra.sidecar?.name) || (volume && volume.name === extra.volume?.name),
    );
    if (twice) return [{ pointer: extra.pointer, detail: `adds what ${twice.pointer} adds already` }];
    return [
      ...targetFaults(extra, containers),
      ...nameFaults(extra, containers, pod),
      ...mountFaults(extra, containers, earlier),
      ...portFaults(extra, containers, earlier),
      ...annotationFaults(extra, pod),
    ];
  });
}

/** The pod with the extras added, in their order, after what it has itself. */
export function withExtras(pod: Record<string, unknown>, extras: Extra[]): Record<string, unknown> {
  const spec = objectOf(pod.spec);
  const metadata = objectOf(pod.metadata);
  const sidecars = extras.flatMap(({ sidecar }) => sidecar ?? []);
  const volumes = extras.flatMap(({ volume }) => volume ?? []);
  const annotations = Object.assign({}, ...extras.map((extra) => extra.annotations ?? {})) as Record<string, string>;
  const mounted = (container: unknown): unknown => {
    const mounts = extras.filter((extra) => extra.container === objectOf(container).name).flatMap(({ mount }) => mount ?? []);
    return mounts.length ? { ...objectOf(container), volumeMounts: [...listOf(objectOf(container).volumeMounts), ...mounts] } : container;
  };
  const initContainers = [...listOf(spec.initContainers).map(mounted), ...sidecars];
  const allVolumes = [...listOf(spec.volumes), ...volumes];
  return {
    ...pod,
    ...(Object.keys(annotations).length
      ? { metadata: { ...metadata, annotations: { ...objectOf(metadata.annotations), ...annotations } } }
      : {}),
    spec: {
      ...spec,
      ...(initContainers.length ? { initContainers } : {}),
      containers: listOf(spec.containers).map(mounted),
      ...(allVolumes.length ? { volumes: allVolumes } : {}),
    },
  };
}
