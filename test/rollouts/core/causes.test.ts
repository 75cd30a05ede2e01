import { describe, expect, it } from 'vitest';
import { errorAdvice } from '../../../src/clusters/core/error-kinds.ts';
import { KubernetesError } from '../../../src/clusters/kubernetes/errors.ts';
import type { KubernetesErrorKind } from '../../../src/clusters/kubernetes/errors.ts';
import { adviceOf, causes, causeSentence, judgementOf } from '../../../src/rollouts/core/causes.ts';
import { conditionOf, presentCondition, readCondition } from '../../../src/rollouts/core/condition-types.ts';
import {
  describeFailure,
  presentFailure,
  readFailure,
  deleted,
  causeIn,
  differencesIn,
  edited,
  gateOverridden,
  failureAt,
  podFailure,
  internalFailure,
  labelRemoved,
  notOurs,
  nothingToScale,
  deadlineFailure,
  replaced,
  replicaSetDeleted,
  scaledByOthers,
  scaledWhileHeld,
  standingUid,
  unreachableFailure,
} from '../../../src/rollouts/core/failure.ts';
import type { Failure, PodFault } from '../../../src/rollouts/core/failure.ts';
import { AccessMissing, isFatalError, isHindrance, failureFrom } from '../../../src/rollouts/engine/cluster-errors.ts';

const east = { cluster: 'east-1' };
const headless = { path: '.spec.clusterIP', manager: null, live: 'None', ours: null };
const fault = (reason: string, fields: Partial<PodFault> = {}): PodFault => ({
  reason,
  message: 'Because.',
  container: 'web',
  exitCode: null,
  restarts: 0,
  log: null,
  severity: 'SLOW',
  ageMilliseconds: 0,
  ...fields,
});
const ofPod = (reason: string, fields: Partial<PodFault> = {}): Failure =>
  podFailure(east, { pod: 'web-1', fault: fault(reason, fields) }, null);
const late = (reason: string | null, more: object = {}): Failure =>
  deadlineFailure(
    east,
    { seconds: 60, what: '1 of 4 pods is Ready', ...more },
    reason === null ? null : { pod: 'web-1', fault: fault(reason) },
    null,
  );
const refusal = (kind: KubernetesErrorKind, fields: object = {}): Failure =>
  failureFrom('east-1', new KubernetesError({ kind, message: 'Because.', ...fields }));
const owned = [
  { field: '.spec.replicas', manager: 'kubectl', message: '' },
  { field: '.spec.paused', manager: null, message: '' },
];

/** The failure, its code, severity and blame, and what a person reads. */
const table: [Failure, string, string, string, string, string?][] = [
  [
    ofPod('ErrImagePull', { details: { kind: 'NOT_FOUND' } }),
    'ErrImagePull',
    'FATAL',
    'RELEASE',
    'Because.',
    'Check the name and the tag of the image: the registry does not have it.',
  ],
  [
    ofPod('ErrImagePull', { details: { kind: 'ONE_NODE', node: 'node-3' } }),
    'ErrImagePull',
    'TRANSIENT',
    'PLATFORM',
    'Because. So on node node-3, while other pods of this release run the image.',
  ],
  [
    ofPod('ImagePullBackOff'),
    'ImagePullBackOff',
    'TRANSIENT',
    'RELEASE',
    'Because.',
    'Check that the image name and tag exist and that the namespace has the pull secret for this registry.',
  ],
  [
    ofPod('CrashLoopBackOff', { exitCode: 1 }),
    'CrashLoopBackOff',
    'FATAL',
    'RELEASE',
    'Because.',
    'Read the log below: the container exits repeatedly after its start.',
  ],
  [
    ofPod('CrashLoopBackOff', { exitCode: 137, message: 'Back-off. (OOMKilled).' }),
    'CrashLoopBackOff',
    'FATAL',
    'RELEASE',
    'Back-off. (OOMKilled).',
    'Raise the memory limit of the container or make it use less: the kernel killed it because it exceeded the limit.',
  ],
  [
    ofPod('FromTheFuture'),
    'FromTheFuture',
    'SLOW',
    'RELEASE',
    'Because.',
    "Check the pod's events (kubectl describe pod) and correct the template or the cluster.",
  ],
  [
    late(null),
    'PROGRESS_DEADLINE',
    'SLOW',
    'CLUSTER',
    'No progress for 60 s: 1 of 4 pods is Ready.',
    'Check the Deployment and its ReplicaSets (kubectl describe): the cluster did not create the requested pods.',
  ],
  [
    late('NotReady'),
    'PROGRESS_DEADLINE',
    'SLOW',
    'RELEASE',
    'No progress for 60 s: 1 of 4 pods is Ready. NotReady: Because.',
    "Check the container's readiness probe and its log: it runs but never becomes Ready.",
  ],
  [
    late('Unschedulable'),
    'Unschedulable',
    'SLOW',
    'CLUSTER',
    'No progress for 60 s: 1 of 4 pods is Ready. Unschedulable: Because.',
    'Add nodes, lower the resource requests, or relax node selectors, affinity and taints: no node accepts the pod.',
  ],
  [
    notOurs(east, 'web'),
    'NOT_OURS',
    'FATAL',
    'CLUSTER',
    "The Deployment web exists but does not have this workload's id: someone else created it.",
  ],
  [
    late('NotReady', { before: { release: 1, editedBy: 'kubectl-edit', notReady: 4 } }),
    'PROGRESS_DEADLINE',
    'SLOW',
    'RELEASE',
    'No progress for 60 s: 1 of 4 pods is Ready. What ran before the rollout is release 1 as kubectl-edit has changed it, of which 4 pods were not Ready. NotReady: Because.',
    'What is gone back to was not Ready before: to overwrite the edit of kubectl-edit, go back to release 1 (POST /v1/workloads/{workload}/rollback with toRelease: 1), or deploy with takeOver: true.',
  ],
  [
    labelRemoved(east, { name: 'web' }, 'w-1'),
    'LABEL_REMOVED',
    'FATAL',
    'CLUSTER',
    "Somebody has removed or changed the label slipway.dev/workload-id of Deployment web: without it, it is not known to be this workload's.",
    'Put it back (kubectl label --overwrite deployment web slipway.dev/workload-id=w-1) and retry.',
  ],
  [
    labelRemoved(east, { object: 'Service', name: 'web' }, 'w-1'),
    'LABEL_REMOVED',
    'FATAL',
    'CLUSTER',
    "Somebody has removed or changed the label slipway.dev/workload-id of Service web: without it, it is not known to be this workload's.",
    'Put it back (kubectl label --overwrite service web slipway.dev/workload-id=w-1) and retry.',
  ],
  [
    replaced(east, 'web'),
    'REPLACED',
    'FATAL',
    'CLUSTER',
    'The Deployment web was deleted and recreated by someone else during the rollout.',
  ],
  [deleted(east, 'web'), 'DELETED', 'FATAL', 'CLUSTER', 'The Deployment web was deleted by someone else during the rollout.'],
  [
    edited(east, { name: 'web' }, 'kubectl'),
    'EDITED',
    'FATAL',
    'CLUSTER',
    'The pod template of Deployment web was edited by kubectl since it was applied.',
    'Make the change in the template and deploy that; or overwrite it by a retry with takeOver: true (POST /v1/rollouts/{id}/retry). A deployment or restart with takeOver: true and a rollback (POST /v1/workloads/{workload}/rollback, with toRelease) overwrite it, too.',
  ],
  [
    edited(east, { object: 'Service', name: 'web' }, null),
    'EDITED',
    'FATAL',
    'CLUSTER',
    'Service web was edited by somebody since it was applied.',
  ],
  [
    failureAt(east, 'IMMUTABLE', { object: 'Service', name: 'web', message: null, differences: [headless], differenceCount: 1 }),
    'IMMUTABLE',
    'FATAL',
    'RELEASE',
    'The cluster creates Service web as this release has it, but does not change the one that exists: .spec.clusterIP stays None.',
    'Keep these fields in the template as they were; or delete the object (kubectl delete service web) and retry: it is created anew, and is missing until then.',
  ],
  [
    failureAt(east, 'IMMUTABLE', { object: 'Service', name: 'web', message: 'spec.clusterIPs[0]: may not change once set' }),
    'IMMUTABLE',
    'FATAL',
    'RELEASE',
    'The cluster creates Service web as this release has it, but does not change the one that exists: spec.clusterIPs[0]: may not change once set',
  ],
  [
    gateOverridden(east, {
      name: 'web',
      manager: null,
      times: 1,
      fields: [{ path: 'spec.minReadySeconds', written: '2147483646', live: '5' }],
    }),
    'GATE_OVERRIDDEN',
    'FATAL',
    'CLUSTER',
    'An admission policy of the cluster changes what is written to Deployment web (spec.minReadySeconds is 5 and not 2147483646), so that pods cannot be held.',
    'Exempt the Deployment from the policy that sets these fields, or roll out with strategy ROLLING, which holds no pods.',
  ],
  [
    gateOverridden(east, { name: 'web', manager: 'argocd', times: 4, fields: [] }),
    'GATE_OVERRIDDEN',
    'FATAL',
    'CLUSTER',
    'argocd changed minReadySeconds or the strategy of Deployment web, by which pods are held, 4 times within 5 minutes.',
    'Find out why argocd writes these fields (GitOps, a script, a person) and stop that; then retry if the rollout went back; if it is paused, abort it and deploy again.',
  ],
  [
    scaledWhileHeld(east, '1 pod'),
    'SCALED_WHILE_HELD',
    'FATAL',
    'CLUSTER',
    'The number of pods was changed while the canary was held, and the split no longer fits the plan: 1 pod.',
  ],
  [
    replicaSetDeleted(east, 'web', 1),
    'REPLICA_SET_DELETED',
    'FATAL',
    'CLUSTER',
    'The ReplicaSet of web that ran release 1 before was deleted by somebody during the rollout, with its pods.',
  ],
  [
    scaledByOthers(east, 3, 5),
    'SCALED_BY_OTHERS',
    'FATAL',
    'CLUSTER',
    'The number of pods was set to 3 by somebody else after 5 had been asked for.',
  ],
  [nothingToScale(east, 'web'), 'NOTHING_RUNS', 'FATAL', 'CLUSTER', 'There is no Deployment web to scale.'],
  [unreachableFailure(east, 'Gone.', 'Bring it back.'), 'UNREACHABLE', 'SLOW', 'CLUSTER', 'Gone.', 'Bring it back.'],
  [
    internalFailure(east),
    'INTERNAL_ERROR',
    'FATAL',
    'PLATFORM',
    'Slipway failed to decide about this target. What runs in the cluster stands as it is.',
  ],
  [refusal('QUOTA_EXCEEDED'), 'QUOTA_EXCEEDED', 'SLOW', 'CLUSTER', 'Because.', "Raise the namespace's quota, or request less."],
  [refusal('ADMISSION_DENIED'), 'ADMISSION_DENIED', 'FATAL', 'CLUSTER', 'Because.'],
  [
    refusal('ADMISSION_DENIED', { message: 'pods "web" is forbidden: violates PodSecurity "restricted:latest": privileged' }),
    'ADMISSION_DENIED',
    'FATAL',
    'RELEASE',
    'pods "web" is forbidden: violates PodSecurity "restricted:latest": privileged',
  ],
  [
    failureFrom('east-1', new AccessMissing(['patch deployments in apps'], 'shop')),
    'FORBIDDEN',
    'TRANSIENT',
    'CLUSTER',
    'The credential may not patch deployments in apps in namespace shop.',
  ],
  [refusal('SERVER', { advice: 'Check the URL.' }), 'SERVER', 'SLOW', 'CLUSTER', 'Because.', 'Check the URL.'],
  [refusal('FIELD_CONFLICT'), 'FIELD_CONFLICT', 'FATAL', 'CLUSTER', 'Because.'],
  [
    refusal('FIELD_CONFLICT', { causes: owned }),
    'FIELD_CONFLICT',
    'FATAL',
    'CLUSTER',
    'Other managers own fields that would change: .spec.replicas belongs to kubectl, .spec.paused.',
  ],
  [
    failureAt(east, 'FORBIDDEN', { missing: ['create pods', 'get pods'], namespace: 'shop' }),
    'FORBIDDEN',
    'TRANSIENT',
    'CLUSTER',
    'The credential may not create pods, get pods in namespace shop.',
  ],
];

describe('A failure', () => {
  it.each(table)('%#: shows as %s, %s, blames %s', (failure, reason, severity, blames, message, advice) => {
    const shown = presentFailure(failure);
    expect(shown).toMatchObject({ ...failure, code: reason, reason, severity, blames, message });
    expect(shown.advice).toMatch(/^[A-Z].*\.$/);
    if (advice !== undefined) expect(shown.advice).toBe(advice);
  });

  it('is data in rows: no sentence but what the cluster said', () => {
    expect(edited(east, { name: 'web' }, 'kubectl')).toEqual({
      code: 'EDITED',
      data: { name: 'web', manager: 'kubectl' },
      cluster: 'east-1',
      pod: null,
      container: null,
      exitCode: null,
      logTail: null,
    });
  });

  it('lists in what the cluster differs: the first 50, and how many there are; what reasons keep of it does not', () => {
    const differences = Array.from({ length: 60 }, (_, i) => ({ path: `.a${i}`, manager: i === 0 ? null : 'mesh', live: '1', ours: '2' }));
    const failure = edited(east, { name: 'web' }, null, differences);
    expect(failure.data).toEqual({ name: 'web', manager: 'mesh', differences: differences.slice(0, 50), differenceCount: 60 });
    expect(differencesIn(failure)).toEqual({ differences: differences.slice(0, 50), differenceCount: 60 });
    expect(differencesIn(edited(east, { name: 'web' }, 'kubectl'))).toEqual({ differences: [], differenceCount: 0 });
    expect(causeIn(failure).data).toEqual({ name: 'web', manager: 'mesh' });
    expect(presentFailure(failure).message).toContain('edited by mesh');
  });

  it('of a conflict names the object', () => {
    const fields = [{ field: '.spec.ports', manager: 'mesh' }];
    expect(presentFailure(failureAt(east, 'FIELD_CONFLICT', { message: 'No.', object: 'Service web', fields }))).toMatchObject({
      message: 'Other managers own fields of Service web that would change: .spec.ports belongs to mesh.',
      advice: expect.stringContaining('takeOver: true') as string,
    });
  });

  it('leads to nothing that there is not', () => {
    const advised = Object.values(causes).flatMap(({ advice, kinds = {} }) => [advice, ...Object.values(kinds).map((kind) => kind.advice)]);
    expect(advised.filter((advice) => typeof advice === 'string' && /\badopt/i.test(advice))).toEqual([]);
    expect(Object.values(errorAdvice).filter((advice) => /\badopt/i.test(advice))).toEqual([]);
  });

  it('is described with its place', () => {
    expect(describeFailure(ofPod('NotReady'))).toBe('NotReady (pod web-1, container web): Because.');
    expect(describeFailure({ ...ofPod('NotReady'), container: null })).toBe('NotReady (pod web-1): Because.');
    expect(describeFailure(nothingToScale(east, 'web'))).toBe('NOTHING_RUNS: There is no Deployment web to scale.');
  });
});

describe('A failure of a row that is older than the codes', () => {
  const where = { cluster: 'east-1', pod: 'web-1', container: null, exitCode: null, logTail: null };
  const old = readFailure({ reason: 'DELETED', message: 'It went away.', advice: 'Find out.', ...where });

  it('reads as LEGACY and shows what it said', () => {
    expect(old && presentFailure(old)).toMatchObject({
      ...where,
      code: 'LEGACY',
      reason: 'DELETED',
      message: 'It went away.',
      advice: 'Find out.',
      severity: 'FATAL',
      blames: 'CLUSTER',
    });
    expect(old && describeFailure(old)).toBe('DELETED (pod web-1): It went away.');
  });

  it('still says that the Deployment was taken away', () => {
    expect(standingUid({ uid: 'd-1', failure: old })).toBeNull();
  });

  it('reads the same once it has been stored again', () => {
    expect(readFailure(old)).toEqual(old);
  });
});

describe('The table of causes', () => {
  it.each([
    ['CrashLoopBackOff', 'FEW_RESTARTS', 'SLOW', 'RELEASE'],
    ['CrashLoopBackOff', undefined, 'FATAL', 'RELEASE'],
    ['ErrImagePull', 'NOT_FOUND', 'FATAL', 'RELEASE'],
    ['ErrImagePull', 'FROM_THE_FUTURE', 'TRANSIENT', 'RELEASE'],
    ['CreateContainerError', 'NOT_FOUND', 'TRANSIENT', 'RELEASE'],
    ['OutOfexample.com/gpu', undefined, 'TRANSIENT', 'CLUSTER'],
    ['constructor', undefined, 'SLOW', 'RELEASE'],
    ['FromTheFuture', 'constructor', 'SLOW', 'RELEASE'],
  ])('%s of kind %s is %s and blames %s', (code, kind, severity, blames) => {
    expect(judgementOf({ code, data: { kind } })).toEqual({ severity, blames });
  });

  it('does not read what a cluster says as one of our codes', () => {
    for (const reason of Object.keys(causes).filter((code) => /^[A-Z_]+$/.test(code))) {
      expect(presentFailure(ofPod(reason)), reason).toMatchObject({ code: 'Unknown', message: 'Because.' });
    }
  });

  it('shows a code of a newer version with its message, or as it is', () => {
    expect(causeSentence({ code: 'FROM_THE_FUTURE', data: { message: 'New.' } })).toBe('New.');
    expect(causeSentence({ code: 'FROM_THE_FUTURE', data: {} })).toBe('FROM_THE_FUTURE');
    expect(adviceOf({ code: 'FROM_THE_FUTURE', data: {} })).toMatch(/\.$/);
  });

  it('says which errors of a cluster are definite, which may pass, and which are only observed again', () => {
    const kinds = (test: (error: unknown) => boolean): string[] =>
      Object.keys(errorAdvice).filter((kind) => test(new KubernetesError({ kind: kind as KubernetesErrorKind, message: '' })));
    expect(kinds(isFatalError).sort()).toEqual(['ADMISSION_DENIED', 'EXISTS', 'FIELD_CONFLICT', 'INVALID', 'NAMESPACE_MISSING']);
    expect(kinds(isHindrance).sort()).toEqual([
      'FORBIDDEN',
      'NOT_FOUND',
      'QUOTA_EXCEEDED',
      'SERVER',
      'THROTTLED',
      'UNAUTHENTICATED',
      'UNKNOWN_CA',
      'UNREACHABLE',
    ]);
  });
});

describe('A condition', () => {
  const since = '2026-01-01T12:00:00.000Z';

  it.each([
    [conditionOf('UNREACHABLE', { message: 'It is gone.', advice: 'Look.' }, since), 'It is gone.', 'Look.'],
    [conditionOf('ACCESS', { message: 'It refuses.', advice: 'Ask.' }, since), 'It refuses.', 'Ask.'],
    [
      conditionOf('NO_WORKER', { region: 'eu' }, since),
      'No worker serves region eu.',
      'Start a worker with SLIPWAY_REGIONS naming this region, or with none named.',
    ],
    [
      conditionOf('PAUSED_BY_OWNER', { manager: 'kubectl' }, since),
      'The Deployment is paused by kubectl (spec.paused).',
      'Resume it (kubectl rollout resume) to let the rollout go on, or abort the rollout.',
    ],
  ])('%#: is data, and shows as a sentence with advice', (condition, message, advice) => {
    expect(Object.keys(condition)).toEqual(['type', 'data', 'since']);
    expect(presentCondition(condition)).toEqual({ ...condition, message, advice });
  });

  it('of a row that is older than the data reads as it stood', () => {
    const old = { type: 'NO_WORKER', message: 'Nobody is there.', advice: 'Wait.', since } as const;
    const read = readCondition(old);
    expect(read && presentCondition(read)).toMatchObject(old);
    expect(readCondition(read)).toEqual(read);
  });
});

it.each(Object.keys(causes))('%s of a row of another version, with none of its data, has a sentence and advice', (code) => {
  const shown = { message: causeSentence({ code, data: {} }), advice: adviceOf({ code, data: {} }) };
  expect(shown).toEqual({ message: expect.any(String) as string, advice: expect.any(String) as string });
});
