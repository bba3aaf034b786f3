// Which processes belong to a test: those that name its folder on their command line or in their environment.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TableRow {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Every process of the machine but zombies. */
export function processTable(): TableRow[] {
  const text = execFileSync('ps', ['-eww', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' });
  return text.split('\n').flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined || state!.startsWith('Z')) return [];
    return [{ pid: Number(pid), parent: Number(parent), command: command! }];
  });
}

/** Live processes that work in `folder`, without this one. */
export function processesOf(folder: string): TableRow[] {
  return processTable().filter(
    ({ pid, command }) =>
      pid !== process.pid && (command.includes(folder) || environmentOf(pid).includes(folder)),
  );
}

/** Worker processes that a command started. */
export function workersOf(command: number): number[] {
  return processTable()
    .filter((row) => row.parent === command && row.command.includes('worker.mjs'))
    .map(({ pid }) => pid);
}

/**
 * Has a command's workers stand still meanwhile: what is to reach a run in its middle does, however slow the machine is that says it
 * and however fast the one that works.
 */
export async function whileWorkersStand<T>(command: number, work: () => Promise<T>): Promise<T> {
  const workers = workersOf(command);
  for (const pid of workers) signalled(pid, 'SIGSTOP');
  try {
    return await work();
  } finally {
    for (const pid of workers) signalled(pid, 'SIGCONT');
  }
}

const SLICE_MS = 20;
const STAND_TIMEOUT_MS = 180_000;

/**
 * Has a command's workers work in slices of time until something is there, and resolves with them while they stand: a test that looks
 * too late, on a busy machine, would find the run over. Whoever calls kills them, or has them go on.
 */
export async function standOnce(command: number, isThere: () => boolean): Promise<number[]> {
  let workers: number[] = [];
  for (const deadline = Date.now() + STAND_TIMEOUT_MS; Date.now() < deadline; await sleep(SLICE_MS)) {
    if (!workers.every((pid) => signalled(pid, 'SIGSTOP')) || workers.length === 0) {
      workers = workersOf(command);
      continue;
    }
    if (isThere()) return workers;
    for (const pid of workers) signalled(pid, 'SIGCONT');
  }
  throw new Error(`the workers of ${command} did not come so far in ${STAND_TIMEOUT_MS / 1000} s`);
}

/** Kills processes and resolves when they are gone. */
export async function killAll(pids: readonly number[]): Promise<void> {
  for (const pid of pids) signalled(pid, 'SIGKILL');
  while (pids.some(lives)) await sleep(10);
}

/** False where the process is gone. */
function signalled(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** True while a process lives. */
export function lives(pid: number): boolean {
  return processTable().some((row) => row.pid === pid);
}

/** Resolves when no process works in the folder any more, or gives what is left after `timeoutMs`. */
export async function untilNoneOf(folder: string, timeoutMs: number): Promise<TableRow[]> {
  for (const deadline = Date.now() + timeoutMs; ; ) {
    const left = processesOf(folder);
    if (left.length === 0 || Date.now() > deadline) return left;
    await sleep(200);
  }
}

/** Linux only; elsewhere command lines have to do. */
function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

/** Processor seconds, of user and system, that a process has used so far; null where it is gone or there is no /proc. */
export function cpuSecondsOf(pid: number): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Fields 14 and 15, in ticks of 10 ms; the command name before them may hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return null;
  }
}
