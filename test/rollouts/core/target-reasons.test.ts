import { targetSentences } from '../../support/sentences.ts';
import { describe, expect, it } from 'vitest';
import { nestedReasons, sentenceOf } from '../../../src/rollouts/core/reasons.ts';

import { rolloutReasons } from '../../../src/rollouts/core/rollout-reasons.ts';
import { targetReasons } from '../../../src/rollouts/core/target-reasons.ts';

describe('the reasons of targets', () => {
  it.each(targetSentences)('%j', (reason, sentence) => {
    expect(sentenceOf(reason)).toBe(sentence);
    expect(JSON.parse(JSON.stringify(reason))).toEqual(reason);
  });

  it('are all in this table, and no code is also one of a rollout', () => {
    const codes = [...Object.keys(targetReasons), ...Object.keys(nestedReasons)];
    expect([...new Set(targetSentences.map(([{ code }]) => code))].sort()).toEqual([...codes].sort());
    expect(codes.filter((code) => code in rolloutReasons || code === 'LEGACY')).toEqual([]);
  });
});
