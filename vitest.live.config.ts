import { defineConfig } from 'vitest/config';

// Tests against a real Temporal server and a real Kafka broker, and mutated files: one file at a time, because they share
// the machine.
export default defineConfig({
  test: {
    include: ['test/{live,fuzz}/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 600_000,
    hookTimeout: 600_000,
    retry: process.env.CI === 'true' ? 1 : 0,
  },
});
