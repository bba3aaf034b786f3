// One run from the outside: start its workflow or attach to it, watch it, and say how it ended.

import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, WorkflowFailedError } from '@temporalio/client';

import { describeFault, PipelineError } from '#schemas/errors.ts';
import {
  type RunInput,
  type RunProgress,
  type RunResult,
  runWorkflowId,
  workflowOf,
} from '#schemas/messages.ts';
import { TASK_QUEUES } from '../../temporal.config.ts';
import type { LoadedRun } from '../config/load-config.ts';
import { faultOfFailure } from './cli-fault.ts';
import type { RunSnapshot } from './progress.ts';
import { aborted } from './interrupts.ts';
import { mismatch } from './run-identity.ts';
import type { Session } from './session.ts';
import { queueNews } from './unserved-queues.ts';
import { describeRun, isOpen, lookAt, snapshotFrom } from './watch-run.ts';

/** A look costs the server four requests: people get two a second, programs one every two seconds. */
const LOOK_EVERY_MS = process.stderr.isTTY ? 500 : 2000;
/** Silence of the Temporal server after which the run is left alone with exit 4. */
const GIVE_UP_MS = 90_000;

export interface StartOptions {
  /** Runs of chains: draws of each chain, where the run is extended beyond its config. */
  readonly draws?: number;
}

/**
 * Starts the workflow, or attaches to the one that goes on under this run id.
 * @throws PipelineError `run-config-mismatch` where that one has another config or writes to another folder.
 */
export async function startRun(
  client: Client,
  loaded: LoadedRun,
  { draws }: StartOptions = {},
): Promise<'started' | 'attached'> {
  const { runId, runDir, config, configSha256 } = loaded;
  const open = await openWorkflow(client, loaded);
  const input: RunInput & StartOptions = {
    runId,
    config,
    configSha256,
    runDir,
    ...(draws === undefined ? {} : { draws }),
  };
  await client.workflow.start(workflowOf(config), {
    workflowId: runWorkflowId(runId),
    taskQueue: TASK_QUEUES.workflow,
    args: [input],
    memo: { configSha256, runDir },
    workflowIdConflictPolicy: 'USE_EXISTING',
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
  });
  return open ? 'attached' : 'started';
}

export interface WatchOptions {
  readonly onSnapshot: (snapshot: RunSnapshot) => void;
  readonly onNote: (line: string) => void;
  /** Something to know about the run: nobody takes its work, or somebody does again. */
  readonly onNotice: (text: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Watches a started run until it ends.
 * @throws PipelineError the run's own fault, `service-unavailable` after a long silence of the server, or
 *   the signal's reason.
 */
export async function watchRun(client: Client, runId: string, options: WatchOptions): Promise<RunResult> {
  let progress: RunProgress | null = null;
  let silentSinceMs: number | null = null;
  const tellQueues = queueNews(options.onNotice);
  const ended = endOf(client, runId, options.signal);
  while (true) {
    options.signal.throwIfAborted();
    try {
      const look = await cancellable(client, options.signal, () => lookAt(client, runId, progress));
      progress = look.progress;
      if (silentSinceMs !== null) options.onNote('the Temporal server answers again');
      silentSinceMs = null;
      if (look.state === null) throw lost(runId);
      if (progress !== null) options.onSnapshot(snapshotFrom(look.state, progress));
      if (!isOpen(look.state.status)) return await resultOf(client, runId);
      tellQueues(look.unserved);
    } catch (error) {
      silentSinceMs = tolerateSilence(error, { silentSinceMs, onNote: options.onNote });
    }
    await Promise.race([sleep(LOOK_EVERY_MS, undefined, { signal: options.signal }), ended]).catch(
      () => undefined,
    );
  }
}

/**
 * Watches until the run ends, the session's workers fail for good, or the user interrupts; whichever comes
 * first.
 */
export async function watchWithSession(
  session: Session,
  runId: string,
  options: WatchOptions,
): Promise<RunResult> {
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const watch = watchRun(session.client, runId, { ...options, signal });
  watch.catch(() => undefined);
  try {
    return await Promise.race([watch, session.failed, aborted(options.signal)]);
  } finally {
    over.abort();
  }
}

/** Resolves when the run has ended, so that nobody waits for the next look; never where that cannot be told. */
function endOf(client: Client, runId: string, signal: AbortSignal): Promise<unknown> {
  const workflow = client.workflow.getHandle(runWorkflowId(runId));
  return cancellable(client, signal, () => workflow.result()).catch((error) =>
    error instanceof WorkflowFailedError ? null : new Promise(() => undefined),
  );
}

/**
 * Requests that end with the signal. Left open they would hold the process until their poll of 20 s ends, or fail when the server
 * stops and be tried again.
 */
async function cancellable<T>(client: Client, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  // One controller for each: the client never takes its listeners off a signal, one for each poll of 20 s.
  const own = new AbortController();
  setMaxListeners(0, own.signal);
  const end = () => own.abort();
  signal.addEventListener('abort', end, { once: true });
  try {
    return await client.withAbortSignal(own.signal, ask);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** Lets a server that is restarting be silent for a while; everything else is thrown on. */
function tolerateSilence(
  error: unknown,
  {
    silentSinceMs,
    onNote,
  }: { readonly silentSinceMs: number | null; readonly onNote: (line: string) => void },
): number {
  const fault = faultOfFailure(error);
  const since = silentSinceMs ?? Date.now();
  if (
    error instanceof PipelineError ||
    fault.kind !== 'service-unavailable' ||
    Date.now() - since > GIVE_UP_MS
  ) {
    throw error instanceof PipelineError ? error : new PipelineError(fault, { cause: error });
  }
  if (silentSinceMs === null)
    onNote(`${describeFault({ kind: fault.kind, what: fault.what })}; trying again`);
  return since;
}

async function resultOf(client: Client, runId: string): Promise<RunResult> {
  try {
    return (await client.workflow.getHandle(runWorkflowId(runId)).result()) as RunResult;
  } catch (error) {
    throw new PipelineError(faultOfFailure(error), { cause: error });
  }
}

async function openWorkflow(
  client: Client,
  { runId, runDir, config, configSha256 }: LoadedRun,
): Promise<boolean> {
  const state = await describeRun(client, runId);
  if (state === null || !isOpen(state.status)) return false;
  const { memo } = state;
  if (memo.configSha256 === configSha256 && memo.runDir === runDir) return true;
  const changes =
    memo.runDir === runDir
      ? [`config: ${String(memo.configSha256).slice(0, 8)} → ${configSha256.slice(0, 8)}`]
      : [`output folder: ${String(memo.runDir)} → ${config.output.dir}/${runId}`];
  throw mismatch(runId, { where: 'a run that is going on', changes });
}

function lost(runId: string): PipelineError {
  const remedy = 'Was its database removed? The same command starts the run again; finished work is kept.';
  const what = `the Temporal server no longer knows run ${runId}`;
  return new PipelineError({ kind: 'service-unavailable', what, remedy });
}
