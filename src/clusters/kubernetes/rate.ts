import { setTimeout as pause } from 'node:timers/promises';
import { bytesText } from '../core/budgets.ts';
import type { Budgets } from '../core/budgets.ts';
import { KubernetesError } from './errors.ts';

/**
 * How fast one cluster's bytes are read, over all its connections. What is read is charged afterwards; whoever wants more waits until the debt is paid. So a
 * cluster that sends without end takes a bounded share of the worker's time.
 */
export class ByteRate {
  private available: number;
  private at = performance.now();

  constructor(private readonly budgets: Pick<Budgets, 'bytesPerSecond' | 'burstBytes' | 'retryAfterSeconds'>) {
    this.available = budgets.burstBytes;
  }

  charge(bytes: number): void {
    this.available = this.current() - bytes;
    this.at = performance.now();
  }

  /**
   * Waits until nothing is owed.
   *
   * @throws KubernetesError THROTTLED if that takes longer than `most` milliseconds
   */
  async wait(signal: AbortSignal | null, most = Number.POSITIVE_INFINITY): Promise<void> {
    for (let owed = this.owedMilliseconds(); owed > 0; owed = this.owedMilliseconds()) {
      if (owed > most) throw this.throttled(owed);
      await pause(owed, undefined, signal ? { signal } : {});
    }
  }

  private current(): number {
    const { burstBytes, bytesPerSecond } = this.budgets;
    return Math.min(burstBytes, this.available + ((performance.now() - this.at) / 1000) * bytesPerSecond);
  }

  private owedMilliseconds(): number {
    return Math.ceil((-this.current() / this.budgets.bytesPerSecond) * 1000);
  }

  private throttled(owed: number): KubernetesError {
    return new KubernetesError({
      kind: 'THROTTLED',
      message: `The cluster sends more than ${bytesText(this.budgets.bytesPerSecond)} per second.`,
      advice: 'Check what the API server sends; requests to this cluster are delayed.',
      retryAfterSeconds: Math.min(this.budgets.retryAfterSeconds, Math.ceil(owed / 1000)),
    });
  }
}
