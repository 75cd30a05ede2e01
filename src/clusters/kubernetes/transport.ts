import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import type { Network } from '../core/address.ts';
import type { Credential } from '../core/credential.ts';
import type { KubernetesError } from './errors.ts';
import { errorFromAnswer, errorFromTransport, unreadableAnswer } from './failures.ts';
import { guardedConnector, systemResolve } from './guard.ts';
import type { Resolve } from './guard.ts';

export interface TransportOptions {
  /** Private networks that clusters may lie in; none unless the operator says so. */
  allowedNetworks: readonly Network[];
  resolve?: Resolve;
  /** How long an answer may take to begin, and again to end. Default 10 s; writes get three times that, because admission webhooks may take 10 s each. */
  timeoutMilliseconds?: number;
  /** How long a request may be without its answer before `onSlow` of its holder is called. Default 3 s. */
  patienceMilliseconds?: number;
  /** Connections kept for requests; each watch has one of its own besides. Default 6. */
  connections?: number;
  /** The longest answer that is read. Default 32 MiB. */
  maxBytes?: number;
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

export interface Answer {
  status: number;
  body: Buffer;
  /** The server's clock, or null where it did not say. */
  date: Date | null;
}

/** The connections to one cluster, and what is the same in all requests. */
interface Line {
  requests: Pool;
  watches: Pool;
  prefix: string;
  headers: Record<string, string>;
  secrets: string[];
  timeoutMilliseconds: number;
  patienceMilliseconds: number;
  maxBytes: number;
}

/** On whose behalf requests are made. */
interface Holder {
  /** Ends them when it is aborted. */
  signal: AbortSignal;
  onSlow: (() => void) | undefined;
}

function lineTo(credential: Credential, options: TransportOptions): Line {
  const { origin, pathname, protocol } = new URL(credential.server);
  if (protocol !== 'https:') throw new Error('a cluster is spoken to over https alone');
  const { auth } = credential;
  const timeoutMilliseconds = options.timeoutMilliseconds ?? 10_000;
  const tls = { ca: credential.ca, ...('token' in auth ? {} : { cert: auth.certificate, key: auth.key }) };
  const connect = guardedConnector(
    { ...tls, rejectUnauthorized: true, minVersion: 'TLSv1.2', maxCachedSessions: 0, timeout: Math.min(5_000, timeoutMilliseconds) },
    options.allowedNetworks,
    options.resolve ?? systemResolve,
  );
  const shared = { connect, allowH2: false, pipelining: 1, keepAliveTimeout: 60_000, headersTimeout: 0, bodyTimeout: 0 };
  return {
    requests: new Pool(origin, { ...shared, connections: options.connections ?? 6 }),
    // A watch holds its connection for as long as it lasts, so watches must not take those of the requests.
    watches: new Pool(origin, { ...shared, connections: null, keepAliveTimeout: 4_000 }),
    prefix: pathname.replace(/(?<!\/)\/+$/, ''),
    headers: { 'user-agent': 'slipway', ...('token' in auth ? { authorization: `Bearer ${auth.token}` } : {}) },
    secrets: 'token' in auth ? [auth.token] : [],
    timeoutMilliseconds,
    patienceMilliseconds: options.patienceMilliseconds ?? 3_000,
    maxBytes: options.maxBytes ?? 32 * 1024 * 1024,
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
    const onSlow = this.holder?.onSlow;
    const patience = onSlow && setTimeout(onSlow, this.line.patienceMilliseconds);
    try {
      const timeout = this.line.timeoutMilliseconds * (request.method === 'GET' ? 1 : 3);
      const answer = await this.dispatch(this.line.requests, request, timeout);
      const body = await this.readBody(answer, timeout);
      if (answer.statusCode >= 300) throw this.failure(answer.statusCode, body.toString('utf8'), header(answer, 'retry-after'));
      return { status: answer.statusCode, body, date: readDate(header(answer, 'date')) };
    } catch (error) {
      throw errorFromTransport(error);
    } finally {
      clearTimeout(patience);
    }
  }

  /** The same, for answers that are one JSON object. */
  async sendJson(request: Request): Promise<{ value: Record<string, unknown>; date: Date | null }> {
    const { body, date } = await this.send(request);
    try {
      const value: unknown = JSON.parse(body.toString('utf8'));
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { value: value as Record<string, unknown>, date };
    } catch {
      // Told below, without the parser's words: they quote the text.
    }
    throw unreadableAnswer('it is not a JSON object');
  }

  /** A request whose answer has no end of its own. The caller reads it as it comes, and ends it by aborting the request's signal. */
  async stream(request: Request & { signal: AbortSignal }): Promise<AsyncIterable<Buffer>> {
    try {
      const answer = await this.dispatch(this.line.watches, request, this.line.timeoutMilliseconds);
      if (answer.statusCode < 300) return publicErrors(answer.body);
      const body = await this.readBody(answer, this.line.timeoutMilliseconds);
      throw this.failure(answer.statusCode, body.toString('utf8'), header(answer, 'retry-after'));
    } catch (error) {
      throw errorFromTransport(error);
    }
  }

  /** A cluster may say anything, our own token included; that never gets further than here. */
  redact(text: string): string {
    return this.line.secrets.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text);
  }

  /** The error that an answer (or an ERROR event of a watch, which has no header) stands for. */
  failure(status: number, body: string, retryAfter?: string): KubernetesError {
    return errorFromAnswer({ status, body, ...(retryAfter === undefined ? {} : { retryAfter }) }, (text) => this.redact(text));
  }

  /** Cuts every connection, those of others who share them too. */
  async close(): Promise<void> {
    await Promise.all([this.line.requests.destroy(), this.line.watches.destroy()]);
  }

  private async dispatch(pool: Pool, request: Request, timeoutMilliseconds: number): Promise<Dispatcher.ResponseData> {
    const headers: Record<string, string> = { ...this.line.headers, accept: request.accept ?? 'application/json' };
    if (request.body !== undefined) headers['content-type'] = request.contentType ?? 'application/json';
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

  /** Reads to the end within a time and a size: a server that sends a byte a second, or without end, must not hold us. */
  private async readBody(answer: Dispatcher.ResponseData, timeoutMilliseconds: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let size = 0;
    const late = Object.assign(new Error('late'), { code: 'UND_ERR_BODY_TIMEOUT' });
    const timer = setTimeout(() => answer.body.destroy(late), timeoutMilliseconds);
    try {
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > this.line.maxBytes) throw unreadableAnswer(`it is longer than ${this.line.maxBytes} bytes`);
        chunks.push(chunk);
      }
    } finally {
      clearTimeout(timer);
    }
    return Buffer.concat(chunks);
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
