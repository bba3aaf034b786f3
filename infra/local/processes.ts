// Processes by pid and start mark: a pid alone may have been given to a stranger since.

import { execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ProcessId {
  readonly pid: number;
  /** The kernel's start time of this pid; equal marks mean the same process. */
  readonly startMark: string;
}

/** How to start a service again: all that is needed to do so from another command. */
export interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly log: string;
  /** Added to this process's environment. */
  readonly variables: Readonly<Record<string, string>>;
}

const LOG_KEPT_BYTES = 16 * 1024 * 1024;

/** This process. */
export function ownProcess(): ProcessId {
  return { pid: process.pid, startMark: startMarkOf(process.pid) ?? '' };
}

/** True while that very process runs; zombies count as gone. */
export function isAlive({ pid, startMark }: ProcessId): boolean {
  return startMarkOf(pid) === startMark;
}

/**
 * Starts a service in a process group of its own, so that Ctrl-C reaches only this command.
 * @throws Error when the command cannot be executed.
 */
export async function startDetached(
  launch: Launch,
  variables: Readonly<Record<string, string | undefined>>,
): Promise<ProcessId> {
  const log = openSync(launch.log, sizeOf(launch.log) > LOG_KEPT_BYTES ? 'w' : 'a');
  try {
    const child = spawn(launch.command, [...launch.args], {
      cwd: launch.cwd,
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...withoutTemporal(variables), ...launch.variables },
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', () => resolve());
      child.once('error', reject);
    });
    child.unref();
    const pid = child.pid ?? 0;
    return { pid, startMark: startMarkOf(pid) ?? 'gone' };
  } finally {
    closeSync(log);
  }
}

/** Ends a process group: SIGTERM, then SIGKILL once `graceMs` is over. Resolves when it is gone. */
export async function endGroup(target: ProcessId, { graceMs }: { readonly graceMs: number }): Promise<void> {
  if (!isAlive(target)) return;
  signalGroup(target.pid, 'SIGTERM');
  const deadline = Date.now() + graceMs;
  while (isAlive(target) && Date.now() < deadline) await sleep(25);
  if (!isAlive(target)) return;
  signalGroup(target.pid, 'SIGKILL');
  while (isAlive(target)) await sleep(25);
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** TEMPORAL_* settings of the client would otherwise steer the server's command line too. */
function withoutTemporal(variables: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = Object.entries(variables).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !/^(TEMPORAL|KAFKA)_/.test(entry[0]),
  );
  return Object.fromEntries(kept);
}

function startMarkOf(pid: number): string | null {
  if (pid <= 0) return null;
  return process.platform === 'linux' ? linuxStartMark(pid) : portableStartMark(pid);
}

/** Field 22 of /proc/PID/stat; the command name before it may hold spaces and brackets. */
function linuxStartMark(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}

function portableStartMark(pid: number): string | null {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
    const [state, ...start] = line.split(/\s+/);
    return state === undefined || state.startsWith('Z') ? null : start.join(' ');
  } catch {
    return null;
  }
}

/** Bytes of a file; 0 where there is none. */
export function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
