import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';

/** What is needed to speak to one cluster. `caData` is base64 of PEM, as in a kubeconfig. */
export interface Access {
  readonly server: string;
  readonly caData: string;
  readonly token: string;
}

/** Any Kubernetes object, as loosely as a test needs it. */
export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly deletionTimestamp?: string;
    readonly creationTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [field: string]: unknown;
  };

  readonly [field: string]: any;
}

export interface KubernetesList {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: readonly KubernetesObject[];
}

/** `ADDED`, `MODIFIED` and `DELETED` carry the object. A listed object counts as `ADDED`. */
export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubernetesObject;
}

/** The server answered with an error status. `reason` is the Status object's, such as `NotFound`. */
export class RequestFailed extends Error {
  override readonly name = 'RequestFailed';
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }
}

export interface RequestOptions {
  /** For a PATCH; a merge patch unless said. */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** A small client of one cluster that shares no code with the product, so that what a test sees through it is independent evidence. */
export class Client {
  readonly access: Access;
  private readonly agent: Agent;

  constructor(access: Access) {
    this.access = access;
    this.agent = new Agent({ connect: { ca: Buffer.from(access.caData, 'base64').toString('utf8') }, bodyTimeout: 0 });
  }

  /** Sends one request and returns the parsed answer, or its text where it is not JSON (logs). Rejects with RequestFailed from status 400 on. */
  async request<T = KubernetesObject>(method: string, path: string, body?: unknown, options: RequestOptions = {}): Promise<T> {
    const contentType = options.contentType ?? (method === 'PATCH' ? 'application/merge-patch+json' : 'application/json');
    const answer = await request(this.access.server + path, {
      method: method as 'GET',
      dispatcher: this.agent,
      headers: {
        authorization: `Bearer ${this.access.token}`,
        accept: 'application/json, */*',
        ...(body === undefined ? {} : { 'content-type': contentType }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      ...(options.signal ? { signal: options.signal } : {}),
    });
    const text = await answer.body.text();
    const isJson = String(answer.headers['content-type']).startsWith('application/json');
    const parsed: unknown = isJson ? JSON.parse(text) : text;
    if (answer.statusCode < 400) return parsed as T;
    const status = (isJson ? parsed : {}) as { reason?: string; message?: string };
    throw new RequestFailed(
      answer.statusCode,
      status.reason ?? '',
      `${method} ${path}: ${answer.statusCode} ${status.message ?? text.trim()}`,
    );
  }

  /** Server-side apply of `object` at `path`, as field manager `manager`. */
  apply(path: string, object: unknown, manager = 'test'): Promise<KubernetesObject> {
    return this.request('PATCH', `${path}?fieldManager=${manager}&force=true`, object, { contentType: 'application/apply-patch+yaml' });
  }

  /** Lists `path`, then watches it from there, until `signal`. A stream that the server ends is taken up again; one that it cannot continue is an error. */
  async *watch(path: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const list = await this.request<KubernetesList>('GET', path, undefined, { signal });
    for (const object of list.items) yield { type: 'ADDED', object };
    let version = list.metadata.resourceVersion;
    while (!signal.aborted) {
      for await (const event of this.stream(path, version, signal)) {
        version = event.object.metadata.resourceVersion ?? version;
        if ((event.type as string) !== 'BOOKMARK') yield event;
      }
    }
  }

  /** Watches `path` until `holds` is true of all its objects together, and returns them. Rejects after `timeoutMilliseconds`, saying what there was last. */
  async until(
    path: string,
    holds: (objects: readonly KubernetesObject[]) => boolean,
    timeoutMilliseconds = 20_000,
  ): Promise<readonly KubernetesObject[]> {
    const stop = new AbortController();
    const objects = new Map<string, KubernetesObject>();
    let list = await this.request<KubernetesList>('GET', path);
    const timedOut = delay(timeoutMilliseconds, 'timeout' as const, { signal: stop.signal }).catch(() => 'timeout' as const);
    for (const object of list.items) objects.set(key(object), object);
    try {
      while (!holds([...objects.values()])) {
        const events = this.stream(path, list.metadata.resourceVersion, stop.signal);
        for (;;) {
          const next = await Promise.race([events.next(), timedOut]);
          if (next === 'timeout') throw new Error(`${path}: still not so after ${timeoutMilliseconds} ms: ${describe(objects)}`);
          if (next.done) break;
          const { type, object } = next.value;
          if (type === 'DELETED') objects.delete(key(object));
          else if ((type as string) !== 'BOOKMARK') objects.set(key(object), object);
          if (holds([...objects.values()])) return [...objects.values()];
        }
        list = await this.request<KubernetesList>('GET', path);
        objects.clear();
        for (const object of list.items) objects.set(key(object), object);
      }
      return [...objects.values()];
    } finally {
      stop.abort();
    }
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }

  private async *stream(path: string, version: string, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const query = `watch=1&allowWatchBookmarks=true&timeoutSeconds=280&resourceVersion=${version}`;
    const url = `${this.access.server}${path}${path.includes('?') ? '&' : '?'}${query}`;
    const headers = { authorization: `Bearer ${this.access.token}`, accept: 'application/json' };
    try {
      const answer = await request(url, { dispatcher: this.agent, headers, signal });
      if (answer.statusCode !== 200)
        throw new RequestFailed(answer.statusCode, '', `watch of ${path}: ${answer.statusCode} ${await answer.body.text()}`);
      let rest = '';
      for await (const chunk of answer.body.setEncoding('utf8')) {
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) {
          const event = JSON.parse(line) as WatchEvent | { type: 'ERROR'; object: { code: number; message: string } };
          if (event.type === 'ERROR') throw new RequestFailed(event.object.code, 'Expired', `watch of ${path}: ${event.object.message}`);
          yield event;
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

function key(object: KubernetesObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name}`;
}

function describe(objects: ReadonlyMap<string, KubernetesObject>): string {
  return [...objects.values()].map((object) => `${key(object)} ${JSON.stringify(object['status'] ?? {})}`).join('\n');
}
