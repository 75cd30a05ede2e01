/** Each row of the table of causes that is found at pods: from what the kubelet and the controllers write to what a person reads. */
import { describe, expect, it } from 'vitest';
import { cutObject } from '../../../../src/clusters/kubernetes/cut.ts';
import type { KubernetesObject } from '../../../../src/clusters/kubernetes/types.ts';
import { podFailure, presentFailure } from '../../../../src/rollouts/core/failure.ts';
import { worstFault } from '../../../../src/rollouts/core/live/faults.ts';
import { liveOf } from '../../../../src/rollouts/core/live/live.ts';
import type { TargetObservation } from '../../../../src/rollouts/core/observation.ts';
import { pullKind } from '../../../../src/rollouts/core/live/words.ts';
import { rolloutRow, targetRow, waveRow } from '../model.ts';

const clusterNow = new Date('2026-01-01T12:00:00Z');
const CREATED = '2026-01-01T11:59:00Z';

interface PodFields {
  name?: string;
  created?: string;
  node?: string;
  spec?: object;
  status: object;
}

const pod = ({ name = 'web-1', created = CREATED, node = 'node-1', spec = {}, status }: PodFields): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, uid: `uid-${name}`, creationTimestamp: created, ownerReferences: [owner('ReplicaSet', 'set')] },
  spec: { nodeName: node, restartPolicy: 'Always', containers: [{ name: 'web', image: 'shop/web:2' }], ...spec },
  status: { phase: 'Pending', ...status },
});
const owner = (kind: string, uid: string) => ({ apiVersion: 'apps/v1', kind, name: uid, uid, controller: true });

const container = (state: object, more: object = {}): object => ({
  name: 'web',
  ready: false,
  started: false,
  restartCount: 0,
  state,
  ...more,
});
const waits = (reason: string, message = 'why', more: object = {}): object => container({ waiting: { reason, message } }, more);
const RUNNING = { running: { startedAt: CREATED } };
const ended = (exitCode: number, reason = 'Error'): object => ({ terminated: { exitCode, reason, finishedAt: CREATED } });
const unready = (reason = 'ContainersNotReady', message: string | null = 'containers with unready status: [web]'): object => ({
  conditions: [
    { type: 'PodScheduled', status: 'True' },
    { type: 'Ready', status: 'False', reason, message, lastTransitionTime: CREATED },
  ],
});
const main = (...containerStatuses: object[]): PodFields => ({ status: { ...unready(), containerStatuses } });
const init = (status: object, spec: object = {}): PodFields => ({
  spec: { initContainers: [{ name: 'migrate', ...spec }] },
  status: {
    ...unready(),
    initContainerStatuses: [{ ...status, name: 'migrate' }],
    containerStatuses: [waits('PodInitializing', '')],
  },
});
const failed = (reason: string, message: string, count = 3): PodFields[] =>
  Array.from({ length: count }, (_, index) => ({ name: `web-${index}`, node: 'node-2', status: { phase: 'Failed', reason, message } }));

/** What stands in the way of a target whose ReplicaSet has these pods, as the API shows a failure. */
function causeOf(pods: readonly PodFields[], refused?: string): object | null {
  const template = { spec: { containers: [{ name: 'web', image: 'shop/web:2' }] } };
  const conditions = refused === undefined ? [] : [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: refused }];
  const objects = [
    { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', uid: 'd-1' }, spec: { replicas: 3, template } },
    {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'set', uid: 'set', ownerReferences: [owner('Deployment', 'd-1')] },
      spec: { replicas: 3, template },
      status: { conditions },
    },
  ];
  const cut = (object: KubernetesObject): KubernetesObject => cutObject(object, (text) => (typeof text === 'string' ? text : ''));
  const [deployment, replicaSet] = objects.map(cut);
  const live = liveOf({
    synced: true,
    unreachable: null,
    deployment: deployment!,
    replicaSets: [replicaSet!],
    pods: pods.map((fields) => cut(pod(fields))),
    clusterNow,
    workloadId: 'w',
  });
  if (live.kind !== 'PRESENT') throw new Error(live.kind);
  const target = targetRow();
  const placement = { id: 'p', workloadId: 'w', workload: 'web', namespace: 'shop', replicas: 3, lastWrittenReplicas: 3, progressAt: null };
  const rows = { now: clusterNow, rollout: rolloutRow(), wave: waveRow(), placement, target };
  const o: TargetObservation = {
    ...rows,
    live,
    checked: null,
    edits: null,
    answers: new Map(),
    performed: null,
    writeFailure: null,
    hindrance: null,
    logs: new Map(),
    warnings: new Map(),
    beside: [],
  };
  const blame = worstFault(o, live);
  return blame && presentFailure(podFailure(target, blame, null));
}

const NOT_FOUND =
  'failed to pull and unpack image "docker.io/shop/web:2": failed to resolve reference "docker.io/shop/web:2": docker.io/shop/web:2: not found';
const DENIED =
  'failed to pull and unpack image "ghcr.io/shop/web:2": failed to authorize: failed to fetch anonymous token: unexpected status from GET request to https://ghcr.io/token?scope=repository: 401 Unauthorized';
const BUSY =
  'failed to pull and unpack image "docker.io/shop/web:2": failed to copy: httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/shop/web/manifests/2: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit.';
const backOff = (message: string): string => `Back-off pulling image "docker.io/shop/web:2": ErrImagePull: ${message}`;
const QUOTA = 'pods "web-2" is forbidden: exceeded quota: four, requested: pods=1, used: pods=4, limited: pods=4';

type Row = [what: string, pods: PodFields[], code: string, severity: string, blames: string, says: string | RegExp];

const table: Row[] = [
  [
    'an image name that is none',
    [main(waits('InvalidImageName', 'Failed to apply default image tag "a//b"'))],
    'InvalidImageName',
    'FATAL',
    'RELEASE',
    /default image tag/,
  ],
  ['an image that must be there and is not', [main(waits('ErrImageNeverPull'))], 'ErrImageNeverPull', 'FATAL', 'RELEASE', 'why.'],
  [
    'an image that the registry does not have',
    [main(waits('ErrImagePull', NOT_FOUND))],
    'ErrImagePull',
    'FATAL',
    'RELEASE',
    `${NOT_FOUND}.`,
  ],
  ['the back-off after it', [main(waits('ImagePullBackOff', backOff(NOT_FOUND)))], 'ImagePullBackOff', 'FATAL', 'RELEASE', /not found\.$/],
  ['a registry that refuses', [main(waits('ErrImagePull', DENIED))], 'ErrImagePull', 'FATAL', 'CLUSTER', /401 Unauthorized\.$/],
  ['a registry that is busy', [main(waits('ErrImagePull', BUSY))], 'ErrImagePull', 'TRANSIENT', 'PLATFORM', /pull rate limit\.$/],
  ['the back-off after that', [main(waits('ImagePullBackOff', backOff(BUSY)))], 'ImagePullBackOff', 'TRANSIENT', 'PLATFORM', /429/],
  [
    'a back-off that does not say why',
    [main(waits('ImagePullBackOff', 'Back-off pulling image "a"'))],
    'ImagePullBackOff',
    'TRANSIENT',
    'RELEASE',
    /^Back-off/,
  ],
  ['a registry that is away', [main(waits('RegistryUnavailable'))], 'RegistryUnavailable', 'TRANSIENT', 'PLATFORM', 'why.'],
  [
    'an image that only one node does not get',
    [
      { ...main(waits('ErrImagePull', NOT_FOUND)), node: 'node-3' },
      { ...main(container(RUNNING)), name: 'web-2' },
    ],
    'ErrImagePull',
    'TRANSIENT',
    'PLATFORM',
    `${NOT_FOUND}. So on node node-3, while other pods of this release run the image.`,
  ],
  [
    'configuration that is missing',
    [main(waits('CreateContainerConfigError', 'secret "s" not found'))],
    'CreateContainerConfigError',
    'TRANSIENT',
    'RELEASE',
    'secret "s" not found.',
  ],
  [
    'a container that cannot be made',
    [main(waits('CreateContainerError', 'context deadline exceeded'))],
    'CreateContainerError',
    'TRANSIENT',
    'RELEASE',
    'context deadline exceeded.',
  ],
  ['a container that cannot be started', [main(waits('RunContainerError'))], 'RunContainerError', 'TRANSIENT', 'RELEASE', 'why.'],
  [
    'a crash loop',
    [main(waits('CrashLoopBackOff', 'back-off 40s', { restartCount: 3, lastState: ended(1) }))],
    'CrashLoopBackOff',
    'FATAL',
    'RELEASE',
    'back-off 40s. Its last run ended with exit code 1 (Error).',
  ],
  [
    'a crash loop that has only begun',
    [main(waits('CrashLoopBackOff', 'back-off 10s', { restartCount: 2, lastState: ended(1) }))],
    'CrashLoopBackOff',
    'SLOW',
    'RELEASE',
    /^back-off 10s\./,
  ],
  [
    'an init container that failed for good',
    [init(container(ended(3)), { restartPolicy: 'Never' })],
    'InitContainerFailed',
    'FATAL',
    'RELEASE',
    'The container ended with exit code 3.',
  ],
  [
    'an init container that failed and is started again',
    [init(container(ended(3)))],
    'Error',
    'SLOW',
    'RELEASE',
    'The container ended with exit code 3.',
  ],
  [
    'a container without memory',
    [main(container(ended(137, 'OOMKilled')))],
    'OOMKilled',
    'SLOW',
    'RELEASE',
    'The container ended with exit code 137.',
  ],
  [
    'a container that is not Ready',
    [main(container(RUNNING, { started: true }))],
    'NotReady',
    'SLOW',
    'RELEASE',
    'containers with unready status: [web].',
  ],
  [
    'an init container that does not end',
    [init(container(RUNNING, { started: true }))],
    'InitContainerRunning',
    'SLOW',
    'RELEASE',
    'The init container migrate runs and has not ended.',
  ],
  [
    'a sidecar that does not start',
    [init(container(RUNNING), { restartPolicy: 'Always' })],
    'SidecarNotStarted',
    'SLOW',
    'RELEASE',
    'The sidecar migrate runs and has not started: its startup probe has not succeeded.',
  ],
  [
    'a sidecar that is not Ready',
    [
      {
        spec: { initContainers: [{ name: 'proxy', restartPolicy: 'Always' }] },
        status: {
          ...unready('ContainersNotReady', 'containers with unready status: [proxy]'),
          initContainerStatuses: [container(RUNNING, { name: 'proxy', started: true })],
          containerStatuses: [container(RUNNING, { ready: true, started: true })],
        },
      },
    ],
    'NotReady',
    'SLOW',
    'RELEASE',
    'containers with unready status: [proxy].',
  ],
  [
    'a readiness gate',
    [
      {
        status: {
          ...unready('ReadinessGatesNotReady', 'the status of pod readiness gate "lb" is not "True", but False'),
          containerStatuses: [container(RUNNING, { ready: true, started: true })],
        },
      },
    ],
    'ReadinessGatesNotReady',
    'SLOW',
    'CLUSTER',
    'the status of pod readiness gate "lb" is not "True", but False.',
  ],
  [
    'a pod that no node takes',
    [
      {
        status: {
          conditions: [
            { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available: 3 Insufficient cpu.' },
          ],
        },
      },
    ],
    'Unschedulable',
    'SLOW',
    'CLUSTER',
    '0/3 nodes are available: 3 Insufficient cpu.',
  ],
  [
    'a pod that is held back',
    [{ status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message: 'gated' }] } }],
    'SchedulingGated',
    'SLOW',
    'CLUSTER',
    'gated.',
  ],
  [
    'a pod of which nothing is said',
    [main(waits('ContainerCreating', ''))],
    'ContainersNotReady',
    'SLOW',
    'RELEASE',
    'containers with unready status: [web].',
  ],
  [
    'pods that the kubelet refuses',
    failed('UnexpectedAdmissionError', 'Pod was rejected: Allocate failed due to no device'),
    'UnexpectedAdmissionError',
    'TRANSIENT',
    'CLUSTER',
    '3 pods ended so, the last one on node node-2: Pod was rejected: Allocate failed due to no device.',
  ],
  [
    'nodes without a resource',
    failed('OutOfcpu', 'Pod was rejected: Node did not have enough resource: cpu', 5),
    'OutOfcpu',
    'TRANSIENT',
    'CLUSTER',
    /^5 pods ended so/,
  ],
  [
    'nodes that have changed',
    failed('NodeAffinity', 'Pod was rejected: Predicate NodeAffinity failed'),
    'NodeAffinity',
    'TRANSIENT',
    'CLUSTER',
    /^3 pods/,
  ],
  [
    'any other word of a kubelet that refuses',
    failed('SysctlForbidden', 'forbidden sysctl'),
    'PodRejected',
    'TRANSIENT',
    'CLUSTER',
    /SysctlForbidden: forbidden sysctl\.$/,
  ],
  [
    'an eviction',
    failed('Evicted', 'The node was low on resource: memory', 1),
    'Evicted',
    'SLOW',
    'CLUSTER',
    'The node was low on resource: memory.',
  ],
  [
    'a lost node',
    failed('NodeLost', 'Node node-2 which was running pod web-0 is unresponsive', 1),
    'NodeLost',
    'SLOW',
    'CLUSTER',
    /unresponsive\.$/,
  ],
  [
    'a node that is shut down',
    failed('Terminated', 'Pod was terminated in response to imminent node shutdown.', 2),
    'Terminated',
    'SLOW',
    'CLUSTER',
    /^2 pods ended so/,
  ],
];

const refusals: [what: string, message: string, severity: string, blames: string][] = [
  ['a full quota', QUOTA, 'SLOW', 'CLUSTER'],
  [
    'a webhook that is away',
    'Internal error occurred: failed calling webhook "pods.example.com": failed to call webhook: Post "https://hook.example:443/": dial tcp 10.0.0.9:443: connect: connection refused',
    'SLOW',
    'CLUSTER',
  ],
  [
    'a webhook that is slow',
    'Internal error occurred: failed calling webhook "pods.example.com": context deadline exceeded',
    'SLOW',
    'CLUSTER',
  ],
  ['a slow API server', 'Timeout: request did not complete within requested timeout - context deadline exceeded', 'SLOW', 'CLUSTER'],
  ['a database that is away', 'etcdserver: request timed out', 'SLOW', 'CLUSTER'],
  [
    'a service account that is not there',
    'pods "web-" is forbidden: error looking up service account shop/web: serviceaccount "web" not found',
    'TRANSIENT',
    'RELEASE',
  ],
  [
    'the Pod Security level',
    'pods "web-1" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false',
    'FATAL',
    'RELEASE',
  ],
  ['a policy of a webhook', 'admission webhook "policy.example.com" denied the request: image signature not found', 'FATAL', 'CLUSTER'],
  [
    "the API server's own policy",
    "pods \"web-1\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: somebody has to be served",
    'FATAL',
    'CLUSTER',
  ],
  ['a limit range', 'pods "web-1" is forbidden: maximum cpu usage per Container is 1, but limit is 2', 'FATAL', 'CLUSTER'],
  ['a quota that wants requests', 'pods "web-1" is forbidden: failed quota: q: must specify requests.cpu for: web', 'FATAL', 'CLUSTER'],
  ['a pod that is not valid', 'Pod "web-1" is invalid: spec.containers[0].image: Required value', 'FATAL', 'RELEASE'],
  ['anything else', 'the moon is full', 'TRANSIENT', 'CLUSTER'],
];

describe('What a cluster writes of pods', () => {
  it.each(table)('%s', (_what, pods, code, severity, blames, says) => {
    const message: unknown = typeof says === 'string' ? says : expect.stringMatching(says);
    const shown = causeOf(pods);
    expect(shown).toMatchObject({ code, severity, blames, message, advice: expect.stringMatching(/^[A-Z].*\.$/) as unknown });
    expect(shown).toMatchObject({ pod: expect.stringMatching(/^web-\d$/) as unknown });
  });

  it.each(refusals)('of their creation: %s', (_what, message, severity, blames) => {
    expect(causeOf([], message)).toMatchObject({ code: 'FailedCreate', severity, blames, message, pod: null });
  });

  it('names the container that runs, so that its log can be read', () => {
    expect(causeOf([init(container(RUNNING, { started: true }))])).toMatchObject({ container: 'migrate' });
    expect(causeOf([main(container(RUNNING))])).toMatchObject({ container: 'web' });
  });

  it('is no cause where all is well, or where pods are only replaced', () => {
    const ready = { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: CREATED }] };
    const well: PodFields = { status: { phase: 'Running', ...ready, containerStatuses: [container(RUNNING, { ready: true })] } };
    expect(causeOf([well])).toBeNull();
    expect(causeOf([well, ...failed('OutOfcpu', 'no cpu', 2)])).toBeNull();
  });

  it('counts pods that have ended only until a kubelet takes one again', () => {
    const later: PodFields = { ...main(container(RUNNING)), name: 'web-9', created: '2026-01-01T11:59:30Z' };
    expect(causeOf([later, ...failed('OutOfcpu', 'no cpu', 9)])).toMatchObject({ code: 'NotReady' });
    const after = failed('OutOfcpu', 'no cpu', 3).map((one) => ({ ...one, created: '2026-01-01T11:59:40Z' }));
    expect(causeOf([later, ...after])).toMatchObject({ code: 'OutOfcpu' });
  });

  it('tells what is fatal before what may pass, that before what is slow, and what is named before what is not', () => {
    const config = { ...main(waits('CreateContainerConfigError')), name: 'web-2' };
    const gone = { ...main(waits('InvalidImageName')), name: 'web-3' };
    const slow = { ...main(container(RUNNING)), name: 'web-0' };
    const memory = { ...main(container(ended(137, 'OOMKilled'))), name: 'web-4' };
    expect(causeOf([slow, config, gone, memory])).toMatchObject({ pod: 'web-3' });
    expect(causeOf([slow, config, memory])).toMatchObject({ pod: 'web-2' });
    expect(causeOf([slow, memory])).toMatchObject({ pod: 'web-4' });
    expect(causeOf([slow, memory], QUOTA)).toMatchObject({ code: 'FailedCreate' });
  });
});

describe('An error of a pull', () => {
  it.each([
    ['failed to do request: Head "https://r.example/v2/": dial tcp: lookup r.example: no such host', 'UNAVAILABLE'],
    ['failed to pull image: dial tcp: i/o timeout', 'UNAVAILABLE'],
    ['failed to pull image: unexpected status 429 Too Many Requests', 'UNAVAILABLE'],
    ['unexpected status from HEAD request to https://r.example/v2/shop/web/manifests/2: 503 Service Unavailable', 'UNAVAILABLE'],
    ['read tcp 10.0.0.1:39->10.0.0.2:443: read: connection reset by peer', 'UNAVAILABLE'],
    ['dial tcp 10.0.0.2:443: connect: connection refused', 'UNAVAILABLE'],
    ['pull QPS exceeded', 'UNAVAILABLE'],
    ['tls: failed to verify certificate: x509: certificate signed by unknown authority', 'UNAVAILABLE'],
    ['reading manifest 2 in r.example/shop/web: manifest unknown', 'NOT_FOUND'],
    ['no match for platform in manifest: not found', 'NOT_FOUND'],
    ['Error response from daemon: manifest for shop/web:9 not found: manifest unknown: manifest unknown', 'NOT_FOUND'],
    ['unexpected status from HEAD request to https://r.example/v2/web/manifests/2: 403 Forbidden', 'DENIED'],
    ['pull access denied for shop/web, repository does not exist or may require docker login', 'DENIED'],
    ['requested access to the resource is denied', 'DENIED'],
    ['failed to pull and unpack image "r.example/shop/timeout:429": r.example/shop/timeout:429: not found', 'NOT_FOUND'],
    ['failed to resolve reference "r.example/unauthorized/not-found:1": unexpected status: 502 Bad Gateway', 'UNAVAILABLE'],
    ['the disk is full', undefined],
  ])('%s is of kind %s', (message, kind) => {
    expect(pullKind(message)).toBe(kind);
  });
});
