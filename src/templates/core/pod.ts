import type { Fault } from '../../platform/fault.ts';
import { isRecord } from '../../platform/json.ts';
import { at, listOf, objectOf, own } from './json.ts';
import { OUR_PREFIX } from './names.ts';

/** INIT runs before the application and ends. SIDECAR is an init container that is always restarted and so runs alongside it. */
export type ContainerKind = 'CONTAINER' | 'INIT' | 'SIDECAR';

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

/** Faults of a pod that we could not roll out: one without a spec, or with labels and annotations that we write. All else an API server judges. */
export function podFaults(pod: Record<string, unknown>, pointer: string): Fault[] {
  const metadata = objectOf(pod.metadata);
  const reserved = (['labels', 'annotations'] as const).flatMap((field) =>
    Object.keys(objectOf(metadata[field]))
      .filter((key) => key.startsWith(OUR_PREFIX))
      .map((key) => ({
        pointer: at(pointer, 'metadata', field, key),
        detail: `is reserved: keys under ${OUR_PREFIX} are written by Slipway`,
      })),
  );
  return own(pod, 'spec') === undefined ? [{ pointer: at(pointer, 'spec'), detail: 'is required' }, ...reserved] : reserved;
}
