// The workers of one command: started together, restarted when they die, stopped together.

import { FAULTS, PipelineError } from '#schemas/errors.ts';
import { decideRestart, FRESH_PROCESS, type RestartState, STABLE_MS } from './restart-policy.ts';
import {
  startWorkerProcess,
  type WorkerCommand,
  type WorkerExit,
  type WorkerProcess,
} from './worker-process.ts';

export interface WorkerGroupOptions {
  readonly command: WorkerCommand;
  /** Number of worker processes, at least 1. */
  readonly processes: number;
  /** A line for people whenever a worker died and came back. */
  readonly onRestart: (line: string) => void;
  /** Longest orderly shutdown before a worker is killed. */
  readonly graceMs: number;
}

export interface WorkerGroup extends AsyncDisposable {
  /** Pids of the workers that run now. */
  readonly pids: readonly number[];
  /** Resolves when every worker polls. */
  readonly ready: Promise<void>;
  /** Rejects when a worker keeps dying; never resolves. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
  kill(): void;
  /** Starts every worker again, with these variables. Resolves when the old ones have ended. */
  moveTo(variables: NodeJS.ProcessEnv): Promise<void>;
}

/** Starts and supervises workers. */
export function startWorkers(options: WorkerGroupOptions): WorkerGroup {
  const running = new Map<number, Running>();
  const stopping = new AbortController();
  let onFailed: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    onFailed = reject;
  });
  failed.catch(() => undefined);
  const place: Place = { command: options.command, moves: 0 };
  const firstReady = Array.from({ length: options.processes }, (_, slot) =>
    supervise(slot, { ...options, place, running, stopping: stopping.signal, onFailed }),
  );
  const ready = Promise.race([Promise.all(firstReady).then(() => undefined), failed]);
  ready.catch(() => undefined);
  async function endAll(): Promise<void> {
    await Promise.all([...running.values()].map(({ worker }) => worker.stop(options.graceMs)));
  }
  async function stop(): Promise<void> {
    stopping.abort();
    await endAll();
  }
  return {
    get pids() {
      return [...running.values()].map(({ worker }) => worker.pid);
    },
    ready,
    failed,
    stop,
    kill() {
      stopping.abort();
      for (const { worker } of running.values()) worker.kill();
    },
    async moveTo(variables) {
      place.command = { ...place.command, env: { ...place.command.env, ...variables } };
      place.moves += 1;
      await endAll();
    },
    [Symbol.asyncDispose]: stop,
  };
}

interface Running {
  readonly worker: WorkerProcess;
  readonly startedMs: number;
}

/** How workers are started now, and how often that has changed. */
interface Place {
  command: WorkerCommand;
  moves: number;
}

interface Supervision extends WorkerGroupOptions {
  readonly place: Place;
  readonly running: Map<number, Running>;
  readonly stopping: AbortSignal;
  readonly onFailed: (error: Error) => void;
}

/** Keeps one slot filled; resolves when its first worker is ready. */
function supervise(slot: number, options: Supervision): Promise<void> {
  return new Promise((onFirstReady) => {
    const launch = (state: RestartState, died: WorkerExit | null) => {
      if (options.stopping.aborted) return;
      const startedMs = Date.now();
      const { command, moves } = options.place;
      const worker = startWorkerProcess(commandOf(command, slot));
      options.running.set(slot, { worker, startedMs });
      void worker.ready.then(() => {
        onFirstReady();
        if (died !== null)
          options.onRestart(restartLine(died, { pid: worker.pid, seconds: (Date.now() - startedMs) / 1000 }));
      });
      void worker.exited.then((exit) => {
        options.running.delete(slot);
        if (options.stopping.aborted) return;
        if (options.place.moves !== moves) return launch(FRESH_PROCESS, null);
        const decision = decideRestart(state, {
          uptimeMs: Date.now() - startedMs,
          othersStable: isAnyStable(options.running),
        });
        const hopeless = exit.fault !== null && !FAULTS[exit.fault.kind].retry;
        if (hopeless || decision.kind === 'give-up') return options.onFailed(workerError(exit));
        setTimeout(() => launch(decision.state, exit), decision.delayMs);
      });
    };
    launch(FRESH_PROCESS, null);
  });
}

function isAnyStable(running: ReadonlyMap<number, Running>): boolean {
  return [...running.values()].some(({ startedMs }) => Date.now() - startedMs >= STABLE_MS);
}

/** Every worker of a group serves its metrics at a port of its own: the configured one, the next, and so on. */
function commandOf(command: WorkerCommand, slot: number): WorkerCommand {
  const [, host, port] = /^(.*):(\d+)$/.exec(command.env.TESSERA_METRICS ?? '') ?? [];
  if (port === undefined) return command;
  return { ...command, env: { ...command.env, TESSERA_METRICS: `${host}:${Number(port) + slot}` } };
}

function restartLine(
  { how, fault }: WorkerExit,
  { pid, seconds }: { readonly pid: number; readonly seconds: number },
): string {
  const why = fault === null ? how : `${fault.what}: ${fault.value ?? how}`;
  return `a worker died (${why}); worker ${pid} took over after ${seconds.toFixed(1)} s`;
}

function workerError({ how, fault, lastError }: WorkerExit): PipelineError {
  if (fault !== null) return new PipelineError(fault);
  return new PipelineError({
    kind: 'service-unavailable',
    what: `the worker keeps dying (${how})`,
    where: 'worker',
    ...(lastError === null ? {} : { value: lastError.slice(0, 300) }),
    remedy:
      'logs/worker-errors.log in the home folder (.tessera) has what it wrote; the same command resumes.',
  });
}
