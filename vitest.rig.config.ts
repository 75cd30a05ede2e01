import { defineConfig } from 'vitest/config';
import { QUEUE_VARIABLE } from './test/support/queue-variable.ts';
import { shared } from './vitest.config.ts';

/** Files that hold the product to a time: they run by themselves, after all others. */
const TIMED = ['test/rigs/kill/handover.test.ts', 'test/rigs/kill/only-worker.test.ts'];

/** What `npm run rig -- NAME` runs: the projects whose names begin so. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', 'json'],
    projects: [
      { extends: true, test: { name: 'kill', include: ['test/rigs/kill/**/*.test.ts'], exclude: TIMED, maxWorkers: 2 } },
      { extends: true, test: { name: 'kill-timed', include: TIMED, maxWorkers: 1, sequence: { groupOrder: 1 } } },
      {
        extends: true,
        test: {
          name: 'scenarios',
          include: ['test/rigs/scenarios/**/*.test.ts', 'test/scenarios/either-queue/**/*.test.ts'],
          env: { [QUEUE_VARIABLE]: 'Redis' },
        },
      },
      ...['simulation', 'chaos'].map((name) => ({
        extends: true as const,
        test: { name, include: [`test/rigs/${name}/**/*.test.ts`], maxWorkers: 2 },
      })),
    ],
  },
});
