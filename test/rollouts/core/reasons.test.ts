import { describe, expect, it } from 'vitest';
import { because, detailOf, reasonCodes, sentenceOf } from '../../../src/rollouts/core/reasons.ts';

const noon = new Date('2026-01-01T12:00:00Z');
const later = new Date('2026-01-01T12:05:00Z');

describe('A reason', () => {
  it('of rows that are older than the codes is shown as it stood', () => {
    expect(sentenceOf(because('LEGACY', { message: '2 of 4 pods run release 3.' }))).toBe('2 of 4 pods run release 3.');
  });

  it('with a code of a newer version is shown as its code', () => {
    expect(sentenceOf({ code: 'FROM_THE_FUTURE', data: {} })).toBe('FROM_THE_FUTURE');
  });

  it.each(reasonCodes)('%s with none of its data has a sentence, if only its code', (code) => {
    expect(sentenceOf({ code, data: {} })).toEqual(expect.any(String));
  });

  it('stands since its code came, whatever its data become', () => {
    const first = detailOf(because('SUPERSEDED', { by: 'DEPLOY' }), null, noon);
    expect(detailOf(because('SUPERSEDED', { by: 'ROLLBACK' }), first, later)).toEqual({
      code: 'SUPERSEDED',
      data: { by: 'ROLLBACK' },
      since: noon.toISOString(),
    });
    expect(detailOf(because('NOT_LISTED', {}), first, later).since).toBe(later.toISOString());
  });
});
