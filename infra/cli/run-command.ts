// `tessera run FILE`: from a config file to a finished run folder, or to a fault.

import { resolve } from 'node:path';

import { PipelineError, type PipelineFault } from '#schemas/errors.ts';
import { runWorkflowId } from '#schemas/messages.ts';
import { checkFilesExist, type LoadedRun, loadConfig } from '../config/load-config.ts';
import { faultOfFailure } from './cli-fault.ts';
import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { type ProgressView, progressView } from './progress-view.ts';
import { rememberRun } from './run-folder.ts';
import { eventLine, type RunEvents, runEvents } from './run-events.ts';
import { finishedEvent, reportRun, resultLines, RunFailed, type RunReport, statusOf } from './run-report.ts';
import { checkRunFolder } from './run-identity.ts';
import { openSession, type Session } from './session.ts';
import { startRun, type StartOptions, type WatchOptions, watchWithSession } from './follow-run.ts';

export interface RunOptions extends GlobalOptions {
  readonly out?: string;
  readonly detach?: boolean;
  readonly set?: readonly string[];
  readonly allowCode?: boolean;
  readonly processes?: number;
}

/** Runs a config to its end, attaches to the same run, or says that it is done already. */
export async function runCommand(
  file: string,
  options: RunOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const loaded = loadConfig(file, {
    sets: options.set ?? [],
    out: options.out,
    allowCode: options.allowCode,
  });
  const startedMs = Date.now();
  if ((await checkOrFail(loaded, startedMs)) === 'done') {
    context.terminal.note(`run ${loaded.runId} is finished already; nothing to do`);
    const seconds = (Date.now() - startedMs) / 1000;
    return finish(await reportRun(loaded, { status: 'done', seconds }), { context, options });
  }
  return runToEnd(loaded, { context, options, startedMs });
}

/** Starts or resumes a run, watches it, and tells how it ended. @throws RunFailed with the run's fault. */
export async function runToEnd(
  loaded: LoadedRun,
  command: Command & { readonly startedMs: number; readonly start?: StartOptions },
): Promise<ExitCode> {
  const { options, startedMs } = command;
  try {
    if (options.processes !== 0) checkFilesExist(loaded);
    const status = await followRun(loaded, command);
    return finish(await reportRun(loaded, { status, seconds: (Date.now() - startedMs) / 1000 }), command);
  } catch (error) {
    throw await failed(loaded, error, startedMs);
  }
}

async function checkOrFail(loaded: LoadedRun, startedMs: number): Promise<'done' | 'open'> {
  try {
    return await checkRunFolder(loaded);
  } catch (error) {
    throw await failed(loaded, error, startedMs);
  }
}

async function failed(loaded: LoadedRun, error: unknown, startedMs: number): Promise<RunFailed> {
  const fault = faultOfFailure(error);
  const seconds = (Date.now() - startedMs) / 1000;
  return new RunFailed(await reportRun(loaded, { status: statusOf(fault), fault, seconds }), {
    cause: error,
  });
}

interface Command {
  readonly options: RunOptions;
  readonly context: CommandContext;
}

async function followRun(
  loaded: LoadedRun,
  { options, context, start = {} }: Command & { readonly start?: StartOptions },
): Promise<'done' | 'running'> {
  const { terminal, interrupts } = context;
  const { signal } = interrupts;
  const env = context.env();
  const view = progressView({ terminal, kind: loaded.config.kind });
  const events = runEvents({ terminal, json: options.json === true });
  const session = await openSession({
    env,
    processes: options.processes ?? null,
    lifetime: options.detach === true ? 'background' : 'command',
    onNote: view.note,
    onRestart: (of, reason) => {
      view.note(reason);
      events.restarted(loaded.runId, of, reason);
    },
    signal,
    onForce: interrupts.onForce,
  });
  const remembered = { runId: loaded.runId, runDir: loaded.runDir, configFile: resolve(loaded.file) };
  try {
    rememberRun(env.home, remembered);
    const page = await startAndTell(session, { loaded, start, note: view.note, events });
    if (options.detach === true) return 'running';
    if (page !== null) view.link(loaded.runId, page);
    const watching = { ...showing(loaded.runId, { view, events }), signal };
    const { notices } = await watchWithSession(session, loaded.runId, watching);
    view.notices(loaded.runId, notices);
    events.notices(loaded.runId, notices);
    return 'done';
  } catch (error) {
    if (signal.aborted) throw interrupted(error, { loaded, ownWorkers: session.ownWorkers });
    rememberRun(env.home, { ...remembered, fault: faultOfFailure(error) });
    throw error;
  } finally {
    view.close();
    if (signal.aborted && session.ownWorkers)
      terminal.note('stopping workers and services; press Ctrl-C again to end at once');
    await session.stop();
  }
}

/** What is seen of a run, for people and programs. */
function showing(
  run: string,
  { view, events }: { readonly view: ProgressView; readonly events: RunEvents },
): Omit<WatchOptions, 'signal'> {
  return {
    onSnapshot(snapshot) {
      view.show(snapshot);
      events.show(snapshot);
    },
    onNote: view.note,
    onNotice(text) {
      view.note(`${run}: ${text}`);
      events.tell({ event: 'notice', run, text });
    },
  };
}

/** An interruption that says how to come back to this very run. */
function interrupted(
  error: unknown,
  { loaded, ownWorkers }: { readonly loaded: LoadedRun; readonly ownWorkers: boolean },
): PipelineError {
  const fault: PipelineFault = faultOfFailure(error);
  if (fault.kind !== 'interrupted') return new PipelineError(fault, { cause: error });
  // Without a cause: the innermost fault is the one that is told.
  const { runId } = loaded;
  const remedy = ownWorkers
    ? `What is recorded stays: the same command goes on where run ${runId} stopped; tessera status ${runId} shows it.`
    : `Run ${runId} goes on with workers elsewhere: the same command watches it again, tessera cancel ${runId} ends it.`;
  return new PipelineError({ ...fault, remedy });
}

async function startAndTell(
  session: Session,
  {
    loaded,
    start,
    note,
    events,
  }: {
    readonly loaded: LoadedRun;
    readonly start: StartOptions;
    readonly note: (line: string) => void;
    readonly events: RunEvents;
  },
): Promise<string | null> {
  const { runId, runDir, config } = loaded;
  const how = await startRun(session.client, loaded, start);
  note(`${how === 'started' ? 'run' : 'going on with run'} ${runId} → ${runDir}`);
  const { uiUrl, namespace } = session.services.temporal;
  const page =
    uiUrl === undefined
      ? null
      : `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(runWorkflowId(runId))}`;
  if (page !== null) note(`its page: ${page}`);
  events.tell({ event: 'started', run: runId, how, kind: config.kind, output: runDir, page });
  return page;
}

async function finish(report: RunReport, { options, context }: Command): Promise<ExitCode> {
  for (const line of await resultLines(report)) context.terminal.note(line);
  if (options.json === true) context.terminal.answer(eventLine(finishedEvent(report), Date.now()));
  return report.exitCode;
}
