import { describe, expect, it } from 'vitest';
import { because, sentenceOf } from '../../../../src/rollouts/core/reasons.ts';
import type { Reason } from '../../../../src/rollouts/core/reasons.ts';
import { rolloutReasons } from '../../../../src/rollouts/core/rollout/reasons.ts';
import { targetReasons } from '../../../../src/rollouts/core/target/reasons.ts';

const held = { new: 2, pods: 10, release: 7 };
const crash = { code: 'CrashLoopBackOff', data: { message: 'back-off.' }, pod: 'web-1', container: 'app' };

const table: [Reason, string][] = [
  [because('CHECKING', { cluster: 'eu-1', release: 7 }), 'Checking permissions, quota and fields on eu-1 before release 7 is written.'],
  [because('CREATING', { release: 7, pods: 1 }), 'Creating release 7 with 1 pod.'],
  [because('SAME_TEMPLATE', { release: 7 }), 'The pods of release 7 run already: applying the rest of it.'],
  [because('NO_PODS_TO_REPLACE', { release: 7 }), 'Applying release 7: there are no pods to replace.'],
  [because('REPLACING', { release: 7, pods: 10 }), 'Replacing 10 pods by release 7.'],
  [because('OPENING_GATE', { release: 7, pods: 10 }), 'All 10 pods run release 7 and are Ready: opening the gate.'],
  [because('GATE_REOPENED', held), 'Going on from 2 of 10 pods on release 7.'],
  [because('OWN_LIMITS', { release: 7 }), "Release 7 stands: restoring the Deployment's own maxSurge and maxUnavailable."],
  [because('FINISHING', { release: 7 }), 'Applying the remaining objects of release 7 and pruning unreferenced ones.'],
  [because('PODS_READY', { ready: 10, pods: 10, release: 7, wanted: null }), '10 of 10 pods run release 7 and are Ready.'],
  [
    because('PODS_READY', { ready: 6, pods: 6, release: 7, wanted: 4 }),
    '6 of 6 pods run release 7 and are Ready; the number of pods was set by somebody else and stays (4 were asked for).',
  ],
  [because('NO_PODS', { release: 7 }), 'Release 7 is applied; there are no pods to run it.'],
  [because('STARTING', { release: 7, reached: 2, pods: 10 }), 'Starting release 7 with 2 of 10 pods.'],
  [because('STARTING_BESIDE', { release: 7 }), 'Starting 1 pod of release 7 beside the one that runs.'],
  [because('RAISING', { standing: 2, pods: 10, release: 7, reached: 5 }), '2 of 10 pods run release 7 and are Ready; raising to 5.'],
  [because('DROPPING_SURGE', { standing: 2, pods: 10, release: 7 }), '2 of 10 pods run release 7 and are Ready; removing the surge.'],
  [because('TAKING_UP', held), 'Release 7 is held here already: going on from 2 of 10 pods.'],
  [because('STEP_SKIPPED', { share: '50%', pods: 1 }), '50% is skipped: 1 pod cannot be split without a surge.'],
  [because('HELD_FOR', { ...held, seconds: 60 }), 'Held at 2 of 10 pods on release 7, for 60 s.'],
  [because('HELD_FOR_PROMOTION', held), 'Held at 2 of 10 pods on release 7, until it is promoted.'],
  [because('HOLD_OVER', held), 'Held at 2 of 10 pods on release 7: the pause is over, its turn comes next.'],
  [because('PAUSE_OVER', {}), 'The pause is over.'],
  [because('FREEZING', { why: 'PAUSED', new: 5, old: 8 }), 'Paused: holding 5 new and 8 old pods where they are.'],
  [because('FREEZING', { why: 'FAILED', new: 5, old: 8 }), 'Failed: holding 5 new and 8 old pods where they are.'],
  [because('SCALING', { from: 4, to: 1 }), 'Scaling from 4 to 1 pod.'],
  [because('SCALED', { ready: 6, pods: 6 }), '6 of 6 pods are Ready.'],
  [because('REMOVING', { workload: 'web' }), 'Removing web.'],
  [because('BEING_REMOVED', { workload: 'web' }), 'web is being deleted: waiting until its pods are gone.'],
  [because('REMOVED', { workload: 'web' }), 'web is removed.'],
  [because('NOT_STARTED', {}), 'Not started.'],
  [because('GOING_BACK', { release: 6, left: 2, pods: 10 }), 'Going back to release 6: 2 of 10 pods had left it.'],
  [
    because('BAD_PODS_FIRST', { release: 6, serving: 7 }),
    'Going back to release 6: the pods that are not Ready go first, those of release 7 serve meanwhile.',
  ],
  [because('BAD_PODS_LEAVING', {}), 'Waiting: the pods that are not Ready are to be gone first.'],
  [because('RECREATING', { release: 6 }), 'The Deployment is gone: creating release 6 again.'],
  [
    because('BACK_STUCK', { release: 6, missing: '1' }),
    'Going back to release 6: no pod can be created above the number asked for, so up to 1 may be missing meanwhile.',
  ],
  [
    because('BACK_RESIZED', { release: 6, pods: 4, missing: '0' }),
    'Going back to release 6: the number of pods is 4 now, so up to 0 may be missing meanwhile.',
  ],
  [because('BACK_OWN_LIMITS', { release: 6 }), "Release 6 is back: restoring the Deployment's own maxSurge and maxUnavailable."],
  [because('BACK_FINISHING', { release: 6 }), 'Applying the remaining objects of release 6 again and pruning unreferenced ones.'],
  [because('BACK_READY', { ready: 10, pods: 10, release: 6 }), '10 of 10 pods run release 6 again and are Ready.'],
  [because('SCALING_BACK', { from: 6, to: 4 }), 'Going back from 6 to 4 pods.'],
  [because('NOTHING_LEFT_TO_SCALE', {}), 'Nothing of ours is left there to scale.'],
  [because('CREATION_UNDONE', {}), 'Nothing ran here before: what this rollout created is removed.'],
  [because('TARGET_ENDED', {}), 'The target is at its end.'],
  [because('NOT_LISTED', {}), 'The cluster has not been listed yet.'],
  [because('STANDSTILL', { rollout: 'paused' }), 'The rollout is paused: nothing moves forward.'],
  [because('STANDSTILL', { rollout: null }), 'The rollout is about to end: nothing moves forward.'],
  [
    because('WAITING', { standing: { is: 'PODS', ready: 4, pods: 10, release: 7, old: 1 } }),
    'Waiting: 4 of 10 pods run release 7 and are Ready, 1 pod of what ran before.',
  ],
  [because('WAITING', { standing: { is: 'READY', ready: 4, pods: 6 } }), 'Waiting: 4 of 6 pods are Ready.'],
  [because('WAITING', { standing: { is: 'NOT_THERE', release: 7 } }), 'Waiting: the Deployment of release 7 is not there yet.'],
  [because('WAITING', { standing: { is: 'NOT_SEEN' } }), "Waiting: the cluster's Deployment controller has not seen the last write."],
  [because('WAITING', { standing: { is: 'BEING_DELETED' } }), 'Waiting: the Deployment is being deleted by somebody else.'],
  [because('WAITING', { standing: { is: 'NOT_GONE', workload: 'web' } }), 'Waiting: web is not gone yet.'],
  [because('WAITING', { standing: { is: 'STILL_LEAVING' } }), 'Waiting: pods of scaled-down ReplicaSets are not terminating yet.'],
  [because('WAITING', { standing: { is: 'NUMBER_STANDS', replicas: 4 } }), 'Waiting: the number of pods is still 4.'],
  [because('WAITING', { standing: { is: 'WRITE_REFUSED' } }), 'Waiting: the cluster refuses the write.'],
  [
    because('WAITING_FOR_POD', { pod: 'web-1', cause: 'Unschedulable', message: '0/3 nodes.' }),
    'Waiting for pod web-1: Unschedulable: 0/3 nodes.',
  ],
  [
    because('WAITING_FOR_POD', { pod: null, cause: 'FailedCreate', message: 'quota.' }),
    'Waiting for pods to be created: FailedCreate: quota.',
  ],
  [
    because('READING_LOG', { pod: 'web-1', container: 'app', cause: 'CrashLoopBackOff' }),
    'Reading the last log lines of pod web-1, container app (CrashLoopBackOff).',
  ],
  [because('RETRYING_WRITE', crash), 'CrashLoopBackOff (pod web-1, container app): back-off. Trying again.'],
  [because('TARGET_FAILED', crash), 'CrashLoopBackOff (pod web-1, container app): back-off.'],
  [because('TARGET_FAILED', { ...crash, container: null }), 'CrashLoopBackOff (pod web-1): back-off.'],
  [because('TARGET_FAILED', { ...crash, pod: null }), 'CrashLoopBackOff: back-off.'],
  [because('CLUSTER_UNREACHABLE', { cluster: 'eu-1', message: 'refused' }), 'Waiting for eu-1: refused'],
  [because('CLUSTER_ANSWERS', { cluster: 'eu-1' }), 'eu-1 answers again.'],
  [because('PAUSED_BY_OWNER', { manager: 'kubectl' }), 'The Deployment is paused by kubectl (spec.paused).'],
];

describe('the reasons of targets', () => {
  it.each(table)('%j', (reason, sentence) => {
    expect(sentenceOf(reason)).toBe(sentence);
    expect(JSON.parse(JSON.stringify(reason))).toEqual(reason);
  });

  it('are all in this table, and no code is also one of a rollout', () => {
    const codes = Object.keys(targetReasons);
    expect([...new Set(table.map(([{ code }]) => code))].sort()).toEqual([...codes].sort());
    expect(codes.filter((code) => code in rolloutReasons || code === 'LEGACY')).toEqual([]);
  });
});
