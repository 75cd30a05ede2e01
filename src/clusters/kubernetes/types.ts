import type { EventEmitter } from 'node:events';
import type { Access } from '../core/access.ts';
import type { KubernetesError } from './errors.ts';

/**
 * An object as the cluster's API sends it; of watched Deployments, ReplicaSets and pods only the fields that are read (`cut.ts`). Times stay RFC 3339 strings.
 */
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

/** The fields of an object that a manager owns; `fieldsV1` is in the wire format (`{"f:spec": {"f:paused": {}}}`). */
export interface ManagedFields {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion?: string;
  subresource?: string;
  time?: string;
  fieldsType?: string;
  fieldsV1?: Record<string, unknown>;
}

/** One operation of a JSON Patch (RFC 6902); `path` is a JSON pointer. */
export type PatchOperation = { op: 'add' | 'replace'; path: string; value: unknown } | { op: 'remove'; path: string };

/** Names a kind of object in one namespace. The kind must be one that `core/resources.ts` lists. */
export interface KindRef {
  apiVersion: string;
  kind: string;
  namespace: string;
}

export interface ObjectRef extends KindRef {
  name: string;
}

/** Which objects of a kind are meant. */
export interface Selectors {
  labelSelector?: string;
  /** For example `metadata.name=web`: one object by the permission to list. */
  fieldSelector?: string;
}

/** The observation on which a write was decided. The cluster refuses the write (CONFLICT) if the object has changed since. */
export interface Precondition {
  uid: string;
  resourceVersion: string;
}

export interface ApplyOptions {
  /** Takes fields over from other managers instead of failing with FIELD_CONFLICT. Default false. */
  force?: boolean;
  /** The cluster validates the write but does not store it. Default false. */
  dryRun?: boolean;
  /** Without it, the object is created if it does not exist. */
  precondition?: Precondition;
}

export interface PatchOptions {
  /** The cluster validates the write but does not store it. Default false. */
  dryRun?: boolean;
}

export interface DeleteOptions {
  /** Foreground keeps the object until everything it owns is deleted. Default Background. */
  propagation?: 'Background' | 'Foreground';
}

export interface LogOptions {
  tailLines: number;
  /** Reads the log of the container's previous run. */
  previous?: boolean;
}

/** An event of type Warning about a pod. */
export interface PodWarning {
  reason: string;
  message: string;
  /** When it was last reported, in milliseconds since 1970; 0 if unknown. */
  at: number;
}

export interface ObjectList {
  items: KubernetesObject[];
  resourceVersion: string;
  /** Time of the cluster, from the answer's Date header (whole seconds). */
  date: Date;
}

/**
 * An event of a list-watch. RESYNC contains all existing objects (any other is gone); it comes first and after every relist.
 * UNREACHABLE comes once per kind of error. A RESYNC, an object's event or ALIVE after it means that the stream works.
 */
export type WatchEvent =
  | { type: 'RESYNC'; objects: KubernetesObject[]; date: Date }
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubernetesObject }
  | { type: 'ALIVE' }
  | { type: 'UNREACHABLE'; error: KubernetesError };

/** Signals that a cluster may be unreachable, which an idle watch cannot detect by itself. */
export type ReconnectRequests = EventEmitter<{ reconnect: [] }>;

/** Receives the objects of a list-watch. Methods throw a `KubernetesError` if an object does not fit. */
export interface ObjectSink {
  replace(objects: readonly KubernetesObject[]): void;
  set(object: KubernetesObject): void;
  delete(object: KubernetesObject): void;
}

export interface WatchOptions {
  signal: AbortSignal;
  /** On `reconnect` the watch reconnects from its last version, without a list; an unreachable cluster is then reported. */
  reconnects?: ReconnectRequests;
  /** Kept up to date before each event. What does not fit is reported like an unreachable cluster. */
  store?: ObjectSink;
}

/** A client for one cluster with one credential. Every method fails only with `KubernetesError`. */
export interface KubernetesClient {
  /** The cluster's version, and the duration of the request on an open connection. */
  version(): Promise<{ gitVersion: string; latencyMilliseconds: number }>;
  /** What this credential lacks in the namespace, of what is wanted: by default `requiredAccess`. Empty if it has all. */
  missingAccess(namespace: string, wanted?: readonly Access[]): Promise<Access[]>;
  /** Whether this credential has full access to the cluster, like that of a cluster-admin. */
  mayDoEverything(): Promise<boolean>;
  /** Server-side apply under the field manager `slipway`, with strict field validation. */
  apply(object: KubernetesObject, options?: ApplyOptions): Promise<KubernetesObject>;
  /**
   * JSON Patch of an existing object under the field manager `slipway`, with strict field validation. It replaces lists and maps as a whole, which an apply
   * merges with what other managers own.
   */
  patch(
    ref: ObjectRef,
    operations: readonly PatchOperation[],
    precondition: Precondition,
    options?: PatchOptions,
  ): Promise<KubernetesObject>;
  /** Null if the object does not exist. */
  read(ref: ObjectRef): Promise<KubernetesObject | null>;
  /** Reads all pages; fails for more than the list's budgets. Items have neither `kind` nor `apiVersion`. */
  list(ref: KindRef & Selectors): Promise<ObjectList>;
  /** Sets a Deployment's replicas under the field manager `slipway-scale`. */
  scale(ref: { namespace: string; name: string }, replicas: number, precondition: Precondition): Promise<void>;
  /** Requests deletion. Succeeds if the object does not exist; another object with that name is a CONFLICT. */
  delete(ref: ObjectRef, precondition: { uid: string; resourceVersion?: string }, options?: DeleteOptions): Promise<void>;
  /** The last lines of a container's log, at most 8 KiB. */
  log(ref: { namespace: string; pod: string; container: string }, options: LogOptions): Promise<string>;
  /** Warnings about a pod, at most 50 of those that the cluster still has (by default those of the last hour), newest first. */
  podWarnings(ref: { namespace: string; uid: string }): Promise<PodWarning[]>;
  /** A text of the cluster as it may be shown: without the credential's text and control characters, and of bounded length. */
  publicText(text: string): string;
  /** Lists, then watches until the signal is aborted. Recovers from lost connections, expiry and silence. Never throws. */
  listWatch(ref: KindRef & Selectors, options: WatchOptions): AsyncIterable<WatchEvent>;
  /**
   * The same client on the same connections, until the signal is aborted: requests in flight then fail as UNREACHABLE at once. Whether the cluster has executed
   * a write in flight is unknown.
   *
   * @param onSlow called for each request that has had no answer for 3 s; the request continues, since admission webhooks may take longer
   */
  under(signal: AbortSignal, onSlow?: () => void): KubernetesClient;
  /** Closes all connections; requests in flight fail as UNREACHABLE. */
  close(): Promise<void>;
}

/** Current knowledge of one placement's objects. */
export interface PlacementSnapshot {
  /** All three kinds have been listed at least once. */
  synced: boolean;
  /** Set while any of the three streams is down: since when by our clock, and why. The lists are then as old as that. */
  unreachable: { since: Date; error: KubernetesError } | null;
  deployments: KubernetesObject[];
  replicaSets: KubernetesObject[];
  pods: KubernetesObject[];
  /** Time of the cluster: the last list's Date header (whole seconds, so up to 1 s behind) plus our monotonic time since. */
  clusterNow: Date | null;
}

export interface PlacementWatch {
  snapshot(): PlacementSnapshot;
  /** Aborted when the cluster is found unreachable, so that requests to it need not be awaited. A new signal once it is reachable. */
  readonly answering: AbortSignal;
  /** On a sign that the cluster is unreachable. The watches reconnect, which shows its state immediately, and is harmless if it is reachable. */
  reconnect(): void;
  stop(): Promise<void>;
  /** Resolves when the first snapshot is complete, or the watch is stopped. Never rejects. */
  synced: Promise<void>;
}
