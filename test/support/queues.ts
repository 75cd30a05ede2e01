import { describe } from 'vitest';

/** Where BullMQ keeps its jobs. */
export type QueueBackend = 'Postgres' | 'Redis';

/** Without `redis-server` in the PATH the suites of Redis fail; `SLIPWAY_SKIP_REDIS=1` is asked for by whoever goes without them. */
export const QUEUE_BACKENDS: readonly QueueBackend[] = process.env['SLIPWAY_SKIP_REDIS'] === '1' ? ['Postgres'] : ['Postgres', 'Redis'];

/**
 * The suite on each of them: all at the same time, since most of a scenario is waiting for pods, and the tests of each one after another. What the suite sets
 * up is therefore its own, from the database to the clusters.
 */
export function onEachQueue(name: string, suite: (backend: QueueBackend) => void): void {
  describe.concurrent.each(QUEUE_BACKENDS)('with the queue in %s', (backend) => {
    describe.sequential(name, () => suite(backend));
  });
}
