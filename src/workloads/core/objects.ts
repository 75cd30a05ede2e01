/** A Kubernetes object to be applied. Fields other than its kind and name are free. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; labels: Record<string, string>; annotations?: Record<string, string> };
  [field: string]: unknown;
}

/** Labels that identify Slipway's objects in a cluster. */
export const LABELS = {
  /** The workload's name, on its objects and pods. */
  workload: 'slipway.dev/workload',
  /** The workload's id, on every object and pod, and part of every selector. An object without it must not be changed. */
  workloadId: 'slipway.dev/workload-id',
  managedBy: 'app.kubernetes.io/managed-by',
} as const;

export const ANNOTATIONS = {
  /** On the Deployment, whose controller copies it to each ReplicaSet: digest of the rendered pod template. */
  template: 'slipway.dev/template',
  /** On the Deployment only: number of the release. */
  release: 'slipway.dev/release',
  /** On the pod template, from a restart until the next release: time of the restart's request. */
  restartedAt: 'slipway.dev/restarted-at',
} as const;

/** Value of `app.kubernetes.io/managed-by`. */
export const MANAGED_BY = 'slipway';
