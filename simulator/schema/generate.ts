/**
 * Cuts the OpenAPI documents of a Kubernetes release down to the kinds that the simulator serves and writes `kubernetes.json`.
 *
 *   node simulator/schema/generate.ts DIR VERSION      DIR = `api/openapi-spec/v3` of the Kubernetes source, VERSION = e.g. 1.36.3
 *
 * It keeps what the wire protocol needs: names and types of fields, list and map kinds for server-side apply, merge keys for
 * strategic merge patches, and the document's few defaults. Descriptions are dropped.
 */
import '../../require-node.mjs';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StructType, Type, TypeTable } from './types.ts';

type Json = { [key: string]: unknown };

const documents = [
  'api__v1',
  'apis__apps__v1',
  'apis__autoscaling__v1',
  'apis__autoscaling__v2',
  'apis__policy__v1',
  'apis__discovery.k8s.io__v1',
  'apis__authorization.k8s.io__v1',
  'apis__networking.k8s.io__v1',
  'apis__rbac.authorization.k8s.io__v1',
];

const roots = [
  ...['ConfigMap', 'Endpoints', 'Event', 'Namespace', 'Node', 'Pod', 'ResourceQuota', 'Secret', 'Service', 'ServiceAccount'].map(
    (kind) => `core.v1.${kind}`,
  ),
  ...['Deployment', 'ReplicaSet'].map((kind) => `apps.v1.${kind}`),
  ...['SelfSubjectAccessReview', 'SelfSubjectRulesReview'].map((kind) => `authorization.v1.${kind}`),
  ...['Ingress', 'NetworkPolicy'].map((kind) => `networking.v1.${kind}`),
  ...['Role', 'RoleBinding'].map((kind) => `rbac.v1.${kind}`),
  'autoscaling.v1.Scale',
  'autoscaling.v2.HorizontalPodAutoscaler',
  'policy.v1.PodDisruptionBudget',
  'policy.v1.Eviction',
  'discovery.v1.EndpointSlice',
  'meta.v1.DeleteOptions',
];

const special: { [name: string]: Type } = {
  'resource.Quantity': 'quantity',
  'intstr.IntOrString': 'int-or-string',
  'meta.v1.Time': 'time',
  'meta.v1.MicroTime': 'time',
  'meta.v1.FieldsV1': 'any',
  'runtime.RawExtension': 'any',
};

/** `io.k8s.api.apps.v1.DeploymentSpec` -> `apps.v1.DeploymentSpec`; short enough to read, long enough to be unique. */
function shortName(reference: string): string {
  const parts = reference.replace('#/components/schemas/', '').split('.');
  const name = parts.slice(-3).join('.');
  return name.startsWith('api.') || name.startsWith('pkg.') || name.startsWith('util.') ? parts.slice(-2).join('.') : name;
}

function referenceOf(schema: Json): string | undefined {
  if (typeof schema['$ref'] === 'string') return schema['$ref'];
  const all = schema['allOf'] as Json[] | undefined;
  return all?.[0] ? referenceOf(all[0]) : undefined;
}

function load(directory: string): Map<string, Json> {
  const schemas = new Map<string, Json>();
  for (const document of documents) {
    const text = readFileSync(join(directory, `${document}_openapi.json`), 'utf8');
    const parsed = JSON.parse(text) as { components: { schemas: { [name: string]: Json } } };
    for (const [name, schema] of Object.entries(parsed.components.schemas)) schemas.set(shortName(name), schema);
  }
  return schemas;
}

function typeOf(schema: Json, schemas: Map<string, Json>, wanted: (name: string) => void): Type {
  const reference = referenceOf(schema);
  if (reference !== undefined) {
    const name = shortName(reference);
    const known = special[name];
    if (known !== undefined) return known;
    wanted(name);
    const atomic = schema['x-kubernetes-map-type'] === 'atomic' || schemas.get(name)?.['x-kubernetes-map-type'] === 'atomic';
    return atomic ? { ref: name, atomic: true } : { ref: name };
  }
  switch (schema['type']) {
    case 'array':
      return listType(schema, schemas, wanted);
    case 'object': {
      const values = schema['additionalProperties'] as Json | undefined;
      if (!values) return 'any';
      const map = { map: typeOf(values, schemas, wanted) };
      return schema['x-kubernetes-map-type'] === 'atomic' ? { ...map, atomic: true } : map;
    }
    case 'string':
    case 'integer':
    case 'number':
    case 'boolean':
      return schema['type'];
    default:
      return 'any';
  }
}

function listType(schema: Json, schemas: Map<string, Json>, wanted: (name: string) => void): Type {
  const list: Type = { list: typeOf(schema['items'] as Json, schemas, wanted) };
  if (schema['x-kubernetes-list-type'] === 'map') list.keys = schema['x-kubernetes-list-map-keys'] as string[];
  if (schema['x-kubernetes-list-type'] === 'set') list.set = true;
  const strategy = schema['x-kubernetes-patch-strategy'];
  if (typeof strategy === 'string' && strategy.split(',').includes('merge'))
    list.merge = (schema['x-kubernetes-patch-merge-key'] as string | undefined) ?? '';
  return list;
}

function structOf(schema: Json, schemas: Map<string, Json>, wanted: (name: string) => void): StructType {
  const struct: StructType = { fields: {} };
  for (const [name, property] of Object.entries((schema['properties'] ?? {}) as { [name: string]: Json })) {
    struct.fields[name] = typeOf(property, schemas, wanted);
    const value = property['default'];
    if (typeof value === 'string' && value !== '') (struct.defaults ??= {})[name] = value;
  }
  return struct;
}

function generate(directory: string, version: string): TypeTable {
  const schemas = load(directory);
  const table: TypeTable = {
    notice: `Derived from the OpenAPI documents of Kubernetes ${version}, Copyright The Kubernetes Authors, Apache License 2.0 (http://www.apache.org/licenses/LICENSE-2.0); cut down by generate.ts.`,
    version,
    types: {},
  };
  const queue = [...roots];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (table.types[name]) continue;
    const schema = schemas.get(name);
    if (!schema) throw new Error(`the documents in ${directory} do not have ${name}`);
    table.types[name] = structOf(schema, schemas, (found) => queue.push(found));
  }
  table.types = Object.fromEntries(Object.entries(table.types).sort(([left], [right]) => (left < right ? -1 : 1)));
  return table;
}

const [directory, version] = process.argv.slice(2);
if (!directory || !version) throw new Error('usage: npx node simulator/schema/generate.ts DIR VERSION');
const table = generate(directory, version);
const lines = Object.entries(table.types).map(([name, type]) => `    ${JSON.stringify(name)}: ${JSON.stringify(type)}`);
const text = `{\n  "notice": ${JSON.stringify(table.notice)},\n  "version": ${JSON.stringify(table.version)},\n  "types": {\n${lines.join(',\n')}\n  }\n}\n`;
writeFileSync(new URL('./kubernetes.json', import.meta.url), text);
console.log(`${lines.length} types, ${text.length} bytes`);
