import { isRecord } from '../../platform/json.ts';
import { own } from './json.ts';
import { schemaOf, type KubernetesSchema } from './kubernetes.ts';

const TEXTS: KubernetesSchema = { type: 'object', additionalProperties: { type: 'string' } };

/** The sections in which nulls have a meaning: those in Kubernetes' own shapes, and our maps of texts. */
const SECTIONS: Readonly<Record<string, KubernetesSchema>> = {
  pod: { $ref: '#/definitions/PodTemplateSpec' },
  service: { $ref: '#/definitions/ServiceSpec' },
  selector: TEXTS,
  config: { type: 'array', items: { type: 'object', properties: { files: TEXTS } } },
};

/** What an API server reads for null in a list or a map of such values: Go's zero value. */
function zeroOf(reference: KubernetesSchema): unknown {
  const { type, format } = schemaOf(reference);
  if (format === 'quantity') return '0';
  return type === 'string' ? '' : type === 'integer' ? 0 : type === 'object' ? {} : null;
}

function settled(reference: KubernetesSchema, value: unknown): unknown {
  const { properties = {}, additionalProperties, items = {} } = schemaOf(reference);
  if (Array.isArray(value)) return value.map((item: unknown) => (item === null ? zeroOf(items) : settled(items, item)));
  if (!isRecord(value)) return value;
  const fields = Object.entries(value).map(([key, field]): [string, unknown] => {
    const property = own(properties, key);
    if (field !== null) return [key, settled(property ?? additionalProperties ?? {}, field)];
    return [key, property ? undefined : additionalProperties ? zeroOf(additionalProperties) : null];
  });
  return Object.fromEntries(fields.filter(([, field]) => field !== undefined));
}

/**
 * A copy of a document with its nulls as an API server reads them. A field that is null counts as absent (exported manifests often have
 * `creationTimestamp: null`), and in a map or list of strings, such as labels or the files of a ConfigMap, null is the empty string. Others stay, to be refused.
 */
export const withoutNulls = (document: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(document)
      .filter(([, value]) => value !== null)
      .map(([section, value]) => [section, settled(own(SECTIONS, section) ?? {}, value)]),
  );
