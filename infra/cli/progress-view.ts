// Progress on screen: a redrawn block on a terminal, a line every few seconds elsewhere.

import type { RunConfig } from '#schemas/messages.ts';
import { formatCount, formatSeconds, plural } from './format.ts';
import { blockLines } from './live-block.ts';
import { EMPTY_METER, observe, type ProgressMeter, type RunSnapshot, secondsLeft } from './progress.ts';
import { chainFacts, collectorFacts, isWorking, percentText, phaseText, rateText } from './progress-facts.ts';
import type { Terminal } from './terminal.ts';

/** Shows the runs of one command. */
export interface ProgressView {
  show(snapshot: RunSnapshot): void;
  /** A line that stays: a restart, a notice. */
  note(line: string): void;
  /** What people should know of a run, each once. */
  notices(runId: string, texts: readonly string[]): void;
  /** The page of a run at the Temporal server. */
  link(runId: string, page: string): void;
  /** Removes the live block. */
  close(): void;
}

export interface ViewOptions {
  readonly terminal: Terminal;
  /** Kind of the runs: their stages. */
  readonly kind: RunConfig['kind'];
  /** Least time between plain lines of a run. @default 5000 */
  readonly plainEveryMs?: number;
  /** @default Date.now */
  readonly now?: () => number;
}

/** Between two looks the block is drawn again so that its clock goes on and a resized window is filled. */
const TICK_MS = 500;

/** A view over any number of runs, in the order in which they appear. */
export function progressView({
  terminal,
  kind,
  plainEveryMs = 5000,
  now = Date.now,
}: ViewOptions): ProgressView {
  const meters = new Map<string, ProgressMeter>();
  const pages = new Map<string, string>();
  const printed = new Map<string, { readonly atMs: number; readonly state: string; readonly line: string }>();
  const seen = new Set<string>();
  let ticking: NodeJS.Timeout | null = null;

  function noteOnce(runId: string, notices: readonly string[]): void {
    for (const notice of notices) {
      const key = `${runId}\n${notice}`;
      if (!seen.has(key)) terminal.note(`${runId}: ${notice}`);
      seen.add(key);
    }
  }

  function drawAll(): void {
    const { columns, colours } = terminal;
    const lines = [...meters].flatMap(([runId, meter]) =>
      blockLines(meter, { kind, columns, colours, nowMs: now(), page: pages.get(runId) ?? null }),
    );
    terminal.draw(lines);
  }

  function printPlain(meter: ProgressMeter, { runId, phase, paused, atMs }: RunSnapshot): void {
    const last = printed.get(runId);
    const state = `${phase} ${paused}`;
    if (last !== undefined && last.state === state && atMs - last.atMs < plainEveryMs) return;
    const line = plainLine(meter);
    if (line !== last?.line) terminal.note(line);
    printed.set(runId, { atMs, state, line });
  }

  return {
    show(snapshot) {
      const meter = observe(meters.get(snapshot.runId) ?? EMPTY_METER, snapshot);
      meters.set(snapshot.runId, meter);
      noteOnce(snapshot.runId, [...snapshot.notices, ...snapshot.retries]);
      if (!terminal.live) return printPlain(meter, snapshot);
      drawAll();
      ticking ??= setInterval(drawAll, TICK_MS).unref();
    },
    note: (line) => terminal.note(line),
    notices: noteOnce,
    link: (runId, page) => void pages.set(runId, page),
    close() {
      if (ticking !== null) clearInterval(ticking);
      ticking = null;
      terminal.draw([]);
    },
  };
}

/** One run as one line without control characters. */
export function plainLine(meter: ProgressMeter): string {
  const { latest } = meter;
  if (latest === null) return '';
  const phase = phaseText(latest);
  if (latest.rows === 0) return `${latest.runId}: ${phase}`;
  const rate = rateText(meter);
  const left = secondsLeft(meter);
  const facts = [
    phase,
    `${formatCount(latest.doneRows)}/${formatCount(latest.rows)} ${latest.unit}`,
    percentText(latest),
    ...(rate === null ? [] : [rate]),
    ...(isWorking(latest) && left !== null ? [`ETA ${formatSeconds(left)}`] : []),
    ...(latest.elbo === null ? [] : [`ELBO ${latest.elbo.toPrecision(5)}`]),
    ...chainFacts(latest),
    ...collectorFacts(latest),
    plural(latest.restarts, 'restart'),
  ];
  return `${latest.runId}: ${facts.join('  ')}`;
}
