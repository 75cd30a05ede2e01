import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../control-plane/client.ts';
import { isReady, Recorder } from './recorder.ts';
import { deployment, failure, fenced, makeWorld, preconditionOf, refs, service } from './world.ts';
import type { Cluster, DeploymentOptions } from './world.ts';

interface ContainerStatus {
  name: string;
  ready: boolean;
  restartCount: number;
  state: { waiting?: { reason: string; message?: string }; running?: object; terminated?: { exitCode: number; reason: string } };
  lastState?: { terminated?: { exitCode: number; reason: string; finishedAt?: string } };
}

function statuses(pod: KubernetesObject | undefined, list = 'containerStatuses'): ContainerStatus[] {
  return (pod?.['status']?.[list] ?? []) as ContainerStatus[];
}

const waitsFor = (reason: string, list?: string) => (pod: KubernetesObject) =>
  statuses(pod, list).some((status) => status.state.waiting?.reason === reason);

/** The newest time at which somebody wrote the status, -Infinity where the server does not keep it. */
function statusWrittenAt({ metadata }: KubernetesObject): number {
  const entries = (metadata['managedFields'] ?? []) as { subresource?: string; time: string }[];
  return Math.max(...entries.filter((entry) => entry.subresource === 'status').map((entry) => Date.parse(entry.time)));
}

interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
}

function replicaFailure(web: KubernetesObject | undefined): Condition | undefined {
  return ((web?.['status']?.conditions ?? []) as Condition[]).find(
    (condition) => condition.type === 'ReplicaFailure' && condition.status === 'True',
  );
}

/** How trouble shows: the words and places that a diagnosis reads. */
export function failuresContract(cluster: Cluster): void {
  describe('trouble', () => {
    const world = makeWorld(cluster);
    const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;
    const deployments = (namespace: string): string => `/apis/apps/v1/namespaces/${namespace}/deployments`;
    const failing = async (
      options: DeploymentOptions,
      shows: (pod: KubernetesObject) => boolean,
    ): Promise<{ namespace: string; pod: KubernetesObject }> => {
      const namespace = await world().namespace();
      await world().kubernetes.apply(deployment(namespace, options));
      const found = await world().admin.until(pods(namespace), (all) => all.some(shows), 40_000);
      return { namespace, pod: found.find(shows) as KubernetesObject };
    };

    it('of an image that cannot be pulled shows as ErrImagePull and then ImagePullBackOff, naming the image', async () => {
      const image = 'registry.invalid/shop/web:3.0';
      const { pod } = await failing({ image }, waitsFor('ImagePullBackOff'));
      expect(statuses(pod)[0]).toMatchObject({
        name: 'web',
        ready: false,
        restartCount: 0,
        state: { waiting: { message: expect.stringContaining(image) as string } },
      });
      expect([pod['status'].phase, isReady(pod)]).toEqual(['Pending', false]);
      // When the kubelet said so: what was said before a retry is told from what is said since.
      expect(statusWrittenAt(pod)).toBeGreaterThanOrEqual(Date.parse(pod.metadata.creationTimestamp as string));
    });

    it('of an image asked for by annotation shows likewise', async () => {
      await failing({ behaviour: 'image-pull-error' }, (pod) => waitsFor('ImagePullBackOff')(pod) || waitsFor('ErrImagePull')(pod));
    });

    it('of a crash loop shows as restarts, the exit code, CrashLoopBackOff and a log of the run before', async () => {
      const { namespace, pod } = await failing(
        { behaviour: 'crash-loop' },
        (now) => waitsFor('CrashLoopBackOff')(now) && (statuses(now)[0]?.restartCount ?? 0) >= 3,
      );
      const ended = statuses(pod)[0]?.lastState?.terminated;
      expect(ended?.exitCode).not.toBe(0);
      expect(Date.parse(ended?.finishedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(pod.metadata.creationTimestamp as string));
      expect(isReady(pod)).toBe(false);
      const log = await world().kubernetes.log({ namespace, pod: pod.metadata.name, container: 'web' }, { tailLines: 3, previous: true });
      expect(log.trim().length).toBeGreaterThan(0);
      expect(log.trim().split('\n').length).toBeLessThanOrEqual(3);
    });

    it('of a missing configuration shows as CreateContainerConfigError', async () => {
      await failing({ behaviour: 'config-error' }, waitsFor('CreateContainerConfigError'));
    });

    it('of an init container shows at the init container, while the application waits', async () => {
      const pod = { initContainers: [{ name: 'migrate', image: 'registry.example/shop/migrate:1' }] };
      const shown = (now: KubernetesObject): boolean =>
        statuses(now, 'initContainerStatuses').some(
          (status) => (status.state.terminated?.exitCode ?? status.lastState?.terminated?.exitCode ?? 0) !== 0,
        );
      const { pod: found } = await failing({ behaviour: 'init-error', pod }, shown);
      expect(statuses(found)[0]?.state.waiting?.reason).toBe('PodInitializing');
    });

    it('of a pod that never becomes Ready shows as running and not Ready', async () => {
      const { pod } = await failing({ behaviour: 'never-ready' }, (now) => now['status'].phase === 'Running');
      expect(isReady(pod)).toBe(false);
      expect(statuses(pod)[0]).toMatchObject({ ready: false, state: { running: {} } });
    });

    it('of a quota shows as ReplicaFailure of the Deployment; what fits runs, and a raised quota heals it', async () => {
      const namespace = await world().namespace();
      const quota = `/api/v1/namespaces/${namespace}/resourcequotas`;
      await world().admin.request('POST', quota, {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'small' },
        spec: { hard: { pods: '2' } },
      });
      await world().admin.until(quota, ([small]) => small?.['status']?.hard?.pods === '2');
      const recorder = new Recorder(world().admin, namespace);
      await world().kubernetes.apply(deployment(namespace));
      await fenced(
        () => world().kubernetes.read({ ...refs.deployments(namespace), name: 'web' }),
        (live) => world().kubernetes.scale({ namespace, name: 'web' }, 4, preconditionOf(live)),
      );
      const [web] = await world().admin.until(deployments(namespace), ([now]) => replicaFailure(now) !== undefined);
      expect(replicaFailure(web)).toMatchObject({
        reason: 'FailedCreate',
        message: expect.stringContaining('exceeded quota: small') as string,
      });
      await recorder.until((now) => now.ready === 2, 'the two pods that fit');
      await world().admin.request('PATCH', `${quota}/small`, { spec: { hard: { pods: '10' } } });
      await recorder.reach({ v1: 4 }, { timeoutMilliseconds: 60_000 });
      await world().admin.until(deployments(namespace), ([now]) => replicaFailure(now) === undefined);
      await recorder.stop();
    });

    it('of a quota on an object itself is QUOTA_EXCEEDED', async () => {
      const namespace = await world().namespace();
      const quota = `/api/v1/namespaces/${namespace}/resourcequotas`;
      await world().admin.request('POST', quota, {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'none' },
        spec: { hard: { services: '0' } },
      });
      await world().admin.until(quota, ([none]) => none?.['status']?.hard?.services === '0');
      const error = await failure(world().kubernetes.apply(service(namespace)));
      expect([error.kind, error.status]).toEqual(['QUOTA_EXCEEDED', 403]);
      expect(error.message).toContain('exceeded quota: none');
    });
  });
}
