/** The endpoint by which tests and demos inject faults: plain HTTP on the loopback address. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Cluster } from '../cluster.ts';
import { changeFaults, clearFaults, dropWatches, expireWatches } from './inject.ts';

export interface FaultListener {
  port: number;
  close(): Promise<void>;
}

export async function listenForFaults(clusters: ReadonlyMap<string, Cluster>, port: number): Promise<FaultListener> {
  const server = createServer((incoming, response) => void answer(clusters, incoming, response));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const close = (): Promise<void> =>
    new Promise((resolve, reject) => {
      server.close((error) => (error ? reject(error) : resolve()));
      server.closeAllConnections();
    });
  return { port: (server.address() as AddressInfo).port, close };
}

async function answer(clusters: ReadonlyMap<string, Cluster>, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const reply = (code: number, body: unknown): void => {
    response.writeHead(code, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
  };
  const path = new URL(incoming.url ?? '/', 'http://simulator').pathname;
  if (path === '/clusters') return reply(200, { clusters: [...clusters.keys()] });
  const [, name = '', action = ''] = /^\/clusters\/([^/]+)\/([a-z-]+)$/.exec(path) ?? [];
  const chosen = name === '*' ? [...clusters.values()] : [clusters.get(decodeURIComponent(name))].filter((one) => one !== undefined);
  if (chosen.length === 0) return reply(404, { error: `no cluster ${name}; a path is /clusters/NAME/faults, with * for all` });
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    for (const cluster of chosen) act(cluster, `${incoming.method ?? ''} ${action}`, text);
    reply(200, Object.fromEntries(chosen.map((cluster) => [cluster.name, cluster.faults.settings])));
  } catch (error) {
    reply(400, { error: (error as Error).message });
  }
}

function act(cluster: Cluster, what: string, text: string): void {
  switch (what) {
    case 'GET faults':
      return;
    case 'POST faults':
      return changeFaults(cluster, JSON.parse(text) as { [name: string]: unknown });
    case 'DELETE faults':
      return clearFaults(cluster);
    case 'POST expire-watches':
      return expireWatches(cluster);
    case 'POST drop-watches':
      return dropWatches(cluster);
    default:
      throw new Error(`${what} is none of: GET, POST, DELETE faults; POST expire-watches; POST drop-watches`);
  }
}
