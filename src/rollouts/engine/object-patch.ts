/**
 * The write to an object around the Deployment that exists: a JSON Patch that replaces all of its content. An apply would merge with what other managers have
 * added, and keep values that the server once defaulted.
 */
import type { KubernetesObject as LiveObject, PatchOperation } from '../../clusters/kubernetes/types.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import { mapped, set } from './deployment-patch.ts';
import { ownedByUs } from './ownership.ts';

/** What an object says besides who it is and how it is doing: `spec` of a Service, `data` of a ConfigMap. */
export function contentOf(object: LiveObject): Record<string, unknown> {
  const { apiVersion: _version, kind: _kind, metadata: _metadata, status: _status, ...content } = object;
  return content;
}

/** Everything of the wanted object. Labels and annotations of others stay. */
export function bringingObject(live: LiveObject, wanted: KubernetesObject): PatchOperation[] {
  const owned = ownedByUs(live.metadata.managedFields ?? []);
  const { labels, annotations } = live.metadata;
  const content = contentOf(wanted);
  const gone = Object.keys(contentOf(live)).filter((name) => !(name in content));
  const notes = mapped(annotations, wanted.metadata.annotations ?? {}, owned.annotations);
  return [
    ...gone.map((name): PatchOperation => ({ op: 'remove', path: `/${name}` })),
    ...Object.entries(content).map(([name, value]) => set(`/${name}`, value)),
    set('/metadata/labels', mapped(labels, wanted.metadata.labels, owned.labels)),
    ...(annotations === undefined && Object.keys(notes).length === 0 ? [] : [set('/metadata/annotations', notes)]),
  ];
}
