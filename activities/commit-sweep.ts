import type { CommitInput, CommitOutput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Merges segments into the final tables and closes run.json. Repeating it gives the same tables. */
export function commitSweep(compute: Compute) {
  return (input: CommitInput): Promise<CommitOutput> => runInThread(compute, 'commit', input);
}
