/** Which objects are written, and how. Pure, so that it can be tested by tables. */
import { cutObject } from '../../clusters/kubernetes/cut.ts';
import { KubernetesError } from '../../clusters/kubernetes/errors.ts';
import type { KubernetesObject as LiveObject, ObjectRef, Precondition } from '../../clusters/kubernetes/types.ts';
import { isRecord } from '../../platform/json.ts';
import type { KubernetesObject } from '../../workloads/core/objects.ts';
import { withRelease, withRestart } from '../../workloads/core/restart.ts';
import type { Gate } from '../core/action.ts';
import type { PublicText } from '../core/live/edits.ts';
import { liveDigest } from '../core/live/live-template.ts';
import { part } from '../core/raw.ts';
import { CLOSED_GATE } from '../core/steps.ts';
import type { Side } from '../core/observation.ts';

/** One side's objects: its Deployment, and the objects applied around it, in order. */
export interface Objects {
  deployment: KubernetesObject;
  others: KubernetesObject[];
}

export const objectKey = (object: Pick<KubernetesObject, 'kind' | 'metadata'>): string => `${object.kind}/${object.metadata.name}`;

/** A side's objects to apply: its rendering, plus the restart and the release's number. */
export function sideObjects(rendering: readonly KubernetesObject[], side: Side): Objects {
  const objects = withRelease(withRestart(rendering, side.restartedAt), side.release);
  const deployment = objects.find((object) => object.kind === 'Deployment');
  if (!deployment) throw new Error('a rendering has no Deployment');
  return { deployment, others: objects.filter((object) => object !== deployment) };
}

/** The Deployment with the decided gate. */
export function gatedDeployment(deployment: KubernetesObject, side: Side, gate: Gate, unpause: boolean): KubernetesObject {
  const spec = deployment['spec'] as Record<string, unknown>;
  const { minReadySeconds, progressDeadlineSeconds } = gate.closed ? CLOSED_GATE : side.strategy;
  const rollingUpdate = { maxSurge: amount(gate.surge), maxUnavailable: amount(gate.unavailable) };
  return {
    ...deployment,
    spec: {
      ...spec,
      minReadySeconds,
      progressDeadlineSeconds,
      strategy: { type: 'RollingUpdate', rollingUpdate },
      ...(unpause ? { paused: false } : {}),
    },
  };
}

export function refOf({ apiVersion, kind, metadata: { namespace, name } }: KubernetesObject): ObjectRef {
  return { apiVersion, kind, namespace, name };
}

/** What a write to the object is fenced with. @throws KubernetesError if the server has sent neither */
export function fenceOf({ metadata: { uid, resourceVersion } }: LiveObject): Precondition {
  if (uid === undefined || resourceVersion === undefined)
    throw new KubernetesError({ kind: 'SERVER', message: 'The server sent an object without uid or resourceVersion.' });
  return { uid, resourceVersion };
}

export function templateIn(deployment: LiveObject): unknown {
  return part(deployment, 'spec')['template'];
}

/** Digest of the pod template in an answer of the cluster, as the watch will show it. */
export function templateDigestIn(deployment: LiveObject): string {
  return liveDigest(part(part(cutObject(deployment, String), 'spec'), 'template'));
}

/** What the gate consists of, in `spec`; the progress deadline, which holds no pods, is not part of it. */
const GATE_FIELDS = [
  ['minReadySeconds'],
  ['strategy', 'rollingUpdate', 'maxSurge'],
  ['strategy', 'rollingUpdate', 'maxUnavailable'],
  ['paused'],
];

/** The fields of the gate that the answer to a write has with other values: a mutating policy has changed them. What was not written is not compared. */
export function changedByAdmission(
  wanted: KubernetesObject,
  answer: LiveObject,
  publicText: PublicText,
): { path: string; written: string; live: string }[] {
  const valueAt = (object: LiveObject, path: readonly string[]): unknown =>
    path.reduce<unknown>((at, key) => (isRecord(at) ? at[key] : undefined), object['spec']);
  return GATE_FIELDS.flatMap((path) => {
    const [written, live] = [valueAt(wanted, path), valueAt(answer, path)];
    if (written === undefined || written === live || (written === false && live === undefined)) return [];
    return [{ path: `spec.${path.join('.')}`, written: shownValue(written), live: publicText(shownValue(live)) }];
  });
}

const shownValue = (value: unknown): string => (value === undefined ? 'unset' : JSON.stringify(value));

/** "2" is a count of pods, which must be a number for Kubernetes; "25%" stays a string. */
const amount = (text: string): number | string => (/^\d+$/.test(text) ? Number(text) : text);

/** The same object on another side; null where that has none of its name. */
export function sameIn(object: KubernetesObject, other: Objects | null): KubernetesObject | null {
  return other?.others.find((one) => objectKey(one) === objectKey(object)) ?? null;
}

/** Objects of the other side only, to be deleted. ConfigMaps of releases to which a rollout can go back (`kept`) stay. */
export function toPrune(side: Objects, other: Objects | null, kept: readonly KubernetesObject[]): KubernetesObject[] {
  const named = new Set([...side.others.map(objectKey), ...kept.filter((object) => object.kind === 'ConfigMap').map(objectKey)]);
  return (other?.others ?? []).filter((object) => !named.has(objectKey(object)));
}

/** Each object once, by kind and name. */
export function distinct(objects: readonly KubernetesObject[]): KubernetesObject[] {
  return [...new Map(objects.map((object) => [objectKey(object), object])).values()];
}
