/** An example of every reason with its sentence: the one table of sentences. Tests compare it with the code, and docs/codes.md shows it. */
import { because } from '../../src/rollouts/core/reasons.ts';
import type { Reason } from '../../src/rollouts/core/reasons.ts';

const two = { count: 2, clusters: ['a', 'b'] };
const many = { count: 7, clusters: ['a', 'b', 'c', 'd', 'e'] };
const failures = { cluster: 'a', reason: 'ImagePullBackOff', more: 0 };
const cause = { cluster: 'a', reason: 'OOMKilled' };

export const rolloutSentences: [Reason, string][] = [
  [
    because('ACCEPTED', { kind: 'DEPLOY', workload: 'shop', release: 7, targets: 2 }),
    'Release 7 of shop is to be rolled out to 2 targets.',
  ],
  [because('SUPERSEDED', { by: 'RESTART' }), 'Superseded: a restart was asked for.'],
  [because('WAVE_OPENED', { wave: 1, of: 3, targets: 1 }), 'Wave 1 of 3 opens: 1 target.'],
  [because('WAVE_OPENED', { wave: 2, of: 3, targets: 4 }), 'Wave 2 of 3 opens, with wave 1 as its evidence: 4 targets.'],
  [because('WAVE_COMPLETED', { wave: 1, targets: 1 }), 'Wave 1 is complete: 1 target has ended.'],
  [because('WAVE_COMPLETED', { wave: 1, targets: 2 }), 'Wave 1 is complete: 2 targets have ended.'],
  [because('TARGETS_STARTED', { resumed: null, started: two, wave: 1, of: null }), 'Starting a, b.'],
  [
    because('TARGETS_STARTED', { resumed: two, started: many, wave: 1, of: 20 }),
    'Going on after the pause: a, b. Starting a, b, c, d, e and 2 more (20 targets in wave 1).',
  ],
  [because('TARGET_STARTED', {}), 'Started.'],
  [because('ROLLOUT_ENDED', {}), 'The rollout has ended.'],
  [because('ROLLOUT_PAUSED', { pauseReason: 'MANUAL' }), 'Paused (MANUAL).'],
  [because('TARGETS_UNDER_WAY', two), '2 targets under way: a, b.'],
  [because('TARGETS_ROLLING_BACK', many), '7 targets on the way back: a, b, c, d, e and 2 more.'],
  [because('TARGETS_HELD', two), 'Held at a pause until it is promoted: a, b.'],
  [because('QUOTA', { quota: 1 }), "Waiting for other rollouts: the tenant's quota lets 1 target move at once."],
  [
    because('HELD_UNWELL_AT_STEP', {
      ...{ step: 2, of: 4, cluster: 'a', more: 1 },
      cause: { code: 'NotReady', data: { message: 'unready.' }, pod: 'web-1', container: null },
    }),
    'Every target is at the pause of step 2 of 4, but a is not well: NotReady (pod web-1): unready. So is 1 more.',
  ],
  [because('HELD_AT_STEP', { step: 2, of: 4 }), 'Every target is at the pause of step 2 of 4: promote to go on.'],
  [because('PAUSED_BY_FAILURE', { ...failures, allowed: 0 }), 'Paused: a failed: ImagePullBackOff.'],
  [
    because('PAUSED_BY_FAILURE', { ...failures, more: 2, allowed: 1 }),
    'Paused: a failed: ImagePullBackOff. And 2 more failed. (1 may fail)',
  ],
  [because('ROLLING_BACK_AFTER_FAILURE', { scope: 'ALL', ...failures, allowed: 0 }), 'Going back everywhere: a failed: ImagePullBackOff.'],
  [because('ROLLING_BACK_AFTER_FAILURE', { scope: 'WAVE', ...failures, allowed: 0 }), 'Going back: a failed: ImagePullBackOff.'],
  [because('ROLLING_BACK_AFTER_FAILURE', { scope: 'TARGET', ...failures, allowed: 0 }), 'Going back there: a failed: ImagePullBackOff.'],
  [because('ROLLING_BACK_THE_REST', two), 'The rest goes back too: a, b.'],
  [because('ABORTED', {}), 'Aborted on request.'],
  [because('TARGET_ROLLING_BACK', { cause: 'ABORTED' }), 'Going back: the rollout was aborted.'],
  [because('TARGET_ROLLING_BACK', { cause: 'ROLLOUT_GOES_BACK' }), 'Going back: the rollout goes back.'],
  [because('TARGET_ROLLING_BACK', { cause: 'FAILURE', ...failures, allowed: 0 }), 'Going back: a failed: ImagePullBackOff.'],
  [because('TARGET_NOT_STARTED', { cause: 'ROLLOUT_ENDED' }), 'Not started: the rollout ended before.'],
  [because('TARGETS_GIVEN_UP', two), 'Given up on a, b.'],
  [
    because('UNREACHABLE_TOO_LONG', { cluster: 'a', since: '2026-01-01T12:00:00Z', message: 'refused' }),
    'a has been unreachable since 2026-01-01T12:00:00Z: refused',
  ],
  [because('UNREACHABLE_TOO_LONG', { cluster: 'a', since: null, message: '' }), 'a has been unreachable since long ago: '],
  [because('NO_WORKER', { region: 'east' }), 'No worker serves region east.'],
  [because('NOTHING_TO_DO', {}), 'There was nothing to do.'],
  [because('ROLLOUT_SUCCEEDED', { succeeded: 2, of: 2, skipped: 0, failed: 0 }), '2 of 2 targets succeeded.'],
  [
    because('ROLLOUT_SUCCEEDED', { succeeded: 1, of: 3, skipped: 1, failed: 1 }),
    '1 of 3 targets succeeded, 1 skipped, 1 failed, which the wave allows.',
  ],
  [because('NOTHING_CHANGED', { cause: null }), 'Nothing was changed.'],
  [because('NOTHING_CHANGED', { cause }), 'Nothing was changed. The cause: a: OOMKilled.'],
  [
    because('ROLLOUT_ROLLED_BACK', { back: 2, of: 3, cause }),
    'Every target that was changed runs what it ran before (2 of 3). The cause: a: OOMKilled.',
  ],
  [
    because('ROLLOUT_ROLLED_BACK', {
      back: 1,
      of: 1,
      cause: null,
      edit: { cluster: 'a', release: 7, editedBy: 'kubectl-edit', notReady: 1 },
    }),
    'Every target that was changed runs what it ran before (1 of 1). What ran before on a is release 7 as kubectl-edit has changed it, of which 1 pod was not Ready; to overwrite the edit of kubectl-edit, go back to release 7 (POST /v1/workloads/{workload}/rollback with toRelease: 7), or deploy with takeOver: true.',
  ],
  [
    because('ROLLOUT_FAILED', { failed: [], count: 0, succeeded: 0 }),
    'An operator is needed: some targets run the new release and some the old one.',
  ],
  [
    because('ROLLOUT_FAILED', {
      failed: [
        { ...cause, back: true },
        { ...failures, back: false },
      ],
      count: 5,
      succeeded: 4,
    }),
    'An operator is needed: a (OOMKilled, went back), a (ImagePullBackOff), 3 more. 4 run the new release.',
  ],
  [because('UNDECIDABLE', {}), 'An operator is needed: Slipway failed to decide about this rollout. What it has changed stands as it is.'],
  [because('TARGET_UNDECIDABLE', {}), 'Slipway failed to decide about this target. What runs in the cluster stands as it is.'],
  [because('PAUSED_ON_REQUEST', {}), 'Paused on request: nothing moves forward until it is resumed.'],
  [because('RESUMED_ON_REQUEST', {}), 'Resumed on request.'],
  [because('PROMOTED', { full: true }), 'Promoted in full: every pause is skipped, health is still waited for.'],
  [because('PROMOTED', { full: false }), 'Promoted past the pause that it was held at.'],
  [because('ABORTING', {}), 'Aborted on request: every target that was changed goes back.'],
  [because('GIVING_UP', {}), 'Aborted a second time: clusters that stay unreachable are given up on.'],
  [because('RETRIED', two), 'To be retried on request: a, b.'],
  [because('RETRIED', { count: 0, clusters: [] }), 'To be retried on request: nothing had failed.'],
  [because('TARGET_RETRIED', {}), 'To be retried on request.'],
];

const held = { new: 2, pods: 10, release: 7 };
const crash = { code: 'CrashLoopBackOff', data: { message: 'back-off.' }, pod: 'web-1', container: 'app' };

export const targetSentences: [Reason, string][] = [
  [because('CHECKING', { cluster: 'eu-1', release: 7 }), 'Checking permissions, quota and fields on eu-1 before release 7 is written.'],
  [because('CREATING', { release: 7, pods: 1 }), 'Creating release 7 with 1 pod.'],
  [because('SAME_TEMPLATE', { release: 7 }), 'The pods of release 7 run already: applying the rest of it.'],
  [because('NO_PODS_TO_REPLACE', { release: 7 }), 'Applying release 7: there are no pods to replace.'],
  [because('REPLACING', { release: 7, pods: 10 }), 'Replacing 10 pods by release 7.'],
  [because('OPENING_GATE', { release: 7, pods: 10 }), 'All 10 pods run release 7 and are Ready: opening the gate.'],
  [because('OPENING_GATE', { release: 7, pods: 0 }), 'There are no pods to hold: opening the gate of release 7.'],
  [because('GATE_REOPENED', held), 'Going on from 2 of 10 pods on release 7.'],
  [
    because('GATE_AGAIN', { manager: 'kubectl-edit' }),
    'kubectl-edit changed minReadySeconds or the strategy, by which pods are held: closing the gate again.',
  ],
  [
    because('HELD_SCALED', { from: 4, to: 1, manager: 'kubectl', new: 1, release: 7, fewerReady: true }),
    'The number of pods was set from 4 to 1 by kubectl while 1 was held on release 7: for as long as a pod takes to start, fewer may be Ready.',
  ],
  [
    because('HELD_SCALED', { from: 10, to: 20, manager: null, new: 2, release: 7, fewerReady: false }),
    'The number of pods was set from 10 to 20 by somebody while 2 were held on release 7: the split follows.',
  ],
  [
    because('SURGE_FIRST', { from: 4, to: 1, release: 7 }),
    'Before the number of pods is set from 4 to 1: holding 1 pod more of release 7, so that none is missing meanwhile.',
  ],
  [because('NUMBER_FIRST', { from: 10, to: 4 }), 'Held until the number of pods is set from 10 to 4.'],
  [because('GATE_AGAIN', { manager: null }), 'Closing the gate, which has not arrived yet.'],
  [
    because('GATE_AMOUNTS_AGAIN', {}),
    'The gate is closed again, and no new pod counts as available: writing maxSurge and maxUnavailable of the step.',
  ],
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
  [
    because('DROPPING_SURGE', { standing: 2, pods: 10, release: 7, left: 1 }),
    '2 of 10 pods run release 7 and are Ready; removing the surge but 1 pod.',
  ],
  [because('TAKING_UP', held), 'Release 7 is held here already: going on from 2 of 10 pods.'],
  [because('STEP_SKIPPED', { share: '50%', pods: 1 }), '50% is skipped: 1 pod cannot be split without a surge.'],
  [because('HELD_FOR', { ...held, seconds: 60 }), 'Held at 2 of 10 pods on release 7, for 60 s.'],
  [
    because('HELD_UNWELL', { new: 2, pods: 10, release: 7, pod: 'web-1', cause: 'NotReady', message: 'unready.' }),
    'Held at 2 of 10 pods on release 7, which is not well (pod web-1): NotReady: unready.',
  ],
  [because('HELD_RECOVERING', { new: 2, pods: 10, release: 7 }), 'Held at 2 of 10 pods on release 7: its pods become Ready again.'],
  [because('HELD_WELL', { new: 2, pods: 10, release: 7 }), 'Held at 2 of 10 pods on release 7: its pods are Ready again.'],
  [because('HELD_FOR_PROMOTION', held), 'Held at 2 of 10 pods on release 7, until it is promoted.'],
  [
    because('HELD_FOR_PROMOTION', { ...held, above: { autoscaler: 'web', least: 1 } }),
    'Held at 2 of 10 pods on release 7 (with 1 pod more, since autoscaler web may go down to 1), until it is promoted.',
  ],
  [because('HOLD_OVER', held), 'Held at 2 of 10 pods on release 7: the pause is over; it continues when a slot is free.'],
  [because('PAUSE_OVER', {}), 'The pause is over.'],
  [because('FREEZING', { why: 'PAUSED', new: 5, old: 8 }), 'Paused: holding 5 new and 8 old pods where they are.'],
  [because('FREEZING', { why: 'FAILED', new: 5, old: 8 }), 'Failed: holding 5 new and 8 old pods where they are.'],
  [because('FREEZING', { why: 'TURNING', new: 5, old: 8 }), 'Before the next write: holding 5 new and 8 old pods where they are.'],
  [
    because('FREEZING', { why: 'SCALING', new: 5, old: 8 }),
    'Before the number of pods is lowered: holding 5 new and 8 old pods where they are.',
  ],
  [
    because('SETTLING', { missing: 'COUNTED', replicaSet: 'web-1' }),
    'Waiting before the next write: the status of ReplicaSet web-1 does not say yet what its pods are.',
  ],
  [
    because('SETTLING', { missing: 'RAISED', replicaSet: 'web-1' }),
    "Waiting before the next write: the cluster's Deployment controller has not raised ReplicaSet web-1 yet.",
  ],
  [
    because('SETTLING', { missing: 'LOWERED', replicaSet: 'web-1' }),
    "Waiting before the next write: the cluster's Deployment controller has not lowered ReplicaSet web-1 yet.",
  ],
  [
    because('SETTLING', { missing: 'SEEN', replicaSet: null }),
    "Waiting before the next write: the cluster's Deployment controller has not seen the last one.",
  ],
  [
    because('SETTLING', { missing: 'REPORTED', replicaSet: null }),
    'Waiting before the next write: the status of the Deployment does not say yet what its pods are.',
  ],
  [
    because('NOT_SETTLED', {
      missing: 'REPORTED',
      replicaSet: null,
      seconds: 2,
      write: because('GOING_BACK', { release: 6, left: 2, pods: 10 }),
    }),
    'Going back to release 6: 2 of 10 pods had left it. Written after 2 s although the status of the Deployment does not say yet what its pods are: for a moment fewer pods may be Ready.',
  ],
  [because('SCALING', { from: 4, to: 1 }), 'Scaling from 4 to 1 pod.'],
  [because('SCALED', { ready: 6, pods: 6 }), '6 of 6 pods are Ready.'],
  [because('REMOVING', { workload: 'web' }), 'Removing web.'],
  [because('BEING_REMOVED', { workload: 'web' }), 'web is being deleted: waiting until its pods are gone.'],
  [because('REMOVED', { workload: 'web' }), 'web is removed.'],
  [because('NOT_STARTED', {}), 'Not started.'],
  [because('GOING_BACK', { release: 6, left: 2, pods: 10 }), 'Going back to release 6: 2 of 10 pods had left it.'],
  [because('BAD_PODS_BEFORE', { release: 8 }), 'Before release 8: the pods that are not Ready go first, the others serve meanwhile.'],
  [because('BAD_PODS_FIRST', { release: 6 }), 'Going back to release 6: the pods that are not Ready go first, the others serve meanwhile.'],
  [because('BAD_PODS_LEAVING', {}), 'Waiting: the pods that are not Ready are to be gone first.'],
  [because('RECREATING', { release: 6 }), 'The Deployment is gone: recreating release 6.'],
  [
    because('BACK_READY', { release: 6, ready: 1, pods: 4, notReadyBefore: 3 }),
    '1 of 4 pods are back on release 6 and Ready; before the rollout 3 were not Ready either.',
  ],
  [
    because('BACK_STUCK', { release: 6, missing: '1' }),
    'Going back to release 6: no pod can be created above the number asked for, so up to 1 may be missing meanwhile.',
  ],
  [
    because('BACK_ADJUSTED', { release: 6, ready: 8, pods: 10, missing: '2' }),
    'Going back to release 6: 8 of 10 pods are Ready now, so up to 2 may be missing meanwhile.',
  ],
  [
    because('BACK_ADJUSTED', { release: 6, ready: 7, pods: 10, missing: '0' }),
    'Going back to release 6: 7 of 10 pods are Ready now, so none may be missing meanwhile.',
  ],
  [
    because('BACK_RESIZED', { release: 6, pods: 4, missing: '0' }),
    'Going back to release 6: the number of pods is 4 now, so up to 0 may be missing meanwhile.',
  ],
  [because('BACK_OWN_LIMITS', { release: 6 }), "Release 6 is back: restoring the Deployment's own maxSurge and maxUnavailable."],
  [because('BACK_FINISHING', { release: 6 }), 'Restoring the remaining objects of release 6 and pruning unreferenced ones.'],
  [because('BACK_READY', { ready: 10, pods: 10, release: 6 }), '10 of 10 pods are back on release 6 and Ready.'],
  [
    because('BACK_READY', { ready: 10, pods: 10, release: 6, editedBy: 'kubectl-set' }),
    '10 of 10 pods are back on release 6 as kubectl-set has changed it and Ready.',
  ],
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
  [
    because('WAITING', { standing: { is: 'PODS', ready: 4, pods: 10, release: 7, old: 2, back: true, editedBy: 'kubectl-edit' } }),
    'Waiting: 4 of 10 pods run release 7 as kubectl-edit has changed it and are Ready, 2 pods of what is to leave.',
  ],
  [because('WAITING', { standing: { is: 'READY', ready: 4, pods: 6 } }), 'Waiting: 4 of 6 pods are Ready.'],
  [because('WAITING', { standing: { is: 'NOT_THERE', release: 7 } }), 'Waiting: the Deployment of release 7 is not there yet.'],
  [because('WAITING', { standing: { is: 'NOT_SEEN' } }), "Waiting: the cluster's Deployment controller has not seen the last write."],
  [because('WAITING', { standing: { is: 'BEING_DELETED' } }), 'Waiting: the Deployment is being deleted by somebody else.'],
  [because('WAITING', { standing: { is: 'NOT_GONE', workload: 'web' } }), 'Waiting: web is not gone yet.'],
  [because('WAITING', { standing: { is: 'STILL_LEAVING' } }), 'Waiting: pods of scaled-down ReplicaSets are not terminating yet.'],
  [because('WAITING', { standing: { is: 'NOT_RAISED' } }), 'Waiting: one pod more is to be held first.'],
  [because('WAITING', { standing: { is: 'NOT_HELD' } }), 'Waiting: the rollout beside is to hold its pods first.'],
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
  [because('READING_EVENTS', { pod: 'web-1' }), 'Reading the events of pod web-1, whose status does not say what keeps it.'],
  [because('LISTING_EDITS', { workload: 'web' }), 'Comparing the pod template of Deployment web, which somebody has changed, with ours.'],
  [
    because('READING_LOG', { pod: 'web-1', container: 'app', cause: 'CrashLoopBackOff' }),
    'Reading the last log lines of pod web-1, container app (CrashLoopBackOff).',
  ],
  [because('RETRYING_WRITE', crash), 'CrashLoopBackOff (pod web-1, container app): back-off. Retrying.'],
  [because('TARGET_FAILED', crash), 'CrashLoopBackOff (pod web-1, container app): back-off.'],
  [because('TARGET_FAILED', { ...crash, container: null }), 'CrashLoopBackOff (pod web-1): back-off.'],
  [because('TARGET_FAILED', { ...crash, pod: null }), 'CrashLoopBackOff: back-off.'],
  [because('CLUSTER_UNREACHABLE', { cluster: 'eu-1', message: 'refused' }), 'Waiting for eu-1: refused'],
  [because('CLUSTER_ANSWERS', { cluster: 'eu-1' }), 'eu-1 is reachable again.'],
  [because('PAUSED_BY_OWNER', { manager: 'kubectl' }), 'The Deployment is paused by kubectl (spec.paused).'],
];
