// plan.json of a run: what was decided before anything was fanned out, the same for all of its tasks.

import { PipelineError } from '#schemas/errors.ts';
import { joinPath } from './blobs/object-path.ts';
import { readJsonIfThere } from './blobs/storage.ts';

export const PLAN_FILE = 'plan.json';

/** The plan of a task's run. @throws PipelineError `internal` where there is none, or it belongs to another config. */
export async function readTaskPlan<Plan extends { readonly configSha256: string }>(
  runDir: string,
  configSha256: string,
): Promise<Plan> {
  const where = joinPath(runDir, PLAN_FILE);
  const plan = await readJsonIfThere<Plan>(where);
  if (plan?.configSha256 === configSha256) return plan;
  const what = plan === null ? 'the run has no plan' : 'the plan belongs to another config';
  throw new PipelineError({ kind: 'internal', where, what });
}
