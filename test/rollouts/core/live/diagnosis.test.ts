import { describe, expect, it } from 'vitest';
import { podFaultOf } from '../../../../src/rollouts/core/live/diagnosis.ts';
import { podFailure } from '../../../../src/rollouts/core/failure.ts';
import type { Raw } from '../../../../src/rollouts/core/raw.ts';
import fc from 'fast-check';

const now = Date.parse('2026-01-01T12:00:00Z');
const waiting = (reason: string, message = '', fields: object = {}): object => ({
  name: 'web',
  ready: false,
  restartCount: 0,
  state: { waiting: { reason, message } },
  ...fields,
});
const died = (exitCode: number, reason = 'Error'): object => ({ terminated: { exitCode, reason } });
const containers = (...list: object[]): Raw => ({ status: { phase: 'Pending', containerStatuses: list } });
const looping = (restartCount: number, last = died(1)): object =>
  waiting('CrashLoopBackOff', 'back-off 40s restarting failed container', { restartCount, lastState: last });

describe("what a pod's status says is wrong", () => {
  it('says what, where and how often, and that no container has run', () => {
    expect(podFaultOf(containers(waiting('InvalidImageName', 'because')), now)).toEqual({
      reason: 'InvalidImageName',
      message: 'because.',
      container: 'web',
      exitCode: null,
      restarts: 0,
      log: null,
      severity: 'FATAL',
      ageMilliseconds: 0,
    });
  });

  it.each([
    ['a pull that failed, since the kubelet said so', waiting('ErrImagePull'), 20],
    ['a back-off, since the pod was made: it may speak of any pull before', waiting('ImagePullBackOff'), 60],
    ['a crash loop, since its last run ended', looping(3, { terminated: { exitCode: 1, finishedAt: '2026-01-01T11:59:55Z' } }), 5],
    ['what cannot be created, since the kubelet said so', waiting('CreateContainerConfigError'), 20],
  ])('counts the age of %s', (_what, container, seconds) => {
    const managedFields = [
      { manager: 'kube-controller-manager', operation: 'Update', time: '2026-01-01T11:59:50Z' },
      { manager: 'kube-scheduler', operation: 'Update', time: '2026-01-01T11:59:01Z', subresource: 'status' },
      { manager: 'kubelet', operation: 'Update', time: '2026-01-01T11:59:40Z', subresource: 'status' },
    ];
    const pod = { ...containers(container), metadata: { creationTimestamp: '2026-01-01T11:59:00Z', managedFields } };
    expect(podFaultOf(pod, now)?.ageMilliseconds).toBe(seconds * 1000);
  });

  it.each([
    [0, 'SLOW'],
    [2, 'SLOW'],
    [3, 'FATAL'],
    [9, 'FATAL'],
  ])('a crash loop of %i restarts is %s, with the exit code of the run before', (restarts, severity) => {
    expect(podFaultOf(containers(looping(restarts)), now)).toMatchObject({
      reason: 'CrashLoopBackOff',
      exitCode: 1,
      restarts,
      severity,
      log: 'PREVIOUS',
    });
  });

  it('names the kernel as the killer where memory ran out', () => {
    const fault = podFaultOf(containers(looping(3, died(137, 'OOMKilled'))), now);
    expect(fault?.message).toContain('OOMKilled');
    expect(fault && podFailure({ cluster: 'east-1' }, { pod: 'web-1', fault }, null).data).toMatchObject({ outOfMemory: true });
  });

  it('says nothing bad of containers that are only starting', () => {
    expect(podFaultOf(containers(waiting('ContainerCreating')), now)).toMatchObject({ severity: 'SLOW', container: null });
  });

  it('lets init containers speak first, and what is fatal before what is slow', () => {
    const init = { ...looping(3), name: 'migrate' };
    const pod: Raw = {
      status: {
        initContainerStatuses: [{ ...waiting('RunContainerError'), name: 'first' }, init],
        containerStatuses: [waiting('PodInitializing')],
      },
    };
    expect(podFaultOf(pod, now)).toMatchObject({ container: 'migrate', reason: 'CrashLoopBackOff', severity: 'FATAL' });
  });

  it.each([
    ['the pod', { spec: { restartPolicy: 'Never' } }],
    ['the container itself', { spec: { restartPolicy: 'Always', initContainers: [{ name: 'web', restartPolicy: 'Never' }] } }],
  ])('ends with an init container that failed and that %s never restarts', (_who, spec) => {
    const status = { initContainerStatuses: [{ name: 'web', restartCount: 0, state: died(3) }] };
    expect(podFaultOf({ ...spec, status }, now)).toMatchObject({
      reason: 'InitContainerFailed',
      exitCode: 3,
      severity: 'FATAL',
      log: 'CURRENT',
    });
  });

  it('waits for an init container that failed and is started again', () => {
    expect(podFaultOf({ status: { initContainerStatuses: [{ name: 'web', restartCount: 1, state: died(3) }] } }, now)).toMatchObject({
      reason: 'Error',
      severity: 'SLOW',
    });
  });

  it('passes over an init container that is done', () => {
    const pod: Raw = {
      status: { initContainerStatuses: [{ name: 'init', state: died(0, 'Completed') }], containerStatuses: [waiting('ImagePullBackOff')] },
    };
    expect(podFaultOf(pod, now)).toMatchObject({ container: 'web', reason: 'ImagePullBackOff' });
  });

  it('waits for a node', () => {
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes are available' }];
    expect(podFaultOf({ status: { conditions } }, now)).toMatchObject({
      reason: 'Unschedulable',
      message: '0/3 nodes are available.',
      severity: 'SLOW',
      container: null,
    });
  });

  it('waits for a container that runs and is not Ready, and offers its log', () => {
    const status = {
      conditions: [{ type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status: [web]' }],
    };
    const container = { name: 'web', ready: false, restartCount: 0, state: { running: { startedAt: '2026-01-01T00:00:00Z' } } };
    expect(podFaultOf({ status: { ...status, containerStatuses: [container] } }, now)).toMatchObject({
      reason: 'NotReady',
      container: 'web',
      log: 'CURRENT',
      severity: 'SLOW',
    });
  });

  it('finds nothing wrong with a pod that is Ready', () => {
    expect(podFaultOf({ status: { conditions: [{ type: 'Ready', status: 'True' }] } }, now)).toBeNull();
  });

  it('is total: any JSON has an answer', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        expect(() => podFaultOf({ status: value, spec: value }, now)).not.toThrow();
      }),
    );
  });
});

describe('the failure that is kept', () => {
  it('says where and what', () => {
    const fault = podFaultOf(containers(waiting('ImagePullBackOff', 'registry.invalid/shop/web:3.0: no such host')), now);
    expect(fault && podFailure({ cluster: 'east-1' }, { pod: 'web-1', fault }, null)).toEqual({
      code: 'ImagePullBackOff',
      data: { message: 'registry.invalid/shop/web:3.0: no such host.', kind: 'UNAVAILABLE' },
      cluster: 'east-1',
      pod: 'web-1',
      container: 'web',
      exitCode: null,
      logTail: null,
    });
  });
});
