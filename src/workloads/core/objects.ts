/** A Kubernetes object as it is applied; whatever its kind has beside its name is free. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; labels: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

/** The labels and annotations by which a cluster, and whoever looks into it, knows what is ours. */
export const LABELS = {
  /** The workload's name, on its objects and pods. */
  workload: 'slipway.dev/workload',
  /** The workload's id, on every object and pod, and part of every selector: an object without it is not ours to touch. */
  workloadId: 'slipway.dev/workload-id',
  managedBy: 'app.kubernetes.io/managed-by',
} as const;

export const ANNOTATIONS = {
  /** On the Deployment, from where its controller copies it to each ReplicaSet: the digest of the pod template as rendered. */
  template: 'slipway.dev/template',
  /** On the Deployment alone: the number of the release. */
  release: 'slipway.dev/release',
  /** On the pod template, from a restart until the next release: when the restart was asked for. */
  restartedAt: 'slipway.dev/restarted-at',
} as const;

/** What `app.kubernetes.io/managed-by` says. */
export const MANAGED_BY = 'slipway';
