// The work on one model or sampler of a run about images.

import type { ImageTaskInput, ImageTaskOutput } from '#schemas/tasks.ts';
import { type ImagesPlan, isVaePlan } from '../metflow/images-plan.ts';
import { readTaskPlan } from '../run-plan.ts';
import { inpaintingTask } from './inpainting-task.ts';
import type { TaskContext } from './task-context.ts';
import { vaeTask } from './vae-task.ts';

/** From the last checkpoint on; asked to stop, it leaves one and says where it got to. */
export async function imageTask(
  { runDir, configSha256, task }: ImageTaskInput,
  context: Pick<TaskContext, 'signal' | 'progress'>,
): Promise<ImageTaskOutput> {
  const plan = await readTaskPlan<ImagesPlan>(runDir, configSha256);
  const place = { runDir, task, context };
  return isVaePlan(plan) ? vaeTask(plan, place) : inpaintingTask(plan, place);
}
