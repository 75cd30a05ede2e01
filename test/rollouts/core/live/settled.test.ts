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
  replicas: count,
  template: name,
  gateClosed: false,
  counted: { isCurrent: true, replicas: 0, ready: 0 },
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
  replicas: 10,
  gate: 'CLOSED',
  surge: '0',
  unavailable: '20%',
  gateBy: null,
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

describe('a Deployment is settled', () => {
  it.each<[string, LiveDeployment]>([
    ['while it is held and everything has been counted', held],
    ['with a pod that is not Ready, as long as it is counted so', counted({ ...held, ...oldWith({ pods: pods(8, { ready: false }) }) })],
    ['with fewer pods than it is asked for, as under a full quota', counted({ ...held, current: { ...current, pods: pods(1) } })],
    ['with pods on their way out', counted({ ...held, ...oldWith({ pods: [...pods(8), ...pods(2, { terminating: true })] }) })],
    ['while pods are Ready and do not count as available yet', { ...held, counted: { ...held.counted, available: 3 } }],
    ['without pods', counted({ ...held, replicas: 0, current: set('new', 0), others: [] })],
    [
      'where more may be unavailable than there are',
      counted({ ...held, replicas: 2, unavailable: '5', current: set('new', 2), others: [] }),
    ],
    ['where its owner has paused it before it was lowered', counted({ ...held, pausedBy: 'kubectl', others: [set('old', 10)] })],
  ])('%s', (_when, live) => {
    expect(unsettled(live)).toBeNull();
  });

  it.each<[string, Partial<LiveDeployment>, object]>([
    ['the last write has not been seen', { generation: 4 }, { missing: 'SEEN', replicaSet: null }],
    ['its ReplicaSet is not there yet', { current: null }, { missing: 'SEEN', replicaSet: null }],
    ['a ReplicaSet has not been lowered', oldWith({ replicas: 10 }), { missing: 'LOWERED', replicaSet: 'old' }],
    [
      'a ReplicaSet has not been counted since it was lowered',
      oldWith({ counted: { isCurrent: false, replicas: 10, ready: 10 } }),
      { missing: 'COUNTED', replicaSet: 'old' },
    ],
    [
      'a ReplicaSet was counted before its own deletions',
      oldWith({ counted: { isCurrent: true, replicas: 10, ready: 10 } }),
      { missing: 'COUNTED', replicaSet: 'old' },
    ],
    [
      'a pod has become Ready since',
      { current: { ...current, counted: { isCurrent: true, replicas: 2, ready: 1 } } },
      { missing: 'COUNTED', replicaSet: 'new' },
    ],
    ['the Deployment does not say so', { counted: { ...held.counted, replicas: 12 } }, { missing: 'REPORTED', replicaSet: null }],
    ['the Deployment has fewer Ready', { counted: { ...held.counted, ready: 9 } }, { missing: 'REPORTED', replicaSet: null }],
    [
      'the Deployment has the same sum by other numbers: one new pod, and nine old ones that count as available',
      { counted: { ...held.counted, updated: 1, available: 9 } },
      { missing: 'REPORTED', replicaSet: null },
    ],
    [
      'more count as available than are Ready and may',
      { counted: { ...held.counted, available: 9 } },
      { missing: 'REPORTED', replicaSet: null },
    ],
  ])('not while %s', (_what, fields, expected) => {
    expect(unsettled({ ...held, ...fields })).toEqual(expected);
  });
});
