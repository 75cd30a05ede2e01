/** Defaults that the API server adds. Changes a decoded object in place, before it is shared. */
import { isFields } from '../objects.ts';
import type { Container, Deployment, Fields, KubernetesObject, Pod, PodSpec, PodTemplate, ReplicaSet, Service } from '../objects.ts';

const fill = (object: Fields, defaults: Fields): void => {
  for (const [name, value] of Object.entries(defaults)) if (object[name] === undefined) object[name] = value;
};

const part = (object: Fields, name: string): Fields | undefined => {
  const value = object[name];
  return isFields(value) ? value : undefined;
};

const parts = (object: Fields, name: string): Fields[] => {
  const value = object[name];
  return Array.isArray(value) ? value.filter(isFields) : [];
};

export function setDefaults(object: KubernetesObject): void {
  switch (object.kind) {
    case 'Deployment':
      return deployment(object as Deployment);
    case 'ReplicaSet':
      return replicaSet(object as ReplicaSet);
    case 'Pod':
      return pod(object as Pod);
    case 'Service':
      return service(object as Service);
    case 'Secret':
      return secret(object);
    case 'Namespace':
      object.metadata.labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name };
      fill(object, { spec: {}, status: {} });
      fill(object['spec'] as Fields, { finalizers: ['kubernetes'] });
      return fill(object['status'] as Fields, { phase: 'Active' });
    case 'HorizontalPodAutoscaler':
      return autoscaler(object);
    case 'PodDisruptionBudget':
      return fill(object, { status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 } });
    case 'RoleBinding':
      for (const subject of parts(object, 'subjects'))
        fill(subject, { apiGroup: subject['kind'] === 'ServiceAccount' ? undefined : 'rbac.authorization.k8s.io' });
      return;
    default:
      return;
  }
}

function deployment(object: Deployment): void {
  fill(object, { spec: {} });
  const spec = object.spec as Fields;
  fill(spec, { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600, strategy: {}, template: {} });
  const strategy = spec['strategy'] as Fields;
  fill(strategy, { type: 'RollingUpdate' });
  if (strategy['type'] === 'RollingUpdate') {
    fill(strategy, { rollingUpdate: {} });
    fill(strategy['rollingUpdate'] as Fields, { maxUnavailable: '25%', maxSurge: '25%' });
  }
  fill(object, { status: {} });
  template(object.spec.template);
}

function replicaSet(object: ReplicaSet): void {
  fill(object, { spec: {} });
  const spec = object.spec as Fields;
  fill(spec, { replicas: 1, template: {} });
  const labels = object.spec.template.metadata?.labels;
  if (labels) {
    fill(spec, { selector: { matchLabels: labels } });
    if (!object.metadata.labels) object.metadata.labels = { ...labels };
  }
  fill(object, { status: { replicas: 0 } });
  template(object.spec.template);
}

function template(object: PodTemplate): void {
  fill(object, { metadata: {}, spec: {} });
  podSpec(object.spec);
}

function pod(object: Pod): void {
  fill(object, { spec: {}, status: {} });
  fill(object.spec, { containers: [] });
  podSpec(object.spec);
  fill(object.spec, { enableServiceLinks: true });
  for (const one of [...object.spec.containers, ...(object.spec.initContainers ?? [])]) {
    if (one.resources?.limits) one.resources.requests = { ...one.resources.limits, ...one.resources.requests };
  }
  fill(object.status, { phase: 'Pending', qosClass: qualityOfService(object) });
}

/** Fields that admission adds to a new pod; no manager owns them. */
export function completePod(object: KubernetesObject): void {
  if (object.kind !== 'Pod') return;
  const { spec } = object as Pod;
  fill(spec, { serviceAccountName: 'default', preemptionPolicy: 'PreemptLowerPriority', priority: 0 });
  fill(spec, { serviceAccount: spec.serviceAccountName });
  fill(spec, {
    tolerations: ['not-ready', 'unreachable'].map((taint) => ({
      key: `node.kubernetes.io/${taint}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })),
  });
}

function qualityOfService({ spec }: Pod): string {
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  const has = (name: 'requests' | 'limits'): boolean => all.some(({ resources }) => Object.keys(resources?.[name] ?? {}).length > 0);
  if (!has('requests') && !has('limits')) return 'BestEffort';
  const guaranteed = all.every(({ resources }) =>
    ['cpu', 'memory'].every((name) => resources?.limits?.[name] !== undefined && resources.limits[name] === resources.requests?.[name]),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

/** The server keeps a deprecated copy of the name, which stands in for it where an apply takes the name away. */
function copyServiceAccount(spec: PodSpec): void {
  const name = spec.serviceAccountName || spec['serviceAccount'];
  if (typeof name === 'string' && name !== '') Object.assign(spec, { serviceAccountName: name, serviceAccount: name });
}

function podSpec(spec: PodSpec): void {
  copyServiceAccount(spec);
  fill(spec, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  });
  for (const one of [...parts(spec, 'initContainers'), ...parts(spec, 'containers')] as Container[])
    container(one, spec['hostNetwork'] === true);
  for (const volume of parts(spec, 'volumes')) volumeDefaults(volume);
}

/** The tag of an image reference; `latest` if it has neither tag nor digest. */
function tagOf(image: string): string {
  const [reference = '', digest] = image.split('@');
  const tag = /:([^/:]+)$/.exec(reference)?.[1];
  return tag ?? (digest === undefined ? 'latest' : '');
}

function container(one: Container, hostNetwork: boolean): void {
  fill(one, {
    imagePullPolicy: tagOf(one.image ?? '') === 'latest' ? 'Always' : 'IfNotPresent',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    resources: {},
  });
  for (const port of parts(one, 'ports')) fill(port, { protocol: 'TCP', ...(hostNetwork ? { hostPort: port['containerPort'] } : {}) });
  for (const name of ['livenessProbe', 'readinessProbe', 'startupProbe']) probe(part(one, name));
  for (const variable of parts(one, 'env')) {
    const field = part(part(variable, 'valueFrom') ?? {}, 'fieldRef');
    if (field) fill(field, { apiVersion: 'v1' });
  }
  const lifecycle = part(one, 'lifecycle');
  for (const name of ['postStart', 'preStop']) httpGet(lifecycle && part(lifecycle, name));
}

function probe(found: Fields | undefined): void {
  if (!found) return;
  for (const [name, value] of Object.entries({ timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 })) {
    // Zero counts as not set.
    if (!found[name]) found[name] = value;
  }
  httpGet(found);
  const grpc = part(found, 'grpc');
  if (grpc) fill(grpc, { service: '' });
}

function httpGet(action: Fields | undefined): void {
  const get = action && part(action, 'httpGet');
  if (get) fill(get, { path: '/', scheme: 'HTTP' });
}

function volumeDefaults(volume: Fields): void {
  if (Object.keys(volume).length === 1) volume['emptyDir'] = {};
  for (const name of ['configMap', 'secret', 'downwardAPI', 'projected']) {
    const source = part(volume, name);
    if (source) fill(source, { defaultMode: 420 });
  }
  for (const source of parts(part(volume, 'projected') ?? {}, 'sources')) {
    const token = part(source, 'serviceAccountToken');
    if (token) fill(token, { expirationSeconds: 3600 });
  }
  for (const item of [...parts(part(volume, 'downwardAPI') ?? {}, 'items')]) {
    const field = part(item, 'fieldRef');
    if (field) fill(field, { apiVersion: 'v1' });
  }
  const path = part(volume, 'hostPath');
  if (path) fill(path, { type: '' });
}

/** Text fields are stored as base64 data. */
function secret(object: KubernetesObject): void {
  fill(object, { type: 'Opaque' });
  const texts = part(object, 'stringData');
  if (!texts) return;
  const encoded = Object.entries(texts).map(([name, text]) => [name, Buffer.from(text as string).toString('base64')]);
  object['data'] = { ...part(object, 'data'), ...Object.fromEntries(encoded) };
  delete object['stringData'];
}

function service(object: Service): void {
  fill(object, { spec: {}, status: { loadBalancer: {} } });
  fill(object.spec, { type: 'ClusterIP', sessionAffinity: 'None' });
  for (const port of object.spec.ports ?? []) fill(port, { protocol: 'TCP', targetPort: port.port });
  if (object.spec.type !== 'ExternalName')
    fill(object.spec, { internalTrafficPolicy: 'Cluster', ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' });
  if (object.spec.type === 'NodePort' || object.spec.type === 'LoadBalancer') fill(object.spec, { externalTrafficPolicy: 'Cluster' });
  if (object.spec.clusterIP !== undefined) fill(object.spec, { clusterIPs: [object.spec.clusterIP] });
}

function autoscaler(object: KubernetesObject): void {
  const spec = (object['spec'] ??= {}) as Fields;
  fill(spec, { minReplicas: 1 });
  fill(spec, { metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }] });
  fill(object, { status: { currentMetrics: null, desiredReplicas: 0 } });
}
