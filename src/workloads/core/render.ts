import { canonicalJson, digestOf } from '../../platform/canonical-json.ts';
import type { PodSecurityLevel } from '../../generated/prisma/enums.ts';
import type { Fault } from '../../platform/fault.ts';
import { maxUnavailableFor } from '../../templates/core/amounts.ts';
import type { Config, ResolvedDocument, TemplateDocument } from '../../templates/core/document.ts';
import { withExtras } from '../../templates/core/extras.ts';
import { objectOf } from '../../templates/core/json.ts';
import { MAX_DOCUMENT_BYTES } from '../../templates/core/limits.ts';
import { withoutNulls } from '../../templates/core/nulls.ts';
import { resolveValues, type Scalar } from '../../templates/core/parameters.ts';
import { substitute, substitutedLength } from '../../templates/core/placeholders.ts';
import { configExtras, sidecarExtras } from '../../templates/core/sidecars.ts';
import { batchesOf, STRATEGY_DEFAULTS } from '../../templates/core/strategy.ts';
import { checkDocument } from '../../templates/core/validate.ts';
import { atValues } from './blame.ts';
import { ANNOTATIONS, LABELS, MANAGED_BY, type KubernetesObject } from './objects.ts';
import { withRelease } from './restart.ts';
import type { Strategy, StrategyStep } from './strategy.ts';

/** The objects of a workload in one namespace, from a revision and values. */
export interface Rendering {
  /** In the order in which they are applied: ConfigMaps, Service, Deployment. */
  objects: KubernetesObject[];
  /** SHA-256 (hexadecimal) over the canonical JSON of all objects, without the release's number. */
  digest: string;
  /** SHA-256 (hexadecimal) over the canonical JSON of the pod template. Between renderings with the same digest no pod is replaced. */
  templateDigest: string;
  /** The template's number of pods (default 1). A placement's own number overrides it. Never part of the objects. */
  replicas: number;
  strategy: Strategy;
}

/** The input of a rendering. */
export interface RenderInput {
  /** Its name is also that of the Deployment and the Service: a DNS label that begins with a letter, at most 47 characters. */
  workload: { id: string; name: string };
  namespace: string;
  /** The number written on the Deployment; null for a preview, or if several releases share the bytes (then `withRelease` adds it). */
  release: number | null;
  document: TemplateDocument;
  /** The merged values of workload and placement, with or without defaults. */
  values: Readonly<Record<string, unknown>>;
  /** The tenant's level: what its pods may do. */
  podSecurity: PodSecurityLevel;
}

/** Number of old ReplicaSets that a Deployment keeps, so that going back finds the original one. */
const REVISION_HISTORY_LIMIT = 10;
const DIGEST_IN_NAME = 10;
/** Maximum length of a document with its values, in characters: enough for a few objects of the maximum size that a cluster stores. */
const MAX_RENDERED_LENGTH = 4 * 1024 * 1024;

const strategyOf = ({ strategy = {}, minReadySeconds }: ResolvedDocument): Strategy => ({
  type: strategy.type ?? STRATEGY_DEFAULTS.type,
  maxSurge: strategy.maxSurge ?? STRATEGY_DEFAULTS.maxSurge,
  maxUnavailable: strategy.maxUnavailable ?? maxUnavailableFor(strategy.maxSurge),
  steps: (strategy.steps ?? []) as StrategyStep[],
  ...batchesField(batchesOf(strategy)),
  minReadySeconds: minReadySeconds ?? STRATEGY_DEFAULTS.minReadySeconds,
  progressDeadlineSeconds: strategy.progressDeadlineSeconds ?? STRATEGY_DEFAULTS.progressDeadlineSeconds,
  failureGraceSeconds: strategy.failureGraceSeconds ?? STRATEGY_DEFAULTS.failureGraceSeconds,
});

const batchesField = (batches: number[] | undefined): Pick<Strategy, 'batches'> => (batches === undefined ? {} : { batches });

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
 * ConfigMaps are named by their content and never change. So pods of the old and the new revision each keep their own, and going back restores the
 * configuration. The digest includes both names: the config `b-c` of a workload `a` and the config `c` of a workload `a-b` are different objects.
 */
const configMapName = ({ workload }: Place, { name, files }: Config): string =>
  `${workload.name}-${name}-${digestOf({ workload: workload.name, name, files }).slice(0, DIGEST_IN_NAME)}`;

function selectorOf({ selector }: ResolvedDocument, { workload }: Place): Record<string, string> {
  return { ...(selector ?? { [LABELS.workload]: workload.name }), [LABELS.workloadId]: workload.id };
}

function podTemplateOf(document: ResolvedDocument, place: Place, podSecurity: PodSecurityLevel): Record<string, unknown> {
  const { pod } = document;
  const extras = [
    ...sidecarExtras(document.sidecars, pod, podSecurity),
    ...configExtras(document.config, (config) => configMapName(place, config)),
  ];
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

/** The objects with their fields in canonical order. A stored document does not keep the order of its fields, but equal renderings must have equal bytes. */
const canonical = (objects: KubernetesObject[]): KubernetesObject[] => JSON.parse(canonicalJson(objects)) as KubernetesObject[];

/** Faults for objects that are too large for an API server. */
const sizeFaults = (objects: KubernetesObject[]): Fault[] =>
  objects
    .filter((one) => Buffer.byteLength(canonicalJson(one)) > MAX_DOCUMENT_BYTES)
    .map((one) => ({ pointer: '/values', detail: `render a ${one.kind} larger than 1 MiB: ${one.metadata.name}` }));

/** The document with its placeholders replaced by values and checked, and the value of each parameter that has one; or the faults, at `/values/<name>`. */
export function resolveDocument(
  document: TemplateDocument,
  given: RenderInput['values'],
  podSecurity: PodSecurityLevel,
): { document: ResolvedDocument; values: Record<string, Scalar> } | { faults: Fault[] } {
  const resolved = resolveValues(document.parameters, given);
  if ('faults' in resolved) return resolved;
  const { values } = resolved;
  const { parameters, ...sections } = withoutNulls({ ...document });
  if (substitutedLength(sections, values) > MAX_RENDERED_LENGTH)
    return { faults: [{ pointer: '/values', detail: `render a document of more than ${MAX_RENDERED_LENGTH} characters` }] };
  const checked = checkDocument({ ...(substitute(sections, values) as object), ...(parameters ? { parameters } : {}) }, podSecurity);
  return 'faults' in checked ? { faults: atValues(document, checked.faults) } : { ...checked, values };
}

/**
 * Renders a revision with values. Pure and deterministic: the same input gives the same bytes and digest. The values replace the document's placeholders, and
 * the result is validated in full, as if it had been posted without placeholders.
 *
 * @returns the rendering; or the faults, at `/values/<name>` if its parameter does not accept a value, or the value makes its place invalid
 */
export function render({
  workload,
  namespace,
  release,
  document,
  values,
  podSecurity,
}: RenderInput): { rendering: Rendering } | { faults: Fault[] } {
  const checked = resolveDocument(document, values, podSecurity);
  if ('faults' in checked) return checked;
  const place = { workload, namespace };
  const template = podTemplateOf(checked.document, place, podSecurity);
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
