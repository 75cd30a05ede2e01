import { digestOf } from '../../platform/canonical-json.ts';
import { ANNOTATIONS, type KubernetesObject } from './objects.ts';

interface PodTemplate {
  metadata?: { annotations?: Record<string, string>; [field: string]: unknown };
  [field: string]: unknown;
}

const isDeployment = (object: KubernetesObject): boolean => object.kind === 'Deployment';

const podTemplateOf = (deployment: KubernetesObject): PodTemplate => (deployment.spec as { template: PodTemplate }).template;

const annotated = (object: KubernetesObject, annotations: Record<string, string>): KubernetesObject => ({
  ...object,
  metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...annotations } },
});

/**
 * Adds the time of a restart to the pod template, which makes the cluster replace every pod, and updates the digest of the pod template. Null returns the
 * objects unchanged, because a rendering contains no restart.
 *
 * @param restartedAt RFC 3339, or null if the placement was not restarted since its release
 */
export function withRestart(objects: readonly KubernetesObject[], restartedAt: string | null): KubernetesObject[] {
  if (restartedAt === null) return [...objects];
  return objects.map((object) => {
    if (!isDeployment(object)) return object;
    const template = podTemplateOf(object);
    const metadata = { ...template.metadata, annotations: { ...template.metadata?.annotations, [ANNOTATIONS.restartedAt]: restartedAt } };
    const restarted = { ...template, metadata };
    return {
      ...annotated(object, { [ANNOTATIONS.template]: digestOf(restarted) }),
      spec: { ...(object.spec as object), template: restarted },
    };
  });
}

/**
 * Adds the number of a release to the Deployment. It is not part of the rendering or of a digest, so that two releases that render the same share the bytes.
 *
 * @param release null = no number, as for a preview
 */
export function withRelease(objects: readonly KubernetesObject[], release: number | null): KubernetesObject[] {
  if (release === null) return [...objects];
  return objects.map((object) => (isDeployment(object) ? annotated(object, { [ANNOTATIONS.release]: String(release) }) : object));
}

/** The digest of the pod template (restart included) on the objects' Deployment, which its ReplicaSet will also have; null without a Deployment of ours. */
export function templateDigestOf(objects: readonly KubernetesObject[]): string | null {
  return objects.find(isDeployment)?.metadata.annotations?.[ANNOTATIONS.template] ?? null;
}
