/** The causes that the kubelet, the scheduler and the controllers name, by their words. What they write of them is told apart in `live/words.ts`. */
import { late } from './cause.ts';
import type { Blames, Cause, CauseKind, Severity, WordData } from './cause.ts';

const GENERAL = "Check the pod's events (kubectl describe pod) and correct the template or the cluster.";
const OUT_OF_MEMORY = 'Raise the memory limit of the container or make it use less: the kernel killed it because it exceeded the limit.';
const NODE = 'Check the node (kubectl describe node): the cluster replaces the pod, unless no other node takes it.';

function word(severity: Severity, blames: Blames, advice: string, more: Partial<Cause<WordData>> = {}): Cause<WordData> {
  return {
    severity,
    blames,
    sentence: ({ message }) => message,
    advice: ({ outOfMemory }) => (outOfMemory ? OUT_OF_MEMORY : advice),
    ...more,
  };
}

const pullKinds = {
  NOT_FOUND: {
    meaning: 'The registry does not have the image.',
    severity: 'FATAL',
    blames: 'RELEASE',
    advice: 'Check the name and the tag of the image: the registry does not have it.',
  },
  DENIED: {
    meaning: 'The registry refuses the pull (401, 403, denied).',
    severity: 'FATAL',
    blames: 'CLUSTER',
    advice:
      'Give the namespace the pull secret for this registry, or renew it; some registries answer so for an image that does not exist, too.',
  },
  UNAVAILABLE: {
    meaning: 'The registry does not answer, or not now (429, 5xx, a timeout, a refused or reset connection, DNS).',
    severity: 'TRANSIENT',
    blames: 'PLATFORM',
    advice: 'Check that the nodes reach the registry, and its rate limit; the kubelet goes on trying.',
  },
  ONE_NODE: {
    meaning: 'Any of these, while other pods of the same release run the image.',
    severity: 'TRANSIENT',
    blames: 'PLATFORM',
    advice: 'Check the node (its network, disk and registry mirror): others run the image.',
  },
} as const satisfies Record<string, CauseKind>;

/** A pull that failed, and the wait before the next. Without a kind, the kubelet has not said why. */
const pull = word(
  'TRANSIENT',
  'RELEASE',
  'Check that the image name and tag exist and that the namespace has the pull secret for this registry.',
  {
    sentence: ({ message, node }) =>
      node === undefined ? message : `${message} So on node ${node}, while other pods of this release run the image.`,
    kinds: pullKinds,
    group: 'PULL',
  },
);

const creationKinds = {
  QUOTA: {
    meaning: 'A quota is used up.',
    severity: 'SLOW',
    blames: 'CLUSTER',
    advice: "Raise the namespace's quota, or request less: the cluster goes on trying, and pods on their way out make room.",
  },
  WEBHOOK: {
    meaning: 'An admission webhook does not answer.',
    severity: 'SLOW',
    blames: 'CLUSTER',
    advice: 'Check the admission webhook that the message names: the API server cannot reach it, and the cluster goes on trying.',
  },
  UNAVAILABLE: {
    meaning: 'The API server does not answer, or with 5xx.',
    severity: 'SLOW',
    blames: 'CLUSTER',
    advice: "Check the API server's health: the cluster goes on trying.",
  },
  MISSING: {
    meaning: 'What the pod refers to is not there, such as its service account.',
    severity: 'TRANSIENT',
    blames: 'RELEASE',
    advice: 'Create what the message names, or correct the reference in the template.',
  },
  POD_SECURITY: {
    meaning: "The namespace's Pod Security level does not admit it.",
    severity: 'FATAL',
    blames: 'RELEASE',
    advice: "Change the template to what the namespace's Pod Security level admits, or place the workload in another namespace.",
  },
  POLICY: {
    meaning: 'Another admission policy denies it.',
    severity: 'FATAL',
    blames: 'CLUSTER',
    advice: "Change the template so that the cluster's admission policy admits its pods, or change the policy.",
  },
  INVALID: {
    meaning: 'It is not valid.',
    severity: 'FATAL',
    blames: 'RELEASE',
    advice: 'Correct the template: the cluster does not accept its pods.',
  },
} as const satisfies Record<string, CauseKind>;

export const podSecurityKind = { POD_SECURITY: creationKinds.POD_SECURITY };

const creation = (advice: string): Cause<WordData> => word('TRANSIENT', 'CLUSTER', advice, { kinds: creationKinds, group: 'CREATION' });

/** Pods that have ended before they ran, or lost their node. */
const ended = (severity: Severity, advice: string): Cause<WordData> =>
  word(severity, 'CLUSTER', advice, {
    sentence: ({ message, count, node }) => {
      const where = node === undefined ? '' : ` on node ${node}`;
      return count === undefined || count === 1 ? message : `${count} pods ended so, the last one${where}: ${message}`;
    },
  });
const rejected = ended(
  'TRANSIENT',
  'Check the nodes (kubectl describe node): the kubelet refuses pods that the scheduler gives it, e.g. for a device or a resource.',
);
const lost = ended('SLOW', NODE);

export const words = {
  ErrImagePull: pull,
  ImagePullBackOff: pull,
  RegistryUnavailable: word('TRANSIENT', 'PLATFORM', pullKinds.UNAVAILABLE.advice, { group: 'PULL' }),
  ImageInspectError: word('TRANSIENT', 'CLUSTER', "Check the node's container runtime: it cannot read the image.", { group: 'PULL' }),
  ErrImageNeverPull: word(
    'FATAL',
    'RELEASE',
    'The image is not on the node and imagePullPolicy is Never: allow pulling or load the image onto the nodes.',
  ),
  InvalidImageName: word('FATAL', 'RELEASE', 'Correct the image reference in the template or in the values: Kubernetes cannot parse it.'),
  CreateContainerConfigError: word(
    'TRANSIENT',
    'RELEASE',
    'Create the ConfigMap, Secret or key that the container refers to, or correct the reference.',
  ),
  CreateContainerError: word(
    'TRANSIENT',
    'RELEASE',
    'Read the message: the container runtime refuses to create the container, often for its command or a mount.',
  ),
  RunContainerError: word(
    'TRANSIENT',
    'RELEASE',
    'Read the message: the container runtime cannot start the container, often for its command.',
  ),
  CrashLoopBackOff: word('FATAL', 'RELEASE', 'Read the log below: the container exits repeatedly after its start.', {
    kinds: { FEW_RESTARTS: { meaning: 'Fewer than 3 restarts: what it depends on may not be there yet.', severity: 'SLOW' } },
  }),
  InitContainerFailed: word('FATAL', 'RELEASE', 'Read the log below: the init container failed, so that the application is never started.'),
  Error: word('SLOW', 'RELEASE', GENERAL),
  OOMKilled: word('SLOW', 'RELEASE', OUT_OF_MEMORY),
  InitContainerRunning: word('SLOW', 'RELEASE', 'Read the log below: the application starts only once this init container has ended.', {
    quiet: true,
  }),
  SidecarNotStarted: word(
    'SLOW',
    'RELEASE',
    "Check the sidecar's startup probe and its log: the application starts only once the sidecar has started.",
    { quiet: true },
  ),
  NotReady: word('SLOW', 'RELEASE', "Check the container's readiness probe and its log: it runs but never becomes Ready.", { quiet: true }),
  ContainersNotReady: word('SLOW', 'RELEASE', "Check the container's probes, volumes and image: it was not started or is not Ready.", {
    quiet: true,
  }),
  ReadinessGatesNotReady: word('SLOW', 'CLUSTER', 'Check what sets this readiness gate, e.g. the controller of a load balancer.', {
    quiet: true,
  }),
  Unschedulable: word(
    'SLOW',
    'CLUSTER',
    'Add nodes, lower the resource requests, or relax node selectors, affinity and taints: no node accepts the pod.',
    { sentence: ({ message, deadline }) => (deadline ? `${late(deadline)} Unschedulable: ${message}` : message) },
  ),
  SchedulingGated: word('SLOW', 'CLUSTER', 'Remove the scheduling gates of the pod, or find out why their controller does not.'),
  FailedCreatePodSandBox: word(
    'SLOW',
    'CLUSTER',
    "Check the node's container runtime and network plugin: the pod's sandbox cannot be made.",
  ),
  NetworkNotReady: word('SLOW', 'CLUSTER', "Check the node's network plugin: it is not ready."),
  FailedAttachVolume: word('SLOW', 'CLUSTER', 'Check the volume and what else uses it: it cannot be attached to the node.'),
  FailedMount: word('SLOW', 'CLUSTER', 'Check the volume that the message names, or create the Secret or ConfigMap that it is made of.'),
  FailedMapVolume: word('SLOW', 'CLUSTER', 'Check the volume that the message names: it cannot be mapped on the node.'),
  ClockAhead: word('SLOW', 'CLUSTER', "Set the clock of the node (NTP): the cluster counts a pod's minReadySeconds by it."),
  NodeNotReady: word('SLOW', 'CLUSTER', NODE),
  UnexpectedAdmissionError: rejected,
  NodeAffinity: rejected,
  'OutOf*': rejected,
  PodRejected: rejected,
  Evicted: lost,
  NodeLost: lost,
  Terminated: lost,
  PodEnded: lost,
  FailedCreate: creation('Read the message: the cluster does not create the pods.'),
  ReplicaSetChanged: word(
    'TRANSIENT',
    'CLUSTER',
    "Find the admission policy or webhook that changes ReplicaSets, and exempt those of Deployments: it changes their pods' template.",
  ),
  ReplicaSetCreateError: creation('Read the message: the cluster refuses to create the ReplicaSet.'),
} satisfies Record<string, Cause<WordData>>;

/** Any other word of Kubernetes. */
export const generalCause = word('SLOW', 'RELEASE', GENERAL);

/** The row of a word; a resource that a node has run out of is part of the word. */
export function wordRow(reason: string): Cause<WordData> {
  const known: Readonly<Record<string, Cause<WordData>>> = words;
  if (Object.hasOwn(known, reason)) return known[reason]!;
  return /^OutOf./.test(reason) ? words['OutOf*'] : generalCause;
}
