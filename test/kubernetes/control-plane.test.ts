import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_VERSION, deriveModule, wantedVersion } from './control-plane/binaries.ts';
import { Client } from './control-plane/client.ts';
import type { KubernetesObject } from './control-plane/client.ts';
import { createNamespace, createServiceAccountToken, grant } from './control-plane/objects.ts';
import { startControlPlane } from './control-plane/start.ts';
import type { ControlPlane } from './control-plane/start.ts';

let cluster: ControlPlane;
const NAMESPACE = 'smoke';
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const DEPLOYMENTS = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;

interface Wanted {
  readonly replicas?: number;
  readonly image?: string;
  readonly behaviour?: string;
  readonly initContainers?: readonly unknown[];
}

async function deploy(name: string, { replicas = 1, image = 'shop/web:1', behaviour, initContainers = [] }: Wanted): Promise<void> {
  const labels = { app: name };
  const annotations = behaviour ? { 'simulation/behaviour': behaviour } : {};
  const spec = {
    initContainers,
    containers: [
      { name: 'web', image, ports: [{ containerPort: 80 }] },
      { name: 'log', image: 'shop/log:1' },
    ],
  };
  await cluster.request('POST', DEPLOYMENTS, {
    metadata: { name },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels, annotations }, spec } },
  });
}

/** The pods of a Deployment, once `holds` is true of each and there are `count`. */
async function podsOf(name: string, count: number, holds: (pod: any) => boolean, timeoutMilliseconds = 15_000): Promise<readonly any[]> {
  return cluster.client.until(
    `${PODS}?labelSelector=app%3D${name}`,
    (pods) => pods.length === count && pods.every(holds),
    timeoutMilliseconds,
  );
}

const condition = (pod: KubernetesObject, type: string): any => pod['status']?.conditions?.find((entry: any) => entry.type === type);
const isReady = (pod: KubernetesObject) => condition(pod, 'Ready')?.status === 'True';
const waitingReason = (status: any): string | undefined => status?.state?.waiting?.reason;
const web = (pod: any): any => pod.status?.containerStatuses?.find((status: any) => status.name === 'web');
const sinceStart = (pod: any) => Date.parse(condition(pod, 'Ready').lastTransitionTime) - Date.parse(pod.metadata.creationTimestamp);

describe.skipIf(process.env['SLIPWAY_SKIP_KUBERNETES'] === '1')('a control plane of real Kubernetes components', () => {
  beforeAll(async () => {
    cluster = await startControlPlane({ name: 'smoke', nodes: 3 });
    await createNamespace(cluster, NAMESPACE);
  }, 900_000);
  afterAll(() => cluster?.stop());

  it('is of the version that was asked for, and runs all five components', () => {
    expect(cluster.version).toMatch(process.env['KUBERNETES_VERSION'] ? `v${wantedVersion()}` : /^v1\.\d+\.\d+$/);
    expect(Object.keys(cluster.pids).sort()).toEqual(['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kwok']);
  });

  it('makes the pods of a Deployment Ready, with init containers and native sidecars reported as a kubelet does', async () => {
    await deploy('shop', {
      replicas: 3,
      initContainers: [
        { name: 'migrate', image: 'shop/migrate:1' },
        { name: 'proxy', image: 'shop/proxy:1', restartPolicy: 'Always' },
      ],
    });

    const pods = await podsOf('shop', 3, isReady);

    for (const pod of pods) {
      const [migrate, proxy] = pod.status.initContainerStatuses;
      expect(migrate).toMatchObject({ name: 'migrate', ready: true, state: { terminated: { exitCode: 0, reason: 'Completed' } } });
      expect(proxy).toMatchObject({ name: 'proxy', ready: true, started: true, state: { running: {} } });
      expect(web(pod)).toMatchObject({ ready: true, restartCount: 0, state: { running: {} } });
      expect(pod.status).toMatchObject({ phase: 'Running', podIP: expect.stringMatching(/^10\.244\./) });
      expect(sinceStart(pod)).toBeLessThanOrEqual(4_000); // timestamps have whole seconds
    }
  });

  it('names the Ready pods of a Service in its EndpointSlices', async () => {
    await cluster.request('POST', `/api/v1/namespaces/${NAMESPACE}/services`, {
      metadata: { name: 'shop' },
      spec: { selector: { app: 'shop' }, ports: [{ port: 80 }] },
    });

    const slices = await cluster.client.until(
      `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE}/endpointslices`,
      (objects) => objects.flatMap((slice) => slice['endpoints'] ?? []).filter((endpoint: any) => endpoint.conditions.ready).length === 3,
    );

    expect(slices[0]?.metadata.labels?.['kubernetes.io/service-name']).toBe('shop');
  });

  it('cannot pull an image from a host under .invalid', async () => {
    await deploy('unpullable', { image: 'registry.invalid/shop/web:2' });

    const [pod] = await podsOf('unpullable', 1, (candidate) => waitingReason(web(candidate)) === 'ImagePullBackOff');

    expect(web(pod).state.waiting.message).toMatch(/Back-off pulling image "registry\.invalid\/shop\/web:2".*no such host/);
    expect(pod.status.phase).toBe('Pending');
    expect(condition(pod, 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [web]',
    });
  });

  it('cannot pull it for an init container either, and starts nothing behind it', async () => {
    await deploy('unpullable-init', { initContainers: [{ name: 'migrate', image: 'registry.invalid:5000/migrate:2' }] });

    const [pod] = await podsOf(
      'unpullable-init',
      1,
      (candidate) => waitingReason(candidate.status?.initContainerStatuses?.[0]) === 'ImagePullBackOff',
    );

    expect(condition(pod, 'Initialized').status).toBe('False');
    expect(waitingReason(web(pod))).toBe('PodInitializing');
  });

  it('restarts a crash-looping container three times within ten seconds, and serves its log', async () => {
    await deploy('crashing', { behaviour: 'crash-loop' });

    const [pod] = await podsOf('crashing', 1, (candidate) => web(candidate)?.restartCount >= 3, 10_000);

    expect(web(pod)).toMatchObject({
      ready: false,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    });
    const log = await cluster.request<string>('GET', `${PODS}/${pod.metadata.name}/log?container=web&previous=true&tailLines=1`);
    expect(log).toBe('fatal: connection refused, giving up\n');
  });

  it('has a log of a running container, and none of one that never started', async () => {
    const [ready] = await podsOf('shop', 3, isReady);
    const [stuck] = await podsOf('unpullable', 1, (candidate) => waitingReason(web(candidate)) === 'ImagePullBackOff');

    await expect(cluster.request<string>('GET', `${PODS}/${ready.metadata.name}/log?container=web`)).resolves.toContain('listening');
    await expect(cluster.request('GET', `${PODS}/${ready.metadata.name}/log?container=web&previous=true`)).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/previous terminated container "web" in pod ".*" not found/),
    });
    await expect(cluster.request('GET', `${PODS}/${stuck.metadata.name}/log?container=web`)).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(/trying and failing to pull image/),
    });
  });

  it.each([
    ['never-ready', (pod: any) => pod.status?.phase === 'Running' && web(pod)?.ready === false && web(pod)?.state?.running],
    ['image-pull-error', (pod: any) => waitingReason(web(pod)) === 'ImagePullBackOff'],
    ['config-error', (pod: any) => waitingReason(web(pod)) === 'CreateContainerConfigError'],
  ])('breaks a pod that asks for %s', async (behaviour, holds) => {
    await deploy(behaviour, { behaviour });

    const [pod] = await podsOf(behaviour, 1, holds);

    expect(isReady(pod)).toBe(false);
    expect(pod.status.containerStatuses[1]).toMatchObject({ name: 'log', ready: true });
  });

  it('fails the init container of a pod that asks for init-error, again and again', async () => {
    await deploy('init-error', { behaviour: 'init-error', initContainers: [{ name: 'migrate', image: 'shop/migrate:1' }] });

    const [pod] = await podsOf('init-error', 1, (candidate) => candidate.status?.initContainerStatuses?.[0]?.restartCount >= 2);

    expect(pod.status.initContainerStatuses[0]).toMatchObject({
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    });
    expect(pod.status.phase).toBe('Pending');
  });

  it('breaks a Ready pod that is given the annotation afterwards, and heals it when the annotation goes', async () => {
    const [pod] = await podsOf('shop', 3, isReady);

    await cluster.request('PATCH', `${PODS}/${pod.metadata.name}`, {
      metadata: { annotations: { 'simulation/behaviour': 'never-ready' } },
    });

    await cluster.client.until(`${PODS}?labelSelector=app%3Dshop`, (pods) => pods.filter(isReady).length === 2);

    await cluster.request('PATCH', `${PODS}/${pod.metadata.name}`, { metadata: { annotations: { 'simulation/behaviour': null } } });

    await podsOf('shop', 3, isReady);
  });

  it('lets pods go after a moment, and their Deployment with them', async () => {
    await cluster.request('DELETE', `${DEPLOYMENTS}/shop`, { propagationPolicy: 'Foreground' });

    await cluster.client.until(`${PODS}?labelSelector=app%3Dshop`, (pods) => pods.length === 0, 10_000);
    await cluster.client.until(DEPLOYMENTS, (deployments) => deployments.every(({ metadata }) => metadata.name !== 'shop'), 10_000);
  });

  it('refuses pods over a ResourceQuota', async () => {
    await createNamespace(cluster, 'narrow');
    await cluster.request('POST', '/api/v1/namespaces/narrow/resourcequotas', {
      metadata: { name: 'pods' },
      spec: { hard: { pods: '0' } },
    });
    await cluster.client.until('/api/v1/namespaces/narrow/resourcequotas', ([quota]) => quota?.['status']?.hard?.pods === '0');

    const pod = { metadata: { name: 'web' }, spec: { containers: [{ name: 'web', image: 'shop/web:1' }] } };

    await expect(cluster.request('POST', '/api/v1/namespaces/narrow/pods', pod)).rejects.toMatchObject({
      status: 403,
      message: expect.stringMatching(/exceeded quota/),
    });
  });

  it('lets a service account do what it is granted, and nothing else', async () => {
    await grant(cluster, NAMESPACE, 'deployer', [{ apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list'] }]);
    const token = await createServiceAccountToken(cluster, NAMESPACE, 'deployer');
    const deployer = new Client({ ...cluster.client.access, token });

    await expect(deployer.request('GET', DEPLOYMENTS)).resolves.toBeDefined();
    await expect(deployer.request('GET', PODS)).rejects.toMatchObject({ status: 403, reason: 'Forbidden' });
    await deployer.close();
  });

  it('keeps its objects over a kill of the API server', async () => {
    await cluster.kill('kube-apiserver');
    await expect(cluster.request('GET', '/version')).rejects.toThrow(/ECONNREFUSED|other side closed|socket/);

    await cluster.restart('kube-apiserver');

    await expect(cluster.request('GET', `/api/v1/namespaces/${NAMESPACE}`)).resolves.toMatchObject({ metadata: { name: NAMESPACE } });
  });
});

describe('the version of Kubernetes', () => {
  it('is the default unless KUBERNETES_VERSION names another, with or without its v', () => {
    expect(wantedVersion({})).toBe(DEFAULT_VERSION);
    expect(wantedVersion({ KUBERNETES_VERSION: 'v1.35.4' })).toBe('1.35.4');
    expect(() => wantedVersion({ KUBERNETES_VERSION: 'latest' })).toThrow(/KUBERNETES_VERSION/);
  });

  it('is built from a module that takes toolchain settings and staging modules from what the version says of itself', () => {
    const itsOwn = [
      'module k8s.io/kubernetes',
      'go 1.24.0',
      'godebug default=go1.24',
      'replace (',
      '\tk8s.io/api => ./staging/src/k8s.io/api',
      ')',
    ];

    const module = deriveModule(itsOwn.join('\n\n'), '1.34.4');

    expect(module).toContain('\ngo 1.24.0\n');
    expect(module).toContain('\ngodebug default=go1.24\n');
    expect(module).toContain('require k8s.io/kubernetes v1.34.4');
    expect(module).toContain('\tk8s.io/api => k8s.io/api v0.34.4\n');
  });
});
