import type { MetflowInput } from '#schemas/messages.ts';
import type { MetflowPlanOutput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Plans a MetFlow run, or finds where an interrupted one stands. Repeating it finds its own work. */
export function planMetflow(compute: Compute) {
  return (input: MetflowInput): Promise<MetflowPlanOutput> => runInThread(compute, 'planMetflow', input);
}
