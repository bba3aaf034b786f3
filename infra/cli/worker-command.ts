// `tessera worker`: workers in the foreground, until interrupted.

import { PipelineError } from '#schemas/errors.ts';
import { TASK_QUEUES } from '../../temporal.config.ts';
import { didYouMean } from '../config/similar-name.ts';
import { ensureServices } from '../services.ts';
import { noteWorkers } from './background-workers.ts';
import { createCleanups } from './cleanups.ts';
import type { CommandContext, ExitCode, GlobalOptions } from './command-context.ts';
import { addressesOf } from './follow-services.ts';
import { aborted } from './interrupts.ts';
import { serviceVariables, WORKER_GRACE_MS } from './session.ts';
import { startWorkers } from './worker-group.ts';
import { shareOfCores, workerCommand } from './worker-process.ts';

export interface WorkerOptions extends GlobalOptions {
  readonly processes: number;
  readonly queues?: string;
}

/** Runs workers until SIGINT or SIGTERM; that is how they are meant to end, so the exit code is 0 then. */
export async function workerCommandLine(options: WorkerOptions, context: CommandContext): Promise<ExitCode> {
  const queues = parseQueues(options.queues);
  const { terminal, interrupts } = context;
  const { signal } = interrupts;
  const env = context.env();
  const processes = Math.max(1, options.processes);
  const cleanups = createCleanups();
  try {
    const services = await ensureServices({ env, keep: false, onNote: terminal.note, signal });
    cleanups.defer(() => services.stop());
    const supervision = services.supervise(({ name, pid }) =>
      terminal.note(`${name} died; it is back as process ${pid}`),
    );
    cleanups.defer(() => supervision[Symbol.dispose]());
    const note = noteWorkers(env.home, { processes, ...addressesOf(services) });
    cleanups.defer(() => note[Symbol.dispose]());
    const serve = queues.length > 0 ? { TESSERA_QUEUES: queues.join(',') } : {};
    const command = await workerCommand(
      { ...serviceVariables(env, services), ...shareOfCores(processes), ...serve },
      env.home,
    );
    const group = startWorkers({
      command,
      processes,
      onRestart: terminal.note,
      graceMs: WORKER_GRACE_MS,
    });
    cleanups.defer(() => group.stop());
    interrupts.onForce(() => group.kill());
    await Promise.race([group.ready, supervision.failed, aborted(signal)]);
    note.ready();
    terminal.note(
      `${processes} worker${processes === 1 ? '' : 's'} ready for ${services.temporal.address}; Ctrl-C stops`,
    );
    await Promise.race([group.failed, supervision.failed, aborted(signal)]);
    return 0;
  } catch (error) {
    if (signal.aborted) return 0;
    throw error;
  } finally {
    await cleanups.run();
  }
}

/**
 * Queue names of `--queues`; empty for all. Whoever serves `io` also runs the workflows.
 * @throws PipelineError `command-invalid` for a name that is no queue.
 */
export function parseQueues(text: string | undefined): readonly string[] {
  const known = Object.keys(TASK_QUEUES).filter((name) => name !== 'workflow');
  const names = text === undefined ? [] : text.split(',').map((name) => name.trim());
  for (const name of names) {
    if (known.includes(name)) continue;
    const remedy = `Allowed: ${known.join(', ')}${didYouMean(name, known) || '.'}`;
    const what =
      name === 'gpu' ? 'no task uses the gpu queue yet; device: cuda runs on the cpu queue' : 'no such queue';
    throw new PipelineError({ kind: 'command-invalid', what, where: '--queues', value: name, remedy });
  }
  return names;
}
