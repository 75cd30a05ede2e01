/** Reading an object as the API server's typed decoder does: unknown fields fall out, wrong types are refused, zero values that are not written vanish. */
import { isFields } from '../objects.ts';
import type { Fields, KubernetesObject } from '../objects.ts';
import { badRequest } from '../status.ts';
import { structType, isList, isMap, isReference } from './schema.ts';
import type { Scalar, Type } from './types.ts';

/**
 * Numbers and booleans that are plain values with `omitempty` in the API's types: zero and absent are the same.
 * (The OpenAPI does not tell them from pointers, where zero is a statement.)
 */
const zeroIsAbsent = new Set([
  ...['paused', 'minReadySeconds', 'hostNetwork', 'hostPID', 'hostIPC', 'readOnly', 'stdin', 'stdinOnce', 'tty'],
  ...['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold', 'hostPort', 'nodePort'],
  ...['publishNotReadyAddresses', 'healthCheckNodePort', 'updatedReplicas', 'readyReplicas', 'availableReplicas', 'unavailableReplicas'],
  ...['fullyLabeledReplicas', 'observedGeneration'],
]);

/** Lists and maps that are written even when they are empty. */
const emptyIsWritten = new Set(['endpoints', 'rules', 'podSelector', 'matchLabels']);

export interface Decoded {
  object: KubernetesObject;
  /** `unknown field "spec.foo"`, one for each. */
  unknown: string[];
}

/** Decodes a body of a create, an update or a patched object. A wrong type is a 400. */
export function decode(body: Fields, type: string, kind: string): Decoded {
  const unknown: string[] = [];
  const fail = (path: string, found: unknown, wanted: string): never => {
    throw badRequest(
      `${kind} in version "${String(body['apiVersion'] ?? '')
        .split('/')
        .pop()}" cannot be handled as a ${kind}: json: cannot unmarshal ${jsonKind(found)} into Go struct field ${path} of type ${wanted}`,
    );
  };
  const object = decodeValue(body, { ref: type }, '', { unknown, fail }) as KubernetesObject;
  return { object, unknown };
}

interface Sink {
  unknown: string[];
  fail: (path: string, found: unknown, wanted: string) => never;
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (value !== null && typeof value === 'object') return 'object';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function decodeValue(value: unknown, type: Type, path: string, sink: Sink): unknown {
  if (typeof type === 'string') return decodeScalar(value, type, path, sink);
  if (isList(type)) {
    if (!Array.isArray(value)) return sink.fail(path, value, 'slice');
    return value.map((item: unknown, index) => decodeValue(item, type.list, `${path}[${index}]`, sink));
  }
  if (!isFields(value)) return sink.fail(path, value, isReference(type) ? (type.ref.split('.').pop() ?? type.ref) : 'map');
  const decoded: Fields = {};
  for (const [name, part] of Object.entries(value)) {
    if (part === null || part === undefined) continue;
    const inner = isMap(type) ? type.map : structType(type.ref).fields[name];
    const at = path === '' ? name : `${path}.${name}`;
    if (inner === undefined) {
      sink.unknown.push(`unknown field "${at}"`);
      continue;
    }
    const result = decodeValue(part, inner, at, sink);
    if (isMap(type) || !isAbsent(name, result, inner)) decoded[name] = result;
  }
  return decoded;
}

function isAbsent(name: string, value: unknown, type: Type): boolean {
  if (value === '') return true;
  if (value === 0 || value === false) return zeroIsAbsent.has(name);
  if (Array.isArray(value)) return value.length === 0 && !emptyIsWritten.has(name);
  return isMap(type) && isFields(value) && Object.keys(value).length === 0 && !emptyIsWritten.has(name);
}

function decodeScalar(value: unknown, type: Scalar, path: string, sink: Sink): unknown {
  switch (type) {
    case 'any':
      return value;
    case 'integer':
      return typeof value === 'number' && Number.isInteger(value) ? value : sink.fail(path, value, 'int32');
    case 'number':
      return typeof value === 'number' ? value : sink.fail(path, value, 'float64');
    case 'boolean':
      return typeof value === 'boolean' ? value : sink.fail(path, value, 'bool');
    case 'quantity':
      return typeof value === 'number' ? String(value) : typeof value === 'string' ? value : sink.fail(path, value, 'resource.Quantity');
    case 'int-or-string':
      return typeof value === 'number' || typeof value === 'string' ? value : sink.fail(path, value, 'intstr.IntOrString');
    default:
      return typeof value === 'string' ? value : sink.fail(path, value, 'string');
  }
}

/** The complaints of server-side apply about a configuration: fields that the schema lacks and values of another shape. */
export function applyComplaints(value: unknown, type: Type, path = ''): string[] {
  if (value === null || value === undefined || type === 'any') return [];
  if (typeof type === 'string') return scalarComplaint(value, type, path);
  if (isList(type)) {
    if (!Array.isArray(value)) return [`${path}: expected list, got &{${jsonKind(value)}}`];
    return value.flatMap((item: unknown, index) => applyComplaints(item, type.list, itemPath(path, type.keys, item, index)));
  }
  if (!isFields(value)) return [`${path}: expected map, got &{${jsonKind(value)}}`];
  return Object.entries(value).flatMap(([name, part]) => {
    const inner = isMap(type) ? type.map : structType(type.ref).fields[name];
    return inner === undefined ? [`${path}.${name}: field not declared in schema`] : applyComplaints(part, inner, `${path}.${name}`);
  });
}

function itemPath(path: string, keys: string[] | undefined, item: unknown, index: number): string {
  if (!keys || !isFields(item)) return `${path}[${index}]`;
  return `${path}[${keys.map((key) => `${key}=${JSON.stringify(item[key] ?? null)}`).join(',')}]`;
}

function scalarComplaint(value: unknown, type: Scalar, path: string): string[] {
  const found = typeof value;
  if (type === 'integer' || type === 'number') return found === 'number' ? [] : [`${path}: expected numeric (int or float), got ${found}`];
  if (type === 'boolean') return found === 'boolean' ? [] : [`${path}: expected boolean, got ${found}`];
  if (type === 'string' || type === 'time') return found === 'string' ? [] : [`${path}: expected string, got ${found}`];
  return found === 'number' || found === 'string' ? [] : [`${path}: expected string, got ${found}`];
}
