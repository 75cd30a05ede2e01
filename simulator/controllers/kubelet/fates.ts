/** What becomes of each container: by its image, by the pod's annotation, and by the faults that are injected into the cluster. */
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

/** The fate of one container; `first` says that it is the one which the pod's annotation means. */
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

/** ConfigMaps and Secrets that a container's environment needs and that are not there. */
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

/** A volume of the pod whose ConfigMap or Secret is not there: the pod cannot even be set up. */
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
