import { isRecord } from '../../platform/json.ts';
/** What is kept of a watched object: the fields that the rollouts' core reads, each bounded. Anything else, half of what an object weighs, is dropped. */
import { BUDGETS } from '../core/budgets.ts';
import { cutText, digestText } from './text.ts';
import type { KubernetesObject } from './types.ts';

type PublicText = (text: unknown) => string;
/** The part of a value that is kept; undefined = nothing. */
type Cut = (value: unknown, publicText: PublicText) => unknown;

const ourPrefix = 'slipway.dev/';

const scalar: Cut = (value) => {
  if (typeof value === 'string') return cutText(value);
  return typeof value === 'number' || typeof value === 'boolean' ? value : undefined;
};

/** Text that is shown to people. */
const shown: Cut = (value, publicText) => (typeof value === 'string' ? publicText(value) : undefined);

/** That something is there, whatever it is. */
const presence: Cut = (value) => (value === undefined ? undefined : {});

/** The whole value, for comparison: long texts become digests, so that different values stay different. */
const comparable: Cut = (value) => {
  if (typeof value === 'string') return digestText(value);
  if (Array.isArray(value)) return value.map((item) => comparable(item, String));
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [digestText(key), comparable(item, String)]));
};

/** Entries under our own prefix, of labels or annotations. */
const ours: Cut = (value) => {
  if (!isRecord(value)) return undefined;
  const entries = Object.entries(value).filter(([key, item]) => key.startsWith(ourPrefix) && typeof item === 'string');
  return Object.fromEntries(entries.slice(0, BUDGETS.entries).map(([key, item]) => [cutText(key), cutText(item as string)]));
};

function record(fields: Record<string, Cut>): Cut {
  const entries = Object.entries(fields);
  return (value, publicText) => {
    if (!isRecord(value)) return undefined;
    const kept: Record<string, unknown> = {};
    for (const [key, cut] of entries) {
      const part = cut(value[key], publicText);
      if (part !== undefined) kept[key] = part;
    }
    return kept;
  };
}

/** The first entries that are objects and wanted. */
function list(cut: Cut, wanted: (entry: Record<string, unknown>) => boolean = () => true): Cut {
  return (value, publicText) => {
    if (!Array.isArray(value)) return undefined;
    const kept: unknown[] = [];
    for (const entry of value) {
      if (kept.length === BUDGETS.entries) break;
      if (isRecord(entry) && wanted(entry)) kept.push(cut(entry, publicText));
    }
    return kept;
  };
}

const identity = {
  name: shown,
  namespace: scalar,
  uid: scalar,
  resourceVersion: scalar,
  creationTimestamp: scalar,
  deletionTimestamp: scalar,
};

const controller = list(record({ uid: scalar, controller: scalar }), (owner) => owner['controller'] === true);
const statusWriters = list(record({ manager: shown, subresource: scalar, time: scalar }), (entry) => entry['subresource'] === 'status');
const owners = list(
  record({
    manager: shown,
    subresource: scalar,
    time: scalar,
    fieldsV1: record({
      'f:spec': record({
        'f:paused': presence,
        'f:replicas': presence,
        'f:template': presence,
        'f:minReadySeconds': presence,
        'f:strategy': presence,
      }),
    }),
  }),
);
const conditions = list(record({ type: scalar, status: scalar, reason: shown, message: shown, lastTransitionTime: scalar }));

/** What a controller has counted, and for which generation. */
const counts = { observedGeneration: scalar, replicas: scalar, readyReplicas: scalar, availableReplicas: scalar };

const deployment = record({
  metadata: record({ ...identity, generation: scalar, labels: ours, annotations: ours, managedFields: owners }),
  spec: record({
    replicas: scalar,
    minReadySeconds: scalar,
    paused: scalar,
    strategy: record({ type: scalar, rollingUpdate: record({ maxSurge: scalar, maxUnavailable: scalar }) }),
    template: comparable,
  }),
  status: record({ ...counts, updatedReplicas: scalar, collisionCount: scalar, conditions }),
});

const replicaSet = record({
  metadata: record({ ...identity, generation: scalar, annotations: ours, ownerReferences: controller, managedFields: statusWriters }),
  spec: record({ replicas: scalar, minReadySeconds: scalar, template: comparable }),
  status: record({ ...counts, conditions }),
});

const terminated = record({ exitCode: scalar, reason: shown, message: shown, finishedAt: scalar });
const lastTerminated = record({ exitCode: scalar, reason: shown, finishedAt: scalar });
const containerStatuses = list(
  record({
    name: shown,
    ready: scalar,
    started: scalar,
    restartCount: scalar,
    state: record({ waiting: record({ reason: shown, message: shown }), running: record({ startedAt: scalar }), terminated }),
    lastState: record({ terminated: lastTerminated }),
  }),
);

const pod = record({
  metadata: record({ ...identity, ownerReferences: controller, managedFields: statusWriters }),
  spec: record({ nodeName: shown, restartPolicy: scalar, initContainers: list(record({ name: shown, restartPolicy: scalar })) }),
  status: record({
    phase: scalar,
    reason: shown,
    message: shown,
    conditions,
    initContainerStatuses: containerStatuses,
    containerStatuses,
  }),
});

const cuts: Record<string, Cut> = { Deployment: deployment, ReplicaSet: replicaSet, Pod: pod };

/** The object cut to what is read of its kind; objects of other kinds stay whole. */
export function cutObject(object: KubernetesObject, publicText: PublicText): KubernetesObject {
  const { apiVersion, kind } = object;
  const cut = cuts[kind];
  return cut === undefined ? object : { apiVersion, kind, ...(cut(object, publicText) as Pick<KubernetesObject, 'metadata'>) };
}
