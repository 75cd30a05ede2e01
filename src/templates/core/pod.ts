import type { Fault } from '../../platform/fault.ts';
import { isRecord } from '../../platform/json.ts';
import { containerFaults, type ContainerKind } from './container.ts';
import { at, listOf, objectOf, own } from './json.ts';
import { isDnsLabel, isLabelValue, isQualifiedName, knownNames, OUR_PREFIX } from './names.ts';
import { resourceFaults } from './resources.ts';

const MAX_ANNOTATION_BYTES = 256 * 1024;

/** A container of a pod and its place. */
export interface PlacedContainer {
  pointer: string;
  kind: ContainerKind;
  container: Record<string, unknown>;
}

/** The containers of a PodTemplateSpec, init containers first, each with its pointer. */
export function containersOf(pod: unknown, pointer: string): PlacedContainer[] {
  const spec = objectOf(objectOf(pod).spec);
  const listed = (field: 'initContainers' | 'containers'): PlacedContainer[] =>
    listOf(spec[field]).flatMap((container, index) => {
      if (!isRecord(container)) return [];
      const kind = field === 'containers' ? 'CONTAINER' : container.restartPolicy === 'Always' ? 'SIDECAR' : 'INIT';
      return [{ pointer: at(pointer, 'spec', field, index), kind, container }];
    });
  return [...listed('initContainers'), ...listed('containers')];
}

/** Faults for names that occur twice among init containers and containers. */
function nameFaults(containers: PlacedContainer[]): Fault[] {
  const seen = new Map<unknown, string>();
  return containers.flatMap(({ container, pointer }) => {
    const { name } = container;
    if (typeof name !== 'string') return [];
    const first = seen.get(name);
    if (first === undefined) seen.set(name, pointer);
    return first === undefined ? [] : [{ pointer: at(pointer, 'name'), detail: `is taken: ${first} has the same name "${name}"` }];
  });
}

function metadataFaults(pod: unknown, pointer: string): Fault[] {
  const metadata = objectOf(objectOf(pod).metadata);
  return (['labels', 'annotations'] as const).flatMap((field) =>
    Object.entries(objectOf(metadata[field])).flatMap(([key, value]) => {
      const here = at(pointer, 'metadata', field, key);
      if (key.startsWith(OUR_PREFIX)) return [{ pointer: here, detail: `is reserved: keys under ${OUR_PREFIX} are written by Slipway` }];
      if (!isQualifiedName(field === 'annotations' ? key.toLowerCase() : key))
        return [{ pointer: here, detail: `is not the name of ${field === 'labels' ? 'a label' : 'an annotation'}` }];
      if (field === 'labels' && typeof value === 'string' && !isLabelValue(value))
        return [
          { pointer: here, detail: 'must be at most 63 letters, digits, "-", "_" and ".", beginning and ending with a letter or digit' },
        ];
      return [];
    }),
  );
}

/** Faults for more annotations than an API server stores. Values that are not known yet are not counted. */
function annotationFaults(pod: unknown, pointer: string): Fault[] {
  const annotations = Object.entries(objectOf(objectOf(objectOf(pod).metadata).annotations));
  const bytes = annotations.flat().reduce<number>((sum, text) => sum + (typeof text === 'string' ? Buffer.byteLength(text) : 0), 0);
  return bytes > MAX_ANNOTATION_BYTES
    ? [{ pointer: at(pointer, 'metadata', 'annotations'), detail: 'must have at most 256 KiB, names and values together' }]
    : [];
}

function volumeFaults(pod: unknown, pointer: string): Fault[] {
  return listOf(objectOf(objectOf(pod).spec).volumes).flatMap((volume, index) => {
    if (!isRecord(volume)) return [];
    const here = at(pointer, 'spec', 'volumes', index);
    const faults: Fault[] = [];
    const { name, ...sources } = volume;
    if (typeof name === 'string' && !isDnsLabel(name))
      faults.push({ pointer: at(here, 'name'), detail: 'must be at most 63 lower-case letters, digits and "-"' });
    const given = Object.keys(sources).filter((source) => sources[source] !== undefined);
    // Kubernetes treats no source as emptyDir.
    if (given.length > 1) faults.push({ pointer: here, detail: `must have one source, but has ${given.join(' and ')}` });
    return faults;
  });
}

/** Faults of a pod that are only faults in a Deployment. */
function deploymentFaults(pod: unknown, pointer: string): Fault[] {
  const spec = objectOf(objectOf(pod).spec);
  const faults: Fault[] = [];
  const blame = (field: string, detail: string): number => faults.push({ pointer: at(pointer, 'spec', field), detail });
  if (own(objectOf(pod), 'spec') === undefined) faults.push({ pointer: at(pointer, 'spec'), detail: 'is required' });
  else if (Array.isArray(spec.containers) && spec.containers.length === 0) blame('containers', 'must have at least one container');
  if (typeof spec.restartPolicy === 'string' && spec.restartPolicy !== 'Always')
    blame('restartPolicy', 'must be Always, as required for the pods of a Deployment');
  if (spec.ephemeralContainers !== undefined) blame('ephemeralContainers', 'cannot be part of a template');
  if (spec.activeDeadlineSeconds !== undefined) blame('activeDeadlineSeconds', 'cannot be set for the pods of a Deployment');
  if (typeof spec.terminationGracePeriodSeconds === 'number' && spec.terminationGracePeriodSeconds < 0)
    blame('terminationGracePeriodSeconds', 'must be at least 0');
  return faults;
}

/**
 * Faults of a pod beyond its schema: clashing or malformed names, mounts of missing volumes, two mounts at one path, ports out of range, probes without a
 * handler or with an unknown port, and pods that a Deployment cannot have. Skips malformed parts, which the schema's faults cover, and Holes.
 * Source: `pkg/apis/core/validation` of Kubernetes.
 */
export function podFaults(pod: unknown, pointer: string): Fault[] {
  const containers = containersOf(pod, pointer);
  const spec = objectOf(objectOf(pod).spec);
  const names = { volumes: knownNames(spec.volumes), claims: knownNames(spec.resourceClaims) };
  return [
    ...deploymentFaults(pod, pointer),
    ...metadataFaults(pod, pointer),
    ...annotationFaults(pod, pointer),
    ...nameFaults(containers),
    ...volumeFaults(pod, pointer),
    ...resourceFaults(spec.resources, at(pointer, 'spec', 'resources'), names.claims),
    ...containers.flatMap((placed) => containerFaults(placed.container, placed.kind, placed.pointer, names)),
  ];
}
