/** The listener: all clusters at one address, each under its own path, with its faults applied to requests and answers. */
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Certificates } from '../certificates.ts';
import type { Cluster } from '../cluster.ts';
import { internal, noSuchPath, StatusError } from '../status.ts';
import { Disturbance } from '../faults/disturbance.ts';
import { handle } from './handler.ts';
import type { Answer } from './handler.ts';
import type { Stream } from './watch.ts';

const mostBytes = 3 * 1024 * 1024;
const base = 'https://simulator';
const prefix = /^\/clusters\/([^/]+)(\/.*)?$/;

export interface Listener {
  port: number;
  close(): Promise<void>;
}

/** Listens on the loopback address; port 0 takes any free one. */
export async function listen(clusters: ReadonlyMap<string, Cluster>, certificates: Certificates, port: number): Promise<Listener> {
  const server = createServer(
    { cert: certificates.certificate, key: certificates.key, keepAliveTimeout: 120_000, requestTimeout: 0 },
    (incoming, response) => {
      void serve(clusters, incoming, response);
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  // An aborted TLS handshake is ignored.
  server.on('tlsClientError', () => undefined);
  return { port: (server.address() as AddressInfo).port, close: () => close(server) };
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()));
    server.closeAllConnections();
  });
}

/** The cluster of a request and the rest of its path; undefined if the URL is not valid. */
function addressed(
  clusters: ReadonlyMap<string, Cluster>,
  address: string,
): { cluster: Cluster; path: string; query: URLSearchParams } | undefined {
  if (!URL.canParse(address, base)) return undefined;
  const { pathname, searchParams } = new URL(address, base);
  const [, name = '', path = '/'] = prefix.exec(pathname) ?? [];
  const cluster =
    clusters.get(name) ?? (name.includes('%') ? [...clusters.values()].find((one) => encodeURIComponent(one.name) === name) : undefined);
  return cluster && { cluster, path, query: searchParams };
}

async function serve(clusters: ReadonlyMap<string, Cluster>, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = addressed(clusters, incoming.url ?? '/');
  const body = await readAll(incoming);
  if (body === undefined) return;
  if (!target) {
    send(response, refusal(noSuchPath()));
    return;
  }
  const { cluster, path, query } = target;
  const disturbance = new Disturbance(cluster, incoming.method ?? 'GET', response);
  if (!(await disturbance.before())) return;
  const request = { method: incoming.method ?? 'GET', path, query, headers: incoming.headers, body };
  const answer = answerOf(() => handle(cluster, request, streamTo(response)));
  if (answer !== undefined && (await disturbance.after())) send(response, answer);
}

function streamTo(response: ServerResponse): Stream {
  return {
    begin: (contentType) => {
      response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-cache, private' });
      response.flushHeaders();
    },
    write: (text) => void response.write(text),
    end: () => void response.end(),
    cut: () => void response.destroy(),
    onClose: (closed) => void response.on('close', closed),
  };
}

/** The whole body; undefined if the client aborts. */
async function readAll(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > mostBytes) {
        incoming.destroy();
        return undefined;
      }
      chunks.push(chunk);
    }
  } catch {
    // The connection is closed, so there is no one to answer.
    return undefined;
  }
  return Buffer.concat(chunks);
}

function answerOf(work: () => Answer | undefined): Answer | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof StatusError) return refusal(error);
    process.stderr.write(`simulator: ${(error as Error).stack}\n`);
    return refusal(internal(`Internal error occurred: ${(error as Error).message}`));
  }
}

export const refusal = ({ body }: StatusError): Answer => ({ code: body.code, body: JSON.stringify(body) });

export function send(response: ServerResponse, { code, body, contentType = 'application/json', warnings = [] }: Answer): void {
  const headers: { [name: string]: string | string[] } = { 'content-type': contentType, 'cache-control': 'no-cache, private' };
  if (warnings.length > 0) headers['warning'] = warnings.map((text) => `299 - ${JSON.stringify(text)}`);
  const bytes = Buffer.from(body);
  response.writeHead(code, { ...headers, 'content-length': bytes.length });
  response.end(bytes);
}
