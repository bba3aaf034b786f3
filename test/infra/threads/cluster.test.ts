// Jobs that are shared out: the same labels whoever does them, and no waiting for helpers that never come.

import { describe, expect, it } from 'vitest';
import { sharedBlocks, takeJobs } from '../../../infra/threads/cluster.ts';
import { randomStream } from '../../../activities/numeric/rng.ts';
import { densityClusters } from '../../../activities/polytope/density-clusters.ts';
import type { PointSet } from '../../../activities/polytope/point-set.ts';

const random = randomStream(8);
/** Ten prototypes of 600 bits: enough for several jobs. */
const POINTS: PointSet = (() => {
  const [rows, rowBytes] = [2200, 75];
  const prototypes = Array.from({ length: 10 }, () =>
    Array.from({ length: rowBytes }, () => random.below(256)),
  );
  const codes = Uint8Array.from({ length: rows * rowBytes }, (_, i) => {
    const base = prototypes[Math.floor(i / rowBytes) % 10]![i % rowBytes]!;
    return random.uniform() < 0.3 ? base ^ (1 << random.below(8)) : base;
  });
  return { metric: 'hamming', rows, rowBytes, codes };
})();
const OPTIONS = { minClusterSize: 20, minSamples: 5 };
/** The address of the rows' numbers: behind the end of memory a job traps at once. */
const ROWS_ARGUMENT = 4;
const alone = densityClusters(POINTS, OPTIONS);

describe('shared jobs', () => {
  it.each([1, 2, 5])('give the same bytes with %i helpers', async (helpers) => {
    let called = 0;
    const runBlocks = sharedBlocks(helpers, async (shared) => {
      called++;
      await takeJobs(shared);
    });
    const found = await densityClusters(POINTS, OPTIONS, { runBlocks });
    expect(called).toBeGreaterThanOrEqual(helpers);
    expect(found.sizes.length).toBe(10);
    expect(found).toEqual(await alone);
  });

  it('are all done where helpers never come, come too late, or say no', async () => {
    const late: Promise<void>[] = [];
    const never = sharedBlocks(3, () => new Promise(() => undefined));
    const tooLate = sharedBlocks(3, async (shared) => {
      late.push(new Promise((resolve) => setTimeout(resolve, 300)).then(() => takeJobs(shared)));
      await late.at(-1);
    });
    const refused = sharedBlocks(3, async () => {
      throw new Error('no thread is free');
    });
    for (const runBlocks of [never, tooLate, refused])
      expect(await densityClusters(POINTS, OPTIONS, { runBlocks })).toEqual(await alone);
    await Promise.all(late);
  });

  it('end with the fault of a helper that lost one', async () => {
    const trap = sharedBlocks(1, (shared) => {
      const jobs = shared.work.jobs.map((job) => ({
        ...job,
        args: job.args.with(ROWS_ARGUMENT, 0xfffffff0),
      }));
      return takeJobs({ ...shared, work: { ...shared.work, jobs } });
    });
    await expect(densityClusters(POINTS, OPTIONS, { runBlocks: trap })).rejects.toThrow(/out of bounds/);
  });

  it('stop between two of them, for everybody', async () => {
    const stop = new AbortController();
    const runBlocks = sharedBlocks(2, (shared) => takeJobs(shared));
    setTimeout(() => stop.abort(new Error('enough')), 5);
    await expect(densityClusters(POINTS, OPTIONS, { runBlocks, signal: stop.signal })).rejects.toThrow(
      'enough',
    );
  });
});
