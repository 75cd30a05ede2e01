import { createServer, request as forward } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { makeAuthority } from '../../test/clusters/kubernetes/server.ts';

/** A request that the proxy has passed on; times in milliseconds of the monotonic clock. */
export interface Seen {
  method: string;
  path: string;
  query: URLSearchParams;
  began: number;
  /** When the answer was complete; null until then. */
  ended: number | null;
}

export interface Proxy {
  server: string;
  /** PEM in base64. */
  caData: string;
  seen: Seen[];
  close(): Promise<void>;
}

/** A proxy in front of a cluster that records each request, with a negligible delay. */
export async function startProxy(cluster: { server: string; caData: string }): Promise<Proxy> {
  const authority = await makeAuthority('proxy');
  const target = new URL(cluster.server);
  const ca = Buffer.from(cluster.caData, 'base64').toString('utf8');
  const seen: Seen[] = [];
  const pass = (incoming: IncomingMessage, response: ServerResponse): void => {
    const url = new URL(incoming.url ?? '/', 'https://proxy');
    const note: Seen = {
      method: incoming.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      began: performance.now(),
      ended: null,
    };
    seen.push(note);
    const headers = { ...incoming.headers, host: target.host };
    const path = target.pathname.replace(/\/$/, '') + (incoming.url ?? '');
    const onward = forward({ host: target.hostname, port: target.port, path, method: incoming.method, headers, ca }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      answer.on('end', () => (note.ended = performance.now()));
      answer.on('error', () => response.destroy());
    });
    onward.on('error', () => response.destroy());
    response.on('close', () => onward.destroy());
    incoming.pipe(onward);
  };
  const server = createServer(await authority.issue({ ips: ['127.0.0.1'] }), pass);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caData: Buffer.from(authority.pem).toString('base64'),
    seen,
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const REVIEWS = /\/selfsubject(access|rules)reviews$/;

/** Whether a request changes something in the cluster: neither a dry run nor a review. */
export const isWrite = ({ method, path, query }: Seen): boolean => method !== 'GET' && !query.has('dryRun') && !REVIEWS.test(path);

/** Whether a request reads an object or a list once, unlike a watch. */
export const isPlainRead = ({ method, query }: Seen): boolean => method === 'GET' && !query.has('watch');

/** Milliseconds between two moments in which at least one of these requests was in flight, each counted once. */
export function inFlight(seen: readonly Seen[], from: number, to: number): number {
  const spans = seen
    .filter(({ query }) => !query.has('watch'))
    .map(({ began, ended }) => [Math.max(began, from), Math.min(ended ?? to, to)] as const)
    .filter(([began, ended]) => ended > began)
    .sort((a, b) => a[0] - b[0]);
  let sum = 0;
  let until = from;
  for (const [began, ended] of spans) {
    sum += Math.max(0, ended - Math.max(began, until));
    until = Math.max(until, ended);
  }
  return sum;
}
