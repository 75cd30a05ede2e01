import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Waits } from '../../src/platform/api/prefer-wait.ts';
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

  it('is not held up by connections on which nobody asks for anything', async () => {
    const api = await startTestApi();
    const open = async (text: string): Promise<Socket> => {
      const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
      await once(socket, 'connect');
      socket.write(text);
      return socket;
    };
    const head = 'GET /graphql HTTP/1.1\r\nHost: slipway\r\n';
    const upgrade =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n';
    const reserve = await open('');
    const halfway = await open(head);
    const deaf = await open(`${head}${upgrade}Sec-WebSocket-Key: c2xpcHdheSBzbGlwd2F5IQ==\r\n\r\n`);
    const [answer] = (await once(deaf, 'data')) as [Buffer];
    expect(String(answer)).toMatch(/^HTTP\/1.1 101 /);
    deaf.pause();
    const ended = [reserve, halfway].map((socket) => once(socket, 'close'));

    const began = performance.now();
    await api.close();

    expect(performance.now() - began).toBeLessThan(5_000);
    await Promise.all(ended);
    deaf.destroy();
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
