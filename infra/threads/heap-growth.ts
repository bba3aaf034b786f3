// How much V8's heaps grow between markings, for all threads of a worker.
//
// Batches are typed arrays, which V8 counts as part of a heap of 20 MB: left to itself it marks a thread's whole heap every 10 MB, at a
// tenth of the processor time of a sweep. Commits hold tables in heaps ten times as large, where growth is memory. No collection is
// forced: it would drop the optimised code of whatever does not run just then (measured: 1.4 s of processor time of a run of 17 s).

import { setFlagsFromString } from 'node:v8';

const ENCODING_PERCENT = 250;
const COMMITTING_PERCENT = 120;

let commits = 0;

/** What a worker starts with. */
export const HEAP_GROWTH = flag(ENCODING_PERCENT);

/** Does a commit's work while heaps grow little. V8 reads the setting at each collection. */
export async function growingLittle<T>(commit: () => Promise<T>): Promise<T> {
  if (commits++ === 0) setFlagsFromString(flag(COMMITTING_PERCENT));
  try {
    return await commit();
  } finally {
    if (--commits === 0) setFlagsFromString(HEAP_GROWTH);
  }
}

function flag(percent: number): string {
  return `--heap-growing-percent=${percent}`;
}
