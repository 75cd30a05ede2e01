import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { RequestFailed } from './client.ts';
import type { Client } from './client.ts';

/** Last lines of a container that exits with code 1. Tests look for them. */
export const CRASH_LOG = ['starting', 'connecting to database orders at 10.96.14.3:5432', 'fatal: connection refused, giving up'];
const RUNNING_LOG = ['starting', 'listening on :8080', 'ready'];

interface ContainerStatus {
  readonly name: string;
  readonly state?: { readonly waiting?: { readonly reason: string }; readonly running?: unknown; readonly terminated?: Terminated };
  readonly lastState?: { readonly terminated?: Terminated };
}
interface Terminated {
  readonly exitCode: number;
  readonly finishedAt: string;
}

export interface Kubelet {
  readonly port: number;
  close(): void;
}

/**
 * The one thing that nodes are asked for here: `kubectl logs`. The API server forwards it to the node's kubelet, which for every node is this server.
 * It answers as a kubelet would for the state that the container is in, refusals included. It presents the API server's own certificate, which nobody checks.
 */
export async function startKubelet(client: Client, certificatesFolder: string): Promise<Kubelet> {
  const file = (name: string) => readFileSync(join(certificatesFolder, name));
  const server: Server = createServer({ cert: file('apiserver.crt'), key: file('apiserver.key') }, (request, response) => {
    const url = new URL(request.url ?? '/', 'https://kubelet');
    answer(client, url).then(
      ({ status, text }) => response.writeHead(status, { 'content-type': 'text/plain' }).end(text),
      (error: unknown) => response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error)),
    );
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  server.unref();
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

async function answer(client: Client, url: URL): Promise<{ status: number; text: string }> {
  const [, verb, namespace, name, container] = url.pathname.split('/');
  if (verb !== 'containerLogs' || !namespace || !name || !container) return { status: 501, text: `this kubelet serves no ${verb ?? ''}\n` };
  try {
    const pod = await client.request('GET', `/api/v1/namespaces/${namespace}/pods/${name}`);
    const statuses = [...(pod['status'].containerStatuses ?? []), ...(pod['status'].initContainerStatuses ?? [])] as ContainerStatus[];
    const status = statuses.find((candidate) => candidate.name === container);
    return log(name, container, status, url.searchParams);
  } catch (error) {
    if (error instanceof RequestFailed && error.status === 404) return { status: 404, text: `pod ${name} does not exist\n` };
    throw error;
  }
}

/** The words of the refusals are the kubelet's. */
function log(
  pod: string,
  container: string,
  status: ContainerStatus | undefined,
  query: URLSearchParams,
): { status: number; text: string } {
  const refuse = (why: string) => ({ status: 400, text: why });
  const where = `container "${container}" in pod "${pod}"`;
  const { waiting, running, terminated } = status?.state ?? {};
  const last = status?.lastState?.terminated;
  if (query.get('previous') === 'true')
    return last ? { status: 200, text: lines(last, query) } : refuse(`previous terminated ${where} not found`);
  if (running) return { status: 200, text: lines(undefined, query) };
  if (terminated ?? last) return { status: 200, text: lines(terminated ?? last, query) };
  if (waiting?.reason === 'ErrImagePull') return refuse(`${where} is waiting to start: image can't be pulled`);
  if (waiting?.reason === 'ImagePullBackOff') return refuse(`${where} is waiting to start: trying and failing to pull image`);
  if (waiting) return refuse(`${where} is waiting to start: ${waiting.reason}`);
  return refuse(`${where} is not available`);
}

function lines(terminated: Terminated | undefined, query: URLSearchParams): string {
  const all = terminated && terminated.exitCode !== 0 ? CRASH_LOG : terminated ? ['starting', 'done'] : RUNNING_LOG;
  const tail = query.has('tailLines') ? Number(query.get('tailLines')) : all.length;
  const shown = tail === 0 ? [] : all.slice(-tail);
  const stamp = query.get('timestamps') === 'true' ? `${terminated?.finishedAt ?? new Date().toISOString()} ` : '';
  const text = shown.map((line) => `${stamp}${line}\n`).join('');
  return query.has('limitBytes') ? text.slice(0, Number(query.get('limitBytes'))) : text;
}
