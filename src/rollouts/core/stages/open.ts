/** OPEN: the gate is open, and the Deployment's own controller replaces what is left; at its end the template's own maxSurge and maxUnavailable are restored. */
import { z } from 'zod';
import { sideOf } from '../targets/draft.ts';
import { because } from '../reasons.ts';
import { applyGate, ownAmounts, ownAmountsDue } from '../targets/write.ts';
import { bring, freezeSplit, isVerdict, podsReady } from './bring.ts';
import type { StageHandler, StageOf } from './stage.ts';

export const open: StageHandler<StageOf<'OPEN'>> = {
  codec: z.object({}),

  look(_stage, _progress, visit) {
    const { o, live } = visit;
    const brought = bring(visit);
    if (!isVerdict(brought)) return { kind: 'STAY', draft: brought };
    const to = sideOf(o);
    const own = ownAmounts(to.strategy);
    if (ownAmountsDue(o, live, own)) {
      const reason = because('OWN_LIMITS', { release: to.release });
      return { kind: 'STAY', draft: applyGate(o, live, { which: 'TO', closed: false, amounts: own, reason }) };
    }
    return { kind: 'DONE', reason: podsReady(o, live, brought) };
  },

  freeze: (_stage, visit, why) => freezeSplit(visit, why),
};
