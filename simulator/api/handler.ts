/** Answers one request to one cluster. */
import type { Cluster } from '../cluster.ts';
import { isFields } from '../objects.ts';
import type { Fields, Pod } from '../objects.ts';
import { resources } from '../resources.ts';
import { badRequest, noSuchPath, notAllowed } from '../status.ts';
import type { StatusBody } from '../status.ts';
import type { Stored } from '../store/store.ts';
import { identify, requestToken } from './authentication.ts';
import type { User } from './authentication.ts';
import { authorize } from './authorization.ts';
import { removeObject } from './delete.ts';
import type { DeleteOptions } from './delete.ts';
import { discover } from './discovery.ts';
import { podLog } from './log.ts';
import { find, list, listJson } from './read.ts';
import { isTrue, parseTarget, readBody, readObject, writeOptions } from './request.ts';
import type { Request, Target } from './request.ts';
import { reviewAccess, reviewRules } from './reviews.ts';
import { scaleOf, writeScale } from './scale.ts';
import { tableJson } from './table.ts';
import type { Subresource } from './update.ts';
import { Watch } from './watch.ts';
import type { Render, Stream } from './watch.ts';
import { apply, isApply, patch, post, put } from './write.ts';
import type { Written } from './write.ts';

export interface Answer {
  code: number;
  body: string;
  contentType?: string;
  warnings?: string[];
}

const json = (value: unknown, code = 200): Answer => ({ code, body: JSON.stringify(value) });

/** Answers the request; undefined if the answer is a stream. Refusals are thrown. */
export function handle(cluster: Cluster, request: Request, stream: Stream): Answer | undefined {
  const { path, headers } = request;
  if (path === '/livez' || path === '/readyz' || path === '/healthz') return { code: 200, body: 'ok', contentType: 'text/plain' };
  const user = identify(cluster, headers['authorization']);
  const found = discover(path);
  if (found !== undefined) return json(found);
  if (path.startsWith('/apis/authorization.k8s.io/v1/')) return review(cluster, user, request);
  const target = parseTarget(path);
  if (!target) return { code: 404, body: '404 page not found\n', contentType: 'text/plain; charset=utf-8' };
  const { resource, subresource, namespace, name } = target;
  authorize(cluster, user, {
    verb: verbOf(request, target),
    group: resource.group,
    resource: resource.plural,
    subresource,
    namespace,
    name,
  });
  switch (request.method) {
    case 'GET':
      return read(cluster, request, target, stream);
    case 'POST':
    case 'PUT':
    case 'PATCH':
      return write(cluster, request, target);
    case 'DELETE':
      return remove(cluster, request, target);
    default:
      throw notAllowed();
  }
}

function review(cluster: Cluster, user: User, request: Request): Answer {
  const kind = request.path.endsWith('/selfsubjectaccessreviews')
    ? 'SelfSubjectAccessReview'
    : request.path.endsWith('/selfsubjectrulesreviews')
      ? 'SelfSubjectRulesReview'
      : undefined;
  if (!kind) throw noSuchPath();
  if (request.method !== 'POST') throw notAllowed();
  const body = readObject(request, 'authorization.k8s.io/v1', kind);
  return json(kind === 'SelfSubjectAccessReview' ? reviewAccess(cluster, user, body) : reviewRules(cluster, user, body), 201);
}

function verbOf({ method, query }: Request, { name }: Target): string {
  if (method === 'GET') return isTrue(query.get('watch')) ? 'watch' : name === undefined ? 'list' : 'get';
  if (method === 'DELETE') return name === undefined ? 'deletecollection' : 'delete';
  return { POST: 'create', PUT: 'update', PATCH: 'patch' }[method] ?? method.toLowerCase();
}

const wantsTable = ({ headers }: Request): boolean => String(headers['accept'] ?? '').includes('as=Table');

function read(cluster: Cluster, request: Request, target: Target, stream: Stream): Answer | undefined {
  const { resource, name, subresource } = target;
  const { query } = request;
  const now = cluster.clock.now();
  const include = query.get('includeObject');
  const table = (items: readonly Stored[], metadata: Fields): Answer => ({
    code: 200,
    body: tableJson(resource, items, metadata, now, include),
  });
  if (isTrue(query.get('watch'))) {
    const render: Render | undefined = wantsTable(request)
      ? (stored) => tableJson(resource, [stored], { resourceVersion: stored.object.metadata.resourceVersion }, now, include)
      : undefined;
    new Watch(cluster, target, query, stream, render).start();
    return undefined;
  }
  if (name === undefined) {
    const found = list(cluster, target, query);
    if (!wantsTable(request)) return { code: 200, body: listJson(resource, found) };
    return table(found.items, {
      resourceVersion: String(found.version),
      ...(found.next === undefined ? {} : { continue: found.next, remainingItemCount: found.remaining }),
    });
  }
  const stored = find(cluster, target);
  if (subresource === 'log' && resource === resources.pods)
    return { code: 200, body: podLog(cluster, stored.object as Pod, query), contentType: 'text/plain' };
  requireSubresource(target);
  if (subresource === 'scale') return json(scaleOf(stored.object));
  return wantsTable(request)
    ? table([stored], { resourceVersion: stored.object.metadata.resourceVersion })
    : { code: 200, body: stored.json() };
}

function requireSubresource({ resource, subresource }: Target): void {
  if (subresource !== undefined && !(resource.subresources as string[]).includes(subresource)) throw noSuchPath();
}

function write(cluster: Cluster, request: Request, target: Target): Answer {
  requireSubresource(target);
  const { resource, namespace, name, subresource } = target;
  const options = writeOptions(request);
  const answer = ({ stored, created }: Written): Answer => ({ code: created ? 201 : 200, body: stored.json(), warnings: options.warnings });
  if (request.method === 'POST' && subresource === 'eviction') return evict(cluster, target);
  if (request.method === 'POST' && subresource === 'token') return json(requestToken(cluster, target, readBody(request)), 201);
  if (request.method === 'POST') {
    if (name !== undefined || namespace === undefined) throw notAllowed();
    return answer(post(cluster, resource, namespace, request, options));
  }
  if (name === undefined || namespace === undefined) throw notAllowed();
  if (subresource === 'scale') return json(writeScale(cluster, resource, find(cluster, target), request, options));
  const part = subresource as Subresource;
  if (request.method === 'PATCH' && isApply(request)) return answer(apply(cluster, resource, { namespace, name }, request, options, part));
  const live = find(cluster, target);
  return answer(
    request.method === 'PUT'
      ? put(cluster, resource, live, request, options, part)
      : patch(cluster, resource, live, request, options, part),
  );
}

/** An eviction deletes the pod. Disruption budgets are stored, not enforced. */
function evict(cluster: Cluster, target: Target): Answer {
  removeObject(cluster, target.resource, find(cluster, target).object, {});
  return json({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 }, 201);
}

function deleteOptions(request: Request): DeleteOptions {
  const given = request.body.length > 0 ? readBody(request) : {};
  if (!isFields(given)) throw badRequest('the body of the request is not an object');
  const body = given as DeleteOptions & { dryRun?: string[] };
  const grace = request.query.get('gracePeriodSeconds');
  const policy = request.query.get('propagationPolicy') ?? body.propagationPolicy;
  if (policy !== undefined && !['Background', 'Foreground', 'Orphan'].includes(policy))
    throw badRequest(`invalid propagationPolicy: ${policy}`);
  return {
    ...body,
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === undefined ? {} : { propagationPolicy: policy as NonNullable<DeleteOptions['propagationPolicy']> }),
  };
}

function remove(cluster: Cluster, request: Request, target: Target): Answer {
  const options = deleteOptions(request);
  const { resource, name } = target;
  const body = options as { dryRun?: string[] };
  const dryRun = request.query.has('dryRun') || (body.dryRun ?? []).length > 0;
  if (name === undefined) {
    const found = list(cluster, target, request.query);
    for (const stored of found.items) removeObject(cluster, resource, stored.object, options, dryRun);
    return { code: 200, body: listJson(resource, found) };
  }
  const stored = find(cluster, target);
  const marked = removeObject(cluster, resource, stored.object, options, dryRun);
  if (marked) return { code: 200, body: marked.json() };
  const details = {
    name,
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
    uid: stored.object.metadata.uid,
  };
  const gone: Omit<StatusBody, 'code'> = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details };
  return json(gone);
}
