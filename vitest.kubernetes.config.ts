import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

/** What is claimed about Kubernetes is shown on two real control planes, which the global set-up builds and starts once. */
const config = mergeConfig(base, defineConfig({ test: { testTimeout: 120_000, hookTimeout: 180_000, fileParallelism: false } }));
config.test!.include = ['test/kubernetes/**/*.test.ts'];
config.test!.exclude = ['**/node_modules/**'];
config.test!.globalSetup = ['test/support/global-setup.ts', 'test/kubernetes/support/clusters.ts'];
config.test!.reporters = ['default', ['json', { outputFile: 'reports/kubernetes.json' }]];
export default config;
