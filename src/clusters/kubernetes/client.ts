import type { Dispatcher } from 'undici';
import { isGranted, requiredAccess } from '../core/access.ts';
import type { Access } from '../core/access.ts';
import { parseNetworks } from '../../platform/net/address.ts';
import type { Budgets } from '../core/budgets.ts';
import type { Credential } from '../core/credential.ts';
import { fieldManager, scaleFieldManager } from '../core/managers.ts';
import { resourcePath } from '../core/resources.ts';
import { cutObject } from './cut.ts';
import { KubernetesError, overBudget, unreadableAnswer } from './errors.ts';
import type { Resolve } from '../../platform/net/guard.ts';
import { readLines } from './lines.ts';
import { ListReading, PageReader, readObject } from './list-page.ts';
import type { Keep } from './list-page.ts';
import { podWarnings } from './pod-warnings.ts';
import { Transport } from './transport.ts';
import { typed, typedApis } from './typed.ts';
import type { TypedApis } from './typed.ts';
import type {
  ApplyOptions,
  DeleteOptions,
  KindRef,
  KubernetesClient,
  KubernetesObject,
  LogOptions,
  ObjectList,
  ObjectRef,
  PatchOperation,
  PatchOptions,
  PodWarning,
  Precondition,
  Selectors,
  WatchEvent,
  WatchOptions,
} from './types.ts';
import { defaultTimings, listWatch } from './watch.ts';
import type { WatchSource, WatchTimings } from './watch.ts';

export interface ConnectOptions {
  /** CIDR ranges that clusters may lie in although they are private. Default none. */
  allowedNetworks?: readonly string[];
  resolve?: Resolve;
  /** Other numbers than those of `BUDGETS`, for tests. */
  budgets?: Partial<Budgets>;
  patienceMilliseconds?: number;
  connections?: number;
  dispatcher?: Dispatcher;
  watch?: Partial<WatchTimings>;
}

/** But for what structures a text of several lines. */
const CONTROL_CHARACTERS = /[^\P{Cc}\n\t]+/gu;

/** JSON is YAML, and this is the one media type of an apply that every supported version takes. */
const applyMediaType = 'application/apply-patch+yaml';

/** Opens nothing yet: the first request does. The credential is one that `parseKubeconfig` let through. */
export function connectCluster(credential: Credential, options: ConnectOptions = {}): KubernetesClient {
  const { allowedNetworks, watch, ...rest } = options;
  const transport = Transport.to(credential, { ...rest, allowedNetworks: parseNetworks(allowedNetworks ?? []) });
  return new PooledClient(transport, { ...defaultTimings, ...watch });
}

class PooledClient implements KubernetesClient {
  private readonly apis: TypedApis;

  constructor(
    private readonly transport: Transport,
    private readonly timings: WatchTimings,
  ) {
    this.apis = typedApis(transport);
  }

  async version(): Promise<{ gitVersion: string; latencyMilliseconds: number }> {
    // The first request may have to make the connection; the second shows the way there and back.
    await typed(this.apis.version.getCode());
    const started = performance.now();
    const { gitVersion } = await typed(this.apis.version.getCode());
    if (typeof gitVersion !== 'string') throw unreadableAnswer('it names no version');
    return { gitVersion: this.transport.publicText(gitVersion), latencyMilliseconds: performance.now() - started };
  }

  async missingAccess(namespace: string, wanted = requiredAccess): Promise<Access[]> {
    const review = await typed(this.apis.authorization.createSelfSubjectRulesReview({ body: { spec: { namespace } } }));
    const denied = wanted.filter((access) => !isGranted(access, review.status?.resourceRules ?? []));
    if (review.status?.incomplete !== true || denied.length === 0) return denied;
    // Some authorizers cannot list their rules but do answer when asked about one.
    const answers = await Promise.all(denied.map((access) => this.mayDo({ namespace, ...access })));
    return denied.filter((_, index) => answers[index] !== true);
  }

  mayDoEverything(): Promise<boolean> {
    return this.mayDo({ group: '*', resource: '*', verb: '*' });
  }

  private async mayDo(resourceAttributes: Access & { namespace?: string }): Promise<boolean> {
    const review = await typed(this.apis.authorization.createSelfSubjectAccessReview({ body: { spec: { resourceAttributes } } }));
    return review.status?.allowed === true;
  }

  async apply(object: KubernetesObject, options: ApplyOptions = {}): Promise<KubernetesObject> {
    const { precondition, force = false, dryRun = false } = options;
    const metadata = precondition === undefined ? object.metadata : { ...object.metadata, ...precondition };
    const value = await this.transport.sendJson({
      method: 'PATCH',
      path: pathOf(refOf(object)),
      query: { fieldManager, force, fieldValidation: 'Strict', dryRun: dryRun ? 'All' : undefined },
      contentType: applyMediaType,
      body: JSON.stringify({ ...object, metadata }),
    });
    return readObject(value);
  }

  async patch(
    ref: ObjectRef,
    operations: readonly PatchOperation[],
    { resourceVersion }: Precondition,
    { dryRun = false }: PatchOptions = {},
  ): Promise<KubernetesObject> {
    // A `replace` and no `test`: a stale version is then a conflict, not a patch that cannot be processed. No two objects of a name share a version.
    const fence: PatchOperation = { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion };
    const value = await this.transport.sendJson({
      method: 'PATCH',
      path: pathOf(ref),
      query: { fieldManager, fieldValidation: 'Strict', dryRun: dryRun ? 'All' : undefined },
      contentType: 'application/json-patch+json',
      body: JSON.stringify([fence, ...operations]),
    });
    return readObject(value);
  }

  async read(ref: ObjectRef): Promise<KubernetesObject | null> {
    try {
      return readObject(await this.transport.sendJson({ method: 'GET', path: pathOf(ref) }));
    } catch (error) {
      if (error instanceof KubernetesError && error.kind === 'NOT_FOUND') return null;
      throw error;
    }
  }

  async list(ref: KindRef & Selectors): Promise<ObjectList> {
    return this.listAll(ref, (object) => object);
  }

  /** All pages of a list show one resourceVersion. If the server forgets it half-way, the list starts again. */
  private async listAll(ref: KindRef & Selectors, keep: Keep, signal?: AbortSignal): Promise<ObjectList> {
    const deadline = AbortSignal.timeout(this.transport.budgets.listMilliseconds);
    const until = signal ? AbortSignal.any([signal, deadline]) : deadline;
    try {
      return await this.listPages(ref, keep, until);
    } catch (error) {
      if (error instanceof KubernetesError && error.kind === 'EXPIRED') return this.listPages(ref, keep, until);
      throw error;
    }
  }

  private async listPages(ref: KindRef & Selectors, keep: Keep, signal: AbortSignal): Promise<ObjectList> {
    const { budgets } = this.transport;
    const list = new ListReading(ref, budgets, keep);
    let next: string | undefined;
    for (let pages = 1; pages <= budgets.listPages; pages += 1) {
      const reader = new PageReader(list);
      const { labelSelector, fieldSelector } = ref;
      const query = { labelSelector, fieldSelector, limit: budgets.pageObjects, continue: next };
      const { date } = await this.transport.read({ method: 'GET', path: pathOf(ref), query, signal }, reader);
      const page = reader.end();
      if (date === null) throw unreadableAnswer('a list has no Date header');
      if (page.next === '') return { items: list.items, resourceVersion: page.resourceVersion, date };
      next = page.next;
    }
    throw overBudget(`${list.name} has more than ${budgets.listPages} pages.`);
  }

  async scale(ref: { namespace: string; name: string }, replicas: number, precondition: Precondition): Promise<void> {
    // An apply, because a merge patch leaves no trace of who set the number on a Deployment that is otherwise applied (observed on 1.36).
    await this.transport.send({
      method: 'PATCH',
      path: `${pathOf({ apiVersion: 'apps/v1', kind: 'Deployment', ...ref })}/scale`,
      query: { fieldManager: scaleFieldManager, force: true, fieldValidation: 'Strict' },
      contentType: applyMediaType,
      body: JSON.stringify({
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        metadata: { name: ref.name, ...precondition },
        spec: { replicas },
      }),
    });
  }

  async delete(ref: ObjectRef, precondition: { uid: string; resourceVersion?: string }, options: DeleteOptions = {}): Promise<void> {
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: precondition,
      propagationPolicy: options.propagation ?? 'Background',
    };
    try {
      await this.transport.send({ method: 'DELETE', path: pathOf(ref), body: JSON.stringify(body) });
    } catch (error) {
      if (!(error instanceof KubernetesError) || error.kind !== 'NOT_FOUND') throw error;
    }
  }

  async log(ref: { namespace: string; pod: string; container: string }, options: LogOptions): Promise<string> {
    const { namespace, pod: name, container } = ref;
    const { tailLines, previous = false } = options;
    // The server's own limit counts from the first of these lines, and it is the last ones that tell; so more is read than is kept.
    const { logBytes } = this.transport.budgets;
    const limitBytes = 32 * logBytes;
    const text = await typed(this.apis.core.readNamespacedPodLog({ name, namespace, container, tailLines, previous, limitBytes }));
    const bytes = Buffer.from(this.transport.redact(text).replace(CONTROL_CHARACTERS, ' '), 'utf8');
    return bytes.length <= logBytes ? bytes.toString('utf8') : wholeLines(bytes.subarray(bytes.length - logBytes).toString('utf8'));
  }

  async podWarnings({ namespace, uid }: { namespace: string; uid: string }): Promise<PodWarning[]> {
    const { podEvents } = this.transport.budgets;
    const query = { fieldSelector: `involvedObject.uid=${uid},type=Warning`, limit: podEvents };
    const path = pathOf({ apiVersion: 'v1', kind: 'Event', namespace });
    const { items } = await this.transport.sendJson({ method: 'GET', path, query });
    return podWarnings(items, podEvents, (text) => this.transport.publicText(text));
  }

  publicText(text: string): string {
    return this.transport.publicText(text);
  }

  listWatch(ref: KindRef & Selectors, options: WatchOptions): AsyncIterable<WatchEvent> {
    const keep: Keep = (object) =>
      cutObject(readObject({ ...object, apiVersion: ref.apiVersion, kind: ref.kind }), (text) => this.transport.publicText(text));
    const { budgets } = this.transport;
    const source: WatchSource = {
      list: (signal) => this.listAll(ref, keep, signal),
      watch: async (resourceVersion, timeoutSeconds, signal) => {
        const { labelSelector, fieldSelector } = ref;
        const query = { labelSelector, fieldSelector, watch: true, allowWatchBookmarks: true, timeoutSeconds, resourceVersion };
        const body = await this.transport.stream({ method: 'GET', path: pathOf(ref), query, signal });
        return readLines(body, budgets, (cost) => this.transport.spend(cost, signal));
      },
      keep,
      failure: (status, body) => this.transport.failure(status, body),
    };
    return listWatch(source, options, this.timings);
  }

  under(signal: AbortSignal, onSlow?: () => void): KubernetesClient {
    return new PooledClient(this.transport.under(signal, onSlow), this.timings);
  }

  close(): Promise<void> {
    return this.transport.close();
  }
}

/** A kind that is not spoken of, or a name that Kubernetes does not take: the object is bad, and no request is made. */
function pathOf(ref: KindRef & { name?: string }): string {
  try {
    return resourcePath(ref);
  } catch (error) {
    throw new KubernetesError({ kind: 'INVALID', message: error instanceof Error ? `${error.message}.` : 'The object cannot be named.' });
  }
}

function refOf(object: KubernetesObject): ObjectRef {
  const { namespace, name } = object.metadata;
  if (namespace === undefined) throw new KubernetesError({ kind: 'INVALID', message: `${object.kind} ${name} names no namespace.` });
  return { apiVersion: object.apiVersion, kind: object.kind, namespace, name };
}

/** Without the line that the cut went through. */
function wholeLines(text: string): string {
  return text.slice(text.indexOf('\n') + 1);
}
