import { describe, expect, it } from 'vitest';
import type { ManagedFields } from '../../../src/clusters/kubernetes/types.ts';
import { claimed, merged, ownedByUs } from '../../../src/rollouts/engine/ownership.ts';

const entry = (manager: string, operation: 'Apply' | 'Update', fieldsV1: Record<string, unknown>, subresource?: string): ManagedFields => ({
  manager,
  operation,
  apiVersion: 'apps/v1',
  time: '2026-01-01T00:00:00Z',
  fieldsType: 'FieldsV1',
  fieldsV1,
  ...(subresource === undefined ? {} : { subresource }),
});

const image = (name: string): Record<string, unknown> => ({
  'f:spec': { 'f:template': { 'f:spec': { 'f:containers': { [`k:{"name":"${name}"}`]: { '.': {}, 'f:image': {} } } } } },
});
const keys = { labels: ['slipway.dev/workload-id'], annotations: ['slipway.dev/template'] };
const status = entry('kube-controller-manager', 'Update', { 'f:status': { 'f:replicas': {} } }, 'status');

describe('the claim of a template write', () => {
  it("takes what others own of the spec, and leaves their labels, the number of pods, the owner's pause and subresources", () => {
    const others = entry('kubectl', 'Update', {
      'f:metadata': { 'f:labels': { '.': {}, 'f:team': {}, 'f:slipway.dev/workload-id': {} } },
      'f:spec': { 'f:replicas': {}, 'f:paused': {}, 'f:minReadySeconds': {}, ...(image('proxy')['f:spec'] as object) },
    });
    const [ours, theirs, ...rest] = claimed([entry('slipway', 'Apply', image('web')), others, status], keys) ?? [];
    expect(ours).toMatchObject({ manager: 'slipway', operation: 'Apply' });
    expect(ours?.fieldsV1).toEqual({
      'f:metadata': { 'f:labels': { 'f:slipway.dev/workload-id': {} } },
      'f:spec': {
        'f:minReadySeconds': {},
        'f:template': {
          'f:spec': {
            'f:containers': { 'k:{"name":"web"}': { '.': {}, 'f:image': {} }, 'k:{"name":"proxy"}': { '.': {}, 'f:image': {} } },
          },
        },
      },
    });
    expect(theirs?.fieldsV1).toEqual({
      'f:metadata': { 'f:labels': { '.': {}, 'f:team': {} } },
      'f:spec': { 'f:replicas': {}, 'f:paused': {} },
    });
    expect(rest).toEqual([status]);
  });

  it('takes away entries that are left with nothing, and makes ours where there is none', () => {
    expect(claimed([entry('kubectl', 'Update', image('web'))], keys)).toMatchObject([
      { manager: 'slipway', operation: 'Apply', fieldsV1: image('web') },
    ]);
  });

  it('is none where the server tracks no fields', () => {
    expect(claimed([], keys)).toBeNull();
  });

  it('keeps a field that is a value for one and has fields for another', () => {
    const [ours] =
      claimed(
        [entry('slipway', 'Apply', { 'f:spec': { 'f:a': {} } }), entry('x', 'Update', { 'f:spec': { 'f:a': { 'f:b': {} } } })],
        keys,
      ) ?? [];
    expect(ours?.fieldsV1).toEqual({ 'f:spec': { 'f:a': { '.': {}, 'f:b': {} } } });
  });
});

describe('our patches', () => {
  it('become part of what we applied, and nothing else changes', () => {
    const others = entry('kubectl', 'Update', image('proxy'));
    const patched = entry('slipway', 'Update', { 'f:spec': { 'f:minReadySeconds': {}, 'f:paused': {} } });
    expect(merged([entry('slipway', 'Apply', image('web')), patched, others, status])).toEqual([
      entry('slipway', 'Apply', { 'f:spec': { ...(image('web')['f:spec'] as object), 'f:minReadySeconds': {} } }),
      entry('slipway', 'Update', { 'f:spec': { 'f:paused': {} } }),
      others,
      status,
    ]);
  });

  it.each([
    ['there are none', [entry('slipway', 'Apply', image('web')), status]],
    [
      'all that they own belongs to others by right',
      [entry('slipway', 'Apply', image('web')), entry('slipway', 'Update', { 'f:spec': { 'f:paused': {} } })],
    ],
  ])('are left where %s', (_what, entries) => {
    expect(merged(entries)).toBeNull();
  });

  it('say which fields, labels and annotations are ours', () => {
    const entries = [
      entry('slipway', 'Apply', { 'f:metadata': { 'f:labels': { 'f:tier': {} } }, 'f:spec': { 'f:revisionHistoryLimit': {} } }),
      entry('slipway', 'Update', { 'f:metadata': { 'f:annotations': { '.': {}, 'f:note': {} } }, 'f:spec': { 'f:strategy': {} } }),
      entry('slipway-scale', 'Apply', { 'f:spec': { 'f:replicas': {} } }, 'scale'),
      entry('kubectl', 'Update', { 'f:metadata': { 'f:labels': { 'f:team': {} } } }),
    ];
    expect(ownedByUs(entries)).toEqual({ labels: ['tier'], annotations: ['note'], spec: ['revisionHistoryLimit', 'strategy'] });
  });
});
