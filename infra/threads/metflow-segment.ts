// One segment of a group of chains: from the last checkpoint to the next, draws onto the log in between.

import type { KernelRate, SegmentHeartbeat } from '#schemas/messages.ts';
import type { SegmentInput, SegmentOutput } from '#schemas/tasks.ts';
import { chainContent, chainRunOf } from '../../activities/metflow/chains/chain-checkpoint.ts';
import { beginChains, type ChainRun, runSegment } from '../../activities/metflow/chains/chain-run.ts';
import type { DrawRows } from '../../activities/metflow/chains/draw-recorder.ts';
import { nextPlace } from '../../activities/metflow/chains/place.ts';
import { findCheckpoint, groupName, writeCheckpoint } from '../metflow/checkpoint-files.ts';
import { type DrawCoder, openDrawCoder } from '../metflow/draw-codes.ts';
import { drawBlock, drawMessages } from '../metflow/draw-messages.ts';
import { cutsOf, type MetflowPlan, readMetflowPlan, topicOf } from '../metflow/metflow-plan.ts';
import { openSampler } from '../metflow/opened-chains.ts';
import { chainsOrigin } from '../metflow/origins.ts';
import { plannedTarget } from '../metflow/planned-target.ts';
import { trainedModel } from '../metflow/trained-model.ts';
import { openLog } from './opened.ts';
import type { TaskContext } from './task-context.ts';

/**
 * Runs the next segment. The broker has acknowledged its draws before the checkpoint is written, so a checkpoint never
 * lies beyond what the log or the parts hold; a repeated segment sends the same messages.
 */
export async function chainSegmentTask(
  { runDir, configSha256, group, draws }: SegmentInput,
  { signal, progress }: TaskContext,
): Promise<SegmentOutput> {
  const plan = await readMetflowPlan(runDir, configSha256);
  const model = await trainedModel(runDir, plan);
  const origin = chainsOrigin(plan, { group, model: model?.sha256 ?? null });
  const found = await findCheckpoint(runDir, groupName(group), { origin });
  const notices = found?.notices ?? [];
  const sampler = await openSampler(plan, { group, model });
  const run = found === null ? await beginChains(sampler, signal) : chainRunOf(found.checkpoint);
  const to = nextPlace(run.place, cutsOf(plan));
  if (to === null || run.place.drawn >= draws) return outputOf(run, notices);
  const done = await runSegment(sampler, run, {
    to,
    signal,
    onPlace: ({ drawn }) => progress({ at: 'segment', group, drawn } satisfies SegmentHeartbeat),
  });
  if (done.draws !== null) await send(plan, done.draws, { group, signal });
  await writeCheckpoint(runDir, groupName(group), { origin, ...chainContent(done.run) });
  return outputOf(done.run, notices);
}

let coder: { readonly key: string; readonly opened: Promise<DrawCoder> } | null = null;

/** Digests of draws in the run's model, null without one; the thread keeps the model open. */
async function digestsOf(plan: MetflowPlan, { z }: DrawRows): Promise<Uint8Array | null> {
  const { config, dim, model } = plan;
  if (config.model === undefined) return null;
  const key = `${config.model.file} ${model?.sha256} ${dim}`;
  if (coder?.key !== key) {
    await (await coder?.opened)?.[Symbol.asyncDispose]();
    const { feed } = await plannedTarget(plan);
    coder = { key, opened: openDrawCoder(config.model, dim, { feed }) };
  }
  return (await coder.opened).digests(z);
}

async function send(
  plan: MetflowPlan,
  draws: DrawRows,
  { group, signal }: { readonly group: number; readonly signal: AbortSignal },
): Promise<void> {
  const { from, to } = draws;
  const block = drawBlock(draws, await digestsOf(plan, draws));
  const messages = drawMessages(plan, { group, from, to }, block);
  await openLog().append(topicOf(plan), messages, { signal });
}

function outputOf({ place, health }: ChainRun, notices: readonly string[]): SegmentOutput {
  const kernels = health.map(({ kernel, sums }): KernelRate => {
    return { kernel, steps: sums.steps, acceptance: sums.acceptance / sums.steps };
  });
  return { ...place, kernels, notices };
}
