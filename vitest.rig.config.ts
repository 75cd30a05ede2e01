import { defineConfig } from 'vitest/config';
import { shared } from './vitest.config.ts';

/** Files that hold the product to a time: they run by themselves, after all others. */
const TIMED = ['test/rigs/kill/handover.test.ts'];

/** Suites that start real processes by the dozen: `npm run rig -- NAME` runs those in test/rigs/NAME. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', 'json'],
    projects: [
      { extends: true, test: { name: 'together', include: ['test/rigs/**/*.test.ts'], exclude: TIMED, maxWorkers: 2 } },
      { extends: true, test: { name: 'timed', include: TIMED, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
});
