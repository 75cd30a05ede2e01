/** The validation of one container. */
import type { Container, Fields } from '../objects.ts';
import { invalidValue, requiredValue } from '../status.ts';
import type { FieldError } from '../status.ts';
import { dnsLabel, duplicate, labelText } from './names.ts';
import { lifeErrors } from './probes.ts';
import { quantity } from './quantity.ts';

const portName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const variableName = /^[\x20-\x3c\x3e-\x7e]+$/;
/** Fields of a pod that can be given to a container as variables; those of labels and annotations have a key. */
const podField =
  /^(metadata\.(name|namespace|uid|(labels|annotations)\['.+'\])|spec\.(nodeName|serviceAccountName)|status\.(hostIP|hostIPs|podIP|podIPs))$/;

/** Names in a pod to which its containers can refer. */
export interface PodNames {
  volumes: ReadonlySet<string>;
  claims: ReadonlySet<string>;
}

const notFound = (field: string, name: string, why = ''): FieldError => ({
  reason: 'FieldValueNotFound',
  field,
  message: `Not found: ${JSON.stringify(name)}${why === '' ? '' : `: ${why}`}`,
});

function pathErrors(path: string, field: string): FieldError[] {
  return [
    ...(path.startsWith('/') ? [invalidValue(field, path, 'must be a relative path')] : []),
    ...(path.split('/').includes('..') ? [invalidValue(field, path, "must not contain '..'")] : []),
  ];
}

function mountErrors(one: Container, path: string, volumes: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  (one.volumeMounts ?? []).forEach(({ name, mountPath, subPath = '', subPathExpr = '' }, index) => {
    const at = `${path}.volumeMounts[${index}]`;
    if (!mountPath) errors.push(requiredValue(`${at}.mountPath`));
    if (!volumes.has(name)) errors.push(notFound(`${at}.name`, name));
    // The API server also omits the index of these two.
    errors.push(...pathErrors(subPath, `${path}.volumeMounts.subPath`));
    if (subPath !== '' && subPathExpr !== '')
      errors.push(invalidValue(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
    errors.push(...pathErrors(subPathExpr, `${path}.volumeMounts.subPathExpr`));
  });
  ((one['volumeDevices'] ?? []) as { name: string; devicePath: string }[]).forEach(({ name, devicePath }, index) => {
    const at = `${path}.volumeDevices[${index}]`;
    if (!volumes.has(name)) errors.push(notFound(`${at}.name`, name));
    if (devicePath.split('/').includes('..')) errors.push(invalidValue(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"));
  });
  return errors;
}

const sources = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'];

function environmentErrors(one: Container, path: string): FieldError[] {
  return (one.env ?? []).flatMap(({ name, value = '', valueFrom }, index) => {
    const at = `${path}.env[${index}]`;
    const why = "a valid environment variable name must consist only of printable ASCII characters other than '='";
    const errors = variableName.test(name) ? [] : [invalidValue(`${at}.name`, name, why)];
    return valueFrom === undefined ? errors : [...errors, ...sourceErrors(value, valueFrom, `${at}.valueFrom`)];
  });
}

function sourceErrors(value: string, from: Fields, path: string): FieldError[] {
  const given = sources.filter((source) => from[source] !== undefined).length;
  const refused = (why: string): FieldError[] => [invalidValue(path, '', why)];
  const { fieldPath } = (from['fieldRef'] ?? {}) as { fieldPath?: string };
  if (given === 0) return refused('must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`');
  if (value !== '') return refused('may not be specified when `value` is not empty');
  if (given > 1) return refused('may not have more than one field specified at a time');
  if (fieldPath === undefined || podField.test(fieldPath)) return [];
  return [invalidValue(`${path}.fieldRef.fieldPath`, fieldPath, `error converting fieldPath: field label not supported: ${fieldPath}`)];
}

/** Faults of the resources of a container or pod. */
export function resourceErrors({ resources }: Pick<Container, 'resources'>, path: string, claims: ReadonlySet<string>): FieldError[] {
  const errors = (['limits', 'requests'] as const).flatMap((kind) =>
    Object.entries(resources?.[kind] ?? {})
      .filter(([, value]) => quantity(value) < 0)
      .map(([name, value]) => invalidValue(`${path}.resources.${kind}[${name}]`, value, 'must be greater than or equal to 0')),
  );
  for (const [name, value] of Object.entries(resources?.requests ?? {})) {
    const limit = resources?.limits?.[name];
    if (limit !== undefined && quantity(value) > quantity(limit))
      errors.push(invalidValue(`${path}.resources.requests`, value, `must be less than or equal to ${name} limit of ${limit}`));
  }
  const claimed = ((resources as Fields | undefined)?.['claims'] ?? []) as { name: string }[];
  const there = claims.size === 0 ? ' which is empty' : `: ${[...claims].sort().join(', ')}`;
  claimed.forEach(({ name }, index) => {
    if (!claims.has(name))
      errors.push(notFound(`${path}.resources.claims[${index}]`, name, `must be one of the names in pod.spec.resourceClaims${there}`));
  });
  return errors;
}

function restartErrors({ restartPolicy, ...one }: Container, path: string): FieldError[] {
  const rules = (one['restartPolicyRules'] ?? []) as unknown[];
  if (restartPolicy === undefined)
    return rules.length > 0 ? [requiredValue(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used')] : [];
  if (['Always', 'Never', 'OnFailure'].includes(restartPolicy)) return [];
  const message = `Unsupported value: ${JSON.stringify(restartPolicy)}: supported values: "Always", "Never", "OnFailure"`;
  return [{ reason: 'FieldValueNotSupported', field: `${path}.restartPolicy`, message }];
}

function portErrors(one: Container, path: string): FieldError[] {
  const names = new Set<string>();
  return (one.ports ?? []).flatMap(({ name = '', containerPort }, index) => {
    const at = `${path}.ports[${index}]`;
    const errors: FieldError[] = [];
    if (!containerPort) errors.push(requiredValue(`${at}.containerPort`));
    else if (containerPort < 0 || containerPort > 65535)
      errors.push(invalidValue(`${at}.containerPort`, containerPort, 'must be between 1 and 65535, inclusive'));
    if (name.length > 15) errors.push(invalidValue(`${at}.name`, name, 'must be no more than 15 characters'));
    else if (name !== '' && !(portName.test(name) && /[a-z]/.test(name)))
      errors.push(invalidValue(`${at}.name`, name, 'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)'));
    if (name !== '' && names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    return errors;
  });
}

/** All faults of a container in a pod with these volumes and claims. */
export function containerErrors(one: Container, isInit: boolean, path: string, { volumes, claims }: PodNames): FieldError[] {
  const errors: FieldError[] = [];
  if (!one.name) errors.push(requiredValue(`${path}.name`));
  else if (!dnsLabel.test(one.name)) errors.push(invalidValue(`${path}.name`, one.name, labelText));
  if (!one.image) errors.push(requiredValue(`${path}.image`));
  return [
    ...errors,
    ...portErrors(one, path),
    ...mountErrors(one, path, volumes),
    ...environmentErrors(one, path),
    ...resourceErrors(one, path, claims),
    ...restartErrors(one, path),
    ...lifeErrors(one, isInit, path),
  ];
}
