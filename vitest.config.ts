import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';

// vitest would load graphql a second time, as ESM, beside the CommonJS copy that Nest and Mercurius share.
const graphql = createRequire(import.meta.url).resolve('graphql');

/** Files that declare models of their own, which the contract that is served must not show. */
const ALONE = ['test/platform/model/model.test.ts'];
/** Suites that start real processes by the dozen: `npm run rig -- NAME`. */
const RIGS = 'test/rigs/**';

export const shared = defineConfig({
  resolve: { alias: [{ find: /^graphql$/, replacement: graphql }] },
  test: {
    setupFiles: ['test/support/setup.ts'],
    pool: 'forks',
    // One more than the cores of a small machine, because scenarios mostly wait: for pods, leases and time limits.
    maxWorkers: 3,
    // Most of a file's time would go into loading the product anew; what a file starts it also ends.
    isolate: false,
    // Watchdogs alone: what takes long on a slow machine, with other suites beside it, has not failed.
    testTimeout: 90_000,
    // Without a time of its own a poll waits for something to come true, and promises nothing of when.
    expect: { poll: { timeout: 20_000 } },
    hookTimeout: 180_000,
  },
});

export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    globalSetup: ['test/support/global-setup.ts'],
    reporters: ['default', ['json', { outputFile: 'reports/test.json' }]],
    projects: [
      { extends: true, test: { name: 'together', include: ['test/**/*.test.ts'], exclude: ['test/kubernetes/**', RIGS, ...ALONE] } },
      { extends: true, test: { name: 'alone', include: ALONE, isolate: true } },
    ],
  },
});
