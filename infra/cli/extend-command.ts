// `tessera extend RUN --draws N`: more draws of each chain, of a run that goes on or of one that has ended.

import { PipelineError } from '#schemas/errors.ts';
import { runWorkflowId, SIGNAL_EXTEND } from '#schemas/messages.ts';
import { refuseCode } from '../config/load-config.ts';
import { temporalAddress, attach } from './local-services.ts';
import { checkRecordedConfig } from '../manifest-shape.ts';
import { drawsOf, type MetflowPlan } from '../metflow/metflow-plan.ts';
import { readChainPlan } from '../plan-shape.ts';
import { planPath } from '../run-plan.ts';
import { faultOfFailure } from './cli-fault.ts';
import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { findRun, type KnownRun } from './run-folder.ts';
import { runToEnd } from './run-command.ts';
import { describeRun, isOpen } from './watch-run.ts';

export interface ExtendOptions extends GlobalOptions {
  readonly draws: number;
  readonly out: string;
  readonly detach?: boolean;
  readonly processes?: number;
  readonly allowCode?: boolean;
}

/**
 * Tells a run that goes on, or starts one that has ended from its last checkpoints and watches it.
 * @throws PipelineError `run-unknown`; `command-invalid` where the run has no chains; `code-not-allowed`.
 */
export async function extendCommand(
  name: string,
  options: ExtendOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const startedMs = Date.now();
  const env = context.env();
  const run = await findRun(name, { home: env.home, out: options.out });
  const { runId, runDir } = run;
  const plan = await planOf(run);
  const { config } = plan;
  if (options.draws < 1) throw wrong('an extension has at least one draw', String(options.draws));
  if (options.allowCode !== true) refuseCode(runDir, config);
  if (await tellOpenRun(runId, options.draws, context)) {
    context.terminal.note(`run ${runId} goes on for ${options.draws} more draws of each chain`);
    if (options.json === true)
      context.terminal.answer(JSON.stringify({ run: runId, sent: 'extend', output: runDir, exitCode: 0 }));
    return 0;
  }
  const draws = drawsOf(plan) + options.draws;
  const { configSha256 } = plan;
  const loaded = { file: run.configFile ?? planPath(runDir), runId, config, configSha256, runDir };
  return runToEnd(loaded, { context, options, startedMs, start: { draws } });
}

async function planOf({ runId, runDir, manifest, damaged }: KnownRun): Promise<MetflowPlan> {
  if (damaged !== null) throw new PipelineError(damaged);
  if (manifest !== null) checkRecordedConfig(runDir, manifest);
  const config = manifest?.config;
  if (config?.kind === 'metflow' && 'target' in config) {
    const plan = await readChainPlan(runDir);
    if (plan !== null) return { ...plan, config };
  }
  const value = config === undefined ? runId : `${runId}, kind: ${config.kind}`;
  throw wrong('only runs of kind: metflow that have been planned have chains to extend', value);
}

/** Signals the run's workflow where one goes on. */
async function tellOpenRun(runId: string, draws: number, context: CommandContext): Promise<boolean> {
  const env = context.env();
  if ((await temporalAddress(env)) === null) return false;
  await using attached = await attach(env);
  const state = await describeRun(attached.client, runId);
  if (state === null || !isOpen(state.status)) return false;
  try {
    await attached.client.workflow.getHandle(runWorkflowId(runId)).signal(SIGNAL_EXTEND, draws);
  } catch (error) {
    throw new PipelineError(faultOfFailure(error), { cause: error });
  }
  return true;
}

function wrong(what: string, value: string): PipelineError {
  const remedy = 'tessera list shows the runs; write for example tessera extend ring --draws 1000.';
  return new PipelineError({ kind: 'command-invalid', what, value, remedy });
}
