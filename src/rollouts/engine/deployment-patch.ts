/**
 * Writes to a Deployment that exists, as JSON Patches. Its pod template is never applied: an apply merges with what other managers own in it, and keeps values
 * that the server once defaulted, so that the result is neither the rendering nor the ReplicaSet that ran before. A patch replaces it as a whole.
 */
import type { KubernetesObject as LiveObject, PatchOperation } from '../../clusters/kubernetes/types.ts';
import { isRecord } from '../../platform/json.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import { claimed, merged, ownedByUs } from './ownership.ts';

/** Label that the Deployment controller adds to the template of each ReplicaSet. */
const HASH_LABEL = 'pod-template-hash';

/** Fields of `spec` that no write to a Deployment takes from the wanted one as they are: set on their own, immutable, or others' to set. */
const APART: ReadonlySet<string> = new Set(['template', 'selector', 'replicas', 'paused']);

/**
 * Everything of the wanted Deployment but its number of pods. What we own and the wanted one lacks is removed, so that the Deployment is the one that creating
 * it anew would give. Labels and annotations of others stay.
 *
 * @param template null = the live one stays
 */
export function bringing(live: LiveObject, wanted: KubernetesObject, template: unknown): PatchOperation[] {
  const entries = live.metadata.managedFields ?? [];
  const owned = ownedByUs(entries);
  const spec = specOf(wanted);
  const gone = owned.spec.filter((name) => !APART.has(name) && !(name in spec) && name in specOf(live));
  const { labels, annotations = {} } = wanted.metadata;
  const claim = claimed(entries, { labels: Object.keys(labels), annotations: Object.keys(annotations) });
  return [
    ...(template === null ? [] : [set('/spec/template', template)]),
    ...gone.map((name): PatchOperation => ({ op: 'remove', path: `/spec/${name}` })),
    ...gating(wanted),
    set('/metadata/labels', mapped(live.metadata.labels, labels, owned.labels)),
    set('/metadata/annotations', mapped(live.metadata.annotations, annotations, owned.annotations)),
    ...(claim === null ? [] : [set('/metadata/managedFields', claim)]),
  ];
}

/** The gate alone: the template, whatever it is by now, is no part of it. */
export function gating(wanted: KubernetesObject): PatchOperation[] {
  const spec = specOf(wanted);
  const fields = Object.keys(spec).filter((name) => !APART.has(name));
  return [...fields.map((name) => set(`/spec/${name}`, spec[name])), ...('paused' in spec ? [set('/spec/paused', spec['paused'])] : [])];
}

/** Makes what our patches own our Apply entry's, as if it had been applied; null where it is already. */
export function mergingOwnership(live: LiveObject): PatchOperation[] | null {
  const entries = merged(live.metadata.managedFields ?? []);
  return entries && [set('/metadata/managedFields', entries)];
}

/** A ReplicaSet's pod template as its Deployment had it. */
export function templateOf(replicaSet: LiveObject): unknown {
  const template = specOf(replicaSet)['template'];
  if (!isRecord(template) || !isRecord(template['metadata']) || !isRecord(template['metadata']['labels'])) return template;
  const { [HASH_LABEL]: _hash, ...labels } = template['metadata']['labels'];
  return { ...template, metadata: { ...template['metadata'], labels } };
}

/** As `add`, which replaces what is there. */
export const set = (path: string, value: unknown): PatchOperation => ({ op: 'add', path, value });

const specOf = (object: LiveObject): Record<string, unknown> => (isRecord(object['spec']) ? object['spec'] : {});

/** Labels or annotations: the wanted ones, and of the live ones those that are not ours. */
export function mapped(
  live: Readonly<Record<string, string>> = {},
  wanted: Readonly<Record<string, string>>,
  owned: readonly string[],
): Record<string, string> {
  const kept = Object.entries(live).filter(([key]) => key in wanted || !owned.includes(key));
  return { ...Object.fromEntries(kept), ...wanted };
}
