import type { Fault } from '../../platform/fault.ts';
import { at, listOf, objectOf, own } from './json.ts';
import { normalPath } from './paths.ts';
import { containersOf, type PlacedContainer } from './pod.ts';

/** Additions of one entry of `sidecars` or `config` to the pod. */
export interface Extra {
  /** JSON Pointer of the entry in the document. */
  pointer: string;
  /** Name of the container that it serves. */
  container: unknown;
  /** A sidecar container, appended to the init containers. */
  sidecar?: Record<string, unknown>;
  /** A volume of the pod, and its mount in the named container. */
  volume?: Record<string, unknown>;
  mount?: Record<string, unknown>;
  /** Annotations of the pod. */
  annotations?: Record<string, string>;
}

const NAME_LIMIT = 63;

/** The container is unknown, or an init container, which ends before the sidecar is useful. */
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
    : [{ pointer: here, detail: `is not a container of the pod: there is no "${container}"` }];
}

function nameFaults({ pointer, sidecar, volume }: Extra, containers: PlacedContainer[], pod: unknown): Fault[] {
  const faults: Fault[] = [];
  const longest = [sidecar?.name, volume?.name].find((name): name is string => typeof name === 'string' && name.length > NAME_LIMIT);
  if (longest)
    faults.push({
      pointer: at(pointer, 'container'),
      detail: `is too long: the name "${longest}" derived from it has more than ${NAME_LIMIT} characters`,
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

/** The path is already mounted by the container itself, or by an earlier entry. */
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

/** The port belongs to another container: all containers of a pod share one network. */
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

/** The pod already has the annotations. */
function annotationFaults({ pointer, annotations }: Extra, pod: unknown): Fault[] {
  const present = objectOf(objectOf(objectOf(pod).metadata).annotations);
  return Object.keys(annotations ?? {})
    .filter((key) => own(present, key) !== undefined)
    .map((key) => ({ pointer: at('/pod/metadata/annotations', key), detail: `is written by ${pointer}` }));
}

/** Faults that prevent adding the extras to the pod: an unknown container, name clashes, or an existing mount, port or annotation. The pod may contain Holes. */
export function extraFaults(pod: unknown, extras: Extra[]): Fault[] {
  const containers = containersOf(pod, '/pod');
  return extras.flatMap((extra, index) => {
    const earlier = extras.slice(0, index);
    const twice = earlier.find(
      ({ sidecar, volume }) => (sidecar && sidecar.name === extra.sidecar?.name) || (volume && volume.name === extra.volume?.name),
    );
    if (twice) return [{ pointer: extra.pointer, detail: `adds the same as ${twice.pointer}` }];
    return [
      ...targetFaults(extra, containers),
      ...nameFaults(extra, containers, pod),
      ...mountFaults(extra, containers, earlier),
      ...portFaults(extra, containers, earlier),
      ...annotationFaults(extra, pod),
    ];
  });
}

/** The pod with the extras appended to its own parts, in order. */
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
