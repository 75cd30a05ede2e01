import { createClient, type Client as SocketClient } from 'graphql-ws';
import WebSocket from 'ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OPERATOR_KEY, startTestApi, type TestApi, type TestTenant } from '../support/api.ts';

let api: TestApi;
let tenant: TestTenant;
beforeAll(async () => {
  api = await startTestApi({ corsOrigins: ['https://console.example.com'] });
  tenant = await api.tenant('acme');
});
afterAll(() => api.close());

const address = (): string => `${api.url.replace('http', 'ws')}/graphql`;

function connect(connectionParams: Record<string, unknown>, closed: (code: number) => void = () => undefined): SocketClient {
  return createClient({
    url: address(),
    webSocketImpl: WebSocket,
    connectionParams,
    retryAttempts: 0,
    on: { closed: (event) => closed((event as { code: number }).code) },
  });
}

/** Close code of a socket that says `connectionParams` first and subscribes. */
async function closeCode(connectionParams: Record<string, unknown>): Promise<number> {
  return new Promise((resolve) => {
    const client = connect(connectionParams, resolve);
    client.subscribe(
      { query: 'subscription { events { id } }' },
      { next: () => undefined, error: () => undefined, complete: () => undefined },
    );
  });
}

describe('a socket', () => {
  it.each([
    ['no key', {}],
    ['a key that is none', { authorization: 'Bearer slp_nothing' }],
    ['a key of the wrong type', { authorization: 7 }],
    ["a tenant that is not the key's", { authorization: 'KEY', slipwayTenant: 'other' }],
  ])('with %s is closed as forbidden', async (_, params: Record<string, unknown>) => {
    expect(await closeCode(params['authorization'] === 'KEY' ? { ...params, authorization: `Bearer ${tenant.key}` } : params)).toBe(4403);
  });

  it('from an origin that is not allowed is not opened', async () => {
    const open = (origin: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = new WebSocket(address(), 'graphql-transport-ws', { origin });
        socket.once('open', () => {
          socket.close();
          resolve('open');
        });
        socket.once('error', (error) => resolve(error.message));
      });
    expect(await open('https://evil.example')).toMatch(/403/);
    expect(await open('https://console.example.com')).toBe('open');
    expect(await open(api.url)).toBe('open');
  });

  it.each([
    ['a tenant', () => ({ authorization: `Bearer ${tenant.key}` })],
    ['the operator for a tenant', () => ({ authorization: `Bearer ${OPERATOR_KEY}`, slipwayTenant: 'acme' })],
  ])('of %s is given events', async (name, params) => {
    const client = connect(params());
    const events: unknown[] = [];
    const ended = new Promise<unknown>((resolve) => {
      client.subscribe(
        { query: 'subscription { events(afterId: "0") { id type data } }' },
        { next: (value) => events.push(value), error: resolve, complete: () => resolve(null) },
      );
    });
    void ended;
    const region = `region-${name.length}`;
    await api.operator.rest('POST', '/v1/regions', { name: region });
    const { bodies } = await import('./samples.ts');
    await tenant.rest('POST', '/v1/clusters', { ...((await bodies())['CreateCluster'] as object), name: region, region });
    await expect.poll(() => JSON.stringify(events)).toContain('cluster.registered');
    await client.dispose();
  });

  it('is closed within five seconds once its key is revoked', async () => {
    const made = await tenant.rest<{ id: string; secret: string }>('POST', '/v1/api-keys', { name: 'socket', role: 'VIEWER' });
    let code = 0;
    const client = connect({ authorization: `Bearer ${made.body.secret}` }, (closed) => (code = closed));
    const connected = new Promise<void>((resolve) => client.on('connected', () => resolve()));
    client.subscribe(
      { query: 'subscription { events { id } }' },
      { next: () => undefined, error: () => undefined, complete: () => undefined },
    );
    await connected;
    await tenant.rest('DELETE', `/v1/api-keys/${made.body.id}`);
    await expect.poll(() => code, { timeout: 15_000 }).toBe(4403);
  });

  it('asks no queries, and its documents are bounded', async () => {
    const refusal = (query: string): Promise<unknown> =>
      new Promise((resolve) => {
        const client = connect({ authorization: `Bearer ${tenant.key}` });
        client.subscribe(
          { query },
          { next: () => resolve('answered'), error: (error) => resolve(error), complete: () => resolve('completed') },
        );
      });
    expect(JSON.stringify(await refusal('{ me { role } }'))).not.toContain('ADMIN');
    expect(await refusal(`subscription { events { id } } # ${'x'.repeat(17_000)}`)).not.toBe('answered');
  });
});
