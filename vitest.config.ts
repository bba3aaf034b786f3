import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/{live,browser,fuzz}/**', 'node_modules/**'],
    pool: 'forks',
    // Files of one process share its modules: loading them anew for each file took a third of the time.
    isolate: false,
    // Vitest leaves one processor free, which on two means one test file at a time.
    maxWorkers: '100%',
    minWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // On a crowded CI machine a test that waits for processes may fail once; .ci/run names every test that did.
    retry: process.env.CI === 'true' ? 1 : 0,
  },
});
