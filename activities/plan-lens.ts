import type { LensInput } from '#schemas/messages.ts';
import type { LensPlanOutput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Plans an experiment: its tasks, the plan file and the topic. Repeating it finds its own work. */
export function planLens(compute: Compute) {
  return (input: LensInput): Promise<LensPlanOutput> => runInThread(compute, 'planLens', input);
}
