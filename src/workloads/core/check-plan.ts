import { canonicalJson } from '../../platform/canonical-json.ts';
import type { TemplateDocument } from '../../templates/core/document.ts';
import { type CheckFinding, stateOf } from '../../templates/core/finding.ts';
import { at } from '../../templates/core/json.ts';
import { isAlwaysSet, resolveValues } from '../../templates/core/parameters.ts';
import { faultsOfValues } from './dry-run.ts';
import type { Values } from './layers.ts';

/** A cluster on which a revision can be checked. */
export interface CheckCluster {
  id: string;
  name: string;
  regionId: string;
  isConnected: boolean;
  /** Such as `v1.36.3`; null = not known yet. */
  version: string | null;
}

/** A place of a workload of the template, with the values that it has there. */
export interface CheckSite {
  cluster: CheckCluster;
  namespace: string;
  workload: { id: string; name: string };
  values: Values;
}

/** One dry run: where, and with which values. PENDING if the cluster is to be asked. */
export interface PlannedCheck {
  cluster: CheckCluster;
  namespace: string | null;
  workload: { id: string; name: string } | null;
  values: Values;
  state: 'PENDING' | 'FAILED' | 'UNKNOWN';
  findings: CheckFinding[];
}

/** Maximum number of dry runs of a revision. */
export const MAX_CHECKS = 10;

/** `v1.36.3` -> `1.36`; a version that is not known is one of its own. */
const minorOf = ({ version }: CheckCluster): string => /^v?(\d+\.\d+)/.exec(version ?? '')?.[1] ?? '';

/** Newest first. */
const byMinor = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => b.localeCompare(a, 'en', { numeric: true });

/** The names of required parameters without a value. */
const missingOf = ({ parameters = {} }: TemplateDocument, values: Values): string[] =>
  Object.entries(parameters)
    .filter(([name, parameter]) => isAlwaysSet(parameter) && parameter.default === undefined && !Object.hasOwn(values, name))
    .map(([name]) => name);

/** What is known without rendering, which is left to the worker that asks a cluster: parameters without a value, and values that are none of theirs. */
function known(document: TemplateDocument, values: Values): CheckFinding[] {
  const missing = missingOf(document, values);
  if (missing.length)
    return missing.map((name) => ({
      kind: 'CLUSTER',
      pointer: at('/parameters', name),
      detail: 'has no value, so nothing can be rendered',
    }));
  const resolved = resolveValues(document.parameters, values);
  return 'faults' in resolved ? faultsOfValues(resolved.faults) : [];
}

type Candidate = Pick<PlannedCheck, 'cluster' | 'namespace' | 'workload' | 'values'>;

/** Of one minor version: the default values, then each workload's own, each once, on a connected cluster if there is one. */
function candidatesOf(document: TemplateDocument, sites: readonly CheckSite[]): Candidate[] {
  const [connected, others] = [sites.filter(({ cluster }) => cluster.isConnected), sites.filter(({ cluster }) => !cluster.isConnected)];
  const ordered = [...connected, ...others];
  const byValues = new Map<string, Candidate>();
  const [first] = ordered;
  // Where the defaults are not enough to render anything, workloads have the values.
  if (first && missingOf(document, {}).length === 0)
    byValues.set(canonicalJson({}), { cluster: first.cluster, namespace: first.namespace, workload: null, values: {} });
  for (const site of ordered) {
    const key = canonicalJson(site.values);
    if (!byValues.has(key)) byValues.set(key, site);
  }
  return [...byValues.values()];
}

const NOWHERE =
  'no workload of the template has a placement: name a cluster and a namespace in which to check it (?check=<cluster>/<namespace>, or the argument check)';

/**
 * The dry runs of a revision: on a cluster of each minor version of Kubernetes where the template's workloads are placed, with the default values and each
 * workload's; or at the place that a request names, with the same values. Without a place nothing can be asked, because no namespace is known.
 *
 * @param spare any connected cluster; null = there is none
 */
export function planChecks(
  document: TemplateDocument,
  sites: readonly CheckSite[],
  named: { cluster: CheckCluster; namespace: string } | null,
  spare: CheckCluster | null,
): PlannedCheck[] {
  if (sites.length === 0 && !named)
    return spare
      ? [{ cluster: spare, namespace: null, workload: null, values: {}, ...settled([{ kind: 'CLUSTER', pointer: '', detail: NOWHERE }]) }]
      : [];
  const places = named ? sites.map((site) => ({ ...site, ...named })) : sites;
  const candidates = [...Map.groupBy(places, ({ cluster }) => minorOf(cluster))]
    .sort(byMinor)
    .flatMap(([, group]) => candidatesOf(document, group));
  const all = candidates.length === 0 && named ? [{ ...named, workload: null, values: {} }] : candidates;
  return all.slice(0, MAX_CHECKS).map(({ cluster, namespace, workload, values }) => ({
    ...{ cluster, namespace, workload, values },
    ...settled(known(document, values)),
  }));
}

/** What needs no cluster is settled; the rest is PENDING. */
function settled(findings: CheckFinding[]): Pick<PlannedCheck, 'state' | 'findings'> {
  const state = stateOf(findings);
  return { state: state === 'PASSED' ? 'PENDING' : state, findings };
}
