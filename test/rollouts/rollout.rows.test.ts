import { describe, expect, it } from 'vitest';
import { conditionOf } from '../../src/rollouts/core/condition-types.ts';
import { edited } from '../../src/rollouts/core/failures.ts';
import { targetOf } from '../../src/rollouts/rollout.rows.ts';

type Row = Parameters<typeof targetOf>[0];

const since = '2026-01-01T12:00:00.000Z';
const shown = (fields: object) =>
  targetOf({
    ...({ id: 't', cluster: { id: 'c', name: 'east-1' }, region: { id: 'r', name: 'eu' }, namespace: 'shop', phase: 'FAILED' } as Row),
    ...{ phaseDetail: null, step: 0, steps: 0, surge: null, unavailable: null, pods: null, condition: null, failure: null },
    ...fields,
  });

describe('A target as the API shows it', () => {
  it('has its failure as code and data, and as a sentence', () => {
    const where = { cluster: 'east-1', pod: null, container: null, exitCode: null, logTail: null };
    expect(shown({ failure: edited({ cluster: 'east-1' }, 'web', 'kubectl') }).failure).toEqual({
      ...where,
      code: 'EDITED',
      reason: 'EDITED',
      data: { name: 'web', manager: 'kubectl' },
      severity: 'FATAL',
      blames: 'CLUSTER',
      message: 'The pod template of Deployment web was edited by kubectl since it was applied.',
      advice: 'Make the change in the template instead; a rollback overwrites the edits of kubectl.',
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
    const old = { type: 'ACCESS', message: 'It refuses.', advice: 'Ask.', since };
    expect(shown({ condition: old })).toMatchObject({ condition: old, conditions: [{ code: 'ACCESS', message: 'It refuses.' }] });
  });
});
