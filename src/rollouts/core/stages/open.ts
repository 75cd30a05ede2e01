/** OPEN: the gate is open, and the Deployment's own controller replaces what is left; at its end the template's own maxSurge and maxUnavailable are restored. */
import { z } from 'zod';
import { restoreOwnAmounts } from '../targets/write.ts';
import { bring, freezeSplit, isVerdict, podsReady } from './bring.ts';
import type { StageHandler, StageOf } from './stage.ts';

export const open: StageHandler<StageOf<'OPEN'>> = {
  codec: z.object({}),

  look(_stage, _progress, visit) {
    const { o, live } = visit;
    const brought = bring(visit);
    if (!isVerdict(brought)) return { kind: 'STAY', draft: brought };
    const draft = restoreOwnAmounts(o, live);
    return draft === null ? { kind: 'DONE', reason: podsReady(o, live, brought) } : { kind: 'STAY', draft };
  },

  freeze: (_stage, visit, why) => freezeSplit(visit, why),
};
