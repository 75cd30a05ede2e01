import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import type { Network } from '../../platform/net/address.ts';
import { BUDGETS, bytesText } from '../core/budgets.ts';
import type { Budgets } from '../core/budgets.ts';
import type { Credential } from '../core/credential.ts';
import { bounded } from './bounded.ts';
import { Bytes } from './bytes.ts';
import { overBudget } from './errors.ts';
import type { KubernetesError } from './errors.ts';
import { errorFromAnswer, errorFromTransport } from './failures.ts';
import { guardedConnector } from '../../platform/net/guard.ts';
import type { Resolve } from '../../platform/net/guard.ts';
import { JsonScan, parseScanned } from './json.ts';
import { ByteRate } from './rate.ts';
import { publicText } from './text.ts';

export interface TransportOptions {
  /** Private networks that clusters may lie in; none unless the operator says so. */
  allowedNetworks: readonly Network[];
  resolve?: Resolve;
  /** Other numbers than those of `BUDGETS`, for tests. */
  budgets?: Partial<Budgets>;
  /** How long a request may be without its answer before `onSlow` of its holder is called. Default 3 s. */
  patienceMilliseconds?: number;
  /** Connections kept for requests; each watch has one of its own besides. Default 6. */
  connections?: number;
  /** What carries requests in place of connections to the server, for tests. */
  dispatcher?: Dispatcher;
}

export interface Request {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below the server's own path. */
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  contentType?: string;
  accept?: string;
  body?: string;
  signal?: AbortSignal;
}

/** Takes an answer's bytes as they arrive. Whatever it throws ends the request and its connection. */
export interface Sink {
  add(chunk: Buffer): void;
}

export interface Answer {
  status: number;
  body: Buffer;
  /** The server's clock, or null where it did not say. */
  date: Date | null;
}

const json = 'application/json';

/** The connections to one cluster, and what is the same in all requests. */
interface Line {
  requests: Dispatcher;
  watches: Dispatcher;
  prefix: string;
  headers: Record<string, string>;
  secrets: string[];
  patienceMilliseconds: number;
  budgets: Budgets;
  rate: ByteRate;
}

/** On whose behalf requests are made. */
interface Holder {
  /** Ends them when it is aborted. */
  signal: AbortSignal;
  onSlow: (() => void) | undefined;
}

/** Connections to the server. A watch holds one for as long as it lasts, so watches must not take those of the requests. */
function poolsTo(credential: Credential, options: TransportOptions, requestMilliseconds: number): Pick<Line, 'requests' | 'watches'> {
  const { origin } = new URL(credential.server);
  const { auth } = credential;
  const tls = { ca: credential.ca, ...('token' in auth ? {} : { cert: auth.certificate, key: auth.key }) };
  const connect = guardedConnector({
    ...tls,
    allowed: options.allowedNetworks,
    ...(options.resolve ? { resolve: options.resolve } : {}),
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
    maxCachedSessions: 0,
    timeout: Math.min(5_000, requestMilliseconds),
  });
  const shared = { connect, allowH2: false, pipelining: 1, keepAliveTimeout: 60_000, headersTimeout: 0, bodyTimeout: 0 };
  return {
    requests: new Pool(origin, { ...shared, connections: options.connections ?? 6 }),
    watches: new Pool(origin, { ...shared, connections: null, keepAliveTimeout: 4_000 }),
  };
}

function lineTo(credential: Credential, options: TransportOptions): Line {
  const { pathname, protocol } = new URL(credential.server);
  if (protocol !== 'https:') throw new Error('a cluster is spoken to over https alone');
  const { auth } = credential;
  const budgets = { ...BUDGETS, ...options.budgets };
  const rate = new ByteRate(budgets);
  const { dispatcher } = options;
  const pools = dispatcher ? { requests: dispatcher, watches: dispatcher } : poolsTo(credential, options, budgets.requestMilliseconds);
  return {
    requests: pools.requests.compose(bounded({ budgets, rate, what: 'ANSWER' })),
    watches: pools.watches.compose(bounded({ budgets, rate, what: 'STREAM' })),
    prefix: pathname.replace(/(?<!\/)\/+$/, ''),
    headers: { 'user-agent': 'slipway', ...('token' in auth ? { authorization: `Bearer ${auth.token}` } : {}) },
    secrets: 'token' in auth ? [auth.token] : [],
    patienceMilliseconds: options.patienceMilliseconds ?? 3_000,
    budgets,
    rate,
  };
}

/**
 * HTTP to one cluster on connections that are kept. The credential goes to the cluster's own origin and nowhere else: redirects are answers like any other,
 * never followed. TLS always verifies against the given authority alone, and sessions are not resumed, so that a server whose certificate was exchanged has
 * to prove itself at each connect.
 */
export class Transport {
  private constructor(
    private readonly line: Line,
    private readonly holder: Holder | null,
  ) {}

  static to(credential: Credential, options: TransportOptions): Transport {
    return new Transport(lineTo(credential, options), null);
  }

  /** The same connections, for requests that end with the signal. */
  under(signal: AbortSignal, onSlow = this.holder?.onSlow): Transport {
    return new Transport(this.line, { signal: this.holder ? AbortSignal.any([this.holder.signal, signal]) : signal, onSlow });
  }

  /** One request and its whole answer; every status of 300 and more is an error. */
  async send(request: Request): Promise<Answer> {
    const body = new Bytes();
    const isJson = (request.accept ?? json) === json;
    const scan = new JsonScan(this.budgets);
    const add = (chunk: Buffer): void => {
      if (isJson) scan.feed(chunk);
      body.add(chunk);
    };
    return { ...(await this.read(request, { add })), body: body.view() };
  }

  /** The same, with an answer that is read while it arrives. */
  async read(request: Request, sink: Sink): Promise<Pick<Answer, 'status' | 'date'>> {
    const onSlow = this.holder?.onSlow;
    const patience = onSlow && setTimeout(onSlow, this.line.patienceMilliseconds);
    const { requestMilliseconds, writeMilliseconds } = this.budgets;
    try {
      await this.line.rate.wait(this.signalOf(request), requestMilliseconds);
      const isWrite = request.method === 'PATCH' || request.method === 'DELETE';
      const answer = await this.dispatch(this.line.requests, request, isWrite ? writeMilliseconds : requestMilliseconds);
      if (answer.statusCode >= 300) throw await this.readFailure(answer);
      for await (const chunk of answer.body as AsyncIterable<Buffer>) sink.add(chunk);
      return { status: answer.statusCode, date: readDate(header(answer, 'date')) };
    } catch (error) {
      throw errorFromTransport(error);
    } finally {
      clearTimeout(patience);
    }
  }

  /** The same as `send`, for answers that are one JSON object. */
  async sendJson(request: Request): Promise<Record<string, unknown>> {
    return parseScanned((await this.send(request)).body);
  }

  /** A request whose answer has no end of its own. The caller reads it as it comes, and ends it by aborting the request's signal. */
  async stream(request: Request & { signal: AbortSignal }): Promise<AsyncIterable<Buffer>> {
    const { requestMilliseconds } = this.budgets;
    let timer: NodeJS.Timeout | undefined;
    try {
      const answer = await this.dispatch(this.line.watches, request, requestMilliseconds);
      if (answer.statusCode < 300) return publicErrors(answer.body);
      const late = Object.assign(new Error('late'), { code: 'UND_ERR_BODY_TIMEOUT' });
      timer = setTimeout(() => answer.body.destroy(late), requestMilliseconds);
      throw await this.readFailure(answer);
    } catch (error) {
      throw errorFromTransport(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Counts what was read of a stream besides its bytes, and waits while the cluster has sent more than its rate. */
  async spend(bytes: number, signal: AbortSignal): Promise<void> {
    this.line.rate.charge(bytes);
    await this.line.rate.wait(signal);
  }

  get budgets(): Budgets {
    return this.line.budgets;
  }

  /** A cluster may say anything, our own token included; that never gets further than here. */
  redact(text: string): string {
    return this.line.secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
  }

  /** A cluster's text for people. */
  publicText(text: unknown): string {
    return publicText(text, (whole) => this.redact(whole));
  }

  /** The error that an answer (or an ERROR event of a watch, which has no header) stands for. */
  failure(status: number, body: string, retryAfter?: string): KubernetesError {
    return errorFromAnswer({ status, body, ...(retryAfter === undefined ? {} : { retryAfter }) }, (text) => this.redact(text));
  }

  /** Cuts every connection, those of others who share them too. */
  async close(): Promise<void> {
    await Promise.all([this.line.requests.destroy(), this.line.watches.destroy()]);
  }

  private async dispatch(pool: Dispatcher, request: Request, timeoutMilliseconds: number): Promise<Dispatcher.ResponseData> {
    const headers: Record<string, string> = { ...this.line.headers, accept: request.accept ?? json };
    if (request.body !== undefined) headers['content-type'] = request.contentType ?? json;
    return pool.request({
      method: request.method,
      path: this.line.prefix + request.path + queryString(request.query),
      headers,
      body: request.body ?? null,
      signal: this.signalOf(request),
      headersTimeout: timeoutMilliseconds,
    });
  }

  private signalOf({ signal }: Request): AbortSignal | null {
    const holder = this.holder?.signal ?? null;
    return signal && holder ? AbortSignal.any([signal, holder]) : (signal ?? holder);
  }

  private async readFailure(answer: Dispatcher.ResponseData): Promise<KubernetesError> {
    const { failureBytes } = this.budgets;
    const body = new Bytes();
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      body.add(chunk);
      if (body.length > failureBytes) throw overBudget(`An error answer of the cluster is longer than ${bytesText(failureBytes)}.`);
    }
    return this.failure(answer.statusCode, body.view().toString('utf8'), header(answer, 'retry-after'));
  }
}

async function* publicErrors(body: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  try {
    yield* body;
  } catch (error) {
    throw errorFromTransport(error);
  }
}

function queryString(query: Request['query']): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) parameters.set(name, String(value));
  const text = parameters.toString();
  return text === '' ? '' : `?${text}`;
}

function header(answer: Dispatcher.ResponseData, name: string): string | undefined {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function readDate(text: string | undefined): Date | null {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? null : new Date(time);
}
