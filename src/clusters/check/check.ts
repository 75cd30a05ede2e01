import { describeAccess, optionalAccess, requiredAccess, withoutAccess } from '../core/access.ts';
import type { Access } from '../core/access.ts';
import { BUDGETS } from '../core/budgets.ts';
import { KubernetesError } from '../kubernetes/errors.ts';
import type { KubernetesErrorKind } from '../kubernetes/errors.ts';
import type { KubernetesClient } from '../kubernetes/types.ts';
import type { ClusterStatus } from '../../generated/prisma/enums.ts';

/** Result of a check. Its texts may be shown to the tenant. */
export interface Finding {
  status: Exclude<ClusterStatus, 'UNKNOWN'>;
  statusReason: string | null;
  version: string | null;
  latencyMilliseconds: number | null;
  missing: (Access & { namespace: string })[];
}

/** Shown for cluster-admin credentials: if they leak, the whole cluster is lost. */
const EXCESSIVE =
  "The credential has full access to this cluster, far more than required. Apply the cluster's access manifest and use the token of its account instead.";

/** Shown where an optional permission is missing, after what is done without it. */
const OPTIONAL = "nothing else depends on it. Apply the cluster's access manifest there to change that.";

/** Errors that only new credentials or permissions fix. A check sends nothing that a policy for workloads would refuse, so a refusal concerns Slipway itself. */
const DENIED: ReadonlySet<KubernetesErrorKind> = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'ADMISSION_DENIED']);

/** Reads the cluster's version and our permissions in these namespaces, which are those of its placements. Never throws for an error of the cluster. */
export async function checkCluster(
  client: Pick<KubernetesClient, 'version' | 'missingAccess' | 'mayDoEverything'>,
  namespaces: readonly string[],
): Promise<Finding> {
  try {
    const lacks = async (wanted: readonly Access[]): Promise<Finding['missing']> => {
      const missing = await Promise.all(
        namespaces.map(async (namespace) => (await client.missingAccess(namespace, wanted)).map((access) => ({ ...access, namespace }))),
      );
      return missing.flat();
    };
    const [version, excessive, missing, undone] = await inTime(
      Promise.all([client.version(), client.mayDoEverything(), lacks(requiredAccess), lacks(optionalAccess)]),
    );
    return {
      ...verdict(missing, undone, excessive),
      version: version.gitVersion,
      latencyMilliseconds: Math.round(version.latencyMilliseconds),
      missing,
    };
  } catch (error) {
    return unreachable(error);
  }
}

function verdict(missing: Finding['missing'], undone: Finding['missing'], excessive: boolean): Pick<Finding, 'status' | 'statusReason'> {
  if (missing.length > 0) return { status: 'DENIED', statusReason: `${lack(missing)} Apply the cluster's access manifest there.` };
  const lacking = [...Map.groupBy(undone, describeAccess).values()].map((all) => `${lack(all)} ${withoutOf(all)}; ${OPTIONAL}`);
  const warnings = [...lacking, ...(excessive ? [EXCESSIVE] : [])];
  return { status: 'CONNECTED', statusReason: warnings.length === 0 ? null : warnings.join(' ') };
}

const withoutOf = ([first]: Finding['missing']): string => (first === undefined ? '' : withoutAccess(first));

/** The first thing that is missing, and how much more. */
function lack(missing: Finding['missing']): string {
  const [first] = missing;
  const more = missing.length === 1 ? '' : ` and ${missing.length - 1} more`;
  return first === undefined ? '' : `The credential may not ${describeAccess(first)} in namespace ${first.namespace}${more}.`;
}

/** The finding for an error of the cluster. Rethrows any other error. */
export function unreachable(error: unknown): Finding {
  if (!(error instanceof KubernetesError)) throw error;
  const status = DENIED.has(error.kind) ? 'DENIED' : 'UNREACHABLE';
  return { status, statusReason: `${error.message} ${error.advice}`, version: null, latencyMilliseconds: null, missing: [] };
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new KubernetesError({
      kind: 'UNREACHABLE',
      message: `The cluster did not answer within ${BUDGETS.checkMilliseconds / 1000} s.`,
    });
    timer = setTimeout(() => reject(error), BUDGETS.checkMilliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
