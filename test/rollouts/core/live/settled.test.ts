import { describe, expect, it } from 'vitest';
import { unsettled } from '../../../../src/rollouts/core/live/settled.ts';
import type { LiveDeployment, LivePod, LiveReplicaSet } from '../../../../src/rollouts/core/observation.ts';
import { counted } from '../model.ts';

const pods = (count: number, fields: Partial<LivePod> = {}): LivePod[] =>
  Array.from({ length: count }, (_, i) => ({
    name: `pod-${i}`,
    uid: `uid-${i}`,
    ready: true,
    readyMilliseconds: 0,
    terminating: false,
    ageMilliseconds: 0,
    fault: null,
    ...fields,
  }));

const set = (name: string, count: number, fields: Partial<LiveReplicaSet> = {}): LiveReplicaSet => ({
  name,
  uid: name,
  age: 0,
  replicas: count,
  template: name,
  gateClosed: false,
  counted: { isCurrent: true, replicas: 0, ready: 0, available: 0 },
  pods: pods(count),
  ended: null,
  ...fields,
});

/** Eight old pods and two new ones behind a closed gate, with everything counted. */
const held = counted({
  kind: 'PRESENT',
  uid: 'd-1',
  resourceVersion: '1',
  generation: 3,
  observedGeneration: 3,
  ours: true,
  unlabeled: false,
  replicas: 10,
  gate: 'CLOSED',
  surge: '0',
  unavailable: '20%',
  gateBy: null,
  replicasBy: null,
  pausedBy: null,
  template: 'new',
  release: 2,
  editedBy: null,
  terminating: false,
  counted: { replicas: 0, updated: 0, ready: 0, available: 0 },
  current: set('new', 2, { gateClosed: true }),
  others: [set('old', 8)],
  replicaSets: [],
  replicaFailure: null,
});
const [old] = held.others as [LiveReplicaSet];
const current = held.current as LiveReplicaSet;
const oldWith = (fields: Partial<LiveReplicaSet>): Partial<LiveDeployment> => ({ others: [{ ...old, ...fields }] });

const withCurrent = (fields: Partial<LiveReplicaSet>): LiveDeployment => counted({ ...held, current: { ...current, ...fields } });
/** Two new pods of three are Ready; the status of their ReplicaSet says something else. */
const mixed = (status: Partial<LiveReplicaSet['counted']>): LiveDeployment => {
  const some = withCurrent({ replicas: 3, pods: [...pods(2), ...pods(1, { ready: false })] });
  const own = { ...(some.current as LiveReplicaSet).counted, ...status };
  const sums = { ...some.counted, replicas: 8 + own.replicas, updated: own.replicas, ready: 8 + own.ready, available: 8 + own.available };
  return { ...some, current: { ...(some.current as LiveReplicaSet), counted: own }, counted: sums };
};

/** The next step is written and seen, and its new pods are not asked for yet. */
const raised: LiveDeployment = { ...held, surge: '3' };
/** Two pods more are asked for, and the quota has room for ten. */
const full = (): LiveDeployment => ({ ...withCurrent({ replicas: 4 }), surge: '2' });

describe('a Deployment is settled', () => {
  it.each<[string, LiveDeployment]>([
    ['while it is held and everything has been counted', held],
    ['with a pod that is not Ready, as long as it is counted so', counted({ ...held, ...oldWith({ pods: pods(8, { ready: false }) }) })],
    ['with fewer pods than it is asked for, as under a full quota', counted({ ...held, ...oldWith({ pods: pods(5) }) })],
    ['with pods on their way out', counted({ ...held, ...oldWith({ pods: [...pods(8), ...pods(2, { terminating: true })] }) })],
    ['without pods', counted({ ...held, replicas: 0, current: set('new', 0), others: [] })],
    [
      'where more may be unavailable than there are',
      counted({ ...held, replicas: 2, unavailable: '5', current: set('new', 2), others: [] }),
    ],
    ['where its owner has paused it before it was lowered', counted({ ...held, pausedBy: 'kubectl', others: [set('old', 10)] })],
    ['while held pods start, of which none is Ready', withCurrent({ pods: pods(2, { ready: false }) })],
    ['while held pods start, of which those that are Ready are counted', mixed({ replicas: 2 })],
    ['under a full quota with all pods Ready, where more are asked for than will ever be', full()],
    ['where its owner has paused it before it was raised', { ...raised, pausedBy: 'kubectl' }],
  ])('%s', (_when, live) => {
    expect(unsettled(live)).toBeNull();
  });

  it.each<[string, LiveDeployment, object]>([
    ['the last write has not been seen', { ...held, generation: 4 }, { missing: 'SEEN', replicaSet: null }],
    ['its ReplicaSet is not there yet', { ...held, current: null }, { missing: 'SEEN', replicaSet: null }],
    ['a ReplicaSet has not been lowered', { ...held, ...oldWith({ replicas: 10 }) }, { missing: 'LOWERED', replicaSet: 'old' }],
    [
      'a ReplicaSet has not been counted since it was lowered',
      { ...held, ...oldWith({ counted: { isCurrent: false, replicas: 10, ready: 10, available: 10 } }) },
      { missing: 'COUNTED', replicaSet: 'old' },
    ],
    [
      'a ReplicaSet was counted before its own deletions',
      { ...held, ...oldWith({ counted: { isCurrent: true, replicas: 10, ready: 10, available: 10 } }) },
      { missing: 'COUNTED', replicaSet: 'old' },
    ],
    [
      'an old pod has turned NotReady since',
      { ...held, ...oldWith({ pods: [...pods(7), ...pods(1, { ready: false })] }) },
      { missing: 'COUNTED', replicaSet: 'old' },
    ],
    ['a ReplicaSet has not been raised', raised, { missing: 'RAISED', replicaSet: 'new' }],
    [
      'held pods were counted before their ReplicaSet was lowered, which the Deployment controller itself may not see yet',
      mixed({ isCurrent: false }),
      { missing: 'COUNTED', replicaSet: 'new' },
    ],
    ['held pods were counted before their deletions', mixed({ replicas: 4 }), { missing: 'COUNTED', replicaSet: 'new' }],
    ['a held pod has become Ready since, and another has not', mixed({ ready: 1 }), { missing: 'COUNTED', replicaSet: 'new' }],
    ['held pods still count as available', mixed({ isCurrent: false, available: 2 }), { missing: 'COUNTED', replicaSet: 'new' }],
    ...(['replicas', 'updated', 'ready', 'available'] as const).map((which): [string, LiveDeployment, object] => [
      `the Deployment has another sum: ${which}`,
      { ...held, counted: { ...held.counted, [which]: held.counted[which] + 1 } },
      { missing: 'REPORTED', replicaSet: null },
    ]),
    [
      'the Deployment has the same sum of pods by other numbers: one new pod, and nine old ones',
      { ...held, counted: { ...held.counted, updated: 1, available: 9 } },
      { missing: 'REPORTED', replicaSet: null },
    ],
  ])('not while %s', (_what, live, expected) => {
    expect(unsettled(live)).toEqual(expected);
  });
});
