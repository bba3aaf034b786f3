import { defineConfig } from 'vitest/config';

// The report in a real browser: .ci/browser installs one where there is none; CHROMIUM names another.
export default defineConfig({
  test: {
    include: ['test/browser/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    retry: process.env.CI === 'true' ? 1 : 0,
  },
});
