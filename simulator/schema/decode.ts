/** Decodes an object like the API server: unknown fields are dropped, wrong types are refused, and zero values with `omitempty` are removed. */
import { canonicalQuantity } from '../admission/quantity.ts';
import { isFields } from '../objects.ts';
import type { Fields, KubernetesObject } from '../objects.ts';
import { badRequest } from '../status.ts';
import { structType, isList, isMap, isReference } from './schema.ts';
import type { Scalar, Type } from './types.ts';

/**
 * Numbers and booleans that are plain values with `omitempty` in the API's types: zero and absent are the same.
 * (The OpenAPI does not distinguish them from pointers, for which zero is a value.)
 */
const zeroIsAbsent = new Set([
  ...['paused', 'minReadySeconds', 'hostNetwork', 'hostPID', 'hostIPC', 'readOnly', 'stdin', 'stdinOnce', 'tty'],
  ...['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold', 'hostPort', 'nodePort'],
  ...['publishNotReadyAddresses', 'healthCheckNodePort', 'updatedReplicas', 'readyReplicas', 'availableReplicas', 'unavailableReplicas'],
  ...['fullyLabeledReplicas', 'observedGeneration'],
]);

/** Lists and maps that are written even if empty. */
const emptyIsWritten = new Set(['endpoints', 'rules', 'podSelector', 'matchLabels']);

export interface Decoded {
  object: KubernetesObject;
  /** `unknown field "spec.foo"`, one for each. */
  unknown: string[];
}

/** Decodes a body of a create, an update or a patched object. A wrong type is a 400. */
export function decode(body: Fields, type: string, kind: string): Decoded {
  const unknown: string[] = [];
  const version = typeof body['apiVersion'] === 'string' ? body['apiVersion'].split('/').pop() : '';
  const fail = (path: string, found: unknown, wanted: string): never => {
    const why = `json: cannot unmarshal ${jsonKind(found)} into Go struct field ${path} of type ${wanted}`;
    throw badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`);
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

/** The name of a field in Go's decoder: its struct, and the path without indices. */
const goField = (path: string, struct: string): string => `${struct}.${path.replaceAll(/\[[0-9]+\]/g, '')}`;

function goType(type: Type): string {
  if (!isReference(type)) return 'map[string]string';
  return type.ref.split('.').slice(-2).join('.');
}

function decodeValue(value: unknown, type: Type, path: string, sink: Sink, struct = ''): unknown {
  if (typeof type === 'string') return decodeScalar(value, type, goField(path, struct), sink);
  if (isList(type)) {
    if (!Array.isArray(value)) return sink.fail(goField(path, struct), value, `[]${goType(type.list)}`);
    return value.map((item: unknown, index) => decodeValue(item, type.list, `${path}[${index}]`, sink, struct));
  }
  if (!isFields(value)) return sink.fail(goField(path, struct), value, goType(type));
  const within = isReference(type) ? (type.ref.split('.').pop() ?? '') : struct;
  const decoded: Fields = {};
  for (const [name, part] of Object.entries(value)) {
    if (part === null || part === undefined) continue;
    const inner = isMap(type) ? type.map : structType(type.ref).fields[name];
    const at = path === '' ? name : `${path}.${name}`;
    if (inner === undefined) {
      sink.unknown.push(`unknown field "${at}"`);
      continue;
    }
    const result = decodeValue(part, inner, at, sink, within);
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
      return typeof value === 'number' || typeof value === 'string'
        ? canonicalQuantity(String(value))
        : sink.fail(path, value, 'resource.Quantity');
    case 'int-or-string':
      return typeof value === 'number' || typeof value === 'string' ? value : sink.fail(path, value, 'intstr.IntOrString');
    default:
      return typeof value === 'string' ? value : sink.fail(path, value, 'string');
  }
}
