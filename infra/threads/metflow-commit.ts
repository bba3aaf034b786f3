// The end of a MetFlow run, or of one of its extensions: run.json, and the topic is given back. The draws are in their
// parts already.

import { join } from 'node:path';
import type { TableDef } from '#schemas/columns/column.ts';
import { BOUNDS_TABLE } from '#schemas/columns/metflow/bounds.ts';
import { DIAGNOSTICS_TABLE } from '#schemas/columns/metflow/diagnostics.ts';
import { DRAWS_TABLE } from '#schemas/columns/metflow/draws.ts';
import { KERNEL_HEALTH_TABLE } from '#schemas/columns/metflow/kernel-health.ts';
import { LEVEL_MASS_TABLE } from '#schemas/columns/metflow/level-mass.ts';
import { MODES_TABLE } from '#schemas/columns/metflow/modes.ts';
import { REGION_MASS_TABLE, REGION_SUMMARY_TABLE } from '#schemas/columns/metflow/region-mass.ts';
import { TRAINING_TABLE } from '#schemas/columns/metflow/training.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { ChainSummary } from '#schemas/messages.ts';
import type { CommitOutput, MetflowCommitInput } from '#schemas/tasks.ts';
import { finiteOrNull } from '../../activities/numeric/finite-or-null.ts';
import { SEGMENTS_FOLDER } from '../aggregate/segment-files.ts';
import { runFolder } from '../blobs/run-folder.ts';
import { openParquet } from '../parquet/parquet-file.ts';
import { CHECKPOINTS_FOLDER } from '../metflow/checkpoint-files.ts';
import { removeHalfFiles } from '../blobs/storage.ts';
import { heaviestRegions } from '../metflow/heaviest-regions.ts';
import { drawsInParts } from '../metflow/read-draws.ts';
import { drawsOf, type MetflowPlan, readMetflowPlan, topicOf } from '../metflow/metflow-plan.ts';
import { readRows, writeRows } from '../metflow/small-tables.ts';
import { findTraining } from '../metflow/trained-model.ts';
import { writeManifest } from '../run-manifest.ts';
import { PATH, trainingRows } from './metflow-train.ts';
import { openLog } from './opened.ts';

/** Repeating it gives the same. @throws PipelineError `internal` where draws are missing. */
export async function commitMetflowTask(input: MetflowCommitInput): Promise<CommitOutput> {
  const { runDir, configSha256 } = input.run;
  const plan = await readMetflowPlan(runDir, configSha256);
  const draws = drawsOf(plan);
  if ((await drawsInParts(runDir, plan)) < draws)
    throw new PipelineError({ kind: 'internal', where: runDir, what: 'the parts do not hold every draw' });
  const training = await findTraining(runDir, plan);
  const history = training === null ? [] : trainingRows(training, { model: PATH, seed: plan.config.seed });
  await writeRows(TRAINING_TABLE, history, { runDir, runId: plan.runId });
  // The training wrote its bounds when it ended.
  if (training === null) await writeRows(BOUNDS_TABLE, [], { runDir, runId: plan.runId });
  const chains = await summaryOf(input, { runDir, draws });
  const rows = {
    draws: draws * plan.config.sample.chains,
    diagnostics: chains.diagnostics.length,
    training: history.length,
    bounds: chains.bounds.length,
    kernel_health: chains.kernels.length,
    modes: chains.modes.length,
    level_mass: chains.levels!.length,
    region_mass: await rowsIn(join(runDir, REGION_MASS_TABLE.path)),
    region_summary: chains.regions.length,
  };
  const { restarts, notices } = input;
  const seconds = (Date.now() - input.startedAtMs) / 1000;
  await writeManifest(runDir, plan, { status: 'done', rows, restarts, seconds, chains, notices });
  await giveBack(plan, runDir);
  return { rows, notices };
}

async function summaryOf(
  { trainingSeconds, samplingSeconds }: MetflowCommitInput,
  { runDir, draws }: { readonly runDir: string; readonly draws: number },
): Promise<ChainSummary> {
  const [diagnostics, kernels, modes, regions, bounds, levels] = await Promise.all(
    [
      DIAGNOSTICS_TABLE,
      KERNEL_HEALTH_TABLE,
      MODES_TABLE,
      REGION_SUMMARY_TABLE,
      BOUNDS_TABLE,
      LEVEL_MASS_TABLE,
    ].map((table) => scalarRows(runDir, table)),
  );
  return {
    draws,
    trainingSeconds,
    samplingSeconds,
    diagnostics: diagnostics!,
    kernels: kernels!,
    modes: modes!,
    levels: levels!,
    regions: regions!,
    masses: await heaviestRegions(runDir),
    bounds: bounds!,
  };
}

async function rowsIn(file: string): Promise<number> {
  await using reader = await openParquet(file, []);
  return reader.rows;
}

/** Rows of a small table without its lists, as JSON holds them. */
async function scalarRows(
  runDir: string,
  { path, columns }: TableDef,
): Promise<ChainSummary['diagnostics'][number][]> {
  const scalar = columns.filter(({ type, name }) => !type.startsWith('list<') && name !== 'run_id');
  const rows = await readRows(runDir, { path, columns: scalar });
  return rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, jsonOf(value)])),
  );
}

function jsonOf(value: unknown): string | number | boolean | null {
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return finiteOrNull(value);
  return value as string | boolean | null;
}

async function giveBack(plan: MetflowPlan, runDir: string): Promise<void> {
  await openLog().deleteTopic(topicOf(plan));
  await runFolder(runDir).remove(SEGMENTS_FOLDER);
  // What a killed worker was writing. Nobody writes any more: every draw is in its part.
  for (const folder of [DRAWS_TABLE.path, CHECKPOINTS_FOLDER]) await removeHalfFiles(join(runDir, folder));
}
