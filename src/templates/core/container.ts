import type { Fault } from '../../platform/fault.ts';
import { isRecord } from '../../platform/json.ts';
import { choiceFault } from './choice.ts';
import { at, listOf, objectOf } from './json.ts';
import { isDnsLabel, isPort, isPortName, isVariableName, type KnownNames } from './names.ts';
import { hasStepsBack, isWithinVolume, normalPath } from './paths.ts';
import { probeFaults } from './probes.ts';
import { resourceFaults } from './resources.ts';

/** INIT runs before the application and ends. SIDECAR is an init container that is always restarted and so runs alongside it. */
export type ContainerKind = 'CONTAINER' | 'INIT' | 'SIDECAR';

/** Names in a pod to which its containers can refer. */
export interface PodNames {
  volumes: KnownNames;
  claims: KnownNames;
}

const SOURCES = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'];
const RESTARTS = ['Always', 'Never', 'OnFailure'];

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
    const from = at(here, 'valueFrom');
    const wrong = isRecord(valueFrom) ? choiceFault(valueFrom, SOURCES) : null;
    if (value !== undefined && value !== '' && valueFrom !== undefined)
      faults.push({ pointer: from, detail: 'cannot be combined with value' });
    if (wrong) faults.push({ pointer: from, detail: wrong });
    return faults;
  });
}

function volumeFaults(name: unknown, pointer: string, volumes: KnownNames): Fault[] {
  return typeof name === 'string' && volumes && !volumes.has(name)
    ? [{ pointer: at(pointer, 'name'), detail: `is not a volume of the pod: there is no "${name}"` }]
    : [];
}

const deviceFaults = (container: Record<string, unknown>, pointer: string, volumes: KnownNames): Fault[] =>
  listOf(container.volumeDevices).flatMap((device, index) => {
    const { name, devicePath } = objectOf(device);
    const here = at(pointer, 'volumeDevices', index);
    const faults = volumeFaults(name, here, volumes);
    if (devicePath === '' || (typeof devicePath === 'string' && hasStepsBack(devicePath)))
      faults.push({ pointer: at(here, 'devicePath'), detail: 'must be a path without ".."' });
    return faults;
  });

/** Faults of the part of a volume that is mounted. */
function partFaults({ subPath, subPathExpr }: Record<string, unknown>, pointer: string): Fault[] {
  const faults: Fault[] = [];
  if (typeof subPath === 'string' && subPath !== '' && typeof subPathExpr === 'string' && subPathExpr !== '')
    faults.push({ pointer: at(pointer, 'subPathExpr'), detail: 'cannot be combined with subPath' });
  for (const [field, path] of Object.entries({ subPath, subPathExpr }))
    if (typeof path === 'string' && !isWithinVolume(path))
      faults.push({ pointer: at(pointer, field), detail: 'must be a path within the volume: relative and without ".."' });
  return faults;
}

function mountFaults(container: Record<string, unknown>, pointer: string, volumes: KnownNames): Fault[] {
  const seen = new Map<string, number>();
  return listOf(container.volumeMounts).flatMap((mount, index) => {
    const { name, mountPath } = objectOf(mount);
    const here = at(pointer, 'volumeMounts', index);
    const faults = [...volumeFaults(name, here, volumes), ...partFaults(objectOf(mount), here)];
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

/** Faults of a container's own restart policy: any of three since Kubernetes 1.35; before, only that of a sidecar. */
function restartFaults({ restartPolicy, restartPolicyRules }: Record<string, unknown>, pointer: string): Fault[] {
  const here = at(pointer, 'restartPolicy');
  if (restartPolicy === undefined)
    return listOf(restartPolicyRules).length ? [{ pointer: here, detail: 'is required with restartPolicyRules' }] : [];
  return typeof restartPolicy !== 'string' || RESTARTS.includes(restartPolicy)
    ? []
    : [{ pointer: here, detail: `must be one of ${RESTARTS.join(', ')}` }];
}

/** Faults of one container beyond its schema. */
export function containerFaults(
  container: Record<string, unknown>,
  kind: ContainerKind,
  pointer: string,
  { volumes, claims }: PodNames,
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
    ...deviceFaults(container, pointer, volumes),
    ...resourceFaults(container.resources, at(pointer, 'resources'), claims),
    ...restartFaults(container, pointer),
    ...probeFaults(container, kind === 'INIT', pointer),
  ];
}
