import { describeAccess } from '../../clusters/core/access.ts';
import type { KubernetesClient, KubernetesObject as LiveObject, Precondition } from '../../clusters/kubernetes/types.ts';
import { ANNOTATIONS } from '../../workloads/core/objects.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import { edited } from '../core/failure.ts';
import { editsOf } from '../core/live/edits.ts';
import type { Preflight, Side } from '../core/observation.ts';
import { lookAround, readOurs } from './around.ts';
import type { Wanted } from './around.ts';
import { AccessMissing, isFatalError, failureFrom } from './cluster-errors.ts';
import { bringing } from './deployment-patch.ts';
import { observedAnew } from './deployment-writer.ts';
import { readAutoscaler } from './looks.ts';
import { fenceOf, refOf, templateDigestIn, templateIn } from './objects.ts';
import type { Memory } from './memory.ts';

export interface Flight {
  client: KubernetesClient;
  cluster: string;
  namespace: string;
  workloadId: string;
  /** The Deployment as it is to be written. */
  deployment: KubernetesObject;
  /** The objects around it. */
  others: readonly Wanted[];
  /** The observed Deployment of ours, with what we wrote to it last; null = there is none. */
  standing: Standing | null;
  /** What other managers have changed is no failure. */
  takeOver: boolean;
}

export interface Standing {
  precondition: Precondition;
  /** What ran before the rollout; null = nothing. */
  from: Side | null;
  /** All sides of the target. */
  sides: readonly Side[];
  /** What earlier rollouts have written here: one that failed and was left may still stand. */
  earlierSides: () => Promise<Side[]>;
  /** The Deployment of a side, as rendered. */
  rendered: (side: Side) => Promise<KubernetesObject>;
}

/**
 * Checks what would prevent the rollout, all at once and without changing anything: missing permissions, names of others' objects, objects that are not
 * admitted, and what others have changed. Remembers what the cluster makes of the pod template.
 *
 * @throws KubernetesError if the cluster gave no definite answer, or permissions are missing, which may be granted meanwhile; the preflight is then repeated
 */
export async function preflight(flight: Flight, memory: Memory): Promise<Preflight> {
  const { client, cluster, namespace } = flight;
  const [missing, autoscaler, deployment, ...found] = await Promise.allSettled([
    client.missingAccess(namespace),
    flight.standing === null ? null : readAutoscaler(client, refOf(flight.deployment)),
    flight.standing === null ? lookAtFirst(flight) : lookAtStanding(flight, flight.standing, memory),
    ...flight.others.map((wanted) => lookAt(wanted, flight)),
  ]);
  const failures = [missing, autoscaler, deployment, ...found].flatMap((each) =>
    each.status === 'rejected' ? [each.reason as unknown] : [],
  );
  if (missing.status === 'fulfilled' && missing.value.length > 0) throw new AccessMissing(missing.value.map(describeAccess), namespace);
  const vague = failures.find((error) => !isFatalError(error));
  if (vague !== undefined) throw vague instanceof Error ? vague : new Error('the preflight failed');
  if (failures.length > 0 || deployment.status === 'rejected') return { ok: false, failure: failureFrom(cluster, failures[0]) };
  memory.answers.set('TO', deployment.value.template);
  const { result } = deployment.value;
  return result.ok && autoscaler.status === 'fulfilled' && autoscaler.value !== null ? { ...result, autoscaler: autoscaler.value } : result;
}

interface Look {
  /** Digest of the template that the write would be answered with. */
  template: string;
  result: Preflight;
}

async function lookAtFirst(flight: Flight): Promise<Look> {
  const { client, deployment } = flight;
  const [found, tried] = await Promise.allSettled([readOurs(flight, deployment), client.apply(deployment, { dryRun: true })]);
  if (found.status === 'rejected') throw found.reason;
  if (tried.status === 'rejected') throw tried.reason;
  return { template: templateDigestIn(tried.value), result: { ok: true } };
}

/** Dry-runs the very patch that is to be written, and lists what others have changed in the template if it would vanish. */
async function lookAtStanding(flight: Flight, standing: Standing, memory: Memory): Promise<Look> {
  const { client, cluster, deployment } = flight;
  const ref = refOf(deployment);
  const live = await client.read(ref);
  if (live?.metadata.uid !== standing.precondition.uid) throw observedAnew('The Deployment has changed since it was observed.');
  const fence = fenceOf(live);
  const tried = (wanted: KubernetesObject): Promise<LiveObject> =>
    client.patch(ref, bringing(live, wanted, templateIn(wanted)), fence, { dryRun: true });
  const answer = await tried(deployment);
  const look: Look = { template: templateDigestIn(answer), result: { ok: true } };
  const before = await lastWriter(live, look.template, standing);
  if (before === null) return look;
  const ours = await tried(await standing.rendered(before));
  if (before === standing.from) memory.answers.set('FROM', templateDigestIn(ours));
  const [now, base, next] = [live, ours, answer].map(templateIn);
  const edits = editsOf({
    live: now,
    base,
    next,
    managedFields: live.metadata.managedFields,
    publicText: (text) => client.publicText(text),
  });
  if (edits.length === 0) return look;
  if (flight.takeOver)
    return { ...look, result: { ok: true, editedBy: edits.find(({ manager }) => manager !== null)?.manager ?? 'somebody' } };
  return { ...look, result: { ok: false, failure: edited({ cluster }, { name: deployment.metadata.name }, null, edits) } };
}

/** Whose template stands there, with changes of others; null where it is one of ours as it was answered, or what is to be written anyway. */
async function lastWriter(live: LiveObject, next: string, { from, sides, earlierSides }: Standing): Promise<Side | null> {
  const digest = templateDigestIn(live);
  const isThis = ({ template }: Side): boolean => template === digest;
  // What an earlier version wrote has no digest yet.
  if (from?.template === null) return from;
  if (digest === next || sides.some(isThis)) return null;
  const all = [...sides, ...(await earlierSides())];
  if (all.some(isThis)) return null;
  return all.find(({ release }) => String(release) === live.metadata.annotations?.[ANNOTATIONS.release]) ?? from;
}

/** Throws if what stands there is not ours or cannot become what is wanted, or if that cannot be created. */
async function lookAt(wanted: Wanted, flight: Flight): Promise<void> {
  if ((await lookAround(flight, wanted)) === null) await flight.client.apply(wanted.object, { dryRun: true });
}
