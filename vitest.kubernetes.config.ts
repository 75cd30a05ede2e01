import { defineConfig } from 'vitest/config';
import { shared } from './vitest.config.ts';

/** What is claimed about Kubernetes is shown on two real control planes, which the global set-up builds and starts once. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['test/kubernetes/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts', 'test/kubernetes/support/clusters.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 180_000,
    reporters: ['default', ['json', { outputFile: 'reports/kubernetes.json' }]],
  },
});
