import { describe, expect, it } from 'vitest';
import { placementChanges } from '../../../src/workloads/core/placement-changes.ts';
import type { Standing, Wanted } from '../../../src/workloads/core/placement-changes.ts';

const wanted = (clusterId: string, change: Partial<Wanted> = {}): Wanted => ({
  clusterId,
  namespace: 'n',
  values: {},
  replicas: null,
  ...change,
});
const standing = (clusterId: string, change: Partial<Standing> = {}): Standing => ({
  id: `${clusterId}-id`,
  ...wanted(clusterId),
  wanted: true,
  ...change,
});
const nothing = { add: [], change: [], remove: [] };

describe('what to do so that the placements are the wanted ones', () => {
  it.each<[string, Standing[], Wanted[], boolean, object]>([
    ['nothing where they are', [standing('a', { values: { x: 1, y: 2 } })], [wanted('a', { values: { y: 2, x: 1 } })], true, nothing],
    ['a new place is added', [standing('a')], [wanted('a'), wanted('b')], true, { ...nothing, add: [wanted('b')] }],
    [
      'another namespace is another place',
      [standing('a')],
      [wanted('a', { namespace: 'm' })],
      true,
      { add: [wanted('a', { namespace: 'm' })], change: [], remove: ['a-id'] },
    ],
    ['what is left out is removed, once', [standing('a'), standing('b', { wanted: false })], [], true, { ...nothing, remove: ['a-id'] }],
    [
      'what was taken away comes back',
      [standing('a', { wanted: false })],
      [wanted('a')],
      true,
      { ...nothing, change: [{ id: 'a-id', wanted: true, values: {}, replicas: null }] },
    ],
    [
      'numbers are those of a list',
      [standing('a', { replicas: 2 })],
      [wanted('a')],
      true,
      { ...nothing, change: [{ id: 'a-id', wanted: true, values: {}, replicas: null }] },
    ],
    ['a rule leaves numbers and values', [standing('a', { replicas: 2, values: { x: 1 } })], [wanted('a')], false, nothing],
    [
      'a rule brings back no more than the place',
      [standing('a', { wanted: false, replicas: 2 })],
      [wanted('a')],
      false,
      { ...nothing, change: [{ id: 'a-id', wanted: true }] },
    ],
  ])('%s', (_, before, after, replaces, changes) => {
    expect(placementChanges(before, after, replaces)).toEqual(changes);
  });
});
