// Jobs of the clustering kernel, shared by a thread with whoever else is free. The thread that asks works too and waits
// only for jobs that were begun, so helpers that never come cost nothing: no pool of any size can lock up.

import { setImmediate } from 'node:timers/promises';
import { PipelineError } from '#schemas/errors.ts';
import type { KernelWork, RunBlocks } from '../../activities/polytope/neighbour-kernel.ts';

/** Work with its counters in shared memory; it clones to threads as it is. */
export interface SharedWork {
  readonly work: KernelWork;
  /** Jobs taken, jobs ended, scratch slots taken, jobs failed. */
  readonly counters: Int32Array;
}

const TAKEN = 0;
const ENDED = 1;
const SLOTS = 2;
const FAILED = 3;
const COUNTERS = 4;
/** Work of fewer jobs, some milliseconds each, is done before a helper has heard of it. */
const LEAST_JOBS = 16;

/**
 * Runs jobs here and in helpers. Which thread does a job is left to chance, and the result does not depend on it.
 * @param helpers - how many to call.
 * @param call - hands work to a helper, which runs {@link takeJobs}; its fault ends the work where jobs were lost with it.
 */
export function sharedBlocks(helpers: number, call: (shared: SharedWork) => Promise<unknown>): RunBlocks {
  return async (work, { signal } = {}) => {
    const counters = new Int32Array(new SharedArrayBuffer(COUNTERS * Int32Array.BYTES_PER_ELEMENT));
    const shared = { work, counters };
    let fault: unknown;
    const called = work.jobs.length < LEAST_JOBS ? 0 : helpers;
    for (let helper = 0; helper < called; helper++) {
      call(shared).catch((error) => {
        fault ??= error;
      });
    }
    await takeJobs(shared, signal === undefined ? {} : { signal });
    await othersDone(shared);
    if (Atomics.load(counters, FAILED) > 0) throw fault ?? lostJobs(Atomics.load(counters, FAILED));
  };
}

/**
 * Does jobs until none is left, each in one go; between them the thread hears messages.
 * @throws the signal's reason, and then no further job is taken by anyone.
 */
export async function takeJobs(
  { work, counters }: SharedWork,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const { module, memory, scratch, jobs } = work;
  const slot = Atomics.add(counters, SLOTS, 1);
  if (slot >= scratch.slots || Atomics.load(counters, TAKEN) >= jobs.length) return;
  const kernel = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Record<
    string,
    (...args: readonly number[]) => void
  >;
  const own = scratch.at + slot * scratch.slotBytes;
  for (let job = Atomics.add(counters, TAKEN, 1); job < jobs.length; job = Atomics.add(counters, TAKEN, 1)) {
    let done = false;
    try {
      signal?.throwIfAborted();
      kernel[jobs[job]!.call]!(own, ...jobs[job]!.args);
      done = true;
    } finally {
      if (!done) Atomics.add(counters, FAILED, 1);
      if (!done) leaveRest({ work, counters });
      Atomics.add(counters, ENDED, 1);
      Atomics.notify(counters, ENDED);
    }
    await setImmediate();
  }
}

/** Counts all jobs that nobody has begun as taken and ended. */
function leaveRest({ work, counters }: SharedWork): void {
  const begun = Atomics.exchange(counters, TAKEN, work.jobs.length);
  Atomics.add(counters, ENDED, Math.max(0, work.jobs.length - begun));
}

/** Blocks: what is left takes milliseconds. */
async function othersDone({ work, counters }: SharedWork): Promise<void> {
  for (let ended = Atomics.load(counters, ENDED); ended < work.jobs.length; ) {
    Atomics.wait(counters, ENDED, ended, 1000);
    ended = Atomics.load(counters, ENDED);
  }
  await setImmediate();
}

function lostJobs(jobs: number): PipelineError {
  return new PipelineError({
    kind: 'internal',
    what: 'a thread failed while it compared points',
    value: `${jobs} jobs lost`,
  });
}
