import type { Fault } from '../../platform/fault.ts';
import { isRecord } from '../../platform/json.ts';
import { choiceFault } from './choice.ts';
import { at, listOf, objectOf } from './json.ts';
import { isPort } from './names.ts';

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];
const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;
/** Zero is allowed: Kubernetes treats it as not set. */
const NUMBERS = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'];

function portFaults(port: unknown, pointer: string, portNames: unknown[]): Fault[] {
  if (!isPort(port)) return [{ pointer, detail: 'must be between 1 and 65535' }];
  const unknown =
    typeof port === 'string' && portNames.every((known) => typeof known === 'string' || known === undefined) && !portNames.includes(port);
  return unknown ? [{ pointer, detail: `is not a port of this container: there is no "${port}"` }] : [];
}

/** Faults of a probe or lifecycle hook: not exactly one handler, an empty command, or a port that the container does not have. */
function handlerFaults(handler: unknown, pointer: string, portNames: unknown[]): Fault[] {
  if (!isRecord(handler)) return [];
  const wrong = choiceFault(handler, HANDLERS);
  if (wrong) return [{ pointer, detail: wrong }];
  const { exec } = handler;
  if (isRecord(exec) && (exec.command === undefined || (Array.isArray(exec.command) && exec.command.length === 0)))
    return [{ pointer: at(pointer, 'exec', 'command'), detail: 'must have at least one entry' }];
  return HANDLERS.flatMap((name) => portFaults(objectOf(handler[name]).port, at(pointer, name, 'port'), portNames));
}

/** Faults of a probe's numbers. A probe that restarts its container needs a success threshold of 1, and only such a probe can have its own grace period. */
function numberFaults(probe: Record<string, unknown>, restarts: boolean, pointer: string): Fault[] {
  const faults = NUMBERS.flatMap((field) => {
    const value = probe[field];
    return typeof value === 'number' && value < 0 ? [{ pointer: at(pointer, field), detail: 'must be at least 0' }] : [];
  });
  const { successThreshold, terminationGracePeriodSeconds } = probe;
  if (restarts && typeof successThreshold === 'number' && successThreshold > 1)
    faults.push({ pointer: at(pointer, 'successThreshold'), detail: 'must be 1 for a liveness or startup probe' });
  if (typeof terminationGracePeriodSeconds !== 'number') return faults;
  const grace = at(pointer, 'terminationGracePeriodSeconds');
  if (!restarts) faults.push({ pointer: grace, detail: 'cannot be set for a readiness probe, which restarts nothing' });
  else if (terminationGracePeriodSeconds < 1) faults.push({ pointer: grace, detail: 'must be at least 1' });
  return faults;
}

/** Faults of the probes and hooks of a container. An init container that runs to completion (`ends`) can have none. */
export function probeFaults(container: Record<string, unknown>, ends: boolean, pointer: string): Fault[] {
  if (ends)
    return [...PROBES, 'lifecycle']
      .filter((field) => container[field] !== undefined)
      .map((field) => ({ pointer: at(pointer, field), detail: 'cannot be set for an init container, which runs to completion' }));
  const names = listOf(container.ports).map((port) => objectOf(port).name);
  return [
    ...PROBES.flatMap((name) => {
      const probe = container[name];
      const here = at(pointer, name);
      return [...handlerFaults(probe, here, names), ...numberFaults(objectOf(probe), name !== 'readinessProbe', here)];
    }),
    ...['postStart', 'preStop'].flatMap((hook) =>
      handlerFaults(objectOf(container.lifecycle)[hook], at(pointer, 'lifecycle', hook), names),
    ),
  ];
}
