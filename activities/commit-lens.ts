import type { CommitOutput, LensCommitInput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Writes the final tables, lets the experiment conclude, and closes run.json. Repeating it gives the same tables. */
export function commitLens(compute: Compute) {
  return (input: LensCommitInput): Promise<CommitOutput> => runInThread(compute, 'commitLens', input);
}
