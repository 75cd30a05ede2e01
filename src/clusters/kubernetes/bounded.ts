import type { Dispatcher } from 'undici';
import { bytesText } from '../core/budgets.ts';
import type { Budgets } from '../core/budgets.ts';
import { overBudget } from './errors.ts';
import type { ByteRate } from './rate.ts';

export interface Bounds {
  budgets: Budgets;
  /** Charged with everything that is read. */
  rate: ByteRate;
  /** ANSWER: the deadline is for all of it, which has a greatest length. STREAM: the deadline is for its beginning, and it has no end. */
  what: 'ANSWER' | 'STREAM';
}

/**
 * Bounds the answers of a pool where they arrive, before anything is buffered. The deadline of a request is its `headersTimeout` in milliseconds from the
 * moment it is sent, and absolute: a header, an informational answer or a byte now and then does not move it.
 */
export function bounded(bounds: Bounds): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (options, handler) =>
    dispatch({ ...options, headersTimeout: 0 }, new BoundedHandler(handler, options.headersTimeout ?? 0, bounds));
}

class BoundedHandler implements Dispatcher.DispatchHandler {
  private timer: NodeJS.Timeout | undefined;
  private begun = false;
  private size = 0;

  constructor(
    private readonly handler: Dispatcher.DispatchHandler,
    private readonly milliseconds: number,
    private readonly bounds: Bounds,
  ) {}

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.timer ??= setTimeout(() => controller.abort(this.late()), this.milliseconds);
    this.handler.onRequestStart?.(controller, context);
  }

  onResponseStart(...answer: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseStart']>>): void {
    this.begun = true;
    if (this.bounds.what === 'STREAM') clearTimeout(this.timer);
    this.handler.onResponseStart?.(...answer);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (controller.aborted) return;
    const { budgets, rate, what } = this.bounds;
    const cost = chunk.length + budgets.chunkOverheadBytes;
    rate.charge(cost);
    this.size += cost;
    if (what === 'ANSWER' && this.size > budgets.answerBytes)
      controller.abort(overBudget(`An answer of the cluster is longer than ${bytesText(budgets.answerBytes)}.`));
    else this.handler.onResponseData?.(controller, chunk);
  }

  onResponseEnd(...end: Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>): void {
    clearTimeout(this.timer);
    this.handler.onResponseEnd?.(...end);
  }

  onResponseError(controller: Dispatcher.DispatchController, error: Error): void {
    clearTimeout(this.timer);
    this.handler.onResponseError?.(controller, error);
  }

  private late(): Error {
    return Object.assign(new Error('late'), { code: this.begun ? 'UND_ERR_BODY_TIMEOUT' : 'UND_ERR_HEADERS_TIMEOUT' });
  }
}
