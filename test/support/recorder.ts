import { Agent, request } from 'undici';

/** How the test itself accesses a cluster. */
export interface Access {
  server: string;
  /** Base64 of PEM. */
  caData: string;
  token: string;
}

/** What must hold for a workload on the recorded cluster, from now on. */
export interface Expectation {
  replicas: number;
  /** Counts of pods. */
  maxSurge: number;
  maxUnavailable: number;
}

export interface ReplicaSetView {
  name: string;
  uid: string;
  replicas: number;
  image: string;
}

interface KubernetesObject {
  metadata: {
    name: string;
    uid: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    deletionTimestamp?: string;
    ownerReferences?: { uid: string }[];
  };
  spec: { replicas?: number; template?: { metadata?: { labels?: Record<string, string> }; spec: { containers: { image: string }[] } } };
  status?: { conditions?: { type: string; status: string }[]; phase?: string };
}

const WORKLOAD_LABEL = 'slipway.dev/workload';
const PATHS = { deployments: '/apis/apps/v1', replicasets: '/apis/apps/v1', pods: '/api/v1' } as const;
type Kind = keyof typeof PATHS;

/**
 * Watches one namespace of a cluster without any code of the product, and checks at every change: Ready pods never fall below desired minus maxUnavailable
 * (A), and the ReplicaSets together never request more than desired plus maxSurge (S).
 */
export class Recorder {
  readonly violations: string[] = [];
  private readonly objects: Record<Kind, Map<string, KubernetesObject>> = {
    deployments: new Map(),
    replicasets: new Map(),
    pods: new Map(),
  };
  private readonly expectations = new Map<string, Expectation>();
  private readonly ran = new Map<string, Set<string>>();
  /** Number of checks for each workload with an expectation. */
  private readonly judged = new Map<string, number>();
  private readonly stopping = new AbortController();
  private readonly agent: Agent;
  private following: Promise<void>[] = [];
  private readonly waiting = new Set<() => void>();
  private readonly access: Access;
  private readonly namespace: string;
  readonly name: string;

  constructor(name: string, access: Access, namespace: string) {
    this.name = name;
    this.access = access;
    this.namespace = namespace;
    this.agent = new Agent({ connect: { ca: Buffer.from(access.caData, 'base64').toString('utf8') }, bodyTimeout: 0 });
  }

  /** Lists everything once, and watches from there. */
  async start(): Promise<void> {
    const kinds = Object.keys(PATHS) as Kind[];
    const versions = await Promise.all(kinds.map((kind) => this.list(kind)));
    this.following = kinds.map((kind, index) => this.follow(kind, versions[index] ?? ''));
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await Promise.all(this.following);
    await this.agent.destroy();
  }

  /** What must hold for a workload from the next change on; null = nothing (it is being created or removed). */
  expect(workload: string, expectation: Expectation | null): void {
    if (!expectation) return void this.expectations.delete(workload);
    this.expectations.set(workload, expectation);
    const stands = (Object.keys(PATHS) as Kind[]).some((kind) => this.of(kind, workload).length > 0);
    this.judged.set(workload, (this.judged.get(workload) ?? 0) + (stands ? 1 : 0));
  }

  /** Workloads with an expectation that were never seen, so that nothing is proven about them. */
  unseen(): string[] {
    return [...this.judged].filter(([, times]) => times === 0).map(([workload]) => workload);
  }

  /** ReplicaSets of a workload that have, or should have, pods; terminating and ended ones are not counted. */
  replicaSets(workload: string): ReplicaSetView[] {
    return this.of('replicasets', workload)
      .map(({ metadata, spec }) => ({
        name: metadata.name,
        uid: metadata.uid,
        replicas: spec.replicas ?? 0,
        image: spec.template?.spec.containers[0]?.image ?? '',
      }))
      .filter((one) => one.replicas > 0 || this.podsOf(workload, one.uid) > 0);
  }

  /** Uids of all ReplicaSets of a workload that have ever had pods, in the order in which they came. */
  everRan(workload: string): string[] {
    return [...(this.ran.get(workload) ?? [])];
  }

  /** What a workload runs, by its ReplicaSets: `image xN`, ordered by image. */
  running(workload: string): string {
    return this.replicaSets(workload)
      .map((one) => `${one.image} x${one.replicas}`)
      .toSorted()
      .join(' + ');
  }

  readyPods(workload: string): number {
    return this.of('pods', workload).filter(isReady).length;
  }

  /** Creates an object, like a foreign client. */
  create(path: string, object: object): Promise<void> {
    return this.send('POST', path, object, 'application/json');
  }

  /** Changes the pod template of a workload's Deployment by a strategic merge patch, as kubectl does, or (`spec`) anything else in its spec. */
  edit(
    workload: string,
    template: object,
    { manager = 'kubectl-edit', spec = { template } }: { manager?: string; spec?: object } = {},
  ): Promise<void> {
    return this.patchDeployment(workload, manager, { spec });
  }

  /** Sets and removes (null) labels of a workload's Deployment, like kubectl label. */
  label(workload: string, labels: Readonly<Record<string, string | null>>): Promise<void> {
    return this.patchDeployment(workload, 'kubectl-label', { metadata: { labels } });
  }

  private patchDeployment(workload: string, manager: string, patch: object): Promise<void> {
    const path = `${PATHS.deployments}/namespaces/${this.namespace}/deployments/${workload}?fieldManager=${manager}`;
    return this.send('PATCH', path, patch, 'application/strategic-merge-patch+json');
  }

  /** Changes an object by a merge patch, like a foreign client. */
  patch(path: string, change: object, manager = 'kubectl-edit'): Promise<void> {
    return this.send('PATCH', `${path}?fieldManager=${manager}`, change, 'application/merge-patch+json');
  }

  /** An object as it is now; null if there is none. */
  async read<T = KubernetesObject>(path: string): Promise<T | null> {
    const answer = await request(this.access.server + path, {
      dispatcher: this.agent,
      headers: { authorization: `Bearer ${this.access.token}` },
    });
    const said = await answer.body.text();
    if (answer.statusCode === 404) return null;
    if (answer.statusCode !== 200) throw new Error(`${this.name}: ${path} answered ${answer.statusCode}: ${said}`);
    return JSON.parse(said) as T;
  }

  /** Deletes an object, like a foreign client. */
  delete(path: string): Promise<void> {
    return this.send('DELETE', path, {}, 'application/json');
  }

  /** Takes fields of an object over by a server-side apply, like a controller that insists on them. */
  force(path: string, object: object, manager: string): Promise<void> {
    return this.send('PATCH', `${path}?fieldManager=${manager}&force=true`, object, 'application/apply-patch+yaml');
  }

  /** As `kubectl rollout undo` does it: the template and the annotations of an older ReplicaSet. */
  undo(workload: string, uid: string): Promise<void> {
    const [deployment] = this.of('deployments', workload);
    const replicaSet = this.objects.replicasets.get(uid);
    if (!deployment || !replicaSet?.spec.template) throw new Error(`${this.name}: there is no ReplicaSet ${uid} of ${workload}`);
    const { metadata, ...template } = replicaSet.spec.template;
    const { 'pod-template-hash': _hash, ...labels } = metadata?.labels ?? {};
    const ofController = ([key]: [string, string]): boolean => key.startsWith('deployment.kubernetes.io/');
    const kept = Object.entries(deployment.metadata.annotations ?? {}).filter(ofController);
    const restored = Object.entries(replicaSet.metadata.annotations ?? {}).filter((entry) => !ofController(entry));
    const operations = [
      { op: 'replace', path: '/spec/template', value: { metadata: { ...metadata, labels }, ...template } },
      { op: 'replace', path: '/metadata/annotations', value: Object.fromEntries([...kept, ...restored]) },
    ];
    const path = `${PATHS.deployments}/namespaces/${this.namespace}/deployments/${workload}?fieldManager=kubectl-rollout`;
    return this.send('PATCH', path, operations, 'application/json-patch+json');
  }

  /** The pod template of a workload's Deployment. */
  podTemplate(workload: string): unknown {
    return this.of('deployments', workload)[0]?.spec.template;
  }

  private async send(method: 'POST' | 'PATCH' | 'DELETE', path: string, body: object, contentType: string): Promise<void> {
    const answer = await request(this.access.server + path, {
      method,
      dispatcher: this.agent,
      headers: { authorization: `Bearer ${this.access.token}`, 'content-type': contentType },
      body: JSON.stringify(body),
    });
    const said = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${this.name}: ${path} answered ${answer.statusCode}: ${said}`);
  }

  /** Names of all existing objects of a workload, by kind. */
  names(kind: Kind, workload: string): string[] {
    return this.of(kind, workload).map((object) => object.metadata.name);
  }

  /** Resolves when the condition holds; checked after every change. */
  async until(condition: () => boolean, what: string, milliseconds = 45_000): Promise<void> {
    const deadline = performance.now() + milliseconds;
    while (!condition()) {
      const left = deadline - performance.now();
      if (left <= 0) throw new Error(`${this.name}: not within ${milliseconds} ms: ${what}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  private podsOf(workload: string, replicaSetUid: string): number {
    const standing = this.of('pods', workload).filter(
      ({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.phase !== 'Failed',
    );
    return standing.filter((pod) => pod.metadata.ownerReferences?.some((owner) => owner.uid === replicaSetUid)).length;
  }

  private of(kind: Kind, workload: string): KubernetesObject[] {
    return [...this.objects[kind].values()].filter((object) => object.metadata.labels?.[WORKLOAD_LABEL] === workload);
  }

  private async get(kind: Kind, query: string): Promise<AsyncIterable<Buffer>> {
    const url = `${this.access.server}${PATHS[kind]}/namespaces/${this.namespace}/${kind}?${query}`;
    const { signal } = this.stopping;
    const answer = await request(url, { dispatcher: this.agent, signal, headers: { authorization: `Bearer ${this.access.token}` } });
    if (answer.statusCode !== 200) throw new Error(`${this.name}: ${kind} answered ${answer.statusCode}`);
    return answer.body as AsyncIterable<Buffer>;
  }

  private async list(kind: Kind): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of await this.get(kind, '')) chunks.push(chunk);
    const list = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { metadata: { resourceVersion: string }; items: KubernetesObject[] };
    this.objects[kind] = new Map(list.items.map((item) => [item.metadata.uid, item]));
    return list.metadata.resourceVersion;
  }

  /** A broken watch leaves a gap. A new list follows, and its state is checked too. */
  private async follow(kind: Kind, first: string): Promise<void> {
    let version = first;
    while (!this.stopping.signal.aborted) {
      try {
        let rest = '';
        for await (const chunk of await this.get(kind, `watch=true&resourceVersion=${version}`)) {
          const lines = (rest + chunk.toString('utf8')).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) this.take(kind, JSON.parse(line) as { type: string; object: KubernetesObject });
        }
      } catch {
        if (this.stopping.signal.aborted) return;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      version = await this.list(kind).catch(() => version);
      if (!this.stopping.signal.aborted) this.judgeAll(kind);
    }
  }

  private take(kind: Kind, { type, object }: { type: string; object: KubernetesObject }): void {
    if (type === 'BOOKMARK' || type === 'ERROR') return;
    if (type === 'DELETED') this.objects[kind].delete(object.metadata.uid);
    else this.objects[kind].set(object.metadata.uid, object);
    const workload = object.metadata.labels?.[WORKLOAD_LABEL];
    if (workload !== undefined) {
      if (kind === 'replicasets') this.noteRan(workload, object);
      this.judge(workload, kind);
    }
    this.wake();
  }

  private noteRan(workload: string, { metadata, spec }: KubernetesObject): void {
    const ran = this.ran.get(workload) ?? new Set();
    this.ran.set(workload, ran);
    if ((spec.replicas ?? 0) > 0) ran.add(metadata.uid);
  }

  private judgeAll(kind: Kind): void {
    for (const workload of this.expectations.keys()) this.judge(workload, kind);
    this.wake();
  }

  private wake(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const wake of waiting) wake();
  }

  private trace(workload: string, kind: Kind): void {
    const sets = this.of('replicasets', workload).map(
      (one) =>
        `${one.metadata.name.slice(-4)} ${one.spec.replicas}/${(one.status as { availableReplicas?: number } | undefined)?.availableReplicas ?? 0}`,
    );
    const gate = this.of('deployments', workload).map(({ spec }) =>
      JSON.stringify([(spec as { minReadySeconds?: number }).minReadySeconds, (spec as { strategy?: unknown }).strategy]),
    );
    console.log(Date.now() % 100000, this.name, kind, sets.join(' '), 'ready', this.readyPods(workload), gate.join());
  }

  private judge(workload: string, kind: Kind): void {
    const expected = this.expectations.get(workload);
    if (process.env['RECORDER_TRACE'] && kind !== 'pods') this.trace(workload, kind);
    if (!expected) return;
    this.judged.set(workload, (this.judged.get(workload) ?? 0) + 1);
    const { replicas, maxSurge, maxUnavailable } = expected;
    if (kind === 'pods') {
      const ready = this.readyPods(workload);
      if (ready < replicas - maxUnavailable)
        this.violations.push(`A: ${this.name}: ${ready} pods of ${workload} are Ready, at least ${replicas - maxUnavailable} must be`);
    }
    if (kind === 'replicasets') {
      const sum = this.of('replicasets', workload).reduce((total, one) => total + (one.spec.replicas ?? 0), 0);
      if (sum > replicas + maxSurge)
        this.violations.push(`S: ${this.name}: the ReplicaSets of ${workload} ask for ${sum} pods, at most ${replicas + maxSurge} may be`);
    }
  }
}

const isReady = ({ metadata, status }: KubernetesObject): boolean =>
  metadata.deletionTimestamp === undefined && status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true;

export async function startRecorder(name: string, access: Access, namespace = 'default'): Promise<Recorder> {
  const recorder = new Recorder(name, access, namespace);
  await recorder.start();
  return recorder;
}
