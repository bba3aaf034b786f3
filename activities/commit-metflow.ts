import type { CommitOutput, MetflowCommitInput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Closes run.json and gives the topic back. Repeating it gives the same tables. */
export function commitMetflow(compute: Compute) {
  return (input: MetflowCommitInput): Promise<CommitOutput> => runInThread(compute, 'commitMetflow', input);
}
