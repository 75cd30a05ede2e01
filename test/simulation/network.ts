/** A process's connections to a simulated cluster: HTTP without sockets, at the place of undici's pools. Everything above it is the product's own client. */
import { Dispatcher } from 'undici';
import { handle } from '../../simulator/api/handler.ts';
import type { Answer } from '../../simulator/api/handler.ts';
import { refusal } from '../../simulator/api/server.ts';
import type { Stream } from '../../simulator/api/watch.ts';
import type { Cluster } from '../../simulator/cluster.ts';
import { StatusError } from '../../simulator/status.ts';
import type { Chance } from '../rollouts/model/chance.ts';
import type { Process, VirtualTime } from './time.ts';

/** What happens to requests while it lasts; each a share of 1. */
export interface NetworkFaults {
  /** Requests and streams get no answer any more (`hang`), or connections are refused. */
  partition: 'hang' | 'refuse' | null;
  /** The connection is reset before the request has arrived, or before its answer has. */
  resets: number;
  lostAnswers: number;
  throttled: number;
  failed: number;
  /** Most additional milliseconds of one direction. */
  delay: number;
  /** Most additional milliseconds of an event of a watch. */
  watchDelay: number;
}

export const NO_FAULTS: NetworkFaults = { partition: null, resets: 0, lostAnswers: 0, throttled: 0, failed: 0, delay: 0, watchDelay: 0 };

/** A request as it arrives, for whoever records what is written. */
export interface Arrival {
  process: Process;
  method: string;
  path: string;
  /** When it left the process. */
  sentAt: number;
  body: string;
  code: number;
}

/** A cluster with the way to it. */
export class SimulatedNetwork {
  faults: NetworkFaults = NO_FAULTS;
  /** Called after each request that was executed. */
  onRequest: (arrival: Arrival) => void = () => undefined;
  private readonly streams = new Set<Exchange>();
  private readonly hanging = new Set<Exchange>();

  constructor(
    readonly cluster: Cluster,
    readonly time: VirtualTime,
    readonly chance: Chance,
  ) {}

  /** Connections of a process. They break with it. */
  connect(process: Process): Dispatcher {
    return new Connections(this, process);
  }

  change(faults: Partial<NetworkFaults>): void {
    const before = this.faults;
    this.faults = { ...NO_FAULTS, ...faults };
    if (before.partition === null || this.faults.partition !== null) return;
    for (const exchange of [...this.hanging]) exchange.fail('ECONNRESET', 'the connection was reset after a partition');
    for (const exchange of this.streams) exchange.resume();
  }

  /** Closes the connections of all watches. */
  cutWatches(): void {
    for (const exchange of [...this.streams]) exchange.fail('UND_ERR_SOCKET', 'other side closed');
  }

  way(): number {
    return 0.3 + this.chance.next() * 3 + (this.faults.delay > 0 ? this.chance.next() * this.faults.delay : 0);
  }

  opened(exchange: Exchange, as: 'STREAM' | 'HANGING'): void {
    (as === 'STREAM' ? this.streams : this.hanging).add(exchange);
  }

  closed(exchange: Exchange): void {
    this.streams.delete(exchange);
    this.hanging.delete(exchange);
  }
}

class Connections extends Dispatcher {
  constructor(
    private readonly network: SimulatedNetwork,
    private readonly process: Process,
  ) {
    super();
    process.onKill(() => network.time.after(network.way(), () => [...this.open].forEach((exchange) => exchange.close())));
  }

  private readonly open = new Set<Exchange>();

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const exchange = new Exchange(this.network, this.process, options, handler);
    this.open.add(exchange);
    exchange.onClose(() => this.open.delete(exchange));
    exchange.send();
    return true;
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  override destroy(): Promise<void> {
    return Promise.resolve();
  }
}

/** One request and its answer. */
class Exchange implements Stream, Dispatcher.DispatchController {
  aborted = false;
  paused = false;
  reason: Error | null = null;
  /** What has been sent to the client and waits, because the client does not read or the network is partitioned. */
  private readonly kept: (() => void)[] = [];
  /** When the last part arrives: what is sent later does not overtake it. */
  private lastAt = 0;
  private over = false;
  private closings: (() => void)[] = [];

  constructor(
    private readonly network: SimulatedNetwork,
    private readonly process: Process,
    private readonly options: Dispatcher.DispatchOptions,
    private readonly handler: Dispatcher.DispatchHandler,
  ) {}

  // The client's side

  send(): void {
    const { network, handler } = this;
    handler.onRequestStart?.(this, {});
    if (this.aborted) return;
    const { faults, chance } = network;
    if (faults.partition === 'refuse') return this.failAfter(network.way(), 'ECONNREFUSED', 'connect ECONNREFUSED');
    if (faults.partition === 'hang') return network.opened(this, 'HANGING');
    if (chance.next() < faults.resets) return this.failAfter(network.way(), 'ECONNRESET', 'read ECONNRESET');
    const sentAt = network.time.now;
    network.time.after(network.way(), () => this.arrive(sentAt));
  }

  abort(reason: Error): void {
    if (this.over) return;
    this.aborted = true;
    this.reason = reason;
    this.close();
    this.handler.onResponseError?.(this, reason);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
    while (!this.paused && this.kept.length > 0 && this.network.faults.partition === null) this.kept.shift()!();
  }

  // The server's side

  private arrive(sentAt: number): void {
    const { network, process, options } = this;
    const { faults, chance, cluster } = network;
    if (faults.partition !== null) return network.opened(this, 'HANGING');
    if (chance.next() < faults.throttled) return this.answer(refusal(throttled), { 'retry-after': '1' });
    if (chance.next() < faults.failed) return this.answer(refusal(unavailable), {});
    const { method } = options;
    const url = new URL(options.path, 'https://cluster');
    const headers = options.headers as Record<string, string>;
    const body = typeof options.body === 'string' ? options.body : '';
    const request = { method, path: url.pathname, query: url.searchParams, headers, body: Buffer.from(body) };
    const answer = answerOf(() => handle(cluster, request, this));
    const code = answer?.code ?? 200;
    network.onRequest({ process, method, path: options.path, sentAt, body, code });
    if (answer === undefined) return;
    if (chance.next() < faults.lostAnswers) return this.failAfter(network.way(), 'ECONNRESET', 'read ECONNRESET');
    this.answer(answer, {});
  }

  private answer({ code, body, contentType = 'application/json' }: Answer, more: Record<string, string>): void {
    this.head(code, contentType, more);
    this.deliver(() => this.handler.onResponseData?.(this, Buffer.from(body)));
    this.end();
  }

  private head(code: number, contentType: string, more: Record<string, string> = {}): void {
    const date = new Date(this.network.cluster.clock.now()).toUTCString();
    const headers = { 'content-type': contentType, date, ...more };
    this.deliver(() => this.handler.onResponseStart?.(this, code, headers));
  }

  begin(contentType: string): void {
    this.network.opened(this, 'STREAM');
    this.head(200, contentType);
  }

  write(text: string): void {
    const { faults, chance } = this.network;
    const extra = faults.watchDelay > 0 ? chance.next() * faults.watchDelay : 0;
    this.deliver(() => this.handler.onResponseData?.(this, Buffer.from(text)), extra);
  }

  end(): void {
    this.deliver(() => {
      this.close();
      this.handler.onResponseEnd?.(this, {});
    });
  }

  cut(): void {
    this.fail('UND_ERR_SOCKET', 'other side closed');
  }

  onClose(closed: () => void): void {
    this.closings.push(closed);
  }

  /** In order, unless the client has gone away meanwhile. */
  private deliver(part: () => void, extra = 0): void {
    const { network, process } = this;
    const at = Math.max(this.lastAt, network.time.now + network.way() + extra);
    this.lastAt = at;
    network.time.afterIn(process, at - network.time.now, () => {
      if (this.over) return;
      if (this.paused || this.kept.length > 0 || network.faults.partition !== null) this.kept.push(part);
      else part();
    });
  }

  fail(code: string, message: string): void {
    this.failAfter(this.network.way(), code, message);
  }

  private failAfter(milliseconds: number, code: string, message: string): void {
    for (const closed of this.closings.splice(0)) closed();
    this.network.closed(this);
    this.network.time.afterIn(this.process, milliseconds, () => {
      if (this.over) return;
      this.over = true;
      this.handler.onResponseError?.(this, Object.assign(new Error(message), { code }));
    });
  }

  close(): void {
    this.over = true;
    this.network.closed(this);
    for (const closed of this.closings.splice(0)) closed();
  }
}

const throttled = new StatusError(429, 'TooManyRequests', 'the server has received too many requests', { retryAfterSeconds: 1 });
const unavailable = new StatusError(503, 'ServiceUnavailable', 'the server is currently unable to handle the request');

function answerOf(work: () => Answer | undefined): Answer | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof StatusError) return refusal(error);
    throw error;
  }
}
