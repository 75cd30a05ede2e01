import type { Fault } from '../../common/fault.ts';
import { at, isObject, listOf, objectOf } from './json.ts';
import { isDnsLabel, isPortName, isVariableName } from './names.ts';
import { normalPath } from './paths.ts';
import { quantityOf } from './quantity.ts';

/** INIT runs before the application and ends; SIDECAR is an init container that is restarted for ever and so runs beside it. */
export type ContainerKind = 'CONTAINER' | 'INIT' | 'SIDECAR';

const HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'];
const PROBES = ['livenessProbe', 'readinessProbe', 'startupProbe'] as const;

const isPort = (port: unknown): boolean => typeof port !== 'number' || (port >= 1 && port <= 65_535);

function portFaults(container: Record<string, unknown>, pointer: string): Fault[] {
  const seen = new Map<string, number>();
  return listOf(container.ports).flatMap((port, index) => {
    const { name, containerPort } = objectOf(port);
    const here = at(pointer, 'ports', index);
    const faults: Fault[] = [];
    if (!isPort(containerPort)) faults.push({ pointer: at(here, 'containerPort'), detail: 'must be between 1 and 65535' });
    if (typeof name !== 'string') return faults;
    if (!isPortName(name))
      faults.push({ pointer: at(here, 'name'), detail: 'must be at most 15 lower-case letters, digits and "-", one of them a letter' });
    const first = seen.get(name);
    if (first === undefined) seen.set(name, index);
    else faults.push({ pointer: at(here, 'name'), detail: `is taken: ${at(pointer, 'ports', first)} has the same name "${name}"` });
    return faults;
  });
}

function environmentFaults(container: Record<string, unknown>, pointer: string): Fault[] {
  return listOf(container.env).flatMap((variable, index) => {
    const { name, value, valueFrom } = objectOf(variable);
    const here = at(pointer, 'env', index);
    const faults: Fault[] = [];
    if (typeof name === 'string' && !isVariableName(name))
      faults.push({ pointer: at(here, 'name'), detail: 'must be printable ASCII without "="' });
    if (value !== undefined && value !== '' && valueFrom !== undefined)
      faults.push({ pointer: at(here, 'valueFrom'), detail: 'cannot stand beside value' });
    return faults;
  });
}

function mountFaults(container: Record<string, unknown>, pointer: string, volumes: ReadonlySet<unknown> | null): Fault[] {
  const seen = new Map<string, number>();
  return listOf(container.volumeMounts).flatMap((mount, index) => {
    const { name, mountPath } = objectOf(mount);
    const here = at(pointer, 'volumeMounts', index);
    const faults: Fault[] = [];
    if (typeof name === 'string' && volumes && !volumes.has(name))
      faults.push({ pointer: at(here, 'name'), detail: `names no volume of the pod: there is no "${name}"` });
    if (typeof mountPath !== 'string') return faults;
    if (mountPath === '' || mountPath.includes(':')) faults.push({ pointer: at(here, 'mountPath'), detail: 'must be a path without ":"' });
    const first = seen.get(normalPath(mountPath));
    if (first === undefined) seen.set(normalPath(mountPath), index);
    else
      faults.push({
        pointer: at(here, 'mountPath'),
        detail: `is taken: ${at(pointer, 'volumeMounts', first)} is mounted at the same path "${mountPath}"`,
      });
    return faults;
  });
}

function resourceFaults(container: Record<string, unknown>, pointer: string): Fault[] {
  const { requests, limits } = objectOf(container.resources);
  return Object.entries(objectOf(requests)).flatMap(([name, request]) => {
    const limit = objectOf(limits)[name];
    const [asked, most] = [quantityOf(request), quantityOf(limit)];
    const here = at(pointer, 'resources', 'requests', name);
    if (asked !== null && asked < 0) return [{ pointer: here, detail: 'must be at least 0' }];
    return asked !== null && most !== null && asked > most
      ? [{ pointer: here, detail: `must be at most the limit, ${String(limit)}` }]
      : [];
  });
}

/** What is wrong with a probe or a hook of the life cycle: not exactly one way of asking, or a port that the container does not have. */
function handlerFaults(handler: unknown, pointer: string, portNames: unknown[]): Fault[] {
  if (!isObject(handler)) return [];
  const given = HANDLERS.filter((name) => handler[name] !== undefined);
  if (given.length !== 1)
    return [
      { pointer, detail: `must have exactly one of ${HANDLERS.join(', ')}${given.length ? `, and has ${given.join(' and ')}` : ''}` },
    ];
  return given.flatMap((name) => {
    const { port } = objectOf(handler[name]);
    const here = at(pointer, name, 'port');
    if (!isPort(port)) return [{ pointer: here, detail: 'must be between 1 and 65535' }];
    const unknown =
      typeof port === 'string' && portNames.every((known) => typeof known === 'string' || known === undefined) && !portNames.includes(port);
    return unknown ? [{ pointer: here, detail: `names no port of this container: there is no "${port}"` }] : [];
  });
}

function probeFaults(container: Record<string, unknown>, kind: ContainerKind, pointer: string): Fault[] {
  const names = listOf(container.ports).map((port) => objectOf(port).name);
  const faults: Fault[] = [];
  for (const probe of PROBES) {
    if (kind === 'INIT' && container[probe] !== undefined)
      faults.push({ pointer: at(pointer, probe), detail: 'cannot be set for an init container, which runs to its end' });
    else faults.push(...handlerFaults(container[probe], at(pointer, probe), names));
  }
  if (kind === 'INIT' && container.lifecycle !== undefined)
    faults.push({ pointer: at(pointer, 'lifecycle'), detail: 'cannot be set for an init container, which runs to its end' });
  else
    for (const hook of ['postStart', 'preStop'])
      faults.push(...handlerFaults(objectOf(container.lifecycle)[hook], at(pointer, 'lifecycle', hook), names));
  return faults;
}

/** What is wrong with one container beyond its schema. `volumes` are the names of the pod's volumes, or null while one of them is not known: then no mount is blamed for naming a missing one. */
export function containerFaults(
  container: Record<string, unknown>,
  kind: ContainerKind,
  pointer: string,
  volumes: ReadonlySet<unknown> | null,
): Fault[] {
  const { name, image } = container;
  const faults: Fault[] = [];
  if (typeof name === 'string' && !isDnsLabel(name))
    faults.push({ pointer: at(pointer, 'name'), detail: 'must be at most 63 lower-case letters, digits and "-"' });
  if (image === undefined || image === '') faults.push({ pointer: at(pointer, 'image'), detail: 'is required' });
  else if (typeof image === 'string' && /\s/.test(image))
    faults.push({ pointer: at(pointer, 'image'), detail: 'must not contain white space' });
  return [
    ...faults,
    ...portFaults(container, pointer),
    ...environmentFaults(container, pointer),
    ...mountFaults(container, pointer, volumes),
    ...resourceFaults(container, pointer),
    ...probeFaults(container, kind, pointer),
  ];
}
