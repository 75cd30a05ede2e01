import { describe, expect, it } from 'vitest';
import type { PodSecurityLevel } from '../../../src/generated/prisma/enums.ts';
import { podSecurityFaults } from '../../../src/templates/core/pod-security.ts';
import { validateDocument } from '../../../src/templates/core/validate.ts';

const pod = (spec: object, container: object = {}, annotations: Record<string, string> = {}) => ({
  metadata: { annotations },
  spec: { containers: [{ name: 'web', image: 'x', ...container }], ...spec },
});
const pointersOf = (value: unknown, level: PodSecurityLevel = 'BASELINE'): (string | undefined)[] =>
  podSecurityFaults(value, '/pod', level).map(({ pointer }) => pointer);
const at = '/pod/spec/containers/0';

describe('Pod Security, baseline', () => {
  it.each<[string, unknown, string]>([
    ["the host's network", pod({ hostNetwork: true }), '/pod/spec/hostNetwork'],
    ["the host's processes", pod({ hostPID: true }), '/pod/spec/hostPID'],
    ["the host's IPC", pod({ hostIPC: true }), '/pod/spec/hostIPC'],
    ['a privileged container', pod({}, { securityContext: { privileged: true } }), `${at}/securityContext/privileged`],
    [
      'a privileged init container',
      pod({ initContainers: [{ name: 'i', securityContext: { privileged: true } }] }),
      '/pod/spec/initContainers/0/securityContext/privileged',
    ],
    [
      'an added capability',
      pod({}, { securityContext: { capabilities: { add: ['CHOWN', 'NET_ADMIN'] } } }),
      `${at}/securityContext/capabilities/add/1`,
    ],
    ['every capability', pod({}, { securityContext: { capabilities: { add: ['ALL'] } } }), `${at}/securityContext/capabilities/add/0`],
    [
      'a path of the host',
      pod({
        volumes: [
          { name: 'a', emptyDir: {} },
          { name: 'h', hostPath: { path: '/' } },
        ],
      }),
      '/pod/spec/volumes/1/hostPath',
    ],
    ['a port of the host', pod({}, { ports: [{ containerPort: 80, hostPort: 80 }] }), `${at}/ports/0/hostPort`],
    [
      'a probe of another host',
      pod({}, { livenessProbe: { httpGet: { port: 80, host: '169.254.169.254' } } }),
      `${at}/livenessProbe/httpGet/host`,
    ],
    [
      'a hook to another host',
      pod({}, { lifecycle: { preStop: { tcpSocket: { port: 80, host: 'x' } } } }),
      `${at}/lifecycle/preStop/tcpSocket/host`,
    ],
    [
      'an unconfined AppArmor profile',
      pod({}, { securityContext: { appArmorProfile: { type: 'Unconfined' } } }),
      `${at}/securityContext/appArmorProfile/type`,
    ],
    [
      'the same for the pod',
      pod({ securityContext: { appArmorProfile: { type: 'Unconfined' } } }),
      '/pod/spec/securityContext/appArmorProfile/type',
    ],
    [
      'the same by annotation',
      pod({}, {}, { 'container.apparmor.security.beta.kubernetes.io/web': 'unconfined' }),
      '/pod/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1web',
    ],
    [
      'an unconfined seccomp profile',
      pod({ securityContext: { seccompProfile: { type: 'Unconfined' } } }),
      '/pod/spec/securityContext/seccompProfile/type',
    ],
    [
      'another SELinux type',
      pod({}, { securityContext: { seLinuxOptions: { type: 'spc_t' } } }),
      `${at}/securityContext/seLinuxOptions/type`,
    ],
    ['an SELinux user', pod({ securityContext: { seLinuxOptions: { user: 'root' } } }), '/pod/spec/securityContext/seLinuxOptions/user'],
    ['an SELinux role', pod({ securityContext: { seLinuxOptions: { role: 'x' } } }), '/pod/spec/securityContext/seLinuxOptions/role'],
    ['an unmasked /proc', pod({}, { securityContext: { procMount: 'Unmasked' } }), `${at}/securityContext/procMount`],
    [
      'an unsafe sysctl',
      pod({ securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } }),
      '/pod/spec/securityContext/sysctls/0/name',
    ],
    [
      'a Windows host process',
      pod({ securityContext: { windowsOptions: { hostProcess: true } } }),
      '/pod/spec/securityContext/windowsOptions/hostProcess',
    ],
  ])('refuses %s', (_, value, pointer) => {
    expect(pointersOf(value)).toEqual([pointer]);
  });

  it.each<[string, unknown]>([
    ['an ordinary pod', pod({})],
    [
      'what is switched off',
      pod(
        { hostNetwork: false, hostPID: false, hostIPC: false },
        { securityContext: { privileged: false, procMount: 'Default' }, ports: [{ hostPort: 0 }] },
      ),
    ],
    ['running as root', pod({ securityContext: { runAsUser: 0 } }, { securityContext: { allowPrivilegeEscalation: true } })],
    ['a harmless capability', pod({}, { securityContext: { capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] } } })],
    [
      'profiles of the runtime',
      pod({
        securityContext: { seccompProfile: { type: 'RuntimeDefault' }, appArmorProfile: { type: 'Localhost', localhostProfile: 'x' } },
      }),
    ],
    ['a safe sysctl', pod({ securityContext: { sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }] } })],
    ['an unmasked /proc in a user namespace of its own', pod({ hostUsers: false }, { securityContext: { procMount: 'Unmasked' } })],
    ['a probe of the pod itself', pod({}, { livenessProbe: { httpGet: { port: 80, host: '' } } })],
  ])('accepts %s', (_, value) => {
    expect(pointersOf(value)).toEqual([]);
  });

  it('is part of judging a document, at its pointer', () => {
    expect(validateDocument({ pod: { spec: { hostNetwork: true, containers: [{ name: 'web', image: 'x' }] } } }, 'BASELINE')).toEqual({
      faults: [{ pointer: '/pod/spec/hostNetwork', detail: 'is refused by Pod Security level baseline: must not be true' }],
    });
  });
});

describe('Pod Security, restricted', () => {
  const context = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
  const podContext = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
  const safe = (spec: object = {}, container: object = {}) =>
    pod({ securityContext: podContext, ...spec }, { securityContext: context, ...container });
  const contextAt = `${at}/securityContext`;

  it.each<[string, unknown, string[]]>([
    [
      'a pod that says nothing',
      pod({}),
      ['runAsNonRoot', 'seccompProfile/type', 'allowPrivilegeEscalation', 'capabilities/drop'].map((field) => `${contextAt}/${field}`),
    ],
    ['what the baseline refuses', safe({ hostNetwork: true }), ['/pod/spec/hostNetwork']],
    ['root', safe({ securityContext: { ...podContext, runAsUser: 0 } }), ['/pod/spec/securityContext/runAsUser']],
    ['root in a container', safe({}, { securityContext: { ...context, runAsUser: 0 } }), [`${contextAt}/runAsUser`]],
    [
      'a pod that may be root',
      safe({ securityContext: { ...podContext, runAsNonRoot: false } }),
      ['/pod/spec/securityContext/runAsNonRoot'],
    ],
    ['a container that may be root', safe({}, { securityContext: { ...context, runAsNonRoot: false } }), [`${contextAt}/runAsNonRoot`]],
    [
      'further privileges',
      safe({}, { securityContext: { ...context, allowPrivilegeEscalation: true } }),
      [`${contextAt}/allowPrivilegeEscalation`],
    ],
    [
      'capabilities that are kept',
      safe({}, { securityContext: { ...context, capabilities: { drop: ['CHOWN'] } } }),
      [`${contextAt}/capabilities/drop`],
    ],
    [
      'a capability that is added',
      safe({}, { securityContext: { ...context, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'CHOWN'] } } }),
      [`${contextAt}/capabilities/add/1`],
    ],
    ['no seccomp', safe({ securityContext: { runAsNonRoot: true } }), [`${contextAt}/seccompProfile/type`]],
    ['a volume of NFS', safe({ volumes: [{ name: 'n', nfs: { server: 's', path: '/' } }] }), ['/pod/spec/volumes/0/nfs']],
  ])('refuses %s', (_, value, pointers) => {
    expect(pointersOf(value, 'RESTRICTED')).toEqual(pointers);
    expect(pointersOf(value, 'PRIVILEGED')).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['a pod that has all of it', safe()],
    [
      'a container that has all of it',
      pod({}, { securityContext: { ...context, runAsNonRoot: true, seccompProfile: { type: 'Localhost', localhostProfile: 'x' } } }),
    ],
    [
      'root in a user namespace of its own',
      safe({ hostUsers: false, securityContext: { seccompProfile: { type: 'RuntimeDefault' }, runAsUser: 0 } }),
    ],
    ['a pod of Windows', pod({ os: { name: 'windows' }, securityContext: { runAsNonRoot: true } })],
    ['volumes of safe types', safe({ volumes: [{ name: 'a', emptyDir: {} }, { name: 'b', secret: { secretName: 's' } }, { name: 'c' }] })],
  ])('accepts %s', (_, value) => {
    expect(pointersOf(value, 'RESTRICTED')).toEqual([]);
  });

  it('waits for the value of a parameter', () => {
    const parameters = { root: { type: 'boolean' as const, required: true } };
    const document = { parameters, pod: safe({ securityContext: { ...podContext, runAsNonRoot: '${{ params.root }}' } }) };
    expect(validateDocument(document, 'RESTRICTED')).toEqual({ document });
  });
});
