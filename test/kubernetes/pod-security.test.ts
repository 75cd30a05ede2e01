import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { podSecurityFaults } from '../../src/templates/core/pod-security.ts';
import { richDocument } from '../templates/core/rich.ts';
import { Client, RequestFailed } from './control-plane/client.ts';
import { createNamespace } from './control-plane/objects.ts';
import { isAtLeast, providedClusters } from './support/clusters.ts';

const [cluster] = providedClusters();
const LEVELS = ['BASELINE', 'RESTRICTED'] as const;

const profile = (type: string) => ({ type, ...(type === 'Localhost' ? { localhostProfile: 'x' } : {}) });
const profiles = ['RuntimeDefault', 'Localhost', 'Unconfined'].map(profile);

/** Values of fields that the levels look at, tried in the pod and in its containers. */
const POD: Record<string, unknown[]> = {
  ...{ hostNetwork: [true, false], hostPID: [true], hostIPC: [true], hostUsers: [false, true], os: [{ name: 'linux' }] },
  volumes: ['hostPath', 'nfs', 'emptyDir', 'configMap', 'secret', 'csi', 'iscsi', 'projected'].map((type) => [
    { name: 'v', [type]: { hostPath: { path: '/' }, nfs: { server: 's', path: '/' }, csi: { driver: 'd' }, secret: { secretName: 's' }, configMap: { name: 'c' }, iscsi: { targetPortal: '1.2.3.4', iqn: 'iqn.2001-04.com.example:a' } }[type] ?? {} },
  ]),
}; // prettier-ignore
const CONTEXT: Record<string, unknown[]> = {
  ...{ runAsNonRoot: [true, false, undefined], runAsUser: [0, 1, undefined], seccompProfile: [...profiles, undefined] },
  ...{ appArmorProfile: profiles, seLinuxOptions: [{ type: 'container_t' }, { type: 'unconfined_t' }, { user: 'root' }, { role: 'r' }] },
};
const POD_CONTEXT: Record<string, unknown[]> = {
  sysctls: ['net.ipv4.tcp_syncookies', 'net.ipv4.tcp_rmem', 'kernel.msgmax', 'net.core.somaxconn'].map((name) => [{ name, value: '1' }]),
};
const CONTAINER_CONTEXT: Record<string, unknown[]> = {
  ...{ privileged: [true, false], allowPrivilegeEscalation: [true, false, undefined], procMount: ['Default', 'Unmasked'] },
  capabilities: [{}, undefined, { drop: ['ALL'] }, ...['CHOWN', 'NET_ADMIN', 'NET_BIND_SERVICE', 'ALL'].map((name) => ({ drop: ['ALL'], add: [name] }))],
}; // prettier-ignore
const CONTAINER: Record<string, unknown[]> = {
  ports: [[{ containerPort: 80, hostPort: 80 }], [{ containerPort: 80, hostPort: 0 }]],
  livenessProbe: [{ httpGet: { port: 80, host: 'example.com' } }, { tcpSocket: { port: 80, host: '' } }],
  lifecycle: [{ preStop: { httpGet: { port: 80, host: '127.0.0.1' } } }],
};

type Spec = Record<string, any>;

/** Pods that are as safe as can be, but for one field; and as safe as need be at first, but for one field. */
function* pods(): Generator<{ change: string; spec: Spec }> {
  const [rich] = structuredClone(richDocument.pod.spec.containers) as Spec[];
  const container = { ...rich, volumeMounts: [], securityContext: { ...rich!['securityContext'], capabilities: { drop: ['ALL'] } } };
  const bases: Spec[] = [
    { ...structuredClone(richDocument.pod.spec), initContainers: [], volumes: [], containers: [container] },
    { containers: [{ name: 'web', image: 'x' }] },
  ];
  for (const [index, base] of bases.entries()) {
    const vary = (fields: Record<string, unknown[]>, holderOf: (spec: Spec) => Spec, where: string) =>
      Object.entries(fields).flatMap(([field, values]) =>
        values.map((value) => {
          const spec = structuredClone(base);
          holderOf(spec)[field] = value;
          return { change: `${index} ${where}${field} = ${JSON.stringify(value)}`, spec };
        }),
      );
    yield { change: `${index}`, spec: base };
    yield* vary(POD, (spec) => spec, '');
    yield* vary({ ...CONTEXT, ...POD_CONTEXT }, (spec) => (spec['securityContext'] ??= {}), 'pod ');
    yield* vary({ ...CONTEXT, ...CONTAINER_CONTEXT }, (spec) => (spec['containers'][0].securityContext ??= {}), 'container ');
    yield* vary(CONTAINER, (spec) => spec['containers'][0], 'container ');
  }
}

/** Ours are the levels of the newest version; older ones refused more sysctls and less of probes. */
describe.skipIf(!isAtLeast(36))('Pod Security is what a real API server enforces', () => {
  const client = cluster && new Client({ ...cluster, token: cluster.adminToken });
  const namespaceOf = (level: string) => `security-${level.toLowerCase()}`;

  beforeAll(async () => {
    for (const level of LEVELS)
      await createNamespace(client!, namespaceOf(level), { 'pod-security.kubernetes.io/enforce': level.toLowerCase() });
  });
  afterAll(async () => {
    for (const level of LEVELS) await client!.request('DELETE', `/api/v1/namespaces/${namespaceOf(level)}`);
    await client!.close();
  });

  /** True if it violates the level, and null if it is not valid, whatever the level. */
  async function isRefused(spec: Spec, level: string): Promise<boolean | null> {
    const namespace = namespaceOf(level);
    const pod = { metadata: { name: 'web', namespace }, spec: { ...spec, serviceAccountName: undefined, priorityClassName: undefined } };
    try {
      await client!.request('POST', `/api/v1/namespaces/${namespace}/pods?dryRun=All`, pod);
      return false;
    } catch (error) {
      if (!(error instanceof RequestFailed)) throw error;
      if (error.status === 403 && error.message.includes('violates PodSecurity')) return true;
      if (error.status === 422) return null;
      throw error;
    }
  }

  it.each(LEVELS)('at the level %s', async (level) => {
    const differences: unknown[] = [];
    const verdicts: boolean[] = [];
    for (const { change, spec } of pods()) {
      const refused = await isRefused(spec, level);
      if (refused === null) continue;
      verdicts.push(refused);
      const faults = podSecurityFaults({ spec: JSON.parse(JSON.stringify(spec)) as unknown }, '', level);
      if (refused !== faults.length > 0) differences.push({ change, refused, faults });
    }
    expect(differences).toEqual([]);
    expect(verdicts.filter((refused) => refused).length).toBeGreaterThan(25);
    expect(verdicts.filter((refused) => !refused).length).toBeGreaterThan(25);
  });
});
