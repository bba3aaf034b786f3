import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { defineConfig } from 'vitest/config';

/** Files that take longest: begun first, so that none of them is alone at the end. */
const LONGEST = [
  'metflow',
  'services',
  'lens',
  'bad-input',
  'machines',
  'sweep',
  'images',
  'campaign',
  'log',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.live.test.ts`));
      return found < 0 ? LONGEST.length : found;
    };
    return files.toSorted((a, b) => place(a) - place(b));
  }
}

// Tests against real Temporal servers and real Kafka brokers, and mutated files: three files at a time, each with a home of its own,
// because half of the time they wait for servers to start and for what was killed to come back.
export default defineConfig({
  test: {
    include: ['test/{live,fuzz}/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 3,
    minWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 600_000,
    sequence: { sequencer: LongestFirst },
    retry: process.env.CI === 'true' ? 1 : 0,
  },
});
