/** Which pod template of the cluster is which side's: what the holder and the cluster know by now, and the row may not have yet. */
import type { SideName } from '../action.ts';
import { isThere } from '../draft.ts';
import { readyNow } from '../live/health.ts';
import { ADMISSION } from '../observation.ts';
import type { LiveDeployment, Side, TargetObservation, TargetState } from '../observation.ts';

/** The observation with its sides as far as they are known. What is decided on it is stored with it. */
export function identified(o: TargetObservation): TargetObservation {
  const { live, target } = o;
  const present = live.kind === 'PRESENT' && live.ours ? live : null;
  const answered = (side: Side | null, name: SideName): Side | null => side && withAnswer(side, name, o.answers.get(name), present);
  const [to, from] = [answered(target.to, 'TO'), answered(target.from, 'FROM')];
  const superseded = answered(target.superseded, 'SUPERSEDED');
  if (present === null) return { ...o, target: { ...target, to, from, superseded } };
  return {
    ...o,
    target: { ...target, to: to && withCurrent(to, present), from: from && withOriginal(o, from, present), superseded },
  };
}

/**
 * A write that was to bring back a ReplicaSet's template is answered with another one where admission changes it at every write: the original pods cannot be
 * kept then, and what it was answered with is what the side comes to.
 */
function withAnswer(side: Side, name: SideName, answer: string | undefined, live: LiveDeployment | null): Side {
  if (answer === undefined || answer === side.template) return side;
  const original = live?.replicaSets.find(({ uid }) => uid === side.replicaSet);
  if (original?.template === answer) return side;
  return { ...side, template: answer, replicaSet: null, editedBy: original === undefined || name === 'TO' ? null : ADMISSION };
}

/** The ReplicaSet of what is rolled out, also after a restart by kubectl, which makes another one. */
function withCurrent(to: Side, live: LiveDeployment): Side {
  return live.current === null || live.template !== to.template ? to : { ...to, replicaSet: live.current.uid };
}

/**
 * Before its first write a target finds what it goes back to, also where somebody has changed that since; afterwards only what has been made anew. What a
 * rollout of ours that failed has left there is not gone back to.
 */
function withOriginal({ target, checked }: TargetObservation, from: Side, live: LiveDeployment): Side {
  if (live.current === null) return from;
  if (!target.written && !target.undoing) {
    const replicaSet = live.current.uid;
    const notReady = Math.max(0, live.replicas - readyNow([live.current]));
    if (live.template === from.template) return { ...from, replicaSet, notReady, editedBy: null };
    const editedBy = (checked?.ok === true ? checked.editedBy : null) ?? live.editedBy;
    return editedBy === null ? from : { ...from, replicaSet, notReady, editedBy };
  }
  const isKnown = live.replicaSets.some(({ uid }) => uid === from.replicaSet);
  return isKnown || !isThere(live, from) ? from : { ...from, replicaSet: live.current.uid };
}

const NAMES = ['from', 'to', 'superseded'] as const;

/** What of the sides the row does not have yet. `isDue`: what stands is judged by it, so that it is stored at once; else with the next change. */
export function newSides(before: TargetState, { target, live }: TargetObservation): { set: Partial<TargetState>; isDue: boolean } {
  const names = NAMES.filter((name) => !isSame(target[name], before[name]));
  const template = live.kind === 'PRESENT' ? live.template : null;
  const isDue = names.some((name) => target[name]?.template !== before[name]?.template && target[name]?.template === template);
  return { set: Object.fromEntries(names.map((name) => [name, target[name]])), isDue };
}

function isSame(a: Side | null, b: Side | null): boolean {
  return a?.template === b?.template && a?.replicaSet === b?.replicaSet && a?.editedBy === b?.editedBy && a?.notReady === b?.notReady;
}
