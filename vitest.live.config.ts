import { defineConfig } from 'vitest/config';

// Tests against real Temporal servers and real Kafka brokers, and mutated files: two files at a time, each with a home of its own, because
// half of the time they wait for servers to start and for what was killed to come back.
export default defineConfig({
  test: {
    include: ['test/{live,fuzz}/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    minWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 600_000,
    retry: process.env.CI === 'true' ? 1 : 0,
  },
});
