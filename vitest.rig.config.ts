import { defineConfig } from 'vitest/config';
import { shared } from './vitest.config.ts';

/** One file after another: they start real processes by the dozen, and some hold the product to a time. */
export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    include: ['test/rigs/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    fileParallelism: false,
    reporters: ['default', 'json'],
  },
});
