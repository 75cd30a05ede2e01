/** The fields of stored objects that the simulator reads. Stored objects are never changed in place. */

export interface Fields {
  [name: string]: unknown;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  time?: string;
  fieldsType: 'FieldsV1';
  fieldsV1: Fields;
  subresource?: string;
}

export interface StringMap {
  [name: string]: string;
}

export interface Metadata extends Fields {
  name: string;
  generateName?: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: StringMap;
  annotations?: StringMap;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: ManagedFieldsEntry[];
}

export interface KubernetesObject extends Fields {
  apiVersion: string;
  kind: string;
  metadata: Metadata;
}

export interface LabelSelector {
  matchLabels?: StringMap;
  matchExpressions?: { key: string; operator: string; values?: string[] }[];
}

export interface Condition extends Fields {
  type: string;
  status: 'True' | 'False' | 'Unknown';
  reason?: string;
  message?: string;
  lastTransitionTime: string;
  lastUpdateTime?: string;
}

export interface Container extends Fields {
  name: string;
  image?: string;
  restartPolicy?: string;
  ports?: { name?: string; containerPort: number; protocol?: string }[];
  env?: { name: string; value?: string; valueFrom?: Fields }[];
  envFrom?: { configMapRef?: { name: string; optional?: boolean }; secretRef?: { name: string; optional?: boolean } }[];
  volumeMounts?: { name: string; mountPath: string; subPath?: string; subPathExpr?: string }[];
  resources?: { requests?: StringMap; limits?: StringMap };
}

export interface PodSpec extends Fields {
  containers: Container[];
  initContainers?: Container[];
  volumes?: ({ name: string } & Fields)[];
  nodeName?: string;
  nodeSelector?: StringMap;
  restartPolicy?: string;
  serviceAccountName?: string;
  terminationGracePeriodSeconds?: number;
}

export interface PodTemplate extends Fields {
  metadata?: { labels?: StringMap; annotations?: StringMap } & Fields;
  spec: PodSpec;
}

export interface ContainerStatus extends Fields {
  name: string;
  image: string;
  imageID: string;
  ready: boolean;
  started?: boolean;
  restartCount: number;
  state: Fields;
  lastState?: Fields;
}

export interface PodStatus extends Fields {
  phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed';
  conditions?: Condition[];
  containerStatuses?: ContainerStatus[];
  initContainerStatuses?: ContainerStatus[];
  podIP?: string;
  startTime?: string;
  qosClass?: string;
}

export interface Pod extends KubernetesObject {
  spec: PodSpec;
  status: PodStatus;
}

export interface ReplicaSet extends KubernetesObject {
  spec: { replicas: number; minReadySeconds?: number; selector: LabelSelector; template: PodTemplate };
  status: ReplicaSetStatus;
}

export interface ReplicaSetStatus extends Fields {
  replicas: number;
  fullyLabeledReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  terminatingReplicas?: number;
  observedGeneration?: number;
  conditions?: Condition[];
}

export interface DeploymentSpec extends Fields {
  replicas: number;
  selector: LabelSelector;
  template: PodTemplate;
  strategy: { type: string; rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string } };
  minReadySeconds?: number;
  revisionHistoryLimit?: number;
  progressDeadlineSeconds?: number;
  paused?: boolean;
}

export interface DeploymentStatus extends Fields {
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  unavailableReplicas?: number;
  terminatingReplicas?: number;
  collisionCount?: number;
  conditions?: Condition[];
}

export interface Deployment extends KubernetesObject {
  spec: DeploymentSpec;
  status: DeploymentStatus;
}

export interface ServicePort extends Fields {
  name?: string;
  port: number;
  protocol?: string;
  targetPort?: number | string;
  nodePort?: number;
}

export interface Service extends KubernetesObject {
  spec: { selector?: StringMap; ports?: ServicePort[]; clusterIP?: string; type?: string } & Fields;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The owner that controls an object, or undefined. */
export function controllerOf(object: KubernetesObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller);
}

/** Deep equality of JSON values; the order of keys does not matter, undefined counts as absent. */
export function equal(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (Array.isArray(left) || Array.isArray(right)) {
    return (
      Array.isArray(left) && Array.isArray(right) && left.length === right.length && left.every((item, index) => equal(item, right[index]))
    );
  }
  if (!isFields(left) || !isFields(right)) return false;
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  for (const name of names) if (!equal(left[name], right[name])) return false;
  return true;
}

/** A copy of the object with some of its metadata replaced. */
export function withMetadata<T extends KubernetesObject>(object: T, metadata: Partial<Metadata>): T {
  return { ...object, metadata: { ...object.metadata, ...metadata } };
}
