// Workers that outlive the command that started them (`tessera up`, `--detach`): one supervisor process,
// noted in the home folder.

import { spawn } from 'node:child_process';
import { openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { PipelineError } from '#schemas/errors.ts';
import { makeLocalFolder } from '../local-folder.ts';

/** A running `tessera worker`. */
export interface BackgroundWorkers {
  readonly pid: number;
  readonly processes: number;
  readonly temporal: string;
  /** Addresses of the brokers, joined by commas. */
  readonly brokers: string;
  readonly ready: boolean;
}

/** Notes of this process, removed when disposed. */
export interface WorkerNote extends Disposable {
  ready(): void;
}

/** Notes in the home folder that this process supervises workers for a Temporal server. */
export function noteWorkers(home: string, note: Omit<BackgroundWorkers, 'pid' | 'ready'>): WorkerNote {
  const file = join(home, 'workers', `${process.pid}.json`);
  const write = (ready: boolean) => {
    makeLocalFolder(join(home, 'workers'));
    writeFileSync(`${file}.new`, JSON.stringify({ ...note, pid: process.pid, ready }));
    renameSync(`${file}.new`, file);
  };
  write(false);
  return {
    ready: () => write(true),
    [Symbol.dispose]: () => rmSync(file, { force: true }),
  };
}

/** Every noted supervisor that still lives; notes of dead ones are removed. */
export function backgroundWorkers(home: string): readonly BackgroundWorkers[] {
  const folder = join(home, 'workers');
  return listed(folder).flatMap((name) => {
    const note = readNote(join(folder, name));
    if (note !== null && isAlive(note.pid)) return [note];
    rmSync(join(folder, name), { force: true });
    return [];
  });
}

/**
 * Starts `tessera worker` in the background and waits until it polls.
 * @throws PipelineError `service-unavailable` where it ends or stays silent for a minute.
 */
export async function startBackgroundWorkers(
  home: string,
  options: { readonly processes: number; readonly env: NodeJS.ProcessEnv },
): Promise<BackgroundWorkers> {
  makeLocalFolder(join(home, 'logs'));
  const logFile = join(home, 'logs', 'up.log');
  const log = openSync(logFile, 'a');
  const entry = fileURLToPath(new URL('../tessera.mjs', import.meta.url));
  const child = spawn(process.execPath, [entry, 'worker', '--processes', String(options.processes)], {
    env: { ...process.env, ...options.env },
    detached: true,
    stdio: ['ignore', log, log],
  });
  child.unref();
  for (
    let waitedMs = 0;
    waitedMs < 60_000 && child.exitCode === null && child.signalCode === null;
    waitedMs += 100
  ) {
    const found = backgroundWorkers(home).find(({ pid }) => pid === child.pid);
    if (found?.ready === true) return found;
    await sleep(100);
  }
  const remedy = `See ${logFile}.`;
  throw new PipelineError({
    kind: 'service-unavailable',
    what: 'the background worker did not start',
    where: 'worker',
    remedy,
  });
}

/** Ends every background supervisor in order and waits for it. Returns their pids. */
export async function stopBackgroundWorkers(home: string, graceMs: number): Promise<readonly number[]> {
  const pids = backgroundWorkers(home).map(({ pid }) => pid);
  for (const pid of pids) process.kill(pid, 'SIGTERM');
  for (let waitedMs = 0; waitedMs < graceMs && pids.some(isAlive); waitedMs += 100) await sleep(100);
  for (const pid of pids.filter(isAlive)) process.kill(pid, 'SIGKILL');
  return pids;
}

function readNote(file: string): BackgroundWorkers | null {
  try {
    const note = JSON.parse(readFileSync(file, 'utf8')) as Partial<BackgroundWorkers>;
    return typeof note.pid === 'number' ? (note as BackgroundWorkers) : null;
  } catch {
    return null;
  }
}

function listed(folder: string): readonly string[] {
  try {
    return readdirSync(folder).filter((name) => /^\d+\.json$/.test(name));
  } catch {
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
