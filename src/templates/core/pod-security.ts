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

/** A rule: a value at the path that is set, known and not accepted is a fault. */
const rule = (root: unknown, pointer: string, path: readonly string[], accepts: (value: unknown) => boolean, wanted: string): Fault[] => {
  const value = path.reduce<unknown>((object, field) => objectOf(object)[field], root);
  if (value === undefined || value === null || value instanceof Hole || accepts(value)) return [];
  return [{ pointer: at(pointer, ...path), detail: `is refused by Pod Security level baseline: ${wanted}` }];
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

/**
 * Faults of a PodTemplateSpec by the Pod Security Standard "baseline" (of Kubernetes 1.36): the host's namespaces, ports and paths, privileged containers,
 * added capabilities, unsafe sysctls, and weakened profiles of AppArmor, seccomp and SELinux. A Hole is never refused; its value is checked when it is known.
 *
 * Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
 */
export function podSecurityFaults(pod: unknown, pointer: string): Fault[] {
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
