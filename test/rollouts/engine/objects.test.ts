import { describe, expect, test } from 'vitest';
import type { Side } from '../../../src/rollouts/core/observation.ts';
import { openGateOf } from '../../../src/rollouts/core/draft.ts';
import { gatedDeployment, objectKey, sideObjects, toPrune } from '../../../src/rollouts/engine/objects.ts';
import type { KubernetesObject } from '../../../src/workloads/core/objects.ts';

const object = (kind: string, name: string, spec: Record<string, unknown> = {}): KubernetesObject => ({
  apiVersion: 'v1',
  kind,
  metadata: { name, namespace: 'shop', labels: {} },
  spec,
});
const side: Side = {
  releaseId: 'r',
  release: 7,
  digest: 'd',
  templateDigest: 't',
  template: null,
  replicaSet: null,
  editedBy: null,
  notReady: 0,
  restartedAt: null,
  strategy: { type: 'ROLLING', maxSurge: '25%', maxUnavailable: 0, steps: [], minReadySeconds: 5, progressDeadlineSeconds: 600 },
};
const deployment = object('Deployment', 'web', { template: { spec: {} }, revisionHistoryLimit: 10 });

describe('what a side applies', () => {
  test('bears the number of its release, on the Deployment alone', () => {
    const objects = sideObjects([object('Service', 'web'), deployment], side);
    expect(objects.deployment.metadata.annotations).toEqual({ 'slipway.dev/release': '7' });
    expect(objects.others.map(objectKey)).toEqual(['Service/web']);
  });

  test('a restart changes the pod template', () => {
    const { template } = sideObjects([deployment], { ...side, restartedAt: '2026-01-01T00:00:00Z' }).deployment['spec'] as {
      template: object;
    };
    expect(template).toMatchObject({ metadata: { annotations: { 'slipway.dev/restarted-at': '2026-01-01T00:00:00Z' } } });
  });
});

describe('the gate', () => {
  test('closed: no pod ever counts as available', () => {
    const { spec } = gatedDeployment(deployment, side, { closed: true, surge: '2', unavailable: '20%' }, false);
    expect(spec).toMatchObject({
      minReadySeconds: 2147483646,
      progressDeadlineSeconds: 2147483647,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 2, maxUnavailable: '20%' } },
      revisionHistoryLimit: 10,
    });
    expect(spec).not.toHaveProperty('paused');
  });

  test("open: the template's own numbers, as the dry run has them too", () => {
    const own = { minReadySeconds: 5, progressDeadlineSeconds: 600, strategy: { rollingUpdate: { maxSurge: '25%', maxUnavailable: 0 } } };
    expect(gatedDeployment(deployment, side, openGateOf(side.strategy), false)['spec']).toMatchObject(own);
  });

  test("an undo takes the owner's pause away", () => {
    const { spec } = gatedDeployment(deployment, side, { closed: false, surge: '1', unavailable: '0' }, true);
    expect(spec).toMatchObject({ paused: false });
  });
});

describe('once a single revision runs', () => {
  const service = (port: number): KubernetesObject => object('Service', 'web', { port });
  const of = (...others: KubernetesObject[]) => ({ deployment, others });
  const keys = (objects: readonly KubernetesObject[]): string[] => objects.map(objectKey);

  test('what no release names any more is removed, but for configuration that can be gone back to', () => {
    const to = of(object('ConfigMap', 'web-app-3'));
    const from = of(service(80), object('ConfigMap', 'web-app-2'), object('ConfigMap', 'web-app-1'));
    expect(keys(toPrune(to, from, [object('ConfigMap', 'web-app-2')]))).toEqual(['Service/web', 'ConfigMap/web-app-1']);
    expect(keys(toPrune(to, null, []))).toEqual([]);
  });
});
