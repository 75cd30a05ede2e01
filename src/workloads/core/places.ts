import type { PodSecurityLevel } from '../../generated/prisma/enums.ts';
import type { ResolvedDocument, TemplateDocument } from '../../templates/core/document.ts';
import type { Extra } from '../../templates/core/extras.ts';
import { at, listOf, objectOf } from '../../templates/core/json.ts';
import type { Scalar } from '../../templates/core/parameters.ts';
import { substitute } from '../../templates/core/placeholders.ts';
import { configExtras, sidecarExtras } from '../../templates/core/sidecars.ts';
import { pathIn, type Segment } from './field-path.ts';
import type { KubernetesObject } from './objects.ts';

/** What was rendered, and into what. */
export interface Rendered {
  document: TemplateDocument;
  values: Readonly<Record<string, Scalar>>;
  resolved: ResolvedDocument;
  podSecurity: PodSecurityLevel;
  objects: readonly KubernetesObject[];
}

/** The JSON Pointer of the place in the document from which a field of a rendered object comes; empty if it comes from no place of it. */
export function placeOf(rendered: Rendered, object: KubernetesObject, field: string): string {
  const path = pathIn(object, field);
  switch (object.kind) {
    case 'Deployment':
      return deploymentPlace(rendered, path);
    case 'Service':
      // An API server names the list of addresses, of which the document has the first.
      return path[1] === 'clusterIPs' ? '/service/clusterIP' : at('/service', ...path.slice(1));
    case 'ConfigMap': {
      const index = rendered.objects.filter(({ kind }) => kind === 'ConfigMap').indexOf(object);
      return at('/config', index, ...(path[0] === 'data' ? ['files', ...path.slice(1)] : []));
    }
    default:
      return '';
  }
}

const OF_DEPLOYMENT: Readonly<Record<string, string>> = {
  minReadySeconds: '/minReadySeconds',
  progressDeadlineSeconds: '/strategy/progressDeadlineSeconds',
  selector: '/selector',
};

function deploymentPlace(rendered: Rendered, [root, section, ...path]: readonly Segment[]): string {
  if (root !== 'spec') return '';
  if (section === 'strategy') return at('/strategy', ...path.slice(1));
  if (section !== 'template') return OF_DEPLOYMENT[String(section)] ?? '';
  const [part, ...rest] = path;
  // Errors of a template's labels and annotations leave out that these are in its metadata.
  if (part === 'labels' || part === 'annotations') return at('/pod/metadata', part, ...rest);
  if (part === 'spec') return added(rendered, rest) ?? sourceOf(rendered, ['pod', 'spec', ...rest]);
  return sourceOf(rendered, ['pod', ...path]);
}

/** The entry of `sidecars` or `config` that has added this part of the pod; null if it is the pod's own. */
function added({ resolved, podSecurity }: Rendered, [list, index, inner, position]: readonly Segment[]): string | null {
  const extras = [...sidecarExtras(resolved.sidecars, resolved.pod, podSecurity), ...configExtras(resolved.config, () => '')];
  const spec = objectOf(resolved.pod.spec);
  const own = listOf(spec[String(list)]);
  const behind = (isAdded: (extra: Extra) => boolean, count: number, place: Segment | undefined): string | null =>
    typeof place === 'number' && place >= count ? (extras.filter(isAdded)[place - count]?.pointer ?? '') : null;
  if (list === 'volumes') return behind(({ volume }) => volume !== undefined, own.length, index);
  if (list !== 'containers' && list !== 'initContainers') return null;
  const sidecar = list === 'initContainers' ? behind((extra) => extra.sidecar !== undefined, own.length, index) : null;
  if (sidecar !== null || inner !== 'volumeMounts' || typeof index !== 'number') return sidecar;
  const container = objectOf(own[index]);
  const isMounted = (extra: Extra): boolean => extra.mount !== undefined && extra.container === container.name;
  return behind(isMounted, listOf(container.volumeMounts).length, position);
}

/** The pointer with the document's own indices: entries that are only a parameter without a value are not rendered. */
function sourceOf({ document, values }: Rendered, path: readonly Segment[]): string {
  let source: unknown = document;
  return path.reduce<string>((pointer, segment) => {
    if (Array.isArray(source) && typeof segment === 'number') {
      const entries: [number, unknown][] = source.map((entry: unknown, index) => [index, entry]);
      const [index, entry] = entries.filter(([, one]) => substitute(one, values) !== undefined)[segment] ?? [segment, undefined];
      source = entry;
      return at(pointer, index);
    }
    source = objectOf(source)[segment];
    return at(pointer, segment);
  }, '');
}
