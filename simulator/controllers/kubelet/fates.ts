/** The outcome of each container, by its image, the pod's annotation and injected faults. */
import type { Cluster } from '../../cluster.ts';
import type { Container, Pod } from '../../objects.ts';
import { resources } from '../../resources.ts';

export const behaviourAnnotation = 'simulation/behaviour';

export type Behaviour = 'crash-loop' | 'never-ready' | 'image-pull-error' | 'config-error' | 'init-error';

export type Fate =
  | { kind: 'runs' }
  | { kind: 'never-ready' }
  | { kind: 'crashes' }
  | { kind: 'not-pulled'; message: string }
  | { kind: 'not-configured'; message: string };

const runs: Fate = { kind: 'runs' };

/** Hosts under `.invalid` do not exist, by RFC 2606. */
const unresolvable = /^([^/:]+\.invalid)(:[0-9]+)?\//;

export const isSidecar = ({ restartPolicy }: Container): boolean => restartPolicy === 'Always';

function pullFailure(image: string, why: string): Fate {
  return { kind: 'not-pulled', message: `failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${why}` };
}

function behaviourFor(cluster: Cluster, pod: Pod, image: string): string | undefined {
  return pod.metadata.annotations?.[behaviourAnnotation] ?? cluster.faults.behaviourOf(image);
}

/** The outcome of one container; `first` = it is the one to which the pod's annotation applies. */
export function fateOf(cluster: Cluster, pod: Pod, container: Container, place: { init: boolean; first: boolean }): Fate {
  const image = container.image ?? '';
  const host = unresolvable.exec(image)?.[1];
  if (host !== undefined)
    return pullFailure(image, `failed to do request: Head "https://${host}/v2/": dial tcp: lookup ${host}: no such host`);
  if (cluster.faults.isUnpullable(image)) return pullFailure(image, `${image}: not found`);
  const missing = missingConfiguration(cluster, pod, container);
  if (missing !== undefined) return { kind: 'not-configured', message: missing };
  const behaviour = behaviourFor(cluster, pod, image);
  if (behaviour === undefined || !place.first) return runs;
  if (place.init) return behaviour === 'init-error' ? { kind: 'crashes' } : runs;
  switch (behaviour) {
    case 'crash-loop':
      return { kind: 'crashes' };
    case 'never-ready':
      return { kind: 'never-ready' };
    case 'image-pull-error':
      return pullFailure(image, `${image}: not found`);
    case 'config-error':
      return { kind: 'not-configured', message: `configmap "${pod.metadata.labels?.['app'] ?? container.name}-config" not found` };
    default:
      return runs;
  }
}

/** Missing ConfigMaps and Secrets of a container's environment. */
function missingConfiguration(cluster: Cluster, pod: Pod, container: Container): string | undefined {
  const namespace = pod.metadata.namespace ?? '';
  const absent = (kind: 'configMaps' | 'secrets', reference: { name?: string; optional?: boolean } | undefined): string | undefined => {
    if (!reference?.name || reference.optional || cluster.store.get(resources[kind], namespace, reference.name)) return undefined;
    return `${kind === 'configMaps' ? 'configmap' : 'secret'} "${reference.name}" not found`;
  };
  for (const source of container.envFrom ?? []) {
    const found = absent('configMaps', source.configMapRef) ?? absent('secrets', source.secretRef);
    if (found !== undefined) return found;
  }
  for (const { valueFrom } of container.env ?? []) {
    const found =
      absent('configMaps', valueFrom?.['configMapKeyRef'] as { name?: string }) ??
      absent('secrets', valueFrom?.['secretKeyRef'] as { name?: string });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A volume of the pod with a missing ConfigMap or Secret, so that the pod cannot start. */
export function missingVolume(cluster: Cluster, pod: Pod): string | undefined {
  for (const volume of pod.spec.volumes ?? []) {
    const map = volume['configMap'] as { name?: string; optional?: boolean } | undefined;
    const secret = volume['secret'] as { secretName?: string; optional?: boolean } | undefined;
    if (map?.name && !map.optional && !cluster.store.get(resources.configMaps, pod.metadata.namespace ?? '', map.name)) {
      return `MountVolume.SetUp failed for volume "${volume.name}" : configmap "${map.name}" not found`;
    }
    if (secret?.secretName && !secret.optional && !cluster.store.get(resources.secrets, pod.metadata.namespace ?? '', secret.secretName)) {
      return `MountVolume.SetUp failed for volume "${volume.name}" : secret "${secret.secretName}" not found`;
    }
  }
  return undefined;
}
