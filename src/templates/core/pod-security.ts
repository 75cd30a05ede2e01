import type { PodSecurityLevel } from '../../generated/prisma/enums.ts';
import type { Fault } from '../../platform/fault.ts';
import { isRecord } from '../../platform/json.ts';
import { at, listOf, objectOf } from './json.ts';
import { containersOf } from './pod.ts';
import { Hole } from './placeholders.ts';

const CAPABILITIES = new Set(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(' '),
);
const SYSCTLS = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
]);
const SELINUX_TYPES = new Set(['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']);
const APPARMOR_ANNOTATION = 'container.apparmor.security.beta.kubernetes.io/';
const HANDLERS = [['livenessProbe'], ['readinessProbe'], ['startupProbe'], ['lifecycle', 'postStart'], ['lifecycle', 'preStop']];

type Level = Exclude<PodSecurityLevel, 'PRIVILEGED'>;

const refused = (pointer: string, level: Level, wanted: string): Fault => ({
  pointer,
  detail: `is refused by Pod Security level ${level.toLowerCase()}: ${wanted}`,
});

const valueAt = (root: unknown, path: readonly string[]): unknown => path.reduce<unknown>((object, field) => objectOf(object)[field], root);

/** A rule of the baseline: a value at the path that is set, known and not accepted is a fault. */
const rule = (
  root: unknown,
  pointer: string,
  path: readonly string[],
  accepts: (value: unknown) => boolean,
  wanted: string,
  level: Level = 'BASELINE',
): Fault[] => {
  const value = valueAt(root, path);
  if (value === undefined || value === null || value instanceof Hole || accepts(value)) return [];
  return [refused(at(pointer, ...path), level, wanted)];
};

const notTrue = (value: unknown): boolean => value !== true;
const empty = (value: unknown): boolean => value === '';

/** Rules that apply to the security contexts of pods and of containers. */
const contextFaults = (context: unknown, pointer: string): Fault[] => [
  ...rule(context, pointer, ['windowsOptions', 'hostProcess'], notTrue, 'must not be true'),
  ...rule(
    context,
    pointer,
    ['appArmorProfile', 'type'],
    (type) => type === 'RuntimeDefault' || type === 'Localhost',
    'must be RuntimeDefault or Localhost',
  ),
  ...rule(
    context,
    pointer,
    ['seccompProfile', 'type'],
    (type) => type === 'RuntimeDefault' || type === 'Localhost',
    'must be RuntimeDefault or Localhost',
  ),
  ...rule(
    context,
    pointer,
    ['seLinuxOptions', 'type'],
    (type) => SELINUX_TYPES.has(type as string),
    `must be one of ${[...SELINUX_TYPES].filter(Boolean).join(', ')}`,
  ),
  ...rule(context, pointer, ['seLinuxOptions', 'user'], empty, 'must not be set'),
  ...rule(context, pointer, ['seLinuxOptions', 'role'], empty, 'must not be set'),
];

function containerFaults(container: Record<string, unknown>, pointer: string, ownUserNamespace: boolean): Fault[] {
  const context = container.securityContext;
  const here = at(pointer, 'securityContext');
  return [
    ...contextFaults(context, here),
    ...rule(context, here, ['privileged'], notTrue, 'must not be true'),
    ...(ownUserNamespace ? [] : rule(context, here, ['procMount'], (mount) => mount === 'Default', 'must be Default')),
    ...listOf(objectOf(objectOf(context).capabilities).add).flatMap((capability, index) =>
      rule(
        { capability },
        '',
        ['capability'],
        (name) => CAPABILITIES.has(name as string),
        `may be added: ${[...CAPABILITIES].join(', ')}`,
      ).map(({ detail }) => ({
        pointer: at(here, 'capabilities', 'add', index),
        detail,
      })),
    ),
    ...listOf(container.ports).flatMap((port, index) =>
      rule(port, at(pointer, 'ports', index), ['hostPort'], (value) => value === 0, 'must not be set'),
    ),
    ...HANDLERS.flatMap((path) =>
      ['httpGet', 'tcpSocket'].flatMap((handler) =>
        rule(container, pointer, [...path, handler, 'host'], empty, 'must not be set, so that the probe is sent to the pod itself'),
      ),
    ),
  ];
}

/** Faults by the baseline: the host's namespaces, ports and paths, privileged containers, added capabilities, unsafe sysctls, and weakened profiles of AppArmor, seccomp and SELinux. */
function baselineFaults(pod: unknown, pointer: string): Fault[] {
  const spec = objectOf(objectOf(pod).spec);
  const here = at(pointer, 'spec');
  const annotations = objectOf(objectOf(objectOf(pod).metadata).annotations);
  const safeProfile = (profile: unknown): boolean =>
    typeof profile === 'string' && (profile === '' || profile === 'runtime/default' || profile.startsWith('localhost/'));
  return [
    ...['hostNetwork', 'hostPID', 'hostIPC'].flatMap((field) => rule(spec, here, [field], notTrue, 'must not be true')),
    ...contextFaults(spec.securityContext, at(here, 'securityContext')),
    ...listOf(objectOf(spec.securityContext).sysctls).flatMap((sysctl, index) =>
      rule(
        sysctl,
        at(here, 'securityContext', 'sysctls', index),
        ['name'],
        (name) => SYSCTLS.has(name as string),
        `must be one of ${[...SYSCTLS].join(', ')}`,
      ),
    ),
    ...listOf(spec.volumes).flatMap((volume, index) =>
      isRecord(volume) && volume.hostPath !== undefined
        ? rule(volume, at(here, 'volumes', index), ['hostPath'], () => false, 'paths of the host must not be mounted')
        : [],
    ),
    ...Object.keys(annotations)
      .filter((key) => key.startsWith(APPARMOR_ANNOTATION))
      .flatMap((key) =>
        rule(annotations, at(pointer, 'metadata', 'annotations'), [key], safeProfile, 'must be runtime/default or localhost/...'),
      ),
    ...containersOf(pod, pointer).flatMap((placed) => containerFaults(placed.container, placed.pointer, spec.hostUsers === false)),
  ];
}

const SAFE_VOLUMES = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);
const isProfile = (type: unknown): boolean => type === 'RuntimeDefault' || type === 'Localhost';

/** A field that has to have such a value in each container, or in the pod for those that do not have it. */
function requiredFaults(
  pod: unknown,
  pointer: string,
  path: readonly string[],
  accepts: (value: unknown) => boolean,
  wanted: string,
): Fault[] {
  const spec = objectOf(objectOf(pod).spec);
  const ofPod = valueAt(spec.securityContext, path);
  const explicit = (root: unknown, here: string): Fault[] => rule(root, here, ['securityContext', ...path], accepts, wanted, 'RESTRICTED');
  return [
    ...explicit(spec, at(pointer, 'spec')),
    ...containersOf(pod, pointer).flatMap(({ container, pointer: here }) => {
      if (valueAt(container.securityContext, path) !== undefined) return explicit(container, here);
      return ofPod === undefined ? [refused(at(here, 'securityContext', ...path), 'RESTRICTED', `${wanted}, here or in the pod`)] : [];
    }),
  ];
}

function restrictedContainerFaults(container: Record<string, unknown>, pointer: string): Fault[] {
  const here = at(pointer, 'securityContext');
  const { allowPrivilegeEscalation, capabilities } = objectOf(container.securityContext);
  const { drop, add } = objectOf(capabilities);
  const isOpen = allowPrivilegeEscalation instanceof Hole || listOf(drop).some((name) => name instanceof Hole);
  return [
    ...(allowPrivilegeEscalation === false || allowPrivilegeEscalation instanceof Hole
      ? []
      : [refused(at(here, 'allowPrivilegeEscalation'), 'RESTRICTED', 'must be false')]),
    ...(isOpen || listOf(drop).includes('ALL') ? [] : [refused(at(here, 'capabilities', 'drop'), 'RESTRICTED', 'must contain ALL')]),
    ...listOf(add).flatMap((name, index) =>
      name === 'NET_BIND_SERVICE' || name instanceof Hole
        ? []
        : [refused(at(here, 'capabilities', 'add', index), 'RESTRICTED', 'only NET_BIND_SERVICE may be added')],
    ),
  ];
}

/** Faults by what the restricted level adds: other users than root, no further privileges, no capabilities, a seccomp profile, and volumes of safe types. */
function restrictedFaults(pod: unknown, pointer: string): Fault[] {
  const spec = objectOf(objectOf(pod).spec);
  const isWindows = objectOf(spec.os).name === 'windows';
  const hasOwnUsers = spec.hostUsers === false;
  const notRoot = (root: unknown, here: string): Fault[] =>
    rule(root, here, ['securityContext', 'runAsUser'], (user) => user !== 0, 'must not be 0, which is root', 'RESTRICTED');
  return [
    ...listOf(spec.volumes).flatMap((volume, index) =>
      Object.keys(objectOf(volume))
        .filter((source) => source !== 'name' && !SAFE_VOLUMES.has(source))
        .map((source) =>
          refused(at(pointer, 'spec', 'volumes', index, source), 'RESTRICTED', `must be one of ${[...SAFE_VOLUMES].join(', ')}`),
        ),
    ),
    ...(hasOwnUsers
      ? []
      : [
          ...requiredFaults(pod, pointer, ['runAsNonRoot'], (value) => value === true, 'must be true'),
          ...notRoot(spec, at(pointer, 'spec')),
          ...containersOf(pod, pointer).flatMap((placed) => notRoot(placed.container, placed.pointer)),
        ]),
    ...(isWindows
      ? []
      : [
          ...requiredFaults(pod, pointer, ['seccompProfile', 'type'], isProfile, 'must be RuntimeDefault or Localhost'),
          ...containersOf(pod, pointer).flatMap((placed) => restrictedContainerFaults(placed.container, placed.pointer)),
        ]),
  ];
}

/**
 * Faults of a PodTemplateSpec by a level of the Pod Security Standards (of Kubernetes 1.36). A Hole is never refused; its value is checked when it is known.
 *
 * Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
 */
export function podSecurityFaults(pod: unknown, pointer: string, level: PodSecurityLevel): Fault[] {
  if (level === 'PRIVILEGED') return [];
  const baseline = baselineFaults(pod, pointer);
  return level === 'BASELINE' ? baseline : [...restrictedFaults(pod, pointer), ...baseline];
}
