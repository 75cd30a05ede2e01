import ipaddr from 'ipaddr.js';
import type { Fault } from '../../platform/fault.ts';
import { isRecord } from '../../platform/json.ts';
import { at, listOf, objectOf } from './json.ts';
import { isDnsLabel, isPort } from './names.ts';
import { containersOf } from './pod.ts';
import { METRICS_PORT } from './sidecars.ts';

/** The port names to which a Service can refer; null if one is not known yet. */
function portNames(pod: unknown, hasMonitoring: boolean): Set<unknown> | null {
  const names = containersOf(pod, '')
    .filter(({ kind }) => kind !== 'INIT')
    .flatMap(({ container }) => listOf(container.ports).map((port) => objectOf(port).name))
    .filter((name) => name !== undefined);
  return names.every((name) => typeof name === 'string') ? new Set([...names, ...(hasMonitoring ? [METRICS_PORT] : [])]) : null;
}

/** An address that Kubernetes accepts: IPv4 with leading zeros is valid, IPv6 with a zone is not. */
const isAddress = (text: string): boolean =>
  ipaddr.IPv4.isValidFourPartDecimal(text.replaceAll(/\b0+(?=\d)/g, '')) || (ipaddr.IPv6.isValid(text) && !text.includes('%'));

function addressFaults({ clusterIP }: Record<string, unknown>): Fault[] {
  return typeof clusterIP !== 'string' || clusterIP === '' || clusterIP === 'None' || isAddress(clusterIP)
    ? []
    : [{ pointer: '/service/clusterIP', detail: 'must be an IP address, "None" or empty' }];
}

/** Zero means no node port. */
function nodePortFaults({ nodePort }: Record<string, unknown>, type: unknown, pointer: string): Fault[] {
  if (typeof nodePort !== 'number' || nodePort === 0) return [];
  const here = at(pointer, 'nodePort');
  if (!isPort(nodePort)) return [{ pointer: here, detail: 'must be between 1 and 65535' }];
  return type === undefined || type === 'ClusterIP' ? [{ pointer: here, detail: 'cannot be set with type ClusterIP' }] : [];
}

function portFaults(port: Record<string, unknown>, index: number, several: boolean, names: Set<unknown> | null): Fault[] {
  const here = at('/service/ports', index);
  const faults: Fault[] = [];
  if (!isPort(port.port)) faults.push({ pointer: at(here, 'port'), detail: 'must be between 1 and 65535' });
  if (port.name === undefined && several)
    faults.push({ pointer: at(here, 'name'), detail: 'is required if the service has several ports' });
  if (typeof port.name === 'string' && !isDnsLabel(port.name))
    faults.push({ pointer: at(here, 'name'), detail: 'must be at most 63 lower-case letters, digits and "-"' });
  const { targetPort } = port;
  if (!isPort(targetPort)) faults.push({ pointer: at(here, 'targetPort'), detail: 'must be between 1 and 65535' });
  if (typeof targetPort === 'string' && names && !names.has(targetPort))
    faults.push({ pointer: at(here, 'targetPort'), detail: `is not a port of the pod: there is no "${targetPort}"` });
  return faults;
}

/**
 * Faults of a document's service beyond its schema: a selector or an external name (the service always selects this pod), no ports, ports with the same name,
 * and an unknown targetPort. Skips malformed parts and Holes.
 */
export function serviceFaults(service: unknown, pod: unknown, hasMonitoring: boolean): Fault[] {
  if (!isRecord(service)) return [];
  const faults = addressFaults(service);
  if (service.selector !== undefined)
    faults.push({ pointer: '/service/selector', detail: 'cannot be given: the service selects the pods of its workload' });
  if (service.type === 'ExternalName')
    faults.push({ pointer: '/service/type', detail: 'cannot be ExternalName: the service selects the pods of its workload' });
  const ports = listOf(service.ports);
  if (ports.length === 0 && service.clusterIP !== 'None')
    faults.push({ pointer: '/service/ports', detail: 'must have at least one entry' });
  const names = portNames(pod, hasMonitoring);
  const seen = new Map<unknown, number>();
  ports.forEach((port, index) => {
    if (!isRecord(port)) return;
    faults.push(...portFaults(port, index, ports.length > 1, names));
    faults.push(...nodePortFaults(port, service.type, at('/service/ports', index)));
    const first = seen.get(port.name);
    if (typeof port.name !== 'string') return;
    if (first === undefined) seen.set(port.name, index);
    else
      faults.push({
        pointer: at('/service/ports', index, 'name'),
        detail: `is taken: /service/ports/${first} has the same name "${port.name}"`,
      });
  });
  return faults;
}
