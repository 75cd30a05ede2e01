/** Applies the injected faults to one request, before and after it is executed. */
import type { ServerResponse } from 'node:http';
import type { Cluster } from '../cluster.ts';
import { StatusError } from '../status.ts';

export class Disturbance {
  readonly #cluster: Cluster;
  readonly #response: ServerResponse;
  readonly #method: string;

  constructor(cluster: Cluster, method: string, response: ServerResponse) {
    this.#cluster = cluster;
    this.#method = method;
    this.#response = response;
  }

  /** Resolves to whether the request is executed. */
  async before(): Promise<boolean> {
    const { faults } = this.#cluster;
    if (faults.partitioned) return this.#cutOff();
    const { settings } = faults;
    if (settings.methods && !settings.methods.includes(this.#method)) return true;
    await this.#wait();
    if (faults.partitioned) return this.#cutOff();
    if (this.#strikes(settings.resetProbability)) return this.#reset();
    if (this.#strikes(settings.throttleProbability)) return this.#throttle(settings.retryAfterSeconds ?? 1);
    if (this.#strikes(settings.errorProbability)) return this.#fail(settings.errorCode ?? 503);
    return true;
  }

  /** Resolves to whether the answer reaches the client; the request has been executed. */
  after(): Promise<boolean> {
    const { settings, partitioned } = this.#cluster.faults;
    if (partitioned) return Promise.resolve(this.#cutOff());
    if (settings.methods && !settings.methods.includes(this.#method)) return Promise.resolve(true);
    return Promise.resolve(this.#strikes(settings.lostReplyProbability) ? this.#reset() : true);
  }

  #strikes(probability: number | undefined): boolean {
    return probability !== undefined && this.#cluster.random.next() < probability;
  }

  #wait(): Promise<void> {
    const { latencyMilliseconds = 0, jitterMilliseconds = 0 } = this.#cluster.faults.settings;
    const delay = latencyMilliseconds + (this.#cluster.random.next() * 2 - 1) * jitterMilliseconds;
    return delay <= 0 ? Promise.resolve() : new Promise((resolve) => this.#cluster.clock.after(delay, resolve));
  }

  #reset(): false {
    // A socket under TLS cannot be reset, only closed: the client sees a connection that ends before the answer.
    this.#response.socket?.destroy();
    return false;
  }

  /** During a partition there is no answer. The connection stays open until the partition ends, and is then reset. */
  #cutOff(): false {
    if (this.#cluster.faults.settings.partition === 'refuse') return this.#reset();
    this.#cluster.unanswered.add(this.#response);
    this.#response.on('close', () => this.#cluster.unanswered.delete(this.#response));
    return false;
  }

  #throttle(seconds: number): false {
    const error = new StatusError(429, 'TooManyRequests', 'the server has received too many requests and has asked us to try again later', {
      retryAfterSeconds: seconds,
    });
    return this.#refuse(error, { 'retry-after': String(seconds) });
  }

  #fail(code: number): false {
    const reason = { 500: 'InternalError', 503: 'ServiceUnavailable', 504: 'Timeout' }[code] ?? 'InternalError';
    return this.#refuse(
      new StatusError(
        code,
        reason,
        code === 503 ? 'the server is currently unable to handle the request' : 'Internal error occurred: injected',
      ),
    );
  }

  #refuse({ body }: StatusError, headers: { [name: string]: string } = {}): false {
    const text = JSON.stringify(body);
    this.#response.writeHead(body.code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers });
    this.#response.end(text);
    return false;
  }
}
