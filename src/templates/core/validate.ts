import type { PodSecurityLevel } from '../../generated/prisma/enums.ts';
import type { Fault } from '../../platform/fault.ts';
import { isRecord } from '../../platform/json.ts';
import { documentSchema, type ResolvedDocument, type TemplateDocument } from './document.ts';
import { extraFaults } from './extras.ts';
import { at, objectOf, own } from './json.ts';
import { schemaFaults } from './kubernetes.ts';
import { limitFaults, MAX_FAULTS } from './limits.ts';
import { OUR_PREFIX } from './names.ts';
import { withoutNulls } from './nulls.ts';
import { declarationFaults, parameterSchema, type Parameter, type Parameters } from './parameters.ts';
import { withHoles } from './placeholders.ts';
import { podFaults } from './pod.ts';
import { podSecurityFaults } from './pod-security.ts';
import { serviceFaults } from './service.ts';
import { configExtras, sidecarExtras, sidecarFaults } from './sidecars.ts';
import { strategyFaults } from './strategy.ts';
import { faultsOf } from './zod-faults.ts';

/** The first fault at each place, up to the limit. */
const distinct = (faults: Fault[]): Fault[] => {
  const byPointer = new Map<string | undefined, Fault>();
  for (const fault of faults) if (!byPointer.has(fault.pointer)) byPointer.set(fault.pointer, fault);
  return [...byPointer.values()].slice(0, MAX_FAULTS);
};

/** The label by which the Deployment controller distinguishes the pods of its ReplicaSets. */
const POD_TEMPLATE_HASH = 'pod-template-hash';

/** Checks the selector against the pod's labels. Missing labels are added at the rendering. */
function selectorFaults(selector: Record<string, unknown> | undefined, pod: unknown): Fault[] {
  const labels = objectOf(objectOf(objectOf(pod).metadata).labels);
  return Object.entries(selector ?? {}).flatMap(([key, value]) => {
    const pointer = at('/selector', key);
    if (key.startsWith(OUR_PREFIX)) return [{ pointer, detail: `is reserved: labels under ${OUR_PREFIX} are written by Slipway` }];
    if (key === POD_TEMPLATE_HASH)
      return [{ pointer, detail: 'is reserved: the Deployment controller writes its own value, so no pod would match' }];
    const label = own(labels, key);
    if (label === undefined || label === value) return [];
    return [
      {
        pointer,
        detail: `must equal the label of the pod, ${at('/pod/metadata/labels', key)}${typeof label === 'string' ? `, which is "${label}"` : ''}`,
      },
    ];
  });
}

function configFaults(document: ResolvedDocument): Fault[] {
  const seen = new Map<string, number>();
  return (document.config ?? []).flatMap(({ name }, index) => {
    const first = seen.get(name);
    if (first === undefined) seen.set(name, index);
    return first === undefined
      ? []
      : [{ pointer: at('/config', index, 'name'), detail: `is taken: /config/${first} has the same name "${name}"` }];
  });
}

/** Faults of a document's meaning. Its own parts match the schema; `pod` and `service` may still be malformed. */
function meaningFaults(document: ResolvedDocument): Fault[] {
  const { pod, sidecars, config } = document;
  const configs = configFaults(document);
  const extras = [...sidecarExtras(sidecars, pod, 'BASELINE'), ...(configs.length ? [] : configExtras(config, () => ''))];
  return [
    ...selectorFaults(document.selector, pod),
    ...sidecarFaults(sidecars),
    ...configs,
    ...extraFaults(pod, extras),
    ...strategyFaults(document),
  ];
}

/**
 * Checks a document whose placeholders are replaced by values or Holes: our own fields, Kubernetes' schema, what we could not roll out, and Pod Security. Rules of
 * the API server beyond its schema are left to API servers. Returns all faults, at most 50.
 *
 * @returns the resolved document (meaningful only without Holes), or the faults
 */
export function checkDocument(document: unknown, podSecurity: PodSecurityLevel): { document: ResolvedDocument } | { faults: Fault[] } {
  const { pod, service } = objectOf(document);
  const shape = documentSchema.safeParse(document);
  const faults = [
    ...(shape.success ? [] : faultsOf(shape.error, document)),
    ...(isRecord(pod)
      ? [...schemaFaults('PodTemplateSpec', pod, '/pod'), ...podFaults(pod, '/pod'), ...podSecurityFaults(pod, '/pod', podSecurity)]
      : []),
    ...(isRecord(service) ? [...schemaFaults('ServiceSpec', service, '/service'), ...serviceFaults(service)] : []),
    ...(shape.success ? meaningFaults(shape.data) : []),
  ];
  return faults.length || !shape.success ? { faults: distinct(faults) } : { document: shape.data };
}

/** The well-formed declared parameters, and the faults of the others. */
function parametersOf(declared: unknown): { parameters: Parameters; faults: Fault[] } {
  const faults: Fault[] = [];
  const parameters: [string, Parameter][] = [];
  for (const [name, value] of Object.entries(objectOf(declared))) {
    const parsed = parameterSchema.safeParse(value);
    const wrong = parsed.success ? declarationFaults(parsed.data, at('/parameters', name)) : [];
    faults.push(...wrong);
    // A malformed parameter is reported by the document's schema. It becomes a string here, so that its uses are not reported too.
    if (!parsed.success) parameters.push([name, { type: 'string', required: true }]);
    else parameters.push([name, wrong.length ? { type: parsed.data.type, required: true } : parsed.data]);
  }
  return { parameters: Object.fromEntries(parameters), faults };
}

/** The sections that may contain placeholders; in the others the schema refuses them. */
const isFixed = (section: string): boolean => section === 'parameters';

/** What the schema and all checks find no fault in is a template's document. */
const isTemplate = (document: object, faults: readonly Fault[]): document is TemplateDocument => faults.length === 0;

/**
 * Validates a document when a revision is posted, as far as possible without values. A placeholder is checked by its parameter's type and by each known value
 * (enum or default). Each rendering validates the document with its values again in full.
 *
 * @param document parsed from JSON or YAML
 * @param podSecurity the tenant's level
 * @returns the document as given, or every fault (at most 50) at its JSON Pointer
 */
export function validateDocument(document: unknown, podSecurity: PodSecurityLevel): { document: TemplateDocument } | { faults: Fault[] } {
  const limits = limitFaults(document);
  if (limits.length) return { faults: limits };
  if (!isRecord(document)) return { faults: [{ pointer: '', detail: 'must be an object: a template with at least a pod' }] };
  const { parameters, faults } = parametersOf(document.parameters);
  const open = Object.fromEntries(
    Object.entries(withoutNulls(document)).map(([section, value]) => [
      section,
      isFixed(section) ? value : withHoles(value, parameters, at('', section), faults),
    ]),
  );
  const checked = checkDocument(open, podSecurity);
  const all = distinct([...faults, ...('faults' in checked ? checked.faults : [])]);
  return isTemplate(document, all) ? { document } : { faults: all };
}
