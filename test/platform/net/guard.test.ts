import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Agent, request } from 'undici';
import { parseNetworks } from '../../../src/platform/net/address.ts';
import { AddressRefused, guardedConnector } from '../../../src/platform/net/guard.ts';
import type { GuardOptions } from '../../../src/platform/net/guard.ts';

/** Answers every connection with an empty answer, and counts connections. */
let connections: Socket[] = [];
const server = createServer((socket) => {
  connections.push(socket);
  socket.on('error', () => undefined).on('data', () => socket.end('HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n'));
});
let port = 0;
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

let agents: Agent[] = [];
beforeEach(() => {
  connections = [];
});
afterEach(async () => {
  await Promise.all(agents.map((agent) => agent.destroy()));
  agents = [];
});

const loopback = parseNetworks(['127.0.0.0/8']);
const at = (...addresses: string[]): GuardOptions['resolve'] => {
  return async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
};

/** The status of a request to this host, or its error. */
async function ask(host: string, options: Partial<GuardOptions> = {}): Promise<number | Error> {
  const agent = new Agent({ connect: guardedConnector({ allowed: [], timeout: 2_000, ...options }) });
  agents.push(agent);
  return request(`http://${host}:${port}`, { dispatcher: agent }).then(
    ({ statusCode }) => statusCode,
    (error: Error) => error,
  );
}

describe('an address in the URL', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1 is a loopback address'],
    ['2130706433', '127.0.0.1 is a loopback address'],
    ['0x7f.1', '127.0.0.1 is a loopback address'],
    ['169.254.169.254', '169.254.169.254 is a link-local address, where metadata services answer'],
    ['10.0.0.1', '10.0.0.1 is a private address'],
    ['[::1]', '::1 is a loopback address'],
    ['[fd00::1]', 'fd00::1 is a private address'],
    ['[::ffff:127.0.0.1]', '::ffff:7f00:1 is a loopback address'],
    ['[::ffff:a9fe:a9fe]', '::ffff:a9fe:a9fe is a link-local address, where metadata services answer'],
  ])('%s is refused before anything is sent', async (host, message) => {
    const answer = await ask(host, { resolve: () => Promise.reject(new Error('a literal address is not resolved')) });
    expect(answer).toBeInstanceOf(AddressRefused);
    expect(answer).toMatchObject({ message });
    expect(connections).toEqual([]);
  });

  it('is connected to where its network is allowed', async () => {
    expect(await ask('127.0.0.1', { allowed: loopback })).toBe(204);
  });

  it('in IPv6 that maps IPv4 belongs to the network of the IPv4 address', async () => {
    expect(await ask('[::ffff:127.0.0.1]', { allowed: loopback })).not.toBeInstanceOf(AddressRefused);
    expect(await ask('[::ffff:10.0.0.1]', { allowed: loopback })).toBeInstanceOf(AddressRefused);
  });

  it('without brackets or with them is the same to the connector', async () => {
    const connect = guardedConnector({ allowed: [] });
    for (const hostname of ['::1', '[::1]']) {
      const error = await new Promise((resolve) =>
        connect({ hostname, host: hostname, protocol: 'http:', port: String(port) }, (...[refusal]) => resolve(refusal)),
      );
      expect(error).toMatchObject({ name: 'AddressRefused', message: '::1 is a loopback address' });
    }
  });
});

describe('a name', () => {
  it('is connected to at its addresses, if all are allowed', async () => {
    expect(await ask('hooks.example', { allowed: loopback, resolve: at('127.0.0.1') })).toBe(204);
    expect(connections).toHaveLength(1);
  });

  it.each([
    ['alone', ['10.0.0.1'], '10.0.0.1, which is a private address'],
    ['first of several', ['10.0.0.1', '127.0.0.1'], '10.0.0.1, which is a private address'],
    ['last of several', ['127.0.0.1', '10.0.0.1'], '10.0.0.1, which is a private address'],
    [
      'mapped to IPv6',
      ['127.0.0.1', '::ffff:169.254.169.254'],
      '::ffff:169.254.169.254, which is a link-local address, where metadata services answer',
    ],
  ])('is refused for one forbidden address, %s', async (_, addresses, reason) => {
    const answer = await ask('hooks.example', { allowed: loopback, resolve: at(...addresses) });
    expect(answer).toBeInstanceOf(AddressRefused);
    expect(answer).toMatchObject({ message: `hooks.example is at ${reason}` });
    expect(connections).toEqual([]);
  });

  it('is resolved once per connection, and what was checked is used: a second answer of its server has no effect', async () => {
    const answers = ['127.0.0.1', '10.0.0.1'];
    const asked: string[] = [];
    const options = {
      allowed: loopback,
      resolve: async (hostname: string) => {
        asked.push(hostname);
        return [{ address: answers.shift() ?? '169.254.169.254', family: 4 }];
      },
    };
    expect(await ask('hooks.example', options)).toBe(204);
    expect(asked).toEqual(['hooks.example']);
    expect(connections).toHaveLength(1);

    expect(await ask('hooks.example', options)).toMatchObject({ message: 'hooks.example is at 10.0.0.1, which is a private address' });
    expect(connections).toHaveLength(1);
  });

  it('that is checked for one connection is checked again for the next of the same agent', async () => {
    const answers = ['127.0.0.1', '10.0.0.1'];
    const resolve = async () => [{ address: answers.shift()!, family: 4 }];
    const agent = new Agent({ connect: guardedConnector({ allowed: loopback, resolve }) });
    agents.push(agent);
    const url = `http://hooks.example:${port}`;
    expect((await request(url, { dispatcher: agent })).statusCode).toBe(204);
    await expect(request(url, { dispatcher: agent })).rejects.toThrow(AddressRefused);
    expect(connections).toHaveLength(1);
  });

  it('that nobody knows, or that has no address, does not resolve', async () => {
    const unknown = async () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' }));
    expect(await ask('hooks.example', { resolve: unknown })).toMatchObject({ code: 'ENOTFOUND' });
    expect(await ask('hooks.example', { resolve: at() })).toMatchObject({ code: 'ENOTFOUND' });
  });

  it('is resolved by the system where nothing else is given', async () => {
    expect(await ask('localhost')).toBeInstanceOf(AddressRefused);
    expect(connections).toEqual([]);
  });
});
