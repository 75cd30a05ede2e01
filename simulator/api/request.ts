/** A parsed request to one cluster. */
import { parse as parseYaml } from 'yaml';
import { isFields } from '../objects.ts';
import type { Fields } from '../objects.ts';
import { allResources, groupVersion, resourceAt } from '../resources.ts';
import type { Resource } from '../resources.ts';
import { badRequest, noSuchPath, StatusError, unsupportedMediaType } from '../status.ts';
import type { WriteOptions } from './create.ts';

export interface Target {
  resource: Resource;
  /** '' for cluster-scoped objects; undefined if a list spans all namespaces. */
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
}

/** Parses a path such as `/apis/apps/v1/namespaces/shop/deployments/web/scale`; undefined if it names no resource. */
export function parseTarget(path: string): Target | undefined {
  const parts = path.split('/').filter(Boolean).map(decodePart);
  const apiVersion = parts[0] === 'api' ? parts[1] : parts[0] === 'apis' ? `${parts[1]}/${parts[2]}` : undefined;
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
  if (apiVersion === undefined || rest.length === 0) return undefined;
  const namespaced = rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] ?? '');
  const [plural = '', name, subresource] = namespaced ? rest.slice(2) : rest;
  if (!allResources.some((one) => groupVersion(one) === apiVersion)) return undefined;
  const resource = resourceAt(apiVersion, plural);
  if (!resource) throw noSuchPath();
  if (namespaced !== resource.namespaced && (namespaced || name !== undefined)) throw noSuchPath();
  return { resource, namespace: namespaced ? rest[1] : resource.namespaced ? undefined : '', name, subresource };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest(`invalid URL escape in ${JSON.stringify(part)}`);
  }
}

export interface Request {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: { [name: string]: string | string[] | undefined };
  body: Buffer;
}

export function contentType({ headers }: Request): string {
  const value = headers['content-type'];
  return (typeof value === 'string' ? value : 'application/json').split(';')[0]?.trim() ?? '';
}

/** The body, parsed as JSON, or as YAML if the content type says so. */
export function readBody(request: Request): unknown {
  if (contentType(request).includes('protobuf') || contentType(request).includes('cbor')) throw unsupportedMediaType();
  const text = request.body.toString('utf8');
  const isYaml = contentType(request).includes('yaml');
  try {
    // JSON is valid YAML too, but its own parser is far faster.
    return JSON.parse(text) as unknown;
  } catch (error) {
    if (isYaml) return readYaml(text);
    throw badRequest(`the object provided is unrecognized (must be of type application/json): ${(error as Error).message}`);
  }
}

function readYaml(text: string): unknown {
  try {
    return parseYaml(text) as unknown;
  } catch (error) {
    throw badRequest(`error decoding YAML: ${(error as Error).message}`);
  }
}

/** The body, which must be an object with a kind. */
export function readObject(request: Request, apiVersion: string, kind: string): Fields {
  const body = readBody(request);
  if (!isFields(body)) throw badRequest('the body of the request is not an object');
  const foundVersion = typeof body['apiVersion'] === 'string' ? body['apiVersion'] : apiVersion;
  const foundKind = typeof body['kind'] === 'string' ? body['kind'] : kind;
  if (foundVersion !== apiVersion || foundKind !== kind) {
    const [version, wanted] = [foundVersion, apiVersion].map((one) => one.split('/').pop());
    if (request.method === 'PATCH') throw badRequest(`invalid object type: /${version}, Kind=${foundKind}`);
    const why = `converting (${version}.${foundKind}) to (${wanted}.${kind}): unknown conversion`;
    throw badRequest(`${foundKind} in version "${version}" cannot be handled as a ${kind}: ${why}`);
  }
  return { apiVersion, kind, ...body, metadata: isFields(body['metadata']) ? body['metadata'] : {} };
}

export function writeOptions({ query, headers }: Request): WriteOptions {
  const agent = String(headers['user-agent'] ?? 'unknown');
  const validation = query.get('fieldValidation') ?? 'Warn';
  const dryRun = query.getAll('dryRun');
  if (dryRun.some((value) => value !== 'All'))
    throw new StatusError(
      422,
      'Invalid',
      `CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["${dryRun.join(',')}"]: supported values: "All"`,
    );
  return {
    manager: query.get('fieldManager') ?? agent.split('/')[0] ?? 'unknown',
    dryRun: dryRun.length > 0,
    validation: validation === 'Strict' || validation === 'Ignore' ? validation : 'Warn',
    warnings: [],
  };
}

export const isTrue = (value: string | null): boolean => value === 'true' || value === '1';
