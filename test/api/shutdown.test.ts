import { describe, expect, it } from 'vitest';
import { Waits } from '../../src/common/prefer-wait.ts';
import { expectStatus, startTestApi, type Answer } from '../support/api.ts';
import { furnish } from './samples.ts';

describe('a process that is stopped', () => {
  it('answers the requests that it holds at once, as things stand, and is not ready meanwhile', async () => {
    const api = await startTestApi();
    const tenant = await api.tenant('acme');
    const { rollout, workload, cluster } = await furnish(api, tenant, 'a');
    const held = [
      tenant.rest('GET', `/v1/rollouts/${rollout?.[0]}`, undefined, { prefer: 'wait=300' }),
      tenant.rest('POST', `/v1/workloads/${workload?.[0]}/rollback`, {}, { prefer: 'wait=300' }),
      tenant.rest('POST', `/v1/clusters/${cluster?.[0]}/check`),
    ];
    const waits = api.app.get(Waits);
    await expect.poll(() => waits.isAwaited('rollout', rollout?.[0] ?? '')).toBe(true);
    await expect.poll(async () => (await tenant.rest('GET', '/v1/me')).status).toBe(200);
    const began = performance.now();
    const closed = api.close();
    const [read, refused, checked] = await Promise.all(held as [Promise<Answer>, Promise<Answer>, Promise<Answer>]);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(expectStatus(read, 200)).toMatchObject({ phase: 'QUEUED' });
    expect(read.headers.get('preference-applied')).toBe('wait=300');
    expect(refused.status).toBe(422);
    expect(expectStatus(checked, 200)).toMatchObject({ status: 'UNKNOWN' });
    await closed;
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

describe('waiting', () => {
  it('ends when the time is up: a rollout that has not settled answers 202, and 200 where it is read', async () => {
    const api = await startTestApi();
    const tenant = await api.tenant('acme');
    const { rollout } = await furnish(api, tenant, 'a');
    const began = performance.now();
    const read = await tenant.rest('GET', `/v1/rollouts/${rollout?.[0]}`, undefined, { prefer: 'wait=1' });
    expect(performance.now() - began).toBeGreaterThan(900);
    expect([read.status, read.headers.get('preference-applied')]).toEqual([200, 'wait=1']);
    const paused = await tenant.rest('POST', `/v1/rollouts/${rollout?.[0]}/abort`, undefined, { prefer: 'wait=1' });
    expect(paused.status).toBe(202);
    const graph = await tenant.graphql('query ($id: String!) { rollout(id: $id, waitSeconds: 1) { phase } }', { id: rollout?.[0] });
    expect(graph.errors).toEqual([]);
    await api.close();
  });
});
