/**
 * Cuts the OpenAPI description of a Kubernetes API server down to what a template may hold (PodTemplateSpec, ServiceSpec and what they refer to), and writes it to src/templates/core/kubernetes-schema.json.
 *
 *   npx node tools/kubernetes-schema.ts FILE        the answer of GET /openapi/v3/api/v1, saved: kubectl get --raw /openapi/v3/api/v1
 *   npx node tools/kubernetes-schema.ts FILE VERSION   ... of a file that does not name its version
 *
 * What is dropped says nothing about which documents are valid: descriptions, defaults that are no part of a list's key, hints for patches.
 */
import '../require-node.mjs';
import { readFileSync, writeFileSync } from 'node:fs';

interface Schema {
  type?: string;
  format?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
  required?: string[];
  enum?: unknown[];
  oneOf?: Schema[];
  allOf?: Schema[];
  $ref?: string;
  default?: unknown;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
}

/**
 * Fields that are required in the description, and that an API server does without (1.36.3): Go always writes them, and takes zero values for what is missing.
 * Others that are missing are refused there, too.
 */
const OPTIONAL: Readonly<Record<string, readonly string[]>> = {
  ClusterTrustBundleProjection: ['path'],
  HTTPHeader: ['value'],
  ISCSIVolumeSource: ['lun'],
  PreferredSchedulingTerm: ['preference'],
  ScaleIOVolumeSource: ['secretRef'],
  SleepAction: ['seconds'],
  Sysctl: ['value'],
};

const ROOTS = ['PodTemplateSpec', 'ServiceSpec'];
const TARGET = new URL('../src/templates/core/kubernetes-schema.json', import.meta.url);

const shortName = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

function cutSchema(schema: Schema, keys: readonly string[] = []): Record<string, unknown> {
  const reference = schema.$ref ?? schema.allOf?.[0]?.$ref;
  if (reference) return { $ref: `#/definitions/${shortName(reference)}` };
  const cut: Record<string, unknown> = {};
  for (const field of ['type', 'format', 'required', 'enum', 'oneOf'] as const) if (schema[field] !== undefined) cut[field] = schema[field];
  if (schema.properties) {
    cut.properties = Object.fromEntries(
      Object.entries(schema.properties).map(([name, property]) => {
        const own = cutSchema(property);
        return [name, keys.includes(name) && property.default !== undefined ? { ...own, default: property.default } : own];
      }),
    );
  }
  if (schema.additionalProperties) cut.additionalProperties = cutSchema(schema.additionalProperties);
  if (schema.items) cut.items = cutSchema(schema.items);
  for (const field of ['x-kubernetes-list-type', 'x-kubernetes-list-map-keys'] as const)
    if (schema[field] !== undefined && schema[field] !== 'atomic') cut[field] = schema[field];
  return cut;
}

/** Fields of a definition that are keys of a list containing it; their defaults help to identify entries. */
function keysOf(schemas: Record<string, Schema>): Map<string, string[]> {
  const keys = new Map<string, string[]>();
  for (const { properties } of Object.values(schemas))
    for (const { items, 'x-kubernetes-list-map-keys': own } of Object.values(properties ?? {})) {
      const reference = items?.$ref ?? items?.allOf?.[0]?.$ref;
      if (own && reference) keys.set(shortName(reference), own);
    }
  return keys;
}

function cut(schemas: Record<string, Schema>): Record<string, unknown> {
  const byName = new Map<string, Schema>();
  for (const [name, schema] of Object.entries(schemas))
    if (/^io\.k8s\.(api\.core\.v1|apimachinery\.)/.test(name)) byName.set(shortName(name), schema);
  const keys = keysOf(schemas);
  const definitions: Record<string, unknown> = {};
  const rest = [...ROOTS];
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    if (definitions[name]) continue;
    const schema = byName.get(name);
    if (!schema) throw new Error(`the description has no ${name}`);
    const own = cutSchema(schema, keys.get(name));
    const required = (schema.required ?? []).filter((field) => !OPTIONAL[name]?.includes(field));
    if (required.length === 0) delete own.required;
    else own.required = required;
    definitions[name] = name === 'Quantity' ? { ...own, format: 'quantity' } : own;
    for (const [, reference] of JSON.stringify(own).matchAll(/#\/definitions\/(\w+)/g)) if (reference) rest.push(reference);
  }
  return Object.fromEntries(Object.entries(definitions).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const [file, given] = process.argv.slice(2);
if (!file) {
  console.error('usage: npx node tools/kubernetes-schema.ts FILE [VERSION], where FILE is what GET /openapi/v3/api/v1 answers');
  process.exit(2);
}
const description = JSON.parse(readFileSync(file, 'utf8')) as {
  info: { version: string };
  components: { schemas: Record<string, Schema> };
};
const version = given ?? description.info.version;
const definitions = cut(description.components.schemas);
writeFileSync(TARGET, `${JSON.stringify({ version, definitions }, null, 1)}\n`);
console.log(`${Object.keys(definitions).length} definitions of Kubernetes ${version} written to ${TARGET.pathname}`);
