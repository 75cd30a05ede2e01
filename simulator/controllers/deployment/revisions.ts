/** The ReplicaSets of a Deployment, which one is the new one, and their revision annotations. */
import { writeMetadata } from '../writes.ts';
import { equal } from '../../objects.ts';
import type { Deployment, KubernetesObject, PodTemplate, ReplicaSet, StringMap } from '../../objects.ts';
import { hash, safeAlphabet } from '../../random.ts';
import { resources } from '../../resources.ts';
import type { Cluster } from '../../cluster.ts';
import { labelSelectorMatch } from '../../store/selector.ts';
import {
  byAge,
  desiredReplicasAnnotation,
  fenceposts,
  hashLabel,
  maxReplicasAnnotation,
  newReplicas,
  revisionAnnotation,
  revisionHistoryAnnotation,
  revisionOf,
  wanted,
} from './arithmetic.ts';

export interface ReplicaSets {
  newSet: ReplicaSet | undefined;
  /** All others, oldest first. */
  oldSets: ReplicaSet[];
}

/** The ReplicaSets that a Deployment controls. Matching ones without a controller are adopted. */
export function ownSets(cluster: Cluster, deployment: Deployment): ReplicaSet[] {
  const matches = labelSelectorMatch(deployment.spec.selector);
  const found = cluster.store.ownedBy(deployment.metadata.uid).filter(({ resource }) => resource === resources.replicaSets);
  const sets = found.map(({ stored }) => stored.object as ReplicaSet);
  if (deployment.metadata.deletionTimestamp) return sets.sort(byAge);
  for (const object of [...cluster.store.each(resources.replicaSets, deployment.metadata.namespace)]) {
    const { ownerReferences = [], labels, deletionTimestamp } = object.metadata;
    if (ownerReferences.some((owner) => owner.controller) || deletionTimestamp || !matches(labels)) continue;
    sets.push(
      writeMetadata(cluster, resources.replicaSets, object, {
        ownerReferences: [...ownerReferences, controlledBy(deployment)],
      }) as ReplicaSet,
    );
  }
  return sets.sort(byAge);
}

export const controlledBy = (owner: KubernetesObject) => ({
  apiVersion: owner.apiVersion,
  kind: owner.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid,
  controller: true,
  blockOwnerDeletion: true,
});

function withoutHash({ metadata, ...template }: PodTemplate): unknown {
  const labels = { ...metadata?.labels };
  delete labels[hashLabel];
  return { ...template, metadata: { ...metadata, labels } };
}

export function divide(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSets {
  const template = withoutHash(deployment.spec.template);
  const newSet = sets.find((set) => equal(withoutHash(set.spec.template), template));
  return { newSet, oldSets: sets.filter((set) => set !== newSet) };
}

export function templateHash(template: PodTemplate, collisions: number | undefined): string {
  const text = `${JSON.stringify(template)}${collisions ?? ''}`;
  return [...String(hash(text))].map((digit) => safeAlphabet[digit.charCodeAt(0) % safeAlphabet.length]).join('');
}

/** Annotations of a Deployment that its ReplicaSets do not inherit. */
const notInherited = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  'deprecated.deployment.rollback.to',
  ...[revisionAnnotation, revisionHistoryAnnotation, desiredReplicasAnnotation, maxReplicasAnnotation],
]);

/** The annotations that the new ReplicaSet should have, and its revision: one more than any old one's, never lower than its own. */
export function newSetAnnotations(deployment: Deployment, existing: StringMap | undefined, oldSets: readonly ReplicaSet[]): StringMap {
  const annotations: StringMap = { ...existing };
  for (const [name, value] of Object.entries(deployment.metadata.annotations ?? {})) if (!notInherited.has(name)) annotations[name] = value;
  const revision = Math.max(0, ...oldSets.map(revisionOf)) + 1;
  const noted = existing?.[revisionAnnotation];
  if (Number.parseInt(noted ?? '0', 10) < revision) {
    annotations[revisionAnnotation] = String(revision);
    if (noted !== undefined)
      annotations[revisionHistoryAnnotation] = [existing?.[revisionHistoryAnnotation], noted].filter(Boolean).join(',');
  }
  return existing ? annotations : { ...annotations, ...replicasAnnotations(deployment) };
}

export function replicasAnnotations(deployment: Deployment): StringMap {
  const { replicas } = deployment.spec;
  return { [desiredReplicasAnnotation]: String(replicas), [maxReplicasAnnotation]: String(replicas + fenceposts(deployment).surge) };
}

/** A ReplicaSet for the Deployment's current template, with as many pods as the surge allows. */
export function makeNewSet(deployment: Deployment, oldSets: readonly ReplicaSet[]): KubernetesObject {
  const { template, selector, minReadySeconds } = deployment.spec;
  const digest = templateHash(template, deployment.status.collisionCount);
  const labels = { ...template.metadata?.labels, [hashLabel]: digest };
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name.slice(0, 253 - digest.length - 1)}-${digest}`,
      namespace: deployment.metadata.namespace,
      labels,
      annotations: newSetAnnotations(deployment, undefined, oldSets),
      ownerReferences: [controlledBy(deployment)],
    } as unknown as KubernetesObject['metadata'],
    spec: {
      replicas: newReplicas(deployment, 0, wanted(oldSets)),
      ...(minReadySeconds ? { minReadySeconds } : {}),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: digest } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}
