import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { liveOf } from '../../../../src/rollouts/core/live/live.ts';
import { liveDigest } from '../../../../src/rollouts/core/live/live-template.ts';
import type { Watched } from '../../../../src/rollouts/core/live/live.ts';
import type { LiveDeployment } from '../../../../src/rollouts/core/observation.ts';
import type { Raw } from '../../../../src/rollouts/core/raw.ts';

const clusterNow = new Date('2026-01-01T00:10:00Z');

const template = (image: string, labels: Record<string, string> = {}): Raw => ({
  metadata: { labels: { app: 'web', ...labels } },
  spec: { containers: [{ name: 'web', image }] },
});

const annotated = (annotations: Record<string, string>): Raw => {
  const { metadata, spec } = template('web:2');
  return { metadata: { ...(metadata as object), annotations }, spec };
};

function deployment(fields: { spec?: object; metadata?: object; status?: object } = {}): Raw {
  return {
    metadata: {
      name: 'web',
      uid: 'd-1',
      resourceVersion: '77',
      generation: 4,
      labels: { 'slipway.dev/workload-id': 'w-1' },
      annotations: { 'slipway.dev/template': 'sha256:two', 'slipway.dev/release': '2' },
      managedFields: [ours],
      ...fields.metadata,
    },
    spec: {
      replicas: 10,
      template: template('web:2'),
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: '20%' } },
      ...fields.spec,
    },
    status: { observedGeneration: 4, ...fields.status },
  };
}

const ours = {
  manager: 'slipway',
  operation: 'Apply',
  time: '2026-01-01T00:00:00Z',
  fieldsV1: { 'f:spec': { 'f:template': { 'f:spec': { 'f:containers': {} } } } },
};

const by = (manager: string, minute: number): object => {
  const fieldsV1 = { 'f:spec': { 'f:template': { 'f:metadata': { 'f:labels': { 'f:team': {} } } } } };
  return { manager, operation: 'Update', time: `2026-01-01T00:0${minute}:00Z`, fieldsV1 };
};

function replicaSet(
  name: string,
  image: string,
  fields: {
    replicas?: number;
    created?: string;
    status?: object;
    owner?: string;
    minReadySeconds?: number;
    generation?: number;
  } = {},
): Raw {
  return {
    metadata: {
      name,
      uid: `uid-${name}`,
      generation: fields.generation ?? 1,
      creationTimestamp: fields.created ?? '2026-01-01T00:00:00Z',
      ownerReferences: [{ uid: fields.owner ?? 'd-1', controller: true }],
    },
    spec: {
      replicas: fields.replicas ?? 2,
      minReadySeconds: fields.minReadySeconds ?? 0,
      template: template(image, { 'pod-template-hash': name }),
    },
    status: fields.status ?? {},
  };
}

function pod(name: string, owner: string, status: object = {}, metadata: object = {}): Raw {
  return { metadata: { name, uid: `uid-${name}`, ownerReferences: [{ uid: `uid-${owner}`, controller: true }], ...metadata }, status };
}

const ready = (since: string): object => ({ phase: 'Running', conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: since }] });

function live(fields: Partial<Watched>): LiveDeployment {
  const seen = liveOf({
    synced: true,
    unreachable: null,
    deployment: deployment(),
    replicaSets: [],
    pods: [],
    clusterNow,
    workloadId: 'w-1',
    ...fields,
  });
  if (seen.kind !== 'PRESENT') throw new Error(seen.kind);
  return seen;
}

describe('what a decision sees of the cluster', () => {
  it('is nothing before the first list, and nothing of what is older than a cut', () => {
    const watched: Watched = {
      synced: false,
      unreachable: null,
      deployment: null,
      replicaSets: [],
      pods: [],
      clusterNow: null,
      workloadId: 'w-1',
    };
    const unreachable = { since: clusterNow, message: 'refused', advice: 'look', access: false };
    expect(liveOf(watched)).toEqual({ kind: 'UNKNOWN' });
    expect(liveOf({ ...watched, synced: true, clusterNow })).toEqual({ kind: 'ABSENT' });
    expect(liveOf({ ...watched, unreachable, deployment: deployment() })).toEqual({ kind: 'UNREACHABLE', ...unreachable });
  });

  it("reads the Deployment's steering", () => {
    expect(live({})).toMatchObject({
      uid: 'd-1',
      resourceVersion: '77',
      generation: 4,
      observedGeneration: 4,
      ours: true,
      unlabeled: false,
      replicas: 10,
      replicasBy: null,
      gate: 'OPEN',
      surge: '2',
      unavailable: '20%',
      template: liveDigest(template('web:2')),
      release: 2,
      gateBy: null,
      pausedBy: null,
      editedBy: null,
      terminating: false,
    });
    expect(live({ deployment: deployment({ spec: { minReadySeconds: 2147483646 } }) }).gate).toBe('CLOSED');
    expect(live({ workloadId: 'w-2' }).ours).toBe(false);
    expect(live({ deployment: deployment({ metadata: { deletionTimestamp: '2026-01-01T00:09:00Z' } }) }).terminating).toBe(true);
  });

  it("takes the ReplicaSet whose template is the Deployment's own for the current one, the hash's label aside", () => {
    const seen = live({
      replicaSets: [
        replicaSet('one', 'web:1', { replicas: 8 }),
        replicaSet('two', 'web:2'),
        replicaSet('strange', 'web:2', { owner: 'd-9' }),
        replicaSet('past', 'web:0', { replicas: 0 }),
      ],
      pods: [pod('a', 'two', ready('2026-01-01T00:09:00Z')), pod('b', 'one')],
    });
    expect(seen.current).toMatchObject({ name: 'two', uid: 'uid-two', replicas: 2, pods: [{ name: 'a', ready: true }] });
    expect(seen.others.map((one) => one.name)).toEqual(['one']);
  });

  it('reads from each ReplicaSet which template it has, and whether the controller counts its pods', () => {
    const held = replicaSet('one', 'web:1', { replicas: 8, minReadySeconds: 2147483646 });
    const seen = live({ replicaSets: [held, replicaSet('two', 'web:2'), replicaSet('past', 'web:0', { replicas: 0 })] });
    expect([seen.current, ...seen.others]).toMatchObject([
      { template: seen.template, age: 2, gateClosed: false },
      { template: liveDigest(template('web:1')), age: 0, gateClosed: true },
    ]);
    expect(seen.replicaSets.map(({ name, uid, template: digest }) => [name, uid, digest])).toEqual([
      ['one', 'uid-one', liveDigest(template('web:1'))],
      ['past', 'uid-past', liveDigest(template('web:0'))],
      ['two', 'uid-two', seen.template],
    ]);
  });

  it('reads what the controllers have counted, zero where nothing is said, and for which of their specs', () => {
    const replicaSets = [
      replicaSet('one', 'web:1', { generation: 4, status: { observedGeneration: 3, replicas: 8, readyReplicas: 7, availableReplicas: 6 } }),
      replicaSet('two', 'web:2', { generation: 2, status: { observedGeneration: 2 } }),
    ];
    const status = { replicas: 9, updatedReplicas: 1, readyReplicas: 7, availableReplicas: 6 };
    expect(live({ replicaSets, deployment: deployment({ status }) })).toMatchObject({
      counted: { replicas: 9, updated: 1, ready: 7, available: 6 },
      current: { counted: { isCurrent: true, replicas: 0, ready: 0 } },
      others: [{ counted: { isCurrent: false, replicas: 8, ready: 7 } }],
    });
  });

  it.each([
    ['an image', template('web:3')],
    ['a label', template('web:2', { team: 'shop' })],
    ['an annotation', annotated({ 'reloader.example/hash': 'abc' })],
    ['our own restart', annotated({ 'slipway.dev/restarted-at': '2026-01-01T00:00:00Z' })],
  ])('tells templates apart by %s', (_what, other) => {
    expect(live({ deployment: deployment({ spec: { template: other } }) }).template).not.toBe(live({}).template);
  });

  it('takes a restart by kubectl for the same template, in a ReplicaSet of its own', () => {
    const restarted = annotated({ 'kubectl.kubernetes.io/restartedAt': '2026-01-01T00:00:00Z' });
    const seen = live({ deployment: deployment({ spec: { template: restarted } }), replicaSets: [replicaSet('two', 'web:2')] });
    expect(seen.template).toBe(live({}).template);
    expect(seen.current).toBeNull();
  });

  it('takes the oldest of two that are the same, as the controller does', () => {
    const twins = [
      replicaSet('young', 'web:2', { created: '2026-01-01T00:05:00Z' }),
      replicaSet('old', 'web:2', { created: '2026-01-01T00:01:00Z' }),
    ];
    expect(live({ replicaSets: twins }).current?.name).toBe('old');
  });

  it('has no current ReplicaSet until the controller has made it', () => {
    expect(live({ replicaSets: [replicaSet('one', 'web:1')] }).current).toBeNull();
  });

  it("counts how long a pod has been Ready by the cluster's clock, less the second that Kubernetes rounds away", () => {
    const pods = [
      pod('a', 'two', ready('2026-01-01T00:09:30Z')),
      pod('b', 'two', ready('2026-01-01T00:10:00Z')),
      pod('c', 'two', { phase: 'Pending' }, { deletionTimestamp: '2026-01-01T00:09:59Z' }),
      pod('d', 'two', { phase: 'Failed', reason: 'Evicted' }),
    ];
    const seen = live({ replicaSets: [replicaSet('two', 'web:2')], pods });
    expect(
      seen.current?.pods.map(({ name, ready: isReady, readyMilliseconds, terminating }) => [name, isReady, readyMilliseconds, terminating]),
    ).toEqual([
      ['a', true, 29_000, false],
      ['b', true, 0, false],
      ['c', false, 0, true],
    ]);
  });

  it("says whose clock is ahead of the cluster's, where a pod is Ready by it", () => {
    const on = (name: string, since: string): Raw => ({ ...pod(name, 'two', ready(since)), spec: { nodeName: 'node-7' } });
    const pods = [on('a', '2026-01-01T00:10:04Z'), on('b', '2026-01-01T01:10:00Z')];
    expect(live({ replicaSets: [replicaSet('two', 'web:2')], pods }).current?.pods).toMatchObject([
      { ready: true, readyMilliseconds: 0, fault: null },
      {
        ready: true,
        readyMilliseconds: 0,
        fault: { reason: 'ClockAhead', message: expect.stringContaining('node node-7, which is 3600 s ahead') },
      },
    ]);
  });

  it.each([
    ['another workload', { 'slipway.dev/workload-id': 'w-2' }, {}, false],
    ['nobody', {}, {}, false],
    ['nobody, and its pods bear ours', {}, { 'slipway.dev/workload-id': 'w-1' }, true],
    ['another workload, and its pods bear ours', { 'slipway.dev/workload-id': 'w-2' }, { 'slipway.dev/workload-id': 'w-1' }, true],
  ])('is not ours where its label names %s', (_whom, labels, podLabels, unlabeled) => {
    const seen = live({ deployment: deployment({ metadata: { labels }, spec: { template: template('web:2', podLabels) } }) });
    expect(seen).toMatchObject({ ours: false, unlabeled });
  });

  it('knows a Deployment controller that never finds the ReplicaSets that it has made', () => {
    const changed = Array.from({ length: 4 }, (_, index) => replicaSet(`made-${index}`, `web:2-changed-${index}`));
    const collided = (collisionCount: number): Raw => deployment({ status: { observedGeneration: 4, collisionCount } });
    expect(live({ replicaSets: changed, deployment: collided(2) }).replicaFailure).toBeNull();
    expect(live({ replicaSets: changed, deployment: collided(3) }).replicaFailure).toMatchObject({ reason: 'ReplicaSetChanged' });
    expect(live({ replicaSets: [replicaSet('two', 'web:2')], deployment: collided(3) }).replicaFailure).toBeNull();
  });

  it('names who paused it', () => {
    const kubectl = {
      manager: 'kubectl-rollout',
      operation: 'Update',
      time: '2026-01-01T00:05:00Z',
      fieldsV1: { 'f:spec': { 'f:paused': {} } },
    };
    expect(live({ deployment: deployment({ spec: { paused: true }, metadata: { managedFields: [ours, kubectl] } }) }).pausedBy).toBe(
      'kubectl-rollout',
    );
  });

  it('names who set the number of pods last', () => {
    const scaled = (manager: string, minute: number): object => ({ ...by(manager, minute), fieldsV1: { 'f:spec': { 'f:replicas': {} } } });
    const managedFields = [ours, scaled('slipway-scale', 1), { ...scaled('kubectl', 2), subresource: 'scale' }, by('kubectl-set', 3)];
    expect(live({ deployment: deployment({ metadata: { managedFields } }) }).replicasBy).toBe('kubectl');
  });

  it.each([
    ['the latest of those who own something of the template', [by('kubectl-set', 1), by('reloader', 2)], 'reloader'],
    ['nobody where it is all ours', [], null],
    ['nobody where others own something else', [{ ...by('kubectl', 1), fieldsV1: { 'f:spec': { 'f:replicas': {} } } }], null],
  ])('names as its editor %s', (_name, entries, editedBy) => {
    expect(live({ deployment: deployment({ metadata: { managedFields: [ours, ...entries] } }) }).editedBy).toBe(editedBy);
  });

  it("takes the current ReplicaSet's word about refused pods, and the Deployment's only while there is none", () => {
    const lastTransitionTime = new Date(clusterNow.getTime() - 5_000).toISOString();
    const quota = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'exceeded quota', lastTransitionTime };
    const stale = deployment({ status: { observedGeneration: 4, conditions: [quota] } });
    expect(live({ replicaSets: [replicaSet('two', 'web:2', { status: { conditions: [quota] } })] }).replicaFailure).toEqual({
      reason: 'FailedCreate',
      message: 'exceeded quota',
      ageMilliseconds: 5_000,
    });
    expect(live({ deployment: stale, replicaSets: [replicaSet('two', 'web:2')] }).replicaFailure).toBeNull();
    expect(live({ deployment: stale }).replicaFailure).toMatchObject({ reason: 'FailedCreate', message: 'exceeded quota' });
  });

  it('reads Recreate and odd numbers without complaint', () => {
    expect(live({ deployment: deployment({ spec: { strategy: { type: 'Recreate' } } }) })).toMatchObject({ surge: '0', unavailable: '0' });
    expect(live({ deployment: deployment({ spec: { strategy: {} } }) })).toMatchObject({ surge: '25%', unavailable: '25%' });
  });

  it('is total: any JSON is read', () => {
    const json = fc.jsonValue({ maxDepth: 5 }).map((value) => value as Raw);
    fc.assert(
      fc.property(json, fc.array(json), fc.array(json), (one, sets, pods) => {
        const seen = liveOf({ synced: true, unreachable: null, deployment: one, replicaSets: sets, pods, clusterNow, workloadId: 'w-1' });
        expect(['ABSENT', 'PRESENT']).toContain(seen.kind);
      }),
    );
  });
});
