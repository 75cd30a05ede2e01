/** A client of the public REST API, as any customer could write it. */

export interface Problem {
  status: number;
  code: string;
  detail: string;
  errors?: { pointer?: string; parameter?: string; detail: string }[];
}

/** An error of the API, with its own text. */
export class Refused extends Error {
  readonly problem: Problem;

  constructor(what: string, problem: Problem) {
    const where = (problem.errors ?? []).map(({ pointer, parameter, detail }) => `\n  ${pointer ?? parameter ?? ''} ${detail}`).join('');
    super(`${what}: ${problem.status} ${problem.code}: ${problem.detail}${where}`);
    this.problem = problem;
  }
}

export interface Target {
  id: string;
  cluster: { id: string; name: string };
  region: { name: string };
  phase: string;
  phaseReason: string | null;
  step: { index: number; of: number; weight: number | null };
  pods: { desired: number; old: number; new: number; ready: number } | null;
  condition: { message: string; advice: string } | null;
  failure: Failure | null;
}

export interface Failure {
  reason: string;
  message: string;
  cluster: string;
  pod: string | null;
  container: string | null;
  advice: string;
}

export interface Rollout {
  id: string;
  kind: string;
  phase: string;
  pauseReason: string | null;
  phaseReason: string | null;
  release: { number: number } | null;
  failure: Failure | null;
  targets: Target[];
  startedAt: string | null;
  settledAt: string | null;
  createdAt: string;
}

export interface StreamedEvent {
  id: string | null;
  type: string;
  message: string;
}

export class Slipway {
  readonly url: string;
  private readonly headers: Record<string, string>;

  constructor(url: string, key: string, tenant?: string) {
    this.url = url;
    this.headers = { authorization: `Bearer ${key}`, ...(tenant === undefined ? {} : { 'slipway-tenant': tenant }) };
  }

  async send<T>(method: string, path: string, body?: object | string, headers: Record<string, string> = {}): Promise<T> {
    const type = typeof body === 'string' ? 'application/yaml' : 'application/json';
    const answer = await fetch(this.url + path, {
      method,
      headers: { ...this.headers, ...(body === undefined ? {} : { 'content-type': type }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Refused(`${method} ${path}`, problemOf(answer.status, text));
    return (answer.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text) as T;
  }

  get<T>(path: string, headers?: Record<string, string>): Promise<T> {
    return this.send<T>('GET', path, undefined, headers);
  }

  post<T>(path: string, body?: object | string, headers?: Record<string, string>): Promise<T> {
    return this.send<T>('POST', path, body, headers);
  }

  /** Server-sent events, to the end of the stream. */
  async *events(path: string, signal: AbortSignal): AsyncGenerator<StreamedEvent> {
    const answer = await fetch(this.url + path, { headers: { ...this.headers, accept: 'text/event-stream' }, signal });
    if (!answer.ok || !answer.body) throw new Refused(`GET ${path}`, problemOf(answer.status, await answer.text()));
    let rest = '';
    for await (const part of answer.body.pipeThrough(new TextDecoderStream())) {
      const blocks = (rest + part).split('\n\n');
      rest = blocks.pop() ?? '';
      for (const block of blocks) {
        const data = block.split('\n').find((line) => line.startsWith('data: '));
        if (data) yield JSON.parse(data.slice('data: '.length)) as StreamedEvent;
      }
    }
  }
}

function problemOf(status: number, text: string): Problem {
  try {
    return JSON.parse(text) as Problem;
  } catch {
    return { status, code: 'UNREADABLE', detail: text.slice(0, 200) };
  }
}
