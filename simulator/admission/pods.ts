/** The validation of a pod's spec, and of the template of one. */
import { isFields } from '../objects.ts';
import type { Container, Fields, PodSpec, PodTemplate } from '../objects.ts';
import { forbiddenValue, invalidValue, requiredValue } from '../status.ts';
import type { FieldError } from '../status.ts';
import { containerErrors, resourceErrors } from './containers.ts';
import { annotationErrors, dnsLabel, duplicate, labelsErrors, labelText } from './names.ts';

const modes = new Set(['defaultMode', 'mode']);
/** Of a volume with several sources the first of these stands, and the others are refused. */
const order = ['emptyDir', 'hostPath', 'secret', 'persistentVolumeClaim', 'downwardAPI', 'configMap', 'projected'];

function volumeErrors({ name, ...sources }: Fields & { name: string }, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!dnsLabel.test(name)) errors.push(invalidValue(`${path}.name`, name, labelText));
  const [, ...more] = Object.keys(sources).sort((a, b) => order.indexOf(a) - order.indexOf(b));
  errors.push(...more.map((source) => forbiddenValue(`${path}.${source}`, 'may not specify more than 1 volume type')));
  for (const [source, fields] of Object.entries(sources))
    for (const [field, value] of Object.entries(isFields(fields) ? fields : {}))
      if (modes.has(field) && (Number(value) < 0 || Number(value) > 0o777))
        errors.push(invalidValue(`${path}.${source}.${field}`, value, 'must be a number between 0 and 0777 (octal), both inclusive'));
  return errors;
}

/** Faults of a pod's spec, in a pod or in the template of one. */
export function podSpecErrors(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!Array.isArray(spec.containers) || spec.containers.length === 0) errors.push(requiredValue(`${path}.containers`));
  const volumes = new Set<string>();
  (spec.volumes ?? []).forEach((volume, index) => {
    const faults = volumeErrors(volume, `${path}.volumes[${index}]`);
    errors.push(...faults);
    // A volume that is not valid is not there, either.
    if (faults.length === 0) volumes.add(volume.name);
  });
  const claims = new Set(((spec['resourceClaims'] ?? []) as { name: string }[]).map(({ name }) => name));
  const names = new Set<string>();
  for (const list of ['containers', 'initContainers'] as const) {
    (spec[list] ?? []).forEach((one, index) => {
      const at = `${path}.${list}[${index}]`;
      errors.push(...containerErrors(one, list === 'initContainers', at, { volumes, claims }));
      if (names.has(one.name)) errors.push(duplicate(`${at}.name`, one.name));
      names.add(one.name);
    });
  }
  errors.push(...resourceErrors(spec as Pick<Container, 'resources'>, path, claims));
  return errors;
}

/** What is a fault of a pod alone: templates may have it, and their pods cannot be made. */
export const imageErrors = (spec: PodSpec, path: string): FieldError[] =>
  (['initContainers', 'containers'] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap(({ image = '' }, index) =>
      image === image.trim()
        ? []
        : [invalidValue(`${path}.${list}[${index}].image`, image, 'must not have leading or trailing whitespace')],
    ),
  );

/** Faults of the template of a Deployment or a ReplicaSet. */
export function templateErrors({ metadata, spec }: PodTemplate): FieldError[] {
  const path = 'spec.template.spec';
  const errors = [
    ...labelsErrors(metadata?.labels ?? {}, 'spec.template.labels'),
    ...annotationErrors(metadata?.annotations ?? {}, 'spec.template.annotations'),
    ...podSpecErrors(spec, path),
  ];
  if (((spec['ephemeralContainers'] ?? []) as unknown[]).length > 0)
    errors.push(forbiddenValue(`${path}.ephemeralContainers`, 'ephemeral containers not allowed in pod template'));
  if (spec['activeDeadlineSeconds'] !== undefined)
    errors.push(forbiddenValue(`${path}.activeDeadlineSeconds`, 'activeDeadlineSeconds in ReplicaSet is not Supported'));
  const { restartPolicy } = spec;
  if (restartPolicy !== undefined && restartPolicy !== 'Always') {
    errors.push({
      reason: 'FieldValueNotSupported',
      field: `${path}.restartPolicy`,
      message: `Unsupported value: ${JSON.stringify(restartPolicy)}: supported values: "Always"`,
    });
  }
  return errors;
}
