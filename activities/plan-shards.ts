import type { SweepInput } from '#schemas/messages.ts';
import type { PlanOutput } from '#schemas/tasks.ts';
import type { Compute } from './ports.ts';
import { runInThread } from './run-in-thread.ts';

/** Opens model and data set, cuts shards, writes the plan and makes the topic. Repeating it finds its own work. */
export function planShards(compute: Compute) {
  return (input: SweepInput): Promise<PlanOutput> => runInThread(compute, 'plan', input);
}
