import { describe, expect, it } from 'vitest';
import { conditionOf } from '../../../src/rollouts/core/condition-types.ts';
import { edited } from '../../../src/rollouts/core/failure.ts';
import { targetData } from '../../../src/rollouts/store/rows.ts';
import { targetOf } from '../../../src/rollouts/api/views.ts';
import { strategy, targetRow } from '../core/model.ts';

type Row = Parameters<typeof targetOf>[0];

const since = '2026-01-01T12:00:00.000Z';
const shown = (fields: object) =>
  targetOf({
    ...({ id: 't', cluster: { id: 'c', name: 'east-1' }, region: { id: 'r', name: 'eu' }, namespace: 'shop', phase: 'FAILED' } as Row),
    ...{
      phaseDetail: null,
      stages: [],
      stage: 0,
      gate: null,
      strategy: strategy(),
      pods: null,
      condition: null,
      hindrance: null,
      failure: null,
    },
    ...fields,
  });

describe('A target as the API shows it', () => {
  it('has its failure as code and data, and as a sentence', () => {
    const where = { cluster: 'east-1', pod: null, container: null, exitCode: null, logTail: null };
    expect(shown({ failure: edited({ cluster: 'east-1' }, { name: 'web' }, 'kubectl') }).failure).toEqual({
      ...where,
      code: 'EDITED',
      reason: 'EDITED',
      data: { name: 'web', manager: 'kubectl' },
      severity: 'FATAL',
      blames: 'CLUSTER',
      message: 'The pod template of Deployment web was edited by kubectl since it was applied.',
      advice: expect.stringContaining('takeOver: true') as string,
      differences: [],
      differenceCount: 0,
    });
    const old = { ...where, reason: 'EDITED', message: 'Somebody edited it.', advice: 'Ask.' };
    expect(shown({ failure: old }).failure).toMatchObject({ ...old, code: 'LEGACY' });
  });

  it('has its condition once as before, and once with its code and data', () => {
    const { condition, conditions } = shown({ condition: conditionOf('NO_WORKER', { region: 'eu' }, since) });
    const said = {
      message: 'No worker serves region eu.',
      advice: 'Start a worker with SLIPWAY_REGIONS naming this region, or with none named.',
      since,
    };
    expect(condition).toEqual({ type: 'NO_WORKER', ...said });
    expect(conditions).toEqual([{ code: 'NO_WORKER', data: { region: 'eu' }, ...said }]);
    expect(shown({}).conditions).toEqual([]);
    const hindrance = {
      code: 'ImagePullBackOff',
      data: { message: 'Too many.', kind: 'UNAVAILABLE' },
      pod: 'web-1',
      container: 'web',
      since,
    };
    const waiting = {
      message: 'Too many. (pod web-1, container web)',
      advice: 'Check that the nodes reach the registry, and its rate limit; the kubelet goes on trying.',
      since,
    };
    const facts = { message: 'Too many.', kind: 'UNAVAILABLE', pod: 'web-1', container: 'web', severity: 'TRANSIENT', blames: 'PLATFORM' };
    expect(shown({ hindrance })).toMatchObject({
      condition: { type: 'ImagePullBackOff', ...waiting },
      conditions: [{ code: 'ImagePullBackOff', data: facts, ...waiting }],
    });
    const both = shown({ hindrance, condition: conditionOf('NO_WORKER', { region: 'eu' }, since) });
    expect([both.condition?.type, both.conditions.map(({ code }) => code)]).toEqual(['NO_WORKER', ['NO_WORKER', 'ImagePullBackOff']]);
    const old = { type: 'ACCESS', message: 'It refuses.', advice: 'Ask.', since };
    expect(shown({ condition: old })).toMatchObject({ condition: old, conditions: [{ code: 'ACCESS', message: 'It refuses.' }] });
  });

  it('has them in its events with the sentences as they were said', () => {
    const place = { clusterId: 'c', cluster: 'east-1', regionId: 'r', region: 'eu', namespace: 'shop' };
    const state = targetRow({
      failure: edited({ cluster: 'east-1' }, { name: 'web' }, 'kubectl'),
      condition: conditionOf('NO_WORKER', { region: 'eu' }, since),
    });
    expect(targetData({ place, state })).toMatchObject({
      failure: { code: 'EDITED', reason: 'EDITED', message: expect.stringContaining('edited by kubectl') as string },
      condition: { type: 'NO_WORKER', message: 'No worker serves region eu.', data: { region: 'eu' } },
    });
  });
});
