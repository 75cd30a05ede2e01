/** The validations that decide whether a write is accepted; messages are the API server's own. */
import { isIP } from 'node:net';
import { equal, isFields } from '../objects.ts';
import type { Deployment, Fields, KubernetesObject, PodSpec, ReplicaSet, Service } from '../objects.ts';
import { forbiddenValue, invalidValue, requiredValue } from '../status.ts';
import type { FieldError } from '../status.ts';
import { annotationErrors, dnsLabel, duplicate, labelText, labelValueFault, subdomain, subdomainText } from './names.ts';
import { imageErrors, podSpecErrors, templateErrors } from './pods.ts';
import { selectorErrors } from './selectors.ts';

/** All faults of an object; `previous` is the object that it replaces. */
export function validate(object: KubernetesObject, previous: KubernetesObject | undefined): FieldError[] {
  return [...metadataErrors(object, previous), ...kindErrors(object, previous)];
}

function metadataErrors({ kind, metadata }: KubernetesObject, previous: KubernetesObject | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const { name } = metadata;
  if (!name) errors.push(requiredValue('metadata.name', 'name or generateName is required'));
  else if (kind === 'Service' || kind === 'Namespace') {
    if (!dnsLabel.test(name)) errors.push(invalidValue('metadata.name', name, labelText));
    else if (name.length > 63) errors.push(invalidValue('metadata.name', name, 'must be no more than 63 bytes'));
  } else if (!subdomain.test(name)) errors.push(invalidValue('metadata.name', name, subdomainText));
  else if (name.length > 253) errors.push(invalidValue('metadata.name', name, 'must be no more than 253 bytes'));
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    const why = labelValueFault(value);
    if (why !== undefined) errors.push(invalidValue('metadata.labels', value, why));
    if (key === '') errors.push(invalidValue('metadata.labels', key, 'name part must be non-empty'));
  }
  errors.push(...annotationErrors(metadata.annotations ?? {}, 'metadata.annotations'));
  if (previous && metadata.uid !== previous.metadata.uid) errors.push(invalidValue('metadata.uid', metadata.uid, 'field is immutable'));
  return errors;
}

function kindErrors(object: KubernetesObject, previous: KubernetesObject | undefined): FieldError[] {
  switch (object.kind) {
    case 'Deployment':
      return deploymentErrors(object as Deployment, previous as Deployment | undefined);
    case 'ReplicaSet':
      return workloadErrors(object as ReplicaSet, previous as ReplicaSet | undefined);
    case 'Pod':
      return podErrors(object, previous);
    case 'ConfigMap':
    case 'Secret':
      return configErrors(object, previous);
    case 'Service':
      return serviceErrors(object as Service, previous as Service | undefined);
    case 'HorizontalPodAutoscaler':
      return autoscalerErrors(object);
    case 'PodDisruptionBudget':
      return budgetErrors(object);
    default:
      return [];
  }
}

function workloadErrors(object: Deployment | ReplicaSet, previous: Deployment | ReplicaSet | undefined): FieldError[] {
  const { spec } = object;
  const errors: FieldError[] = [];
  if (spec.replicas < 0) errors.push(invalidValue('spec.replicas', spec.replicas, 'must be greater than or equal to 0'));
  if ((spec.minReadySeconds ?? 0) < 0)
    errors.push(invalidValue('spec.minReadySeconds', spec.minReadySeconds, 'must be greater than or equal to 0'));
  errors.push(...selectorErrors(spec.selector, spec.template.metadata?.labels, object.kind));
  if (previous && !equal(previous.spec.selector, spec.selector))
    errors.push(invalidValue('spec.selector', spec.selector, 'field is immutable'));
  return [...errors, ...templateErrors(spec.template)];
}

const percentage = /^[0-9]+%$/;

function deploymentErrors(object: Deployment, previous: Deployment | undefined): FieldError[] {
  const errors = workloadErrors(object, previous);
  const { strategy, progressDeadlineSeconds, minReadySeconds = 0 } = object.spec;
  const rolling = strategy.rollingUpdate;
  if (strategy.type === 'Recreate' && rolling !== undefined) {
    errors.push(forbiddenValue('spec.strategy.rollingUpdate', "may not be specified when strategy `type` is 'Recreate'"));
  } else if (strategy.type !== 'Recreate' && strategy.type !== 'RollingUpdate') {
    errors.push({
      reason: 'FieldValueNotSupported',
      field: 'spec.strategy.type',
      message: `Unsupported value: ${JSON.stringify(strategy.type)}: supported values: "Recreate", "RollingUpdate"`,
    });
  } else if (strategy.type === 'RollingUpdate') errors.push(...rollingErrors(rolling ?? {}));
  if (progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= minReadySeconds) {
    errors.push(invalidValue('spec.progressDeadlineSeconds', progressDeadlineSeconds, 'must be greater than minReadySeconds'));
  }
  return errors;
}

function rollingErrors({
  maxSurge = 0,
  maxUnavailable = 0,
}: {
  maxSurge?: number | string;
  maxUnavailable?: number | string;
}): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, value] of Object.entries({ maxUnavailable, maxSurge })) {
    const field = `spec.strategy.rollingUpdate.${name}`;
    if (typeof value === 'string' && !percentage.test(value))
      errors.push(
        invalidValue(
          field,
          value,
          "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        ),
      );
    else if (typeof value === 'number' && value < 0) errors.push(invalidValue(field, value, 'must be greater than or equal to 0'));
  }
  if (Number.parseInt(String(maxUnavailable), 10) === 0 && Number.parseInt(String(maxSurge), 10) === 0) {
    errors.push(invalidValue('spec.strategy.rollingUpdate.maxUnavailable', maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  if (typeof maxUnavailable === 'string' && Number.parseInt(maxUnavailable, 10) > 100) {
    errors.push(invalidValue('spec.strategy.rollingUpdate.maxUnavailable', maxUnavailable, 'must not be greater than 100%'));
  }
  return errors;
}

function podErrors(object: KubernetesObject, previous: KubernetesObject | undefined): FieldError[] {
  if (!previous) return [...podSpecErrors(object['spec'] as PodSpec, 'spec'), ...imageErrors(object['spec'] as PodSpec, 'spec')];
  const strip = (spec: unknown): Fields => {
    const copy = structuredClone(spec) as PodSpec;
    for (const one of [...copy.containers, ...(copy.initContainers ?? [])]) delete one.image;
    for (const name of ['activeDeadlineSeconds', 'tolerations', 'terminationGracePeriodSeconds', 'nodeName']) delete copy[name];
    return copy;
  };
  if (previous['spec'] === object['spec'] || equal(strip(previous['spec']), strip(object['spec']))) return [];
  return [
    forbiddenValue(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    ),
  ];
}

function configErrors(object: KubernetesObject, previous: KubernetesObject | undefined): FieldError[] {
  if (previous?.['immutable'] !== true) return [];
  const errors: FieldError[] = [];
  if (object['immutable'] !== true) errors.push(forbiddenValue('immutable', 'field is immutable when `immutable` is set'));
  for (const name of ['data', 'binaryData']) {
    if (!equal(object[name], previous[name])) errors.push(forbiddenValue(name, 'field is immutable when `immutable` is set'));
  }
  return errors;
}

function serviceErrors(object: Service, previous: Service | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const { ports = [], type, clusterIP } = object.spec;
  if (ports.length === 0 && type !== 'ExternalName' && clusterIP !== 'None') errors.push(requiredValue('spec.ports'));
  const names = new Set<string>();
  ports.forEach((port, index) => {
    if (ports.length > 1 && !port.name) errors.push(requiredValue(`spec.ports[${index}].name`));
    if (port.name && names.has(port.name)) errors.push(duplicate(`spec.ports[${index}].name`, port.name));
    names.add(port.name ?? '');
    for (const name of ['port', 'targetPort'] as const) {
      const value = port[name];
      if (typeof value !== 'number' || (value > 0 && value < 65536)) continue;
      errors.push(invalidValue(`spec.ports[${index}].${name}`, value, 'must be between 1 and 65535, inclusive'));
    }
  });
  ports.forEach(({ nodePort = 0 }, index) => {
    const field = `spec.ports[${index}].nodePort`;
    if (nodePort !== 0 && type === 'ClusterIP') errors.push(forbiddenValue(field, "may not be used when `type` is 'ClusterIP'"));
    else if (nodePort !== 0 && (nodePort < 30_000 || nodePort > 32_767))
      errors.push(invalidValue(field, nodePort, 'provided port is not in the valid range. The range of valid ports is 30000-32767'));
  });
  if (clusterIP !== undefined && clusterIP !== '' && clusterIP !== 'None' && (isIP(clusterIP) === 0 || clusterIP.includes('%')))
    errors.push(invalidValue('spec.clusterIPs[0]', clusterIP, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'));
  const { loadBalancerClass } = object.spec;
  if (previous?.spec.type === 'LoadBalancer' && type === 'LoadBalancer' && previous.spec['loadBalancerClass'] !== loadBalancerClass)
    errors.push(invalidValue('spec.loadBalancerClass', loadBalancerClass, 'may not change once set'));
  if (previous?.spec.clusterIP !== undefined && clusterIP !== previous.spec.clusterIP && type !== 'ExternalName')
    errors.push(invalidValue('spec.clusterIPs[0]', clusterIP ?? null, 'may not change once set'));
  return errors;
}

function autoscalerErrors(object: KubernetesObject): FieldError[] {
  const spec = (isFields(object['spec']) ? object['spec'] : {}) as {
    minReplicas?: number;
    maxReplicas?: number;
    scaleTargetRef?: { kind?: string; name?: string };
  };
  const errors: FieldError[] = [];
  if ((spec.maxReplicas ?? 0) < 1) errors.push(invalidValue('spec.maxReplicas', spec.maxReplicas ?? 0, 'must be greater than 0'));
  else if ((spec.minReplicas ?? 1) > (spec.maxReplicas ?? 0))
    errors.push(invalidValue('spec.maxReplicas', spec.maxReplicas, 'must be greater than or equal to `minReplicas`'));
  if (!spec.scaleTargetRef?.kind) errors.push(requiredValue('spec.scaleTargetRef.kind'));
  if (!spec.scaleTargetRef?.name) errors.push(requiredValue('spec.scaleTargetRef.name'));
  return errors;
}

function budgetErrors(object: KubernetesObject): FieldError[] {
  const spec = isFields(object['spec']) ? object['spec'] : {};
  if (spec['minAvailable'] !== undefined && spec['maxUnavailable'] !== undefined) {
    return [invalidValue('spec', spec, 'minAvailable and maxUnavailable cannot be both set')];
  }
  return [];
}
