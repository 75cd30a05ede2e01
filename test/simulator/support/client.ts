/** A small client for the simulator's tests: it speaks plain HTTP and JSON, so that what is asserted is what is on the wire. */
import { Pool } from 'undici';

export interface Answer {
  code: number;
  headers: { [name: string]: string | string[] | undefined };
  body: any;
  text: string;
}

export interface WatchEvent {
  type: string;
  object: any;
}

export interface Client {
  request(method: string, path: string, body?: unknown, contentType?: string, headers?: { [name: string]: string }): Promise<Answer>;
  get(path: string): Promise<any>;
  create(path: string, body: unknown): Promise<Answer>;
  apply(path: string, body: unknown, manager?: string, query?: string): Promise<Answer>;
  merge(path: string, body: unknown, query?: string): Promise<Answer>;
  json(path: string, body: unknown, query?: string): Promise<Answer>;
  remove(path: string, body?: unknown): Promise<Answer>;
  /** Events of a watch until the signal or the end of the stream. */
  watch(path: string, signal?: AbortSignal): AsyncGenerator<WatchEvent>;
  close(): Promise<void>;
}

export function connect({ server, caData, token }: { server: string; caData: string; token: string }): Client {
  const { origin } = new URL(server);
  const pathname = new URL(server).pathname.replace(/\/$/, '');
  const pool = new Pool(origin, { connections: 8, connect: { ca: Buffer.from(caData, 'base64').toString() } });
  const authorization = `Bearer ${token}`;

  async function request(method: string, path: string, body?: unknown, contentType = 'application/json', headers = {}): Promise<Answer> {
    const answer = await pool.request({
      method,
      path: pathname + path,
      headers: { authorization, ...(body === undefined ? {} : { 'content-type': contentType }), 'user-agent': 'tester/1', ...headers },
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
    });
    const text = await answer.body.text();
    const isJson = String(answer.headers['content-type']).includes('json');
    return { code: answer.statusCode, headers: answer.headers, body: isJson ? JSON.parse(text) : text, text };
  }

  return {
    request,
    async get(path) {
      const answer = await request('GET', path);
      if (answer.code !== 200) throw new Error(`GET ${path}: ${answer.code} ${answer.text}`);
      return answer.body;
    },
    create: (path, body) => request('POST', path, body),
    apply: (path, body, manager = 'tester', query = '') =>
      request('PATCH', `${path}?fieldManager=${manager}${query}`, body, 'application/apply-patch+yaml'),
    merge: (path, body, query = '') => request('PATCH', `${path}?${query}`, body, 'application/merge-patch+json'),
    json: (path, body, query = '') => request('PATCH', `${path}?${query}`, body, 'application/json-patch+json'),
    remove: (path, body) => request('DELETE', path, body),
    async *watch(path, signal) {
      const answer = await pool.request({
        method: 'GET',
        path: pathname + path,
        headers: { authorization },
        ...(signal ? { signal } : {}),
        bodyTimeout: 0,
      });
      let rest = '';
      answer.body.setEncoding('utf8');
      for await (const chunk of answer.body) {
        const lines = (rest + String(chunk)).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) yield JSON.parse(line) as WatchEvent;
      }
    },
    close: () => pool.destroy(),
  };
}
