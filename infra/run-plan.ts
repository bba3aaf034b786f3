// plan.json of a run: what was decided before anything was fanned out, the same for all of its tasks.

import { createHash } from 'node:crypto';
import { PipelineError } from '#schemas/errors.ts';
import { joinPath } from './blobs/object-path.ts';
import { readJsonIfThere } from './blobs/storage.ts';

export const PLAN_FILE = 'plan.json';

/**
 * Kafka topic of a run. What an earlier run under this id left on the log passes for this one's only where it was made of the same: a
 * run folder may be removed, and its topic stays.
 * @param hashes - of the config, the model, the data; none where there is none.
 */
export function topicName(runId: string, hashes: readonly (string | null | undefined)[]): string {
  const content = createHash('sha256').update(JSON.stringify(hashes)).digest('hex');
  return `tessera.${runId}.${content.slice(0, 12)}`;
}

/** Path of a run's plan. */
export function planPath(runDir: string): string {
  return joinPath(runDir, PLAN_FILE);
}

/** The plan of a run, null where it has none. @throws PipelineError `run-config-mismatch` where it belongs to another config. */
export async function findPlan<Plan extends { readonly configSha256: string }>(
  runDir: string,
  configSha256: string,
): Promise<Plan | null> {
  const plan = await readJsonIfThere<Plan>(planPath(runDir));
  if (plan === null || plan.configSha256 === configSha256) return plan;
  throw new PipelineError({
    kind: 'run-config-mismatch',
    where: planPath(runDir),
    what: 'the plan belongs to another config',
    value: `config ${plan.configSha256}, expected ${configSha256}`,
    remedy: 'Give the run another id, or remove its folder.',
  });
}

/** The plan of a task's run. @throws PipelineError as {@link findPlan} does, `internal` where there is none. */
export async function readTaskPlan<Plan extends { readonly configSha256: string }>(
  runDir: string,
  configSha256: string,
): Promise<Plan> {
  const plan = await findPlan<Plan>(runDir, configSha256);
  if (plan !== null) return plan;
  throw new PipelineError({ kind: 'internal', where: planPath(runDir), what: 'the run has no plan' });
}
