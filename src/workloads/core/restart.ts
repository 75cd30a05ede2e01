import { digestOf } from '../../templates/core/digest.ts';
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
 * The objects with the time of a restart written into the pod template, which makes the cluster replace every pod, and the digest of the pod template renewed. Null gives the objects back as they are: a
 * rendering carries no restart of its own.
 *
 * @param restartedAt RFC 3339, or null where the placement was not restarted since its release
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
 * The objects with the number of a release on their Deployment. It is written beside the rendering and is part of no digest: two releases that render alike are the same bytes.
 *
 * @param release null leaves the objects without one, as for a preview
 */
export function withRelease(objects: readonly KubernetesObject[], release: number | null): KubernetesObject[] {
  if (release === null) return [...objects];
  return objects.map((object) => (isDeployment(object) ? annotated(object, { [ANNOTATIONS.release]: String(release) }) : object));
}

/** The digest of the pod template that the objects' Deployment carries (restart included), as its ReplicaSet will carry it too; null where there is no Deployment of ours among them. */
export function templateDigestOf(objects: readonly KubernetesObject[]): string | null {
  return objects.find(isDeployment)?.metadata.annotations?.[ANNOTATIONS.template] ?? null;
}
