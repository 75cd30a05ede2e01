import { describe, expect, it } from 'vitest';
import { extraFaults, withExtras } from '../../../src/templates/core/extras.ts';
import { schemaFaults } from '../../../src/templates/core/kubernetes.ts';
import { podFaults } from '../../../src/templates/core/pod.ts';
import { podSecurityFaults } from '../../../src/templates/core/pod-security.ts';
import { configExtras, sidecarExtras } from '../../../src/templates/core/sidecars.ts';
import type { PodSecurityLevel } from '../../../src/generated/prisma/enums.ts';
import { validateDocument } from '../../../src/templates/core/validate.ts';

const pod = { spec: { containers: [{ name: 'web', image: 'web:1', ports: [{ name: 'http', containerPort: 8080 }] }] } };
const requests = { requests: { cpu: '10m', memory: '32Mi' } };
const add = (sidecars: any[], to: any = pod, podSecurity: PodSecurityLevel = 'BASELINE'): any =>
  withExtras(to, sidecarExtras(sidecars, to, podSecurity));

describe('each pattern adds exactly this', () => {
  it.each([
    [
      'logging: the application writes, the sidecar reads',
      { pattern: 'logging', image: 'fluent-bit:3', container: 'web', path: '/var/log/app' },
      'slipway-logging-web-1',
      { mountPath: '/var/log/app' },
      { mountPath: '/var/log/app', readOnly: true },
    ],
    [
      'contentSync: the sidecar writes, the application reads',
      { pattern: 'contentSync', image: 'git-sync:4', container: 'web', path: '/srv', readOnly: true },
      'slipway-content-sync-web-1',
      { mountPath: '/srv', readOnly: true },
      { mountPath: '/srv' },
    ],
    [
      'contentSync: also where readOnly is not said',
      { pattern: 'contentSync', image: 'git-sync:4', container: 'web', path: '/srv' },
      'slipway-content-sync-web-1',
      { mountPath: '/srv', readOnly: true },
      { mountPath: '/srv' },
    ],
    [
      'configUpdater: both may write',
      { pattern: 'configUpdater', image: 'reloader:1', container: 'web', path: '/etc/live' },
      'slipway-config-updater-web-1',
      { mountPath: '/etc/live' },
      { mountPath: '/etc/live' },
    ],
    [
      "configUpdater: readOnly is said of the application's side",
      { pattern: 'configUpdater', image: 'reloader:1', container: 'web', path: '/etc/live', readOnly: true },
      'slipway-config-updater-web-1',
      { mountPath: '/etc/live', readOnly: true },
      { mountPath: '/etc/live' },
    ],
  ])('%s', (_, sidecar, name, applications, sidecars) => {
    expect(add([sidecar])).toEqual({
      spec: {
        initContainers: [
          { name, image: sidecar.image, restartPolicy: 'Always', resources: requests, volumeMounts: [{ name, ...sidecars }] },
        ],
        containers: [{ ...pod.spec.containers[0], volumeMounts: [{ name, ...applications }] }],
        volumes: [{ name, emptyDir: {} }],
      },
    });
  });

  it('monitoring: a named port, annotations for Prometheus, and the address of the application', () => {
    expect(add([{ pattern: 'monitoring', image: 'exporter:1', container: 'web', port: 9102 }])).toEqual({
      metadata: { annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': '9102', 'prometheus.io/path': '/metrics' } },
      spec: {
        initContainers: [
          {
            name: 'slipway-monitoring-web-1',
            image: 'exporter:1',
            restartPolicy: 'Always',
            resources: requests,
            env: [{ name: 'SLIPWAY_TARGET', value: 'localhost:8080' }],
            ports: [{ name: 'slipway-metrics', containerPort: 9102, protocol: 'TCP' }],
          },
        ],
        containers: pod.spec.containers,
      },
    });
  });

  it('monitoring of a container that names no port: its host alone', () => {
    const quiet = { spec: { containers: [{ name: 'web', image: 'web:1' }] } };
    expect(add([{ pattern: 'monitoring', image: 'exporter:1', container: 'web', port: 9102 }], quiet).spec.initContainers[0].env).toEqual([
      { name: 'SLIPWAY_TARGET', value: 'localhost' },
    ]);
  });

  it('config: a volume of a ConfigMap, mounted read-only, also in an init container', () => {
    const withInit = { spec: { ...pod.spec, initContainers: [{ name: 'migrate', image: 'x' }] } };
    const extras = configExtras([{ name: 'app', files: { a: '1' }, container: 'migrate', path: '/etc/app' }], () => 'shop-app-0123456789');
    expect(withExtras(withInit, extras)).toEqual({
      spec: {
        initContainers: [
          { name: 'migrate', image: 'x', volumeMounts: [{ name: 'slipway-config-app', mountPath: '/etc/app', readOnly: true }] },
        ],
        containers: pod.spec.containers,
        volumes: [{ name: 'slipway-config-app', configMap: { name: 'shop-app-0123456789' } }],
      },
    });
  });
});

describe('several', () => {
  const several = [
    { pattern: 'logging', image: 'a', container: 'web', path: '/a' },
    { pattern: 'logging', image: 'b', container: 'web', path: '/b' },
    { pattern: 'configUpdater', image: 'c', container: 'web', path: '/c' },
    { pattern: 'monitoring', image: 'd', container: 'web', port: 9102 },
  ];
  const full = {
    metadata: { annotations: { mine: 'x' } },
    spec: {
      initContainers: [{ name: 'first', image: 'x' }],
      containers: [
        { name: 'web', image: 'x', volumeMounts: [{ name: 'data', mountPath: '/data' }] },
        { name: 'other', image: 'x' },
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    },
  };

  it('come after what the pod has, in their order, counted per pattern and container', () => {
    const { spec } = add(several, full);
    expect(spec.initContainers.map((one: any) => one.name)).toEqual([
      'first',
      'slipway-logging-web-1',
      'slipway-logging-web-2',
      'slipway-config-updater-web-1',
      'slipway-monitoring-web-1',
    ]);
    expect(spec.containers[0].volumeMounts.map((one: any) => one.mountPath)).toEqual(['/data', '/a', '/b', '/c']);
    expect(spec.containers[1]).toEqual({ name: 'other', image: 'x' });
  });

  it('make a pod that is valid in itself, and leave the given one as it was', () => {
    const before = structuredClone(full);
    const made = add(several, full);
    expect(schemaFaults('PodTemplateSpec', made, '')).toEqual([]);
    expect(podFaults(made, '')).toEqual([]);
    expect(full).toEqual(before);
  });
});

describe('what clashes is refused at its pointer', () => {
  const logging = { pattern: 'logging', image: 'a', container: 'web', path: '/a' };
  const monitoring = { pattern: 'monitoring', image: 'd', container: 'web', port: 9102 };
  const config = { name: 'app', files: { a: '' }, container: 'web', path: '/etc/app' };
  const web = pod.spec.containers[0];
  const faultsOf = (document: object): string[] => {
    const result = validateDocument({ pod, ...document }, 'BASELINE');
    return 'faults' in result ? result.faults.map(({ pointer, detail }) => `${pointer ?? ''} ${detail}`) : [];
  };

  it.each<[string, object, string]>([
    [
      'an unknown container',
      { sidecars: [{ ...logging, container: 'wbe' }] },
      '/sidecars/0/container is not a container of the pod: there is no "wbe"',
    ],
    [
      'an unknown container for config',
      { config: [{ ...config, container: 'wbe' }] },
      '/config/0/container is not a container of the pod: there is no "wbe"',
    ],
    [
      'a sidecar of an init container',
      { pod: { spec: { ...pod.spec, initContainers: [{ name: 'init', image: 'x' }] } }, sidecars: [{ ...logging, container: 'init' }] },
      '/sidecars/0/container is an init container: a sidecar accompanies one of /pod/spec/containers',
    ],
    [
      'a path that the container mounts itself',
      {
        pod: {
          spec: { containers: [{ ...web, volumeMounts: [{ name: 'v', mountPath: '/a/' }] }], volumes: [{ name: 'v', emptyDir: {} }] },
        },
        sidecars: [logging],
      },
      '/sidecars/0/path is already mounted in container "web", by /pod/spec/containers/0/volumeMounts/0',
    ],
    [
      'a path of another sidecar',
      { sidecars: [logging, { ...logging, pattern: 'contentSync' }] },
      '/sidecars/1/path is already mounted in container "web", by /sidecars/0',
    ],
    [
      'a path of a sidecar for config',
      { sidecars: [logging], config: [{ ...config, path: '/a' }] },
      '/config/0/path is already mounted in container "web", by /sidecars/0',
    ],
    [
      'two configs of one name',
      { config: [config, { ...config, path: '/b' }] },
      '/config/1/name is taken: /config/0 has the same name "app"',
    ],
    [
      'a container with the name of the sidecar',
      { pod: { spec: { containers: [web, { name: 'slipway-logging-web-1', image: 'x' }] } }, sidecars: [logging] },
      '/pod/spec/containers/1/name is taken by the container that /sidecars/0 adds',
    ],
    [
      'a volume with the name of the config',
      { pod: { spec: { ...pod.spec, volumes: [{ name: 'slipway-config-app', emptyDir: {} }] } }, config: [config] },
      '/pod/spec/volumes/0/name is taken by the volume that /config/0 adds',
    ],
    [
      'a config with the name of a sidecar',
      { sidecars: [{ ...logging, pattern: 'configUpdater' }], config: [{ ...config, name: 'updater-web-1' }] },
      '/config/0 adds the same as /sidecars/0',
    ],
    [
      'a port of the application',
      { sidecars: [{ ...monitoring, port: 8080 }] },
      '/sidecars/0/port clashes with a port of /pod/spec/containers/0: number 8080 and name "slipway-metrics" must be free',
    ],
    [
      'two of monitoring',
      { sidecars: [monitoring, { ...monitoring, port: 9103 }] },
      '/sidecars/1/pattern occurs twice: a pod has at most one monitoring sidecar, and /sidecars/0 is one already',
    ],
    [
      'an annotation of the pod',
      { pod: { ...pod, metadata: { annotations: { 'prometheus.io/port': '1' } } }, sidecars: [monitoring] },
      '/pod/metadata/annotations/prometheus.io~1port is written by /sidecars/0',
    ],
    [
      'logs that nobody may write',
      { sidecars: [{ ...logging, readOnly: true }] },
      '/sidecars/0/readOnly cannot be true: with logging, the application writes what the sidecar reads',
    ],
    [
      'content that both may write',
      { sidecars: [{ ...logging, pattern: 'contentSync', readOnly: false }] },
      '/sidecars/0/readOnly cannot be false: with contentSync, the application reads what the sidecar writes',
    ],
    [
      'a container name that leaves no room',
      { pod: { spec: { containers: [{ name: 'w'.repeat(50), image: 'x' }] } }, sidecars: [{ ...logging, container: 'w'.repeat(50) }] },
      `/sidecars/0/container is too long: the name "slipway-logging-${'w'.repeat(50)}-1" derived from it has more than 63 characters`,
    ],
  ])('%s', (_, document, fault) => {
    expect(faultsOf(document)).toContain(fault);
  });

  it('and nothing else is', () => {
    expect(
      faultsOf({ sidecars: [logging, monitoring, { ...logging, path: '/b' }], config: [config, { ...config, name: 'b', path: '/etc/b' }] }),
    ).toEqual([]);
    expect(extraFaults(pod, [])).toEqual([]);
  });
});

describe('at the level RESTRICTED', () => {
  const safe = {
    metadata: { labels: {} },
    spec: {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ name: 'web', image: 'web:1', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
    },
  };
  const sidecars = ['logging', 'configUpdater', 'contentSync'].map((pattern) => ({
    pattern,
    image: 'x',
    container: 'web',
    path: `/${pattern}`,
  }));

  it.each([...sidecars, { pattern: 'monitoring', image: 'x', container: 'web', port: 9102 }])(
    '$pattern adds nothing that the level refuses',
    (sidecar) => {
      expect(podSecurityFaults(add([sidecar], safe, 'RESTRICTED'), '', 'RESTRICTED')).toEqual([]);
      expect(podSecurityFaults(add([sidecar], safe, 'BASELINE'), '', 'RESTRICTED')).not.toEqual([]);
    },
  );

  it('has no settings that Windows does not have', () => {
    const windows = { ...safe, spec: { ...safe.spec, os: { name: 'windows' } } };
    expect(add(sidecars, windows, 'RESTRICTED').spec.initContainers.every((one: object) => !('securityContext' in one))).toBe(true);
  });
});
