// `tessera pause|resume|cancel RUN`: a message to a run that is going on.

import { PipelineError } from '#schemas/errors.ts';
import { SIGNAL_PAUSE, SIGNAL_RESUME, runWorkflowId } from '#schemas/messages.ts';
import { faultOfFailure } from './cli-fault.ts';
import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { attach } from './local-services.ts';
import { findRun } from './run-folder.ts';
import { describeRun, isOpen } from './watch-run.ts';

export type Steering = 'pause' | 'resume' | 'cancel';

const TOLD = { pause: 'pauses', resume: 'goes on', cancel: 'is being cancelled' } as const;

/**
 * Sends the message.
 * @throws PipelineError `run-unknown`; `service-unavailable` where no server runs; `command-invalid` where
 *   the run has ended.
 */
export async function steerCommand(
  verb: Steering,
  name: string,
  {
    options,
    context,
  }: { readonly options: GlobalOptions & { readonly out: string }; readonly context: CommandContext },
): Promise<ExitCode> {
  const env = context.env();
  const { runId, runDir } = await findRun(name, { home: env.home, out: options.out });
  await using attached = await attach(env);
  const state = await describeRun(attached.client, runId);
  if (state === null || !isOpen(state.status)) throw ended(verb, { runId, status: state?.status ?? null });
  const handle = attached.client.workflow.getHandle(runWorkflowId(runId));
  try {
    if (verb === 'cancel') await handle.cancel();
    else await handle.signal(verb === 'pause' ? SIGNAL_PAUSE : SIGNAL_RESUME);
  } catch (error) {
    throw new PipelineError(faultOfFailure(error), { cause: error });
  }
  context.terminal.note(`run ${runId} ${TOLD[verb]}`);
  if (options.json === true)
    context.terminal.answer(JSON.stringify({ run: runId, sent: verb, output: runDir, exitCode: 0 }));
  return 0;
}

function ended(
  verb: Steering,
  { runId, status }: { readonly runId: string; readonly status: string | null },
): PipelineError {
  const what = `run ${runId} is not going on, so there is nothing to ${verb}`;
  const value = status === null ? {} : { value: status.toLowerCase() };
  return new PipelineError({
    kind: 'command-invalid',
    what,
    ...value,
    remedy: 'tessera status shows what runs.',
  });
}
