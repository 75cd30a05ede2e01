/** Strategies compile to lists of stages: one file each, and a row here. */
import type { RolloutKind } from '../../../generated/prisma/enums.ts';
import type { Strategy } from '../../../workloads/core/strategy.ts';
import { kinds } from '../kinds.ts';
import type { AnyStage, Side, TargetState } from '../observation.ts';
import { handlerOf, stageHandlers } from '../stages/handlers.ts';
import { stepOf } from '../stages/stage.ts';
import type { Stage, StageHandlers, Compiler } from '../stages/stage.ts';
import { batches } from './batches.ts';
import { canary } from './canary.ts';
import { rolling } from './rolling.ts';

const compilers: Record<Strategy['type'], Compiler> = { ROLLING: rolling, CANARY: canary, BATCHES: batches };

export const stepsOf = (strategy: Strategy): number => compilers[strategy.type].steps(strategy);

interface Plan {
  kind: RolloutKind;
  strategy: Strategy;
  from: Side | null;
  to: Side | null;
}

/**
 * The list of one target, stored when the rollout is accepted. A change of scale and a removal have lists of their own. Where nothing ran before
 * no gate is closed: there is nothing to split. Nor is one where the same pod template runs, which shows only in the cluster.
 */
export function compile({ kind, strategy, from, to }: Plan): Stage[] {
  if (kinds[kind].writes === 'NUMBER') return [{ kind: 'SCALE', step: 0, number: 'WANTED', alone: true }];
  if (to === null) return [{ kind: 'REMOVE', step: 0 }];
  const compiler = from === null ? rolling : compilers[strategy.type];
  const step = compiler.steps(strategy);
  return [
    ...compiler.stages(strategy),
    { kind: 'OPEN', step },
    { kind: 'SCALE', step, number: 'WANTED', alone: false },
    { kind: 'FINISH', step, side: 'TO' },
  ];
}

/** What undoes a target: what its stages have to undo first, the latest first; then the template, the number of pods and the other objects. */
export function compileUndo(
  target: Pick<TargetState, 'stages' | 'stage' | 'from' | 'superseded' | 'failure'>,
  handlers: StageHandlers = stageHandlers,
): AnyStage[] {
  const begun = target.stages.slice(0, target.stage + 1).reverse();
  const first = begun.flatMap((one) => handlerOf(handlers, one).undo?.(one) ?? []);
  return [...first, ...lastOf(target, isUntouched(target, begun))];
}

/**
 * Whether the objects around the Deployment are as they were before the rollout, with what others have changed. An edit that FINISH has found is one that it has
 * not overwritten.
 */
function isUntouched({ superseded, failure }: Pick<TargetState, 'superseded' | 'failure'>, begun: readonly AnyStage[]): boolean {
  if (superseded !== null) return false;
  return !begun.some(({ kind }) => kind === 'FINISH') || (failure?.code === 'EDITED' && 'object' in failure.data);
}

function lastOf(target: Pick<TargetState, 'stages' | 'stage' | 'from'>, untouched: boolean): Stage[] {
  const { stages, from } = target;
  const step = stepOf(target);
  if (stages.some((stage) => 'alone' in stage && stage.alone === true)) return [{ kind: 'SCALE', step, number: 'BEFORE', alone: true }];
  if (from === null) return [{ kind: 'REMOVE', step }];
  return [
    { kind: 'BACK', step },
    { kind: 'SCALE', step, number: 'BEFORE', alone: false },
    { kind: 'FINISH', step, side: 'FROM', ...(untouched ? { untouched } : {}) },
  ];
}
