import { describe, expect, it } from 'vitest';
import { RolloutKind } from '../../../src/generated/prisma/enums.ts';
import { kinds, kindsThat } from '../../../src/rollouts/core/kinds.ts';

describe('the kinds of rollouts', () => {
  it.each([
    ['DEPLOY', 1, 'Release 7 of shop is to be rolled out to 1 target.'],
    ['ROLLBACK', 2, 'shop is to go back to release 7 on 2 targets.'],
    ['RESTART', 2, 'The pods of shop are to be restarted on 2 targets.'],
    ['SCALE', 0, 'shop is to be scaled on 0 targets.'],
    ['DELETE', 3, 'shop is to be removed from 3 targets.'],
  ] as const)('%s is accepted on %i targets with: %s', (kind, targets, sentence) => {
    expect(kinds[kind].accepted({ workload: 'shop', release: 7, targets })).toBe(sentence);
  });

  it('that change a workload when they succeed need its one place', () => {
    const changing = kindsThat(({ success }) => success !== null);
    expect(changing).toEqual(['DEPLOY', 'ROLLBACK', 'DELETE']);
    expect(changing.filter((kind) => kinds[kind].place === 'BESIDE')).toEqual([]);
  });

  it('that write a template can be retried from a release or from what runs', () => {
    const retries = kindsThat(({ writes }) => writes === 'TEMPLATE').map((kind) => kinds[kind].retry);
    expect(new Set(retries)).toEqual(new Set(['RELEASE', 'RESTART']));
    expect(kindsThat(() => true)).toEqual(Object.values(RolloutKind));
  });
});
