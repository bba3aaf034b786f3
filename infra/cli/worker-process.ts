// One worker as a child process: how it is started, when it is ready, what it last said.

import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { FAULTS, type PipelineFault } from '#schemas/errors.ts';
import { textOf } from '../env-values.ts';
import { makeLocalFolder } from '../local-folder.ts';
import { programBundle } from '../program-bundle.ts';

/** Program, arguments and environment of a worker. */
export interface WorkerCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** File that receives what the worker writes to stderr; nothing is kept without it. */
  readonly stderrLog?: string;
}

export interface WorkerProcess {
  readonly pid: number;
  /** Resolves when the worker polls its queues; rejects never. */
  readonly ready: Promise<void>;
  readonly exited: Promise<WorkerExit>;
  /** Asks for an orderly end, and ends it hard after `graceMs`. */
  stop(graceMs: number): Promise<void>;
  kill(): void;
}

export interface WorkerExit {
  readonly how: string;
  /** The last error on stderr, as one line; null where there is none. */
  readonly lastError: string | null;
  /** Reported by the worker as `{"event":"fault","fault":{…}}` on stdout. */
  readonly fault: PipelineFault | null;
}

/**
 * glibc keeps what many threads have freed, and never gives it back: without these a worker's resident memory grows by half. Blocks
 * from 4 MiB on go back at once (from 1 MiB on: 0.09 GB less at the peak, and 3 % more processor time, as they are page faults again
 * and again). Other allocators ignore them.
 */
const MALLOC = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '4194304',
  MALLOC_TRIM_THRESHOLD_: '4194304',
};

/**
 * NVIDIA's libraries would round float32 products to 10 bits (TF32) and so turn far more bits of a code over than are flagged as
 * ambiguous. They read this when they load; who sets it to something else has their way.
 */
const FULL_FLOAT32 = { NVIDIA_TF32_OVERRIDE: '0' };

/**
 * Batches are typed arrays, which V8 counts as part of a heap of 20 MB: left to itself it marks a thread's whole heap every 10 MB, at a
 * tenth of the processor time of a sweep. A larger percentage is faster still and takes a worker above 1 GB. No collection is forced:
 * it would drop the optimised code of whatever does not run just then (measured: 1.4 s of processor time of a run of 17 s).
 */
const HEAP_FLAGS = ['--heap-growing-percent=150'] as const;

/**
 * V8 11 (Node 20) optimises a function as soon as it has run a little, and again when it has seen more: with eight times its patience
 * the first sweep of a worker takes 10 % less processor time, later ones the same. Later versions are patient by themselves, and refuse
 * the flag.
 */
const PATIENCE_FLAGS = Number.parseInt(process.versions.v8, 10) < 12 ? ['--interrupt-budget=540672'] : [];

/** V8's flags of workers. */
export const V8_FLAGS: readonly string[] = [...HEAP_FLAGS, ...PATIENCE_FLAGS];

/**
 * The command of a worker, whose code is built into `home` when it has changed. The worker ends when its stdin does, so it
 * never outlives this command.
 * @param env - additions to this process's environment.
 * @param home - whose `logs` folder receives stderr.
 */
export async function workerCommand(env: NodeJS.ProcessEnv, home: string): Promise<WorkerCommand> {
  makeLocalFolder(join(home, 'logs'));
  const endWithParent = fileURLToPath(new URL('end-with-parent.mjs', import.meta.url));
  const { worker } = await programBundle(join(home, 'cache'));
  return {
    file: process.execPath,
    args: [...V8_FLAGS, '--import', endWithParent, worker],
    env: workerEnvironment(process.env, env),
    stderrLog: join(home, 'logs', 'worker-errors.log'),
  };
}

/** What a worker's environment is made of; later parts win. */
export function workerEnvironment(own: NodeJS.ProcessEnv, additions: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...MALLOC, ...FULL_FLOAT32, ...own, ...additions };
}

/** Slots for encoders: the machine's cores, shared between the worker processes of one command. */
export function shareOfCores(processes: number): NodeJS.ProcessEnv {
  if (textOf(process.env, 'TESSERA_ENCODERS') !== null) return {};
  return { TESSERA_ENCODERS: String(Math.max(1, Math.floor(availableParallelism() / processes))) };
}

/** Starts a worker in its own process group, so that Ctrl-C reaches this command only. */
export function startWorkerProcess({ file, args, env, stderrLog }: WorkerCommand): WorkerProcess {
  const child = spawn(file, args, { env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.on('error', () => undefined);
  let lastError: string | null = null;
  let fault: PipelineFault | null = null;
  let onReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => {
    onReady = resolve;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message = parseLine(line);
    if (message?.event === 'ready') onReady();
    if (message?.event === 'fault') fault = faultIn(message.fault);
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (/^(Uncaught )?\w*Error\b/.test(line)) lastError = line;
    if (stderrLog !== undefined) appendFileSync(stderrLog, `${child.pid} ${line}\n`);
  });
  const exited = exitOf(child).then((how) => ({ how, lastError, fault }));
  return {
    pid: child.pid ?? -1,
    ready,
    exited,
    async stop(graceMs) {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await exited;
      clearTimeout(timer);
    },
    kill() {
      child.kill('SIGKILL');
    },
  };
}

function exitOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(`could not start: ${error.message}`));
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

function parseLine(line: string): { readonly event?: unknown; readonly fault?: unknown } | null {
  if (!line.startsWith('{')) return null;
  try {
    return JSON.parse(line) as { readonly event?: unknown; readonly fault?: unknown };
  } catch {
    return null;
  }
}

function faultIn(value: unknown): PipelineFault | null {
  if (typeof value !== 'object' || value === null) return null;
  const { kind, what } = value as Partial<PipelineFault>;
  return kind !== undefined && kind in FAULTS && what !== undefined ? (value as PipelineFault) : null;
}
