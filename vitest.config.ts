import { createRequire } from 'node:module';
import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

// vitest would load graphql a second time, as ESM, beside the CommonJS copy that Nest and Mercurius share.
const graphql = createRequire(import.meta.url).resolve('graphql');

/** Files that declare models of their own, which the contract that is served must not show. */
const ALONE = ['test/platform/model/model.test.ts'];
/** Suites that start real processes by the dozen: `npm run rig -- NAME`. */
const RIGS = 'test/rigs/**';

/** Small files that take long, mostly waiting. On a fresh clone vitest knows only sizes, and would end with these while nothing else is left to do. */
const LONG = ['scenarios/', 'contract/', 'upgrade/', 'readme.', 'standalone.', 'clusters/kubernetes/budgets.'];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean => LONG.some((part) => moduleId.includes(`/test/${part}`));
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

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
    sequence: { sequencer: LongFirst },
    reporters: ['default', ['json', { outputFile: 'reports/test.json' }]],
    projects: [
      { extends: true, test: { name: 'together', include: ['test/**/*.test.ts'], exclude: ['test/kubernetes/**', RIGS, ...ALONE] } },
      { extends: true, test: { name: 'alone', include: ALONE, isolate: true } },
    ],
  },
});
