/** The outcome of each container, by its image, the pod's annotation and injected faults. */
import type { Cluster } from '../../cluster.ts';
import type { Container, Pod } from '../../objects.ts';
import { resources } from '../../resources.ts';

export const behaviourAnnotation = 'simulation/behaviour';

export type Fate =
  | { kind: 'runs' }
  | { kind: 'never-ready' }
  | { kind: 'crashes' }
  /** An init container that never ends, or a sidecar that never starts: what comes after it waits. */
  | { kind: 'hangs' }
  | { kind: 'not-pulled'; message: string }
  | { kind: 'not-created'; reason: string; message: string };

/** What keeps a pod from starting at all, as the kubelet's event says it. */
export interface Obstacle {
  reason: string;
  message: string;
}

const runs: Fate = { kind: 'runs' };

/** Hosts under `.invalid` do not exist, by RFC 2606. */
const unresolvable = /^([^/:]+\.invalid)(:[0-9]+)?\//;

/** No registry has an image with this tag. */
const untagged = /:missing$/;

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
  if (untagged.test(image) || cluster.faults.isUnpullable(image)) return pullFailure(image, `${image}: not found`);
  const error = cluster.faults.pullErrorOf(image, pod.spec.nodeName ?? '');
  if (error !== undefined) return pullFailure(image, error);
  const missing = missingConfiguration(cluster, pod, container);
  if (missing !== undefined) return { kind: 'not-created', reason: 'CreateContainerConfigError', message: missing };
  const behaviour = behaviourFor(cluster, pod, image);
  if (behaviour === undefined) return runs;
  if (isSidecar(container)) return behaviour === 'sidecar-hangs' ? { kind: 'hangs' } : runs;
  if (!place.first) return runs;
  return place.init ? initFate(behaviour) : mainFate(behaviour, pod, container);
}

function initFate(behaviour: string): Fate {
  if (behaviour === 'init-error') return { kind: 'crashes' };
  return behaviour === 'init-hangs' ? { kind: 'hangs' } : runs;
}

function mainFate(behaviour: string, pod: Pod, container: Container): Fate {
  const image = container.image ?? '';
  switch (behaviour) {
    case 'crash-loop':
      return { kind: 'crashes' };
    case 'never-ready':
      return { kind: 'never-ready' };
    case 'image-pull-error':
      return pullFailure(image, `${image}: not found`);
    case 'config-error':
      return notCreated('CreateContainerConfigError', `configmap "${pod.metadata.labels?.['app'] ?? container.name}-config" not found`);
    case 'create-error':
      return notCreated('CreateContainerError', 'context deadline exceeded');
    default:
      return runs;
  }
}

const notCreated = (reason: string, message: string): Fate => ({ kind: 'not-created', reason, message });

/** What keeps the pod from starting: its sandbox, or a volume. */
export function obstacleOf(cluster: Cluster, pod: Pod): Obstacle | undefined {
  const missing = missingVolume(cluster, pod);
  if (missing !== undefined) return { reason: 'FailedMount', message: missing };
  switch (behaviourFor(cluster, pod, pod.spec.containers[0]?.image ?? '')) {
    case 'sandbox-error':
      return {
        reason: 'FailedCreatePodSandBox',
        message:
          'Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox: no IP addresses available',
      };
    case 'attach-error':
      return {
        reason: 'FailedAttachVolume',
        message:
          'Multi-Attach error for volume "data" Volume is already exclusively attached to one node and can\'t be attached to another',
      };
    default:
      return undefined;
  }
}

/** Whether the kubelet refuses the pod when it arrives, as for a device that the node has no more of. */
export const isRejected = (cluster: Cluster, pod: Pod): boolean =>
  behaviourFor(cluster, pod, pod.spec.containers[0]?.image ?? '') === 'rejected';

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
function missingVolume(cluster: Cluster, pod: Pod): string | undefined {
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
