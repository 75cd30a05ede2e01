/** A cluster's API that means harm. It runs in a thread of its own, so that neither its work nor its memory is measured as the client's. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Writable } from 'node:stream';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { makeAuthority } from './server.ts';

const MiB = 1024 * 1024;

/** What is written; false = everything is. */
type Next = () => Buffer | string | false;

interface Attack {
  /** After the head of a list. Default: an empty list. */
  list?: (page: number) => Next;
  /** After the head of a watch. Default: nothing ever. */
  watch?: () => Next;
  /** The texts are on the wire as they are, with the framing of HTTP chunks in them. */
  raw?: boolean;
}

const repeat = (text: Buffer | string, times: number): Next => {
  let left = times;
  return () => (left-- > 0 ? text : false);
};

const sequence = (...parts: Next[]): Next => {
  const rest = [...parts];
  return () => {
    for (let part = rest[0]; part; part = rest[0]) {
      const text = part();
      if (text !== false) return text;
      rest.shift();
    }
    return false;
  };
};

const once = (text: string): Next => repeat(text, 1);
const items = (body: Next, next = ''): Next =>
  sequence(once(`{"metadata":{"resourceVersion":"10","continue":"${next}"},"items":[`), body, once(']}'));

/** A pod as an ordinary cluster sends it, of about 10 KB. */
function ordinaryPod(name: string, message = 'ok'): Record<string, unknown> {
  const field = (n: number): [string, unknown] => [`f:field${n}`, { 'f:name': {}, 'f:value': {}, '.': {} }];
  const at = '2026-01-01T12:00:00Z';
  const uid = `uid-${name}`;
  const ownerReferences = [
    { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'web-1', controller: true, blockOwnerDeletion: true },
  ];
  const fieldsV1 = Object.fromEntries(Array.from({ length: 80 }, (_, n) => field(n)));
  const managedFields = [
    { manager: 'kube-controller-manager', operation: 'Update', apiVersion: 'v1', time: at, fieldsType: 'FieldsV1', fieldsV1 },
    { manager: 'kubelet', operation: 'Update', apiVersion: 'v1', time: at, fieldsType: 'FieldsV1', fieldsV1: {}, subresource: 'status' },
  ];
  const env = Array.from({ length: 50 }, (_, n) => ({ name: `VARIABLE_${n}`, value: 'a value of ordinary length'.repeat(2) }));
  const container = { name: 'web', image: 'registry.example/web:1', env, resources: {}, terminationMessagePolicy: 'File' };
  const conditions = ['Ready', 'PodScheduled', 'Initialized'].map((type) => ({ type, status: 'True', lastTransitionTime: at, message }));
  const running = { startedAt: at };
  const containerStatuses = [{ name: 'web', ready: true, restartCount: 0, image: 'x', imageID: 'y', state: { running }, lastState: {} }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'shop',
      uid,
      resourceVersion: '5',
      creationTimestamp: at,
      labels: { app: 'web' },
      ownerReferences,
      managedFields,
    },
    spec: { restartPolicy: 'Always', containers: [container], nodeName: 'node-1' },
    status: { phase: 'Running', conditions, containerStatuses, podIP: '10.0.0.1' },
  };
}

let made = 0;
const tinyPods = (count: number): string => Array.from({ length: count }, () => `{"metadata":{"name":"p","uid":"${made++}"}}`).join(',');
const uniqueKeys = (bytes: number): string => {
  let text = '{"metadata":{"name":"p"},"x":[{}';
  while (text.length < bytes) text += `,{"k${made++}":1}`;
  return `${text}]}`;
};
const deep = (levels: number): string => `{"metadata":{"name":"p"},"x":${'['.repeat(levels)}${']'.repeat(levels)}}`;
const event = (type: string, object: string): string => `{"type":"${type}","object":${object}}\n`;
const pod = (name: string, extra: string): string => `{"metadata":{"name":"${name}","uid":"${name}","resourceVersion":"11"}${extra}}`;
const million = '{},'.repeat(350_000);
const ordinary = (page: number): string =>
  Array.from({ length: 200 }, (_, n) => JSON.stringify(ordinaryPod(`web-1-${page * 200 + n}`))).join(',');
const messages = `,"status":{"conditions":[${`{"type":"x","message":"${'m'.repeat(900)}"},`.repeat(99)}{}]}`;

const attacks = {
  'a list of 30 MB of {},': { list: () => items(sequence(repeat(million, 30), once('{}'))) },
  'an endless list of tiny pods': { list: () => items(sequence(() => `${tinyPods(1_000)},`)) },
  'endless pages of large objects': {
    list: (page: number) => items(once(pod(`large-${page}`, `,"x":"${'x'.repeat(7 * MiB)}"`)), 'more'),
  },
  'pages of objects with keys that are never the same': { list: () => items(once(uniqueKeys(7 * MiB)), 'more') },
  'a list in chunks of one byte': {
    list: () => repeat('1\r\n \r\n'.repeat(10_000), 1_000),
    raw: true,
  },
  'JSON nested 100,000 deep': { list: () => items(once(deep(100_000))) },
  'watch events of 4 MB': { watch: () => sequence(() => event('ADDED', pod('a', `,"x":"${'x'.repeat(4_000_000)}"`))) },
  'a watch line without end': { watch: () => sequence(() => 'x'.repeat(65_536)) },
  'watch events of 1 MB of {},': { watch: () => sequence(() => event('ADDED', pod('a', `,"x":[${'{},'.repeat(330_000)}{}]`))) },
  'more objects than the store has room for': {
    watch: () => sequence(() => Array.from({ length: 10 }, () => event('ADDED', pod(`p-${made++}`, messages))).join('')),
  },
  'a flood of bookmarks': { watch: () => sequence(() => event('BOOKMARK', '{"metadata":{"resourceVersion":"11"}}').repeat(1_000)) },
  'a flood of changes': { watch: () => sequence(() => event('MODIFIED', pod('a', '')).repeat(1_000)) },
  'changes of one of 5,000 pods': {
    list: () => items(once(tinyPods(5_000))),
    watch: () => sequence(() => event('MODIFIED', pod('a', '')).repeat(100)),
  },
  'an ordinary large placement': { list: (page: number) => items(once(ordinary(page)), page < 4 ? String(page + 1) : '') },
} satisfies Record<string, Attack>;

export type AttackName = keyof typeof attacks;

export interface HostileServer {
  server: (attack: AttackName) => string;
  ca: string;
  /** Requests, and bytes that were written, so far. */
  seen: () => Promise<{ lists: number; watches: number; bytes: number }>;
  stop: () => Promise<void>;
}

export async function startHostileServer(): Promise<HostileServer> {
  const authority = await makeAuthority();
  const { cert, key } = await authority.issue({ ips: ['127.0.0.1'] });
  const worker = new Worker(new URL(import.meta.url), { workerData: { cert, key } });
  const answer = <T>(): Promise<T> => new Promise((resolve) => worker.once('message', resolve));
  const port = await answer<number>();
  return {
    server: (attack) => `https://127.0.0.1:${port}/${encodeURIComponent(attack)}`,
    ca: authority.pem,
    seen: () => {
      const seen = answer<{ lists: number; watches: number; bytes: number }>();
      worker.postMessage('seen');
      return seen;
    },
    stop: async () => void (await worker.terminate()),
  };
}

function serve({ cert, key }: { cert: string; key: string }): void {
  const seen = { lists: 0, watches: 0, bytes: 0 };
  const write = (response: Writable, next: Next): void => {
    for (;;) {
      if (response.destroyed) return;
      const text = next();
      if (text === false) return;
      seen.bytes += text.length;
      if (!response.write(text)) return void response.once('drain', () => write(response, next));
    }
  };
  const server = createServer({ cert, key }, (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'https://x');
    const attack: Attack = attacks[decodeURIComponent(pathname.split('/')[1] ?? '') as AttackName];
    const isWatch = searchParams.get('watch') === 'true';
    if (isWatch) seen.watches += 1;
    else seen.lists += 1;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (!pathname.endsWith('/pods')) {
      if (!isWatch) response.end('{"metadata":{"resourceVersion":"10"},"items":[]}');
      return;
    }
    const body = isWatch ? attack.watch?.() : (attack.list?.(Number(searchParams.get('continue') ?? '0') || 0) ?? items(once('')));
    if (!body) return;
    write(attack.raw && response.socket ? response.socket : response, isWatch ? body : sequence(body, () => (response.end(), false)));
  });
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port));
  parentPort?.on('message', () => parentPort?.postMessage(seen));
}

if (!isMainThread && workerData !== null && typeof workerData === 'object' && 'cert' in workerData)
  serve(workerData as { cert: string; key: string });
