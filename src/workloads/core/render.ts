import type { Fault } from '../../common/fault.ts';
import { canonicalJson, digestOf } from '../../templates/core/digest.ts';
import type { Config, ResolvedDocument, TemplateDocument } from '../../templates/core/document.ts';
import { withExtras } from '../../templates/core/extras.ts';
import { objectOf } from '../../templates/core/json.ts';
import { MAX_DOCUMENT_BYTES } from '../../templates/core/limits.ts';
import { resolveValues } from '../../templates/core/parameters.ts';
import { substitute, substitutedLength } from '../../templates/core/placeholders.ts';
import { configExtras, sidecarExtras } from '../../templates/core/sidecars.ts';
import { STRATEGY_DEFAULTS } from '../../templates/core/strategy.ts';
import { checkDocument } from '../../templates/core/validate.ts';
import { atValues } from './blame.ts';
import { ANNOTATIONS, LABELS, MANAGED_BY, type KubernetesObject } from './objects.ts';
import { withRelease } from './restart.ts';
import type { Strategy, StrategyStep } from './strategy.ts';

/** What a revision and values make of a workload in one namespace. */
export interface Rendering {
  /** In the order in which they are applied: ConfigMaps, Service, Deployment. */
  objects: KubernetesObject[];
  /** SHA-256 (hexadecimal) over the canonical JSON of all objects, without the release's number. */
  digest: string;
  /** SHA-256 (hexadecimal) over the canonical JSON of the pod template: two renderings with the same one need no pod replaced. */
  templateDigest: string;
  /** The number of pods that the template asks for (1 where it does not say); a placement's own number goes before it. Never part of the objects. */
  replicas: number;
  strategy: Strategy;
}

/** What is rendered, and where. */
export interface RenderInput {
  /** Its name becomes that of the Deployment and the Service: a DNS label that begins with a letter, at most 47 characters. */
  workload: { id: string; name: string };
  namespace: string;
  /** The number written on the Deployment; null for a preview, or where the same bytes are to serve several releases (`withRelease` adds it then). */
  release: number | null;
  document: TemplateDocument;
  /** The workload's and placement's values, merged; defaults need not be filled in. */
  values: Readonly<Record<string, unknown>>;
}

/** How many old ReplicaSets a Deployment keeps, so that going back finds the original one. */
const REVISION_HISTORY_LIMIT = 10;
const DIGEST_IN_NAME = 10;
/** How long a document may become by its values, in characters: room for a few objects of the size that a cluster stores. */
const MAX_RENDERED_LENGTH = 4 * 1024 * 1024;

const strategyOf = ({ strategy = {}, minReadySeconds }: ResolvedDocument): Strategy => ({
  type: strategy.type ?? STRATEGY_DEFAULTS.type,
  maxSurge: strategy.maxSurge ?? STRATEGY_DEFAULTS.maxSurge,
  maxUnavailable: strategy.maxUnavailable ?? STRATEGY_DEFAULTS.maxUnavailable,
  steps: (strategy.steps ?? []) as StrategyStep[],
  minReadySeconds: minReadySeconds ?? STRATEGY_DEFAULTS.minReadySeconds,
  progressDeadlineSeconds: strategy.progressDeadlineSeconds ?? STRATEGY_DEFAULTS.progressDeadlineSeconds,
});

type Place = Pick<RenderInput, 'workload' | 'namespace'>;

const object = (
  { workload, namespace }: Place,
  apiVersion: string,
  kind: string,
  name: string,
  content: Record<string, unknown>,
): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: {
    name,
    namespace,
    labels: { [LABELS.managedBy]: MANAGED_BY, [LABELS.workload]: workload.name, [LABELS.workloadId]: workload.id },
  },
  ...content,
});

/**
 * ConfigMaps are named by their content and never change, so that pods of the old and the new revision each keep their own, and going back brings the configuration back. The digest covers both names too:
 * the config `b-c` of a workload `a` and the config `c` of a workload `a-b` are not the same object.
 */
const configMapName = ({ workload }: Place, { name, files }: Config): string =>
  `${workload.name}-${name}-${digestOf({ workload: workload.name, name, files }).slice(0, DIGEST_IN_NAME)}`;

function selectorOf({ selector }: ResolvedDocument, { workload }: Place): Record<string, string> {
  return { ...(selector ?? { [LABELS.workload]: workload.name }), [LABELS.workloadId]: workload.id };
}

function podTemplateOf(document: ResolvedDocument, place: Place): Record<string, unknown> {
  const { pod } = document;
  const extras = [...sidecarExtras(document.sidecars, pod), ...configExtras(document.config, (config) => configMapName(place, config))];
  const complete = withExtras(pod, extras);
  const metadata = objectOf(complete.metadata);
  const labels = {
    ...objectOf(metadata.labels),
    ...selectorOf(document, place),
    [LABELS.workload]: place.workload.name,
    [LABELS.workloadId]: place.workload.id,
  };
  return { ...complete, metadata: { ...metadata, labels } };
}

function deployment(document: ResolvedDocument, place: Place, template: Record<string, unknown>): KubernetesObject {
  const { maxSurge, maxUnavailable, minReadySeconds, progressDeadlineSeconds } = strategyOf(document);
  const made = object(place, 'apps/v1', 'Deployment', place.workload.name, {
    spec: {
      minReadySeconds,
      progressDeadlineSeconds,
      revisionHistoryLimit: REVISION_HISTORY_LIMIT,
      selector: { matchLabels: selectorOf(document, place) },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
      template,
    },
  });
  return { ...made, metadata: { ...made.metadata, annotations: { [ANNOTATIONS.template]: digestOf(template) } } };
}

function objectsOf(document: ResolvedDocument, place: Place, template: Record<string, unknown>): KubernetesObject[] {
  const configMaps = (document.config ?? []).map((config) =>
    object(place, 'v1', 'ConfigMap', configMapName(place, config), { data: config.files, immutable: true }),
  );
  const service =
    document.service &&
    object(place, 'v1', 'Service', place.workload.name, { spec: { ...document.service, selector: selectorOf(document, place) } });
  return canonical([...configMaps, ...(service ? [service] : []), deployment(document, place, template)]);
}

/** The same objects with their fields in canonical order: a document keeps its meaning but not the order of its fields when it is stored, and equal renderings must be equal bytes. */
const canonical = (objects: KubernetesObject[]): KubernetesObject[] => JSON.parse(canonicalJson(objects)) as KubernetesObject[];

/** Objects that no API server would store. */
const sizeFaults = (objects: KubernetesObject[]): Fault[] =>
  objects
    .filter((one) => Buffer.byteLength(canonicalJson(one)) > MAX_DOCUMENT_BYTES)
    .map((one) => ({ pointer: '/values', detail: `make the ${one.kind} ${one.metadata.name} larger than 1 MiB` }));

/**
 * Renders a revision with values: pure and deterministic, same input, same bytes, same digest. The values are put into the document's declared places, and the result is then judged in full, as if it had
 * been posted without placeholders.
 *
 * @returns the rendering; or the faults, at `/values/<name>` where a value is not one that its parameter takes, or makes the place where it is put invalid
 */
export function render({ workload, namespace, release, document, values }: RenderInput): { rendering: Rendering } | { faults: Fault[] } {
  const resolved = resolveValues(document.parameters, values);
  if ('faults' in resolved) return resolved;
  const { parameters, ...sections } = document;
  if (substitutedLength(sections, resolved.values) > MAX_RENDERED_LENGTH)
    return { faults: [{ pointer: '/values', detail: `make a document of more than ${MAX_RENDERED_LENGTH} characters` }] };
  const checked = checkDocument({ ...(substitute(sections, resolved.values) as object), parameters });
  if ('faults' in checked) return { faults: atValues(document, checked.faults) };
  const place = { workload, namespace };
  const template = podTemplateOf(checked.document, place);
  const objects = objectsOf(checked.document, place, template);
  const tooLarge = sizeFaults(objects);
  if (tooLarge.length) return { faults: tooLarge };
  return {
    rendering: {
      objects: withRelease(objects, release),
      digest: digestOf(objects),
      templateDigest: digestOf(template),
      replicas: checked.document.replicas ?? 1,
      strategy: strategyOf(checked.document),
    },
  };
}
