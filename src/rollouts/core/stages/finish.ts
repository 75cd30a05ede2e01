/** FINISH: once only one revision runs, the objects that may change only now are applied, and unreferenced ones are pruned. */
import { z } from 'zod';
import { restoreOwnAmounts, sideOf } from '../draft.ts';
import { because } from '../reasons.ts';
import { backReady, bringBack } from './back.ts';
import { bring, freezeSplit, isVerdict, podsReady } from './open.ts';
import type { StageHandler, StageOf } from './stage.ts';

export const finishStage: StageHandler<StageOf<'FINISH'>> = {
  codec: z.object({}),

  look({ side, untouched }, _progress, visit) {
    const { o, live } = visit;
    const { release } = sideOf(o);
    const brought = side === 'TO' ? bring(visit) : bringBack(visit);
    if (!isVerdict(brought)) return { kind: 'STAY', draft: brought };
    if (o.performed?.kind !== 'FINISH' || o.performed.side !== side) {
      // Brought anew since the stage before: the amounts with which that was done still stand.
      const draft = restoreOwnAmounts(o, live);
      if (draft !== null) return { kind: 'STAY', draft };
      const reason = because(side === 'TO' ? 'FINISHING' : 'BACK_FINISHING', { release });
      return { kind: 'STAY', draft: { reason, action: { kind: 'FINISH', side, ...(untouched ? { untouched } : {}) } } };
    }
    if (side === 'TO') return { kind: 'DONE', reason: podsReady(o, live, brought) };
    return { kind: 'DONE', reason: backReady(o, live, brought) };
  },

  freeze: (stage, visit, why) => (stage.side === 'TO' ? freezeSplit(visit, why) : null),
};
