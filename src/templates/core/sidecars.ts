import type { PodSecurityLevel } from '../../generated/prisma/enums.ts';
import type { Fault } from '../../platform/fault.ts';
import type { Config, Sidecar } from './document.ts';
import type { Extra } from './extras.ts';
import { at, listOf, objectOf } from './json.ts';
import { containersOf } from './pod.ts';
import { Hole } from './placeholders.ts';

/** Requests of each sidecar: small, but set, so that totals of pods are right and quotas that require requests admit them. */
const REQUESTS = { cpu: '10m', memory: '32Mi' };

/** The port under which a monitoring sidecar serves its metrics. */
export const METRICS_PORT = 'slipway-metrics';
/** The environment variable with the application's address for a monitoring sidecar, for example `localhost:8080`. */
export const TARGET_VARIABLE = 'SLIPWAY_TARGET';

type WithVolume = Exclude<Sidecar, { pattern: 'monitoring' }>;

/** Which side writes to the shared volume; the other side reads. */
const WRITER: Record<WithVolume['pattern'], 'APPLICATION' | 'SIDECAR'> = {
  logging: 'APPLICATION',
  configUpdater: 'SIDECAR',
  contentSync: 'SIDECAR',
};
const NAMES: Record<Sidecar['pattern'], string> = {
  logging: 'logging',
  configUpdater: 'config-updater',
  contentSync: 'content-sync',
  monitoring: 'monitoring',
};

/** What Pod Security asks of a container at the level RESTRICTED. */
const RESTRICTED = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};

const native = (name: string, image: unknown): Record<string, unknown> => ({
  name,
  image,
  restartPolicy: 'Always',
  resources: { requests: REQUESTS },
});

/** A shared, empty volume at the same path on both sides. The reading side of logging and contentSync cannot write; else `readOnly` sets the application's side. */
function volumeExtra(sidecar: WithVolume, name: string, pointer: string): Extra {
  const mount = { name, mountPath: sidecar.path };
  const ours = sidecar.pattern === 'logging' ? { ...mount, readOnly: true } : mount;
  const applications = sidecar.pattern === 'contentSync' ? true : sidecar.readOnly;
  return {
    pointer,
    container: sidecar.container,
    sidecar: { ...native(name, sidecar.image), volumeMounts: [ours] },
    volume: { name, emptyDir: {} },
    mount: applications === undefined || applications === false ? mount : { ...mount, readOnly: applications },
  };
}

/** A named port with Prometheus annotations, and the application's address on the pod's shared network. */
function monitoringExtra(sidecar: Extract<Sidecar, { pattern: 'monitoring' }>, name: string, pointer: string, pod: unknown): Extra {
  const application = containersOf(pod, '').find(({ container }) => container.name === sidecar.container);
  const listening = objectOf(listOf(application?.container.ports)[0]).containerPort;
  return {
    pointer,
    container: sidecar.container,
    sidecar: {
      ...native(name, sidecar.image),
      env: [{ name: TARGET_VARIABLE, value: typeof listening === 'number' ? `localhost:${listening}` : 'localhost' }],
      ports: [{ name: METRICS_PORT, containerPort: sidecar.port, protocol: 'TCP' }],
    },
    annotations: { 'prometheus.io/scrape': 'true', 'prometheus.io/port': String(sidecar.port), 'prometheus.io/path': '/metrics' },
  };
}

/**
 * Additions of a document's sidecars to its pod. Each is a native sidecar container: an init container that is always restarted, started before the
 * application and stopped after it. Its name is `slipway-<pattern>-<container>-<n>`, with n from 1 per pattern and container. All but monitoring also add a
 * shared volume with that name. At the level RESTRICTED it has the security context that the level asks for.
 */
export function sidecarExtras(sidecars: readonly Sidecar[] | undefined, pod: unknown, podSecurity: PodSecurityLevel): Extra[] {
  const counts = new Map<string, number>();
  return (sidecars ?? []).map((sidecar, index) => {
    const stem = `slipway-${NAMES[sidecar.pattern]}-${sidecar.container}`;
    const count = (counts.get(stem) ?? 0) + 1;
    counts.set(stem, count);
    const name = `${stem}-${count}`;
    const pointer = at('/sidecars', index);
    const extra = sidecar.pattern === 'monitoring' ? monitoringExtra(sidecar, name, pointer, pod) : volumeExtra(sidecar, name, pointer);
    // Windows has none of these settings, and Pod Security does not ask for them there.
    const isWindows = objectOf(objectOf(objectOf(pod).spec).os).name === 'windows';
    return podSecurity === 'RESTRICTED' && !isWindows ? { ...extra, sidecar: { ...extra.sidecar, securityContext: RESTRICTED } } : extra;
  });
}

/** Faults of contradictory sidecars: a side that must write but may not, or a second monitoring sidecar. */
export function sidecarFaults(sidecars: readonly Sidecar[] | undefined): Fault[] {
  const first = (sidecars ?? []).findIndex(({ pattern }) => pattern === 'monitoring');
  return (sidecars ?? []).flatMap((sidecar, index) => {
    const pointer = at('/sidecars', index);
    if (sidecar.pattern === 'monitoring')
      return index === first
        ? []
        : [
            {
              pointer: at(pointer, 'pattern'),
              detail: `occurs twice: a pod has at most one monitoring sidecar, and /sidecars/${first} is one already`,
            },
          ];
    const { readOnly } = sidecar;
    if (readOnly === undefined || (readOnly as unknown) instanceof Hole) return [];
    const writer = WRITER[sidecar.pattern];
    if (readOnly && writer === 'APPLICATION')
      return [{ pointer: at(pointer, 'readOnly'), detail: 'cannot be true: with logging, the application writes what the sidecar reads' }];
    if (!readOnly && sidecar.pattern === 'contentSync')
      return [
        { pointer: at(pointer, 'readOnly'), detail: 'cannot be false: with contentSync, the application reads what the sidecar writes' },
      ];
    return [];
  });
}

/** What the config entries of a document add to its pod: each a volume `slipway-config-<name>` of a ConfigMap, mounted read-only. `configMapName` names the ConfigMap. */
export function configExtras(config: readonly Config[] | undefined, configMapName: (config: Config) => string): Extra[] {
  return (config ?? []).map((entry, index) => {
    const name = `slipway-config-${entry.name}`;
    return {
      pointer: at('/config', index),
      container: entry.container,
      volume: { name, configMap: { name: configMapName(entry) } },
      mount: { name, mountPath: entry.path, readOnly: true },
    };
  });
}
