// Planning a MetFlow run: make the target once for real, write the plan, make the topic, and find out where the chains
// stand. A checkpoint beyond what log and parts hold is not used: the draws between them would be missing.

import { join } from 'node:path';
import { BOUNDS_TABLE } from '#schemas/columns/metflow/bounds.ts';
import { PipelineError } from '#schemas/errors.ts';
import type { MetflowInput } from '#schemas/messages.ts';
import { type MetflowConfig, trainsKernels } from '#schemas/metflow-config.ts';
import type { MetflowPlanOutput } from '#schemas/tasks.ts';
import { chainRunOf } from '../../activities/metflow/chains/chain-checkpoint.ts';
import { trainedPath } from '../../activities/metflow/chains/configured-kernels.ts';
import type { Checkpoint } from '../../activities/metflow/checkpoint.ts';
import { wallsOf } from '../../activities/metflow/walls.ts';
import { isFile, makeFolder, remove, writeWhole } from '../blobs/storage.ts';
import {
  checkpointPaths,
  findCheckpoint,
  groupName,
  removeCheckpoints,
} from '../metflow/checkpoint-files.ts';
import { checkRegionData } from '../metflow/data-codes.ts';
import { drawModelRecord, openDrawCoder } from '../metflow/draw-codes.ts';
import { coveredDraws, listParts } from '../metflow/draw-parts.ts';
import {
  chainsOfGroup,
  drawsOf,
  findMetflowPlan,
  type MetflowPlan,
  topicOf,
} from '../metflow/metflow-plan.ts';
import { namedTarget, type NamedTarget } from '../metflow/named-targets.ts';
import { chainsOrigin } from '../metflow/origins.ts';
import { findTrainedModel, findTraining } from '../metflow/trained-model.ts';
import { writeManifest } from '../run-manifest.ts';
import { planPath } from '../run-plan.ts';
import { surveyDraws } from './metflow-collect.ts';
import { openLog } from './opened.ts';
import type { TaskContext } from './task-context.ts';

/** Numbers of one segment's draws at most: they are held in memory, several times over. */
const SEGMENT_NUMBERS = 2 ** 25;

/** Writes `plan.json` and `run.json`, or goes on with those of an interrupted execution. */
export async function planMetflowTask(input: MetflowInput, context: TaskContext): Promise<MetflowPlanOutput> {
  const { runDir, configSha256, config } = input;
  const existing = await findMetflowPlan(runDir, configSha256);
  if (existing !== null) await checkUnchanged(existing);
  const plan = extended(existing ?? (await makePlan(input, context)), input.draws ?? 0);
  if (plan !== existing) await writePlan(runDir, plan);
  const { partitions } = config.stream;
  await openLog().createTopic(topicOf(plan), { partitions });
  const deleted: string[] = [];
  for (let partition = 0; partition < partitions; partition++)
    deleted.push(...(await surveyDraws(plan, { runDir, partition }, context)));
  const parts = await listParts(runDir);
  const groups = Array.from({ length: plan.groups }, (_, group) => group);
  const drawn = groups.map((group) => coveredDraws(parts, group));
  const notices = [...deleted, ...(await dropLostCheckpoints(plan, runDir, drawn))];
  await writeManifest(runDir, plan, { status: 'running', notices });
  const training = trainsKernels(config) ? await findTraining(runDir, plan) : null;
  return {
    groups: plan.groups,
    chains: groups.map((group) => chainsOfGroup(plan, group).length),
    draws: drawsOf(plan),
    drawn,
    partitions,
    notices: [...plan.notices, ...notices, ...(training?.notices ?? [])],
    training: trainsKernels(config)
      ? {
          steps: config.train.steps,
          trained: training?.state.step ?? 0,
          ended: await isFile(join(runDir, BOUNDS_TABLE.path)),
        }
      : null,
  };
}

async function makePlan(
  { runId, runDir, config, configSha256 }: MetflowInput,
  { signal }: TaskContext,
): Promise<MetflowPlan> {
  const { feed, ...sources } = await readSources(config);
  const { chains, groups, draws } = config.sample;
  const plan: MetflowPlan = {
    runId,
    configSha256,
    config,
    ...sources,
    groups: Math.min(groups, chains),
    ends: [draws],
    data: null,
    notices: [],
  };
  checkPlan(plan);
  if (config.regions !== undefined && plan.model !== null) {
    await using coder = await openDrawCoder(config.model!, plan.dim, { feed });
    await checkRegionData(config.regions, { model: plan.model, coder, signal });
  }
  await makeFolder(runDir);
  return plan;
}

/** Everything that draws depend on beside the config, as it is now. */
async function readSources(
  config: MetflowConfig,
): Promise<Pick<MetflowPlan, 'dim' | 'target' | 'model' | 'files'> & Pick<NamedTarget, 'feed'>> {
  const { name, sha256, traced, files, feed } = await namedTarget(config.target, config.seed);
  const target = { name, sha256 };
  const { dim } = traced;
  const fed = feed === undefined ? {} : { feed };
  // Kernels that need walls are told before anything runs.
  for (const { type } of config.kernels)
    if (type === 'hit_and_run' || type === 'reflective') wallsOf(traced, type);
  if (config.model === undefined) return { dim, target, model: null, files, ...fed };
  const { model, through } = await drawModelRecord(config.model, dim, feed);
  return { dim, target, model, files: through === null ? files : [...files, through], ...fed };
}

/**
 * Holds an interrupted run's files to what they were when it began.
 * @throws PipelineError `run-config-mismatch` naming the first that has changed.
 */
async function checkUnchanged(plan: MetflowPlan): Promise<void> {
  const now = await readSources(plan.config);
  const named = ({ target, model, files }: typeof now) => [
    { key: 'target', sha256: target.sha256 },
    ...(model === null ? [] : [{ key: 'model.file', sha256: model.sha256 }]),
    ...files.map(({ key, sha256 }) => ({ key, sha256 })),
  ];
  const before = new Map(named(plan).map(({ key, sha256 }) => [key, sha256]));
  const changed = named(now).findLast(({ key, sha256 }) => before.get(key) !== sha256);
  if (changed === undefined) return;
  throw new PipelineError({
    kind: 'run-config-mismatch',
    where: changed.key,
    what: 'it has changed since the run began',
    value: `SHA-256 ${changed.sha256.slice(0, 12)}, expected ${before.get(changed.key)?.slice(0, 12) ?? 'none'}`,
    remedy: 'Put it back as it was, or give the run another id.',
  });
}

function checkPlan({ config, dim, groups }: MetflowPlan): void {
  // Made here for its checks: faults of the kernels are told before anything runs.
  trainedPath(config, dim);
  if (!config.kernels.some(({ use }) => use !== 'train')) {
    throw new PipelineError({
      kind: 'config-invalid',
      where: 'kernels',
      what: 'no kernel samples',
      remedy: 'Give at least one kernel use: sample or use: both.',
    });
  }
  if (config.regions !== undefined && config.model === undefined) {
    throw new PipelineError({
      kind: 'config-invalid',
      where: 'regions',
      what: 'regions are those of a model, and there is none',
      remedy: 'Give model.file, or leave regions out.',
    });
  }
  const { chains, checkpointEvery } = config.sample;
  const numbers = Math.ceil(chains / groups) * checkpointEvery * (dim + 4);
  if (numbers <= SEGMENT_NUMBERS) return;
  throw new PipelineError({
    kind: 'config-invalid',
    where: 'sample.checkpointEvery',
    what: `the draws of one segment are more than ${SEGMENT_NUMBERS} numbers`,
    value: `${Math.ceil(chains / groups)} chains, ${checkpointEvery} draws, dimension ${dim}`,
    remedy: 'Lower sample.checkpointEvery or raise sample.groups.',
  });
}

/** The plan with one more end where more draws are asked for than it has. */
function extended(plan: MetflowPlan, draws: number): MetflowPlan {
  return draws > drawsOf(plan) ? { ...plan, ends: [...plan.ends, draws] } : plan;
}

function writePlan(runDir: string, plan: MetflowPlan): Promise<void> {
  return writeWhole(planPath(runDir), Buffer.from(JSON.stringify(plan)));
}

async function dropLostCheckpoints(
  plan: MetflowPlan,
  runDir: string,
  drawn: readonly number[],
): Promise<string[]> {
  const model = trainsKernels(plan.config) ? await findTrainedModel(runDir, plan) : null;
  if (trainsKernels(plan.config) && model === null) return [];
  const notices: string[] = [];
  for (const [group, covered] of drawn.entries()) {
    const origin = chainsOrigin(plan, { group, model: model?.sha256 ?? null });
    const within = (checkpoint: Checkpoint) => chainRunOf(checkpoint).place.drawn <= covered;
    const last = await findCheckpoint(runDir, groupName(group), { origin });
    if (last === null || within(last.checkpoint)) continue;
    const before = await findCheckpoint(runDir, groupName(group), { origin, fits: within });
    await dropCheckpoint(runDir, group, before === null ? 'all' : 'last');
    const where = before === null ? 'its start' : `draw ${chainRunOf(before.checkpoint).place.drawn}`;
    notices.push(
      `draws of group ${group} behind draw ${covered} were lost from the log; its chains go on from ${where}`,
    );
  }
  return notices;
}

async function dropCheckpoint(runDir: string, group: number, which: 'last' | 'all'): Promise<void> {
  if (which === 'all') return removeCheckpoints(runDir, groupName(group));
  const [last] = checkpointPaths(runDir, groupName(group));
  await remove(last);
}
