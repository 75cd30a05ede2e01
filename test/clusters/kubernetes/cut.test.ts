import { describe, expect, it } from 'vitest';
import { cutObject } from '../../../src/clusters/kubernetes/cut.ts';
import type { KubernetesObject } from '../../../src/clusters/kubernetes/types.ts';
import { liveOf } from '../../../src/rollouts/core/live/live.ts';

const at = '2026-01-01T12:00:00Z';
const workloadId = 'w-1';
const clean = (text: unknown): string => (typeof text === 'string' ? text : '');
const cut = (object: object): KubernetesObject => cutObject(object as KubernetesObject, clean);

const metadata = (name: string, more: object = {}): object => ({
  name,
  namespace: 'shop',
  uid: name,
  resourceVersion: '5',
  generation: 3,
  creationTimestamp: at,
  deletionTimestamp: at,
  labels: { 'slipway.dev/workload-id': workloadId, app: 'web' },
  annotations: { 'slipway.dev/template': 'digest', 'slipway.dev/release': '7', other: 'x' },
  ...more,
});
const ownedBy = (uid: string): object => ({
  ownerReferences: [{ uid: 'other' }, { apiVersion: 'v1', kind: 'x', name: uid, uid, controller: true }],
});
const spec = (image: string): object => ({ containers: [{ name: 'web', image, args: ['--a'] }], nodeSelector: { a: 'b' } });
const template = (image: string): object => ({ metadata: { labels: { app: 'web', 'pod-template-hash': image } }, spec: spec(image) });
const failing = (type: string, status: string): object => ({
  type,
  status,
  reason: 'R',
  message: 'M.',
  lastTransitionTime: at,
  lastUpdateTime: at,
});

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: metadata('web', {
    managedFields: [
      {
        manager: 'slipway',
        operation: 'Apply',
        time: at,
        fieldsV1: { 'f:spec': { 'f:paused': {}, 'f:template': { 'f:spec': { 'f:x': {} } } } },
      },
      { manager: 'kubectl', operation: 'Update', time: '2026-01-01T13:00:00Z', fieldsV1: { 'f:spec': { 'f:template': { 'f:spec': {} } } } },
      { manager: 'kube-controller-manager', subresource: 'status', time: at, fieldsV1: { 'f:status': {} } },
    ],
  }),
  spec: {
    replicas: 3,
    paused: true,
    minReadySeconds: 1,
    revisionHistoryLimit: 5,
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: '25%' } },
    template: template('web:2'),
  },
  status: {
    observedGeneration: 3,
    ...{ replicas: 3, updatedReplicas: 2, collisionCount: 1, readyReplicas: 1, availableReplicas: 1, unavailableReplicas: 2 },
    conditions: [failing('Progressing', 'False'), failing('ReplicaFailure', 'True')],
  },
};
const set = (name: string, image: string, more: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: metadata(name, ownedBy('web')),
  spec: { replicas: 2, minReadySeconds: 2147483646, template: template(image) },
  status: {
    ...{ observedGeneration: 3, replicas: 2, readyReplicas: 1, availableReplicas: 1 },
    conditions: [failing('ReplicaFailure', 'True')],
  },
  ...more,
});
const terminated = { exitCode: 1, reason: 'Error', message: 'it ended', finishedAt: at, startedAt: at, containerID: 'x' };
const statuses: object[] = [
  {
    containerStatuses: [
      {
        name: 'web',
        ready: false,
        restartCount: 4,
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
        lastState: { terminated },
      },
    ],
  },
  { containerStatuses: [{ name: 'web', ready: false, restartCount: 1, state: { terminated }, lastState: {} }] },
  { containerStatuses: [{ name: 'web', ready: false, restartCount: 1, state: { running: { startedAt: at } }, lastState: { terminated } }] },
  { containerStatuses: [{ name: 'web', restartCount: 0, state: { waiting: { reason: 'ErrImagePull', message: 'no such image' } } }] },
  { initContainerStatuses: [{ name: 'init', restartCount: 0, state: { terminated } }] },
  { conditions: [failing('PodScheduled', 'False')] },
  { conditions: [failing('Ready', 'False')] },
  { conditions: [failing('Ready', 'True')] },
  { phase: 'Failed' },
];
const pods = ['web-1', 'web-2'].flatMap((owner) =>
  statuses.map((status, n) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: metadata(`${owner}-${n}`, {
      ...ownedBy(owner),
      deletionTimestamp: n % 2 ? at : undefined,
      managedFields: [
        { manager: 'x', time: at },
        { manager: 'kubelet', subresource: 'status', time: '2026-01-01T12:00:30Z', fieldsV1: {} },
      ],
    }),
    spec: {
      ...spec('web:2'),
      restartPolicy: n % 2 ? 'Never' : 'Always',
      initContainers: [{ name: 'init', image: 'i', restartPolicy: 'Never' }],
    },
    status: { phase: 'Pending', podIP: '10.0.0.1', ...status },
  })),
);

/** The object, noting the path of every value in it that is read. */
function noting(value: unknown, path: string, read: Set<string>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return new Proxy(value, {
    ownKeys: (target) => {
      for (const key of Object.keys(target)) read.add(`${path}.${key}`);
      return Reflect.ownKeys(target);
    },
    get: (target, key) => {
      const part: unknown = Reflect.get(target, key);
      if (typeof key === 'symbol' || typeof part === 'function') return part;
      if (part !== undefined) read.add(`${path}.${key}`);
      return noting(part, `${path}.${key}`, read);
    },
  });
}

describe('a watched object', () => {
  const replicaSets = [set('web-1', 'web:1'), set('web-2', 'web:2')];
  const watched = (of: (object: object) => unknown) => ({
    synced: true,
    unreachable: null,
    deployment: of(deployment) as KubernetesObject,
    replicaSets: replicaSets.map((one) => of(one) as KubernetesObject),
    pods: pods.map((one) => of(one) as KubernetesObject),
    clusterNow: new Date('2026-01-01T14:00:00Z'),
    workloadId,
  });

  it('says the same to the core when it is cut as when it is whole', () => {
    expect(liveOf(watched(cut))).toEqual(liveOf(watched((object) => object)));
  });

  it('keeps of its spec and status only what the core reads', () => {
    const read = new Set<string>();
    const note = (object: object): unknown => noting(object, (object as KubernetesObject).kind, read);
    liveOf(watched(note));
    // Without a ReplicaSet of its template the Deployment speaks for itself.
    liveOf({ ...watched(note), replicaSets: [] });
    const kept = new Set<string>();
    const walk = (value: unknown, path: string): void => {
      kept.add(path);
      if (typeof value !== 'object' || value === null || path.endsWith('.template')) return;
      for (const [key, part] of Object.entries(value)) walk(part, `${path}.${key}`);
    };
    for (const object of [deployment, ...replicaSets, ...pods])
      walk(cut(object), object === deployment ? 'Deployment' : (object as KubernetesObject).kind);
    const concerns = (path: string): boolean => /^\w+\.(spec|status)\./.test(path) && !path.includes('.template');
    const index = (path: string): string => path.replace(/\.\d+/g, '[]').replace(/\.length$/, '');
    const wanted = new Set([...read].filter(concerns).map(index));
    expect(
      [...kept]
        .filter(concerns)
        .map(index)
        .filter((path) => !wanted.has(path) && !path.endsWith('[]')),
    ).toEqual([]);
  });

  it('is bounded in its texts and lists, and a long text does not stay in memory behind its beginning', () => {
    const [pod] = pods;
    const containerStatuses = Array.from({ length: 5_000 }, () => ({
      name: 'n'.repeat(5_000),
      state: { waiting: { message: 'm'.repeat(5_000) } },
    }));
    const kept = cutObject({ ...pod, status: { containerStatuses } } as unknown as KubernetesObject, (text) => clean(text).slice(0, 1_000));
    const status = kept['status'] as { containerStatuses: { name: string }[] };
    expect(status.containerStatuses).toHaveLength(100);
    expect(status.containerStatuses[0]?.name).toHaveLength(1_000);
    expect(JSON.stringify(kept).length).toBeLessThan(100 * 2_200);
  });

  it('says no text to the core that people may not see, wherever it stands', () => {
    const text = 'TOKEN \u0007\n';
    const hostile = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(hostile);
      if (typeof value !== 'object' || value === null) return value;
      const free = ['name', 'nodeName', 'manager', 'reason', 'message'];
      return Object.fromEntries(
        Object.entries(value).map(([key, part]) => [
          key,
          free.includes(key) && typeof part === 'string' ? `${part} ${text}` : hostile(part),
        ]),
      );
    };
    const open = (value: unknown): string =>
      String(value)
        .replaceAll('TOKEN', '(hidden)')
        .replace(/\p{Cc}+/gu, ' ');
    const said = JSON.stringify(liveOf(watched((object) => cutObject(hostile(object) as KubernetesObject, open))));
    expect(said).toContain('(hidden)');
    expect(said).not.toMatch(/TOKEN|\\u0007|\\n/);
  });

  it('with long texts in its template still differs from one whose texts end differently', () => {
    const long = (end: string): object => set('web-1', `${'x'.repeat(5_000)}${end}`);
    expect(cut(long('a'))).toEqual(cut(long('a')));
    expect(cut(long('a'))).not.toEqual(cut(long('b')));
    expect(JSON.stringify(cut(long('a'))).length).toBeLessThan(4_000);
  });

  it.each([null, 3, 'x', [], {}, [null], [[]], { conditions: 'x', containerStatuses: { a: 1 } }])('may have the status %j', (status) => {
    expect(cut({ ...pods[0], status, spec: status }).metadata.name).toBe('web-1-0');
  });
});
