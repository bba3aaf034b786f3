// Events of `--json`: what happens to a run, one JSON line each, for programs.

import { type BareRunEvent, EVENTS_VERSION } from '#schemas/run-events.ts';
import {
  EMPTY_METER,
  observe,
  type ProgressMeter,
  type RunSnapshot,
  rowsPerSecond,
  secondsLeft,
} from './progress.ts';
import type { Terminal } from './terminal.ts';

/** Least time between two progress events. */
const PROGRESS_EVERY_MS = 2000;

/** Follows one run; writes nothing where `--json` was not given. */
export interface RunEvents {
  tell(event: BareRunEvent): void;
  /** A process died and is back. */
  restarted(run: string, of: 'worker' | 'service', reason: string): void;
  /** A look at the run: gives stage, progress, restart and notice events where there is something new. */
  show(snapshot: RunSnapshot): void;
  /** What people should know of a run, each once. */
  notices(run: string, texts: readonly string[]): void;
}

/** One event as its line, with version and time. */
export function eventLine(event: BareRunEvent, atMs: number): string {
  const { event: name, ...rest } = event;
  return JSON.stringify({
    event: name,
    version: EVENTS_VERSION,
    time: new Date(atMs).toISOString(),
    ...rest,
  });
}

export function runEvents({
  terminal,
  json,
}: {
  readonly terminal: Terminal;
  readonly json: boolean;
}): RunEvents {
  let meter: ProgressMeter = EMPTY_METER;
  let last: BareRunEvent | null = null;
  let lastMs = Number.NEGATIVE_INFINITY;
  const told = new Set<string>();
  const write = (event: BareRunEvent, atMs: number) => {
    if (json) terminal.answer(eventLine(event, atMs));
  };
  return {
    tell: (event) => write(event, Date.now()),
    notices(run, texts) {
      for (const event of noticesOf(run, texts, told)) write(event, Date.now());
    },
    restarted: (run, of, reason) =>
      write({ event: 'restart', run, of, reason, restarts: meter.latest?.restarts ?? 0 }, Date.now()),
    show(snapshot) {
      const before = meter.latest;
      meter = observe(meter, snapshot);
      for (const event of newsOf(meter, before, told)) write(event, snapshot.atMs);
      const progress = progressOf(meter);
      const moved = JSON.stringify({ ...progress, ...SPEED }) !== JSON.stringify({ ...last, ...SPEED });
      if (progress === null || !moved || snapshot.atMs - lastMs < PROGRESS_EVERY_MS) return;
      write(progress, snapshot.atMs);
      [last, lastMs] = [progress, snapshot.atMs];
    },
  };
}

/** What changes without anything having moved. */
const SPEED = { perSecond: null, secondsLeft: null };

function* newsOf(
  { latest }: ProgressMeter,
  before: RunSnapshot | null,
  told: Set<string>,
): Generator<BareRunEvent> {
  if (latest === null) return;
  const { runId: run, phase: stage, paused, restarts, retries } = latest;
  if (stage !== before?.phase || paused !== before.paused) yield { event: 'stage', run, stage, paused };
  if (restarts > (before?.restarts ?? 0)) {
    const reason = retries.join('; ') || 'a task was tried again';
    yield { event: 'restart', run, of: 'task', reason, restarts };
  }
  yield* noticesOf(run, latest.notices, told);
}

function* noticesOf(run: string, texts: readonly string[], told: Set<string>): Generator<BareRunEvent> {
  for (const text of texts) {
    if (!told.has(text)) yield { event: 'notice', run, text };
    told.add(text);
  }
}

function progressOf(meter: ProgressMeter): BareRunEvent | null {
  const { latest } = meter;
  if (latest === null || latest.rows === 0) return null;
  const { runId, phase, unit, doneRows, rows, tasks, restarts, elbo, chains } = latest;
  const rounded = (value: number | null) => (value === null ? null : Number(value.toPrecision(4)));
  return {
    event: 'progress',
    run: runId,
    stage: phase,
    unit,
    done: doneRows,
    total: rows,
    percent: Math.round((1000 * doneRows) / rows) / 10,
    perSecond: rounded(rowsPerSecond(meter)),
    secondsLeft: rounded(secondsLeft(meter)),
    tasks: tasks === null ? null : { total: tasks.total, done: tasks.done, underWay: tasks.underWay },
    restarts,
    elbo,
    rHat: chains?.rHat ?? null,
    essBulk: chains?.essBulk ?? null,
  };
}
