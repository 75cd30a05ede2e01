/** GET of one object, and lists with selectors and pages. */
import type { Cluster } from '../cluster.ts';
import { groupVersion } from '../resources.ts';
import type { Resource } from '../resources.ts';
import { badRequest, expired, notFound, StatusError } from '../status.ts';
import { parseFieldSelector, parseLabelSelector } from '../store/selector.ts';
import type { Stored } from '../store/store.ts';
import type { Target } from './request.ts';

export function find(cluster: Cluster, { resource, namespace, name }: Target): Stored {
  const stored = cluster.store.get(resource, namespace ?? '', name ?? '');
  if (!stored) throw notFound(resource, name ?? '');
  return stored;
}

export type Match = (stored: Stored) => boolean;

export function matchOf(query: URLSearchParams, { resource, name }: Target): Match {
  const labels = parseLabelSelector(query.get('labelSelector'));
  const fields = parseFieldSelector(query.get('fieldSelector'), resource.plural);
  return ({ object }) =>
    (!labels || labels(object.metadata.labels)) && (!fields || fields(object)) && (name === undefined || object.metadata.name === name);
}

export interface List {
  items: Stored[];
  version: number;
  next: string | undefined;
  remaining: number | undefined;
}

interface Continue {
  version: number;
  after: string;
}

/** One page of a list. All pages show the state at the time of the first. */
export function list(cluster: Cluster, target: Target, query: URLSearchParams): List {
  const { resource, namespace } = target;
  const token = query.get('continue');
  const from = token ? readContinue(token) : undefined;
  refuseFuture(cluster, query);
  const version = from?.version ?? cluster.store.version;
  const all = from ? pageFrom(cluster, resource, namespace, from) : cluster.store.list(resource, namespace);
  const items = all.filter(matchOf(query, target));
  const limit = Number(query.get('limit') ?? 0);
  if (!(limit > 0) || items.length <= limit) return { items, version, next: undefined, remaining: undefined };
  const page = items.slice(0, limit);
  const last = page.at(-1)?.object.metadata;
  const next: Continue = { version, after: `${last?.namespace ?? ''}/${last?.name ?? ''}` };
  const selected = query.get('labelSelector') || query.get('fieldSelector');
  return {
    items: page,
    version,
    next: Buffer.from(JSON.stringify(next)).toString('base64url'),
    remaining: selected ? undefined : items.length - limit,
  };
}

function readContinue(token: string): Continue {
  try {
    const { version, after } = JSON.parse(Buffer.from(token, 'base64url').toString()) as Continue;
    if (typeof version === 'number' && typeof after === 'string') return { version, after };
  } catch {
    // Falls through to the refusal: any token that cannot be read is the client's error.
  }
  throw badRequest('invalid continue token: continue key is not valid: it cannot be decoded');
}

function pageFrom(cluster: Cluster, resource: Resource, namespace: string | undefined, { version, after }: Continue): Stored[] {
  try {
    return cluster.store
      .listAt(version, resource, namespace)
      .filter(({ object }) => `${object.metadata.namespace ?? ''}/${object.metadata.name}` > after);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
    );
  }
}

/** A list "not older than" a version that does not exist yet: the real server waits for a while and then refuses. */
function refuseFuture(cluster: Cluster, query: URLSearchParams): void {
  const wanted = Number(query.get('resourceVersion') ?? 0);
  if (wanted > cluster.store.version) {
    throw new StatusError(504, 'Timeout', `Timeout: Too large resource version: ${wanted}, current: ${cluster.store.version}`, {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    });
  }
}

export function listJson(resource: Resource, { items, version, next, remaining }: List): string {
  const metadata = {
    resourceVersion: String(version),
    ...(next === undefined ? {} : { continue: next }),
    ...(remaining === undefined ? {} : { remainingItemCount: remaining }),
  };
  const prefix = `{"apiVersion":${JSON.stringify(groupVersion(resource))},"kind":${JSON.stringify(resource.kind)},`;
  // Items of a list omit apiVersion and kind.
  const texts = items.map((stored) => {
    const json = stored.json();
    return json.startsWith(prefix) ? `{${json.slice(prefix.length)}` : json;
  });
  return `{"kind":"${resource.kind}List","apiVersion":"${groupVersion(resource)}","metadata":${JSON.stringify(metadata)},"items":[${texts.join(',')}]}`;
}
