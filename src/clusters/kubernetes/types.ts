import type { EventEmitter } from 'node:events';
import type { Access } from '../core/access.ts';
import type { KubernetesError } from './errors.ts';

/** An object as the cluster's API sends it: nothing dropped, nothing converted. Times stay RFC 3339 strings. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMetadata;
  [field: string]: unknown;
}

export interface ObjectMetadata {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  managedFields?: ManagedFields[];
  [field: string]: unknown;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
}

/** Who owns which fields of an object; `fieldsV1` is the set in the wire's own notation (`{"f:spec": {"f:paused": {}}}`). */
export interface ManagedFields {
  manager: string;
  operation: 'Apply' | 'Update';
  subresource?: string;
  time?: string;
  fieldsV1?: Record<string, unknown>;
}

/** Names a kind of object in one namespace. The kind must be one that `core/resources.ts` lists. */
export interface KindRef {
  apiVersion: string;
  kind: string;
  namespace: string;
}

export interface ObjectRef extends KindRef {
  name: string;
}

/** The observation that a write was decided on; the cluster refuses the write (CONFLICT) when the object has moved on since. */
export interface Precondition {
  uid: string;
  resourceVersion: string;
}

export interface ApplyOptions {
  /** Takes fields over from other managers instead of failing with FIELD_CONFLICT. Default false. */
  force?: boolean;
  /** The cluster checks and answers, and stores nothing. Default false. */
  dryRun?: boolean;
  /** Without one the object is created where it does not exist. */
  precondition?: Precondition;
}

export interface DeleteOptions {
  /** Foreground keeps the object until all that it owns is gone. Default Background. */
  propagation?: 'Background' | 'Foreground';
}

export interface LogOptions {
  tailLines: number;
  /** The container's run before this one. */
  previous?: boolean;
}

export interface ObjectList {
  items: KubernetesObject[];
  resourceVersion: string;
  /** The cluster's clock, from the answer's Date header (whole seconds). */
  date: Date;
}

/**
 * What a list-watch tells. RESYNC carries everything that exists (whatever is not in it is gone) and comes first and after every relist.
 * UNREACHABLE comes once per kind of trouble; RESYNC, an object's event or ALIVE after it means that the stream stands again.
 */
export type WatchEvent =
  | { type: 'RESYNC'; objects: KubernetesObject[]; date: Date }
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubernetesObject }
  | { type: 'ALIVE' }
  | { type: 'UNREACHABLE'; error: KubernetesError };

/** Through it others say that a cluster may not answer any more, which a watch that stands and is silent cannot tell. */
export type Doubts = EventEmitter<{ doubt: [] }>;

export interface WatchOptions {
  signal: AbortSignal;
  /** At a doubt the connection is given up and made anew from where it stood: nothing is listed, and a cluster that is away is told of. */
  doubts?: Doubts;
}

/** One cluster, spoken to with one credential. Every method fails with a `KubernetesError` and nothing else. */
export interface KubernetesClient {
  /** The cluster's version and how long the answer took on a warm connection. */
  version(): Promise<{ gitVersion: string; latencyMilliseconds: number }>;
  /** What of `requiredAccess` this credential may not do in the namespace; empty when it suffices. */
  missingAccess(namespace: string): Promise<Access[]>;
  /** Whether this credential may do anything to any object of the cluster, as a cluster-admin's may. */
  mayDoEverything(): Promise<boolean>;
  /** Server-side apply under the field manager `slipway`, with strict field validation. */
  apply(object: KubernetesObject, options?: ApplyOptions): Promise<KubernetesObject>;
  /** Null where there is no such object. */
  read(ref: ObjectRef): Promise<KubernetesObject | null>;
  /** Read in pages and handed back whole; fails beyond 20,000 objects. */
  list(ref: KindRef & { labelSelector: string }): Promise<ObjectList>;
  /** Sets a Deployment's replicas under the field manager `slipway-scale`. */
  scale(ref: { namespace: string; name: string }, replicas: number, precondition: Precondition): Promise<void>;
  /** Asks for deletion; an object that is gone already is done, another object of that name is a CONFLICT. */
  delete(ref: ObjectRef, precondition: { uid: string; resourceVersion?: string }, options?: DeleteOptions): Promise<void>;
  /** The last lines of a container's log, at most 8 KiB. */
  log(ref: { namespace: string; pod: string; container: string }, options: LogOptions): Promise<string>;
  /** Lists, then watches until the signal is aborted; survives cuts, expiry and silence. Never throws. */
  listWatch(ref: KindRef & { labelSelector: string }, options: WatchOptions): AsyncIterable<WatchEvent>;
  /**
   * The same cluster over the same connections, for as long as the signal lets it: what is in flight when it is aborted fails as UNREACHABLE at once. Of a write
   * that was in flight nobody knows then whether the cluster has carried it out.
   *
   * @param onSlow called for each request that has had no answer for 3 s; the request goes on, since admission webhooks may take longer
   */
  under(signal: AbortSignal, onSlow?: () => void): KubernetesClient;
  /** Cuts every connection; requests in flight fail as UNREACHABLE. */
  close(): Promise<void>;
}

/** What is known of one placement's objects, as of now. */
export interface PlacementSnapshot {
  /** All three kinds have been listed at least once. */
  synced: boolean;
  /** Set while any of the three streams is down: since when by our own clock, and why. What the lists hold is then as old as that. */
  unreachable: { since: Date; error: KubernetesError } | null;
  deployments: KubernetesObject[];
  /** Of their managedFields, as of those of pods, only who wrote the status and when. */
  replicaSets: KubernetesObject[];
  pods: KubernetesObject[];
  /** The cluster's clock: the last list's Date header (whole seconds, so up to 1 s behind) plus our own monotonic time since. */
  clusterNow: Date | null;
}

export interface PlacementWatch {
  snapshot(): PlacementSnapshot;
  /** Aborted when the cluster is found not to answer: no request to it need be waited for any longer. Another one once it answers again. */
  readonly answering: AbortSignal;
  /** Something speaks against the cluster's answering: its connections are made anew, which shows at once how things stand, and disturbs nothing if it answers. */
  doubt(): void;
  stop(): Promise<void>;
  /** Settles when the first snapshot is complete, or when the watch is stopped. Never rejects. */
  synced: Promise<void>;
}
