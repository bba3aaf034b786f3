// `tessera schedule FILE --cron "…"`: a Temporal schedule that starts the run again and again.

import {
  type Client,
  ScheduleAlreadyRunning,
  ScheduleNotFoundError,
  ScheduleOverlapPolicy,
} from '@temporalio/client';

import { PipelineError } from '#schemas/errors.ts';
import { type RunInput, SCHEDULED_WORKFLOW } from '#schemas/messages.ts';
import { TASK_QUEUES } from '../../temporal.config.ts';
import { checkFilesExist, type LoadedRun, loadConfig } from '../config/load-config.ts';
import { faultOfFailure } from './cli-fault.ts';
import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { openSession } from './session.ts';

export interface ScheduleOptions extends GlobalOptions {
  readonly cron?: string;
  readonly remove?: boolean;
  readonly out?: string;
  readonly set?: readonly string[];
}

/** A start that was missed while the machine was off is made up for within this time. */
const CATCH_UP = '6 hours';

/** Creates, replaces or removes the schedule of a config; services and workers stay up for it. */
export async function scheduleCommand(
  file: string,
  options: ScheduleOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const loaded = loadConfig(file, { sets: options.set ?? [], out: options.out });
  const { terminal } = context;
  const cron = options.remove === true ? null : checkCron(options.cron);
  if (cron !== null) checkFilesExist(loaded);
  await using session = await openSession({
    env: context.env(),
    processes: cron === null ? 0 : null,
    lifetime: 'background',
    onNote: terminal.note,
    signal: context.interrupts.signal,
  });
  const scheduleId = `tessera/${loaded.config.kind}/${loaded.runId}`;
  if (cron === null) await removeSchedule(session.client, scheduleId);
  else await putSchedule(session.client, scheduleId, { loaded, cron });
  terminal.note(
    cron === null
      ? `the schedule of ${loaded.runId} is removed`
      : `${loaded.runId} runs at "${cron}" (UTC) while services and workers are up; each run gets its start time in its id`,
  );
  if (options.json === true)
    terminal.answer(JSON.stringify({ run: loaded.runId, schedule: scheduleId, cron, exitCode: 0 }));
  return 0;
}

/**
 * Checks the five fields of a cron expression as far as characters and number go; the server checks their
 * ranges.
 * @throws PipelineError `command-invalid`.
 */
export function checkCron(cron: string | undefined): string {
  const fields = (cron ?? '').trim().split(/\s+/);
  const valid = fields.length === 5 && fields.every((field) => /^[0-9A-Za-z*/,?-]+$/.test(field));
  if (cron !== undefined && (valid || /^@(hourly|daily|weekly|monthly|yearly|every \S+)$/.test(cron.trim())))
    return cron.trim();
  throw new PipelineError({
    kind: 'command-invalid',
    what: cron === undefined ? 'this option is missing' : 'this is no cron expression',
    where: '--cron',
    ...(cron === undefined ? {} : { value: cron }),
    remedy: 'Five fields, minute hour day month weekday, in UTC: --cron "0 2 * * *" is every night at two.',
  });
}

async function putSchedule(
  client: Client,
  scheduleId: string,
  { loaded, cron }: { readonly loaded: LoadedRun; readonly cron: string },
): Promise<void> {
  const { runId, runDir, config, configSha256 } = loaded;
  const input: RunInput = { runId, config, configSha256, runDir };
  const schedule = {
    spec: { cronExpressions: [cron] },
    action: {
      type: 'startWorkflow' as const,
      workflowType: SCHEDULED_WORKFLOW,
      workflowId: `tessera/scheduled/${runId}`,
      taskQueue: TASK_QUEUES.workflow,
      args: [input],
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: CATCH_UP } as const,
  };
  try {
    await client.schedule.create({ scheduleId, ...schedule }).catch(async (error: unknown) => {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await client.schedule.getHandle(scheduleId).update((previous) => ({ ...previous, ...schedule }));
    });
  } catch (error) {
    throw refused(error, cron);
  }
}

async function removeSchedule(client: Client, scheduleId: string): Promise<void> {
  try {
    await client.schedule.getHandle(scheduleId).delete();
  } catch (error) {
    if (!(error instanceof ScheduleNotFoundError))
      throw new PipelineError(faultOfFailure(error), { cause: error });
    const remedy = 'tessera schedule FILE --cron "…" makes one.';
    throw new PipelineError(
      { kind: 'run-unknown', what: 'this config has no schedule', value: scheduleId, remedy },
      { cause: error },
    );
  }
}

/** The client makes a TypeError of what the server refuses as an invalid argument: here, the expression. */
function refused(error: unknown, cron: string): PipelineError {
  if (!(error instanceof TypeError)) return new PipelineError(faultOfFailure(error), { cause: error });
  const what = `the server refuses this cron expression: ${error.message}`;
  const remedy =
    'Five fields, minute hour day month weekday, in UTC: --cron "0 2 * * *" is every night at two.';
  return new PipelineError(
    { kind: 'command-invalid', what, where: '--cron', value: cron, remedy },
    { cause: error },
  );
}
