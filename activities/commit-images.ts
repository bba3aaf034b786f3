import type { CommitOutput, ImagesCommitInput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Writes the tables of a run about images and closes run.json. Repeating it gives the same tables. */
export function commitImages(compute: Compute) {
  return (input: ImagesCommitInput): Promise<CommitOutput> => runInThread(compute, 'commitImages', input);
}
