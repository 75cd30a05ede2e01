/** The validation of probes and lifecycle hooks. */
import { isFields } from '../objects.ts';
import type { Container, Fields } from '../objects.ts';
import { forbiddenValue, invalidValue, requiredValue } from '../status.ts';
import type { FieldError } from '../status.ts';

const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];
const probes = ['livenessProbe', 'readinessProbe', 'startupProbe'];
const numbers = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'];

function handlerErrors(holder: Fields, path: string): FieldError[] {
  const [first, ...more] = handlers.filter((name) => isFields(holder[name]));
  if (first === undefined) return [requiredValue(path, 'must specify a handler type')];
  const { command, port } = holder[first] as { command?: unknown[]; port?: unknown };
  const errors: FieldError[] = [];
  if (first === 'exec' && (command ?? []).length === 0) errors.push(requiredValue(`${path}.exec.command`));
  if (typeof port === 'number' && !(port > 0 && port < 65536))
    errors.push(invalidValue(`${path}.${first}.port`, port, 'must be between 1 and 65535, inclusive'));
  return [...errors, ...more.map((name) => forbiddenValue(`${path}.${name}`, 'may not specify more than 1 handler type'))];
}

function probeErrors(probe: Fields, name: string, path: string): FieldError[] {
  const errors = handlerErrors(probe, path);
  for (const field of numbers) {
    const value = probe[field];
    if (typeof value === 'number' && value < 0) errors.push(invalidValue(`${path}.${field}`, value, 'must be greater than or equal to 0'));
  }
  const { successThreshold, terminationGracePeriodSeconds: grace } = probe;
  if (typeof grace === 'number' && grace <= 0)
    errors.push(invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  if (name === 'readinessProbe') {
    if (grace !== undefined)
      errors.push(invalidValue(`${path}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes'));
  } else if (successThreshold !== 1) errors.push(invalidValue(`${path}.successThreshold`, successThreshold, 'must be 1'));
  return errors;
}

/** Faults of the probes and hooks of a container. An init container that is not a sidecar may have none. */
export function lifeErrors(one: Container, isInit: boolean, path: string): FieldError[] {
  if (isInit && one.restartPolicy !== 'Always')
    return ['lifecycle', ...probes]
      .filter((name) => one[name] !== undefined)
      .map((name) => forbiddenValue(`${path}.${name}`, 'may not be set for init containers without restartPolicy=Always'));
  const lifecycle = isFields(one['lifecycle']) ? one['lifecycle'] : {};
  return [
    ...['postStart', 'preStop'].flatMap((name) =>
      isFields(lifecycle[name]) ? handlerErrors(lifecycle[name], `${path}.lifecycle.${name}`) : [],
    ),
    ...probes.flatMap((name) => (isFields(one[name]) ? probeErrors(one[name], name, `${path}.${name}`) : [])),
  ];
}
