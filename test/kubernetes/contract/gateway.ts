import { EventEmitter, once } from 'node:events';
import { createServer, request as forward } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { makeAuthority } from '../../clusters/kubernetes/server.ts';
import { pem } from './world.ts';
import type { ContractCluster } from './world.ts';

export interface Gateway {
  /** With the path under which the cluster lies. */
  url: string;
  /** PEM. */
  ca: string;
  /** Cuts every connection that stands; new ones are taken. */
  cut: () => void;
  /** Answers the next request that `matches` in place of the cluster. */
  answerNext: (matches: (url: URL) => boolean, answer: (response: ServerResponse) => void) => void;
  /** Has the cluster answer the next request that `matches`, and cuts the connection in place of passing the answer on. */
  loseNextReply: (matches: (url: URL) => boolean) => void;
  /** From now on each request waits for so many milliseconds before it is passed on. */
  delay: (by: (request: { method: string; url: URL }) => number) => void;
  /** The requests that came, as `METHOD path?query`. */
  seen: string[];
  /** Waits until a request makes this true. */
  until: (holds: () => boolean) => Promise<void>;
  close: () => Promise<void>;
}

/** A gateway before a cluster, as Rancher's is: it ends TLS with a certificate of its own, and puts the cluster under a path. */
export async function startGateway(cluster: Pick<ContractCluster, 'server' | 'caData'>, path: string): Promise<Gateway> {
  const authority = await makeAuthority('gateway');
  const target = new URL(cluster.server);
  const sockets = new Set<Socket>();
  const seen: string[] = [];
  const arrivals = new EventEmitter();
  let losing: ((url: URL) => boolean) | null = null;
  let delay: Parameters<Gateway['delay']>[0] = () => 0;
  let special: { matches: (url: URL) => boolean; answer: (response: ServerResponse) => void } | null = null;
  const server = createServer(await authority.issue({ ips: ['127.0.0.1'] }), (incoming, response) => {
    const url = new URL(incoming.url ?? '/', 'https://gateway');
    seen.push(`${incoming.method} ${incoming.url}`);
    arrivals.emit('request');
    if (special?.matches(url)) {
      const { answer } = special;
      special = null;
      incoming.resume();
      return answer(response);
    }
    if (!url.pathname.startsWith(path)) return void response.writeHead(404).end();
    const milliseconds = delay({ method: incoming.method ?? '', url });
    if (milliseconds === 0) return pass(incoming, response, url);
    return void setTimeout(() => pass(incoming, response, url), milliseconds);
  });
  const pass = (incoming: IncomingMessage, response: ServerResponse, url: URL): void => {
    const rest = target.pathname.replace(/\/+$/, '') + url.pathname.slice(path.length) + url.search;
    const headers = { ...incoming.headers, host: target.host };
    const onward = forward(
      { host: target.hostname, port: target.port, path: rest, method: incoming.method, headers, ca: pem(cluster.caData) },
      (answer) => {
        if (losing?.(url)) {
          losing = null;
          answer.resume();
          return void answer.on('end', () => response.destroy());
        }
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
        return void answer.on('error', () => response.destroy());
      },
    );
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    incoming.pipe(onward);
  };
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    ca: authority.pem,
    cut,
    answerNext: (matches, answer) => void (special = { matches, answer }),
    loseNextReply: (matches) => void (losing = matches),
    delay: (by) => void (delay = by),
    seen,
    until: async (holds) => {
      while (!holds()) await once(arrivals, 'request');
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        cut();
      }),
  };
}
