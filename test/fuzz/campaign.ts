// A campaign of cases of one format: each must end in success or a contract error within the limits.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { cpuSecondsOf } from '../live/process-table.ts';
import type { CaseLine } from './case-process.ts';

export interface CampaignOptions {
  readonly format: string;
  readonly seed: number;
  /** Cases `[from, from + cases)`. */
  readonly from?: number;
  readonly cases: number;
  readonly onProgress?: (done: number) => void;
}

/** One case that did not end as it must. */
export interface FailedCase {
  readonly number: number;
  readonly why: string;
  /** It was ended because it took too long. */
  readonly slow: boolean;
}

export interface CampaignResult {
  /** Number of cases by outcome: `read`, or the kind of the fault. */
  readonly outcomes: ReadonlyMap<string, number>;
  readonly failed: readonly FailedCase[];
}

/** A case may use 5 s of processor time: a busy machine stretches its wall time without end. What waits uses none, and has a minute. */
const LIMITS = { caseCpuMs: 5_000, caseWallMs: 60_000, residentBytes: 1024 ** 3 } as const;
const TOOK_LONG = `took longer than ${LIMITS.caseCpuMs / 1000} s of processor time, or ${LIMITS.caseWallMs / 1000} s`;
const WATCH_MS = 100;
/** Cases of one process: a leak would otherwise be blamed on the case that comes last. */
const CASES_PER_PROCESS = 1000;
const CASE_PROCESS = fileURLToPath(new URL('case-process.ts', import.meta.url));

/** Runs all cases; a process that a case killed is followed by another from the next case on. */
export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const { cases, from = 0, onProgress } = options;
  const outcomes = new Map<string, number>();
  const failed: FailedCase[] = [];
  const folder = await mkdtemp(join(tmpdir(), `tessera-fuzz-${options.format}-`));
  try {
    for (let next = from; next < from + cases; ) {
      const count = Math.min(CASES_PER_PROCESS, from + cases - next);
      const stretch = await runStretch(options, { folder, first: next, count });
      for (const [outcome, times] of stretch.outcomes)
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + times);
      for (const one of stretch.failed)
        if (!one.slow || (await isSlowAgain(options, folder, one))) failed.push(one);
      next = stretch.next;
      onProgress?.(next - from);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { outcomes, failed };
}

/** On a busy machine a case may once take long that is quick by itself. */
async function isSlowAgain(
  options: CampaignOptions,
  folder: string,
  { number }: FailedCase,
): Promise<boolean> {
  const { failed } = await runStretch(options, { folder, first: number, count: 1 });
  return failed.length > 0;
}

interface Stretch {
  readonly folder: string;
  readonly first: number;
  readonly count: number;
}

/** Runs cases in one process until all are done or one kills it. */
async function runStretch(
  { format, seed }: CampaignOptions,
  { folder, first, count }: Stretch,
): Promise<CampaignResult & { next: number }> {
  const args = ['--import', 'tsx', CASE_PROCESS, format, String(seed), String(first), String(count), folder];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const outcomes = new Map<string, number>();
  const failed: FailedCase[] = [];
  const state = { running: null as number | null, next: first };
  let complaint = '';
  child.stderr.on('data', (chunk) => {
    complaint = (complaint + String(chunk)).slice(-2000);
  });
  const watch = watchdog(child, () => state.running !== null);
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{"at"')) continue;
    const said = JSON.parse(line) as CaseLine;
    state.running = said.at === 'start' ? said.number : null;
    watch.restart();
    if (said.at === 'start') continue;
    state.next = said.number + 1;
    outcomes.set(said.outcome, (outcomes.get(said.outcome) ?? 0) + 1);
    if (said.error !== undefined) failed.push({ number: said.number, why: said.error, slow: false });
  }
  const { why, slow } = await watch.ended();
  if (state.next < first + count) {
    if (state.running === null) throw new Error(`the case process did not start: ${complaint}`);
    failed.push({ number: state.running, why: `${why} ${complaint}`.trim(), slow });
    state.next = state.running + 1;
  }
  return { outcomes, failed, next: state.next };
}

/** Kills a process whose case takes too long or too much memory. */
function watchdog(child: ChildProcess, inCase: () => boolean) {
  let since = { wallMs: performance.now(), cpuMs: cpuMs(child) };
  let killedFor: string | null = null;
  const exited = new Promise<string>((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  const kill = (why: string) => {
    killedFor ??= why;
    child.kill('SIGKILL');
  };
  const timer = setInterval(async () => {
    if (!inCase()) return;
    const wallMs = performance.now() - since.wallMs;
    // Threads use more processor time than passes: what ends within 5 s is quick in any case.
    const used = Math.min(wallMs, cpuMs(child) - since.cpuMs);
    if (used > LIMITS.caseCpuMs || wallMs > LIMITS.caseWallMs) kill(TOOK_LONG);
    const resident = await residentBytes(child.pid);
    if (resident > LIMITS.residentBytes) kill(`took ${(resident / 2 ** 20).toFixed(0)} MiB`);
  }, WATCH_MS);
  return {
    restart() {
      since = { wallMs: performance.now(), cpuMs: cpuMs(child) };
    },
    async ended(): Promise<{ readonly why: string; readonly slow: boolean }> {
      const how = await exited;
      clearInterval(timer);
      return { why: killedFor ?? `the process ended: ${how}.`, slow: killedFor === TOOK_LONG };
    },
  };
}

/** Processor time that a process has used; where the system does not tell, as if it were never kept waiting. */
function cpuMs({ pid }: ChildProcess): number {
  const seconds = pid === undefined ? null : cpuSecondsOf(pid);
  return seconds === null ? performance.now() : seconds * 1000;
}

async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}
