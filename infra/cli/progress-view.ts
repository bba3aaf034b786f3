// Progress on screen: a redrawn block on a terminal, a line every few seconds elsewhere.

import { formatCount, formatSeconds, plural } from './format.ts';
import {
  EMPTY_METER,
  observe,
  type ProgressMeter,
  type RunSnapshot,
  rowsPerSecond,
  secondsLeft,
} from './progress.ts';
import type { Terminal } from './terminal.ts';

/** Phases in which there is a rate to show. */
const WORKING: ReadonlySet<string> = new Set(['encoding', 'computing', 'training', 'sampling']);

const LAG_SHOWN = 100;

/** Shows the runs of one command. */
export interface ProgressView {
  show(snapshot: RunSnapshot): void;
  /** A line that stays: a restart, a notice. */
  note(line: string): void;
  /** Removes the live block. */
  close(): void;
}

export interface ViewOptions {
  readonly terminal: Terminal;
  /** Least time between plain lines of a run. @default 5000 */
  readonly plainEveryMs?: number;
}

/** A view over any number of runs, in the order in which they appear. */
export function progressView({ terminal, plainEveryMs = 5000 }: ViewOptions): ProgressView {
  const meters = new Map<string, ProgressMeter>();
  const printed = new Map<string, { readonly atMs: number; readonly state: string; readonly line: string }>();
  const seen = new Set<string>();

  function note(line: string): void {
    terminal.note(line);
  }

  function noteOnce(runId: string, notices: readonly string[]): void {
    for (const notice of notices) {
      const key = `${runId}\n${notice}`;
      if (!seen.has(key)) note(`${runId}: ${notice}`);
      seen.add(key);
    }
  }

  return {
    show(snapshot) {
      const meter = observe(meters.get(snapshot.runId) ?? EMPTY_METER, snapshot);
      meters.set(snapshot.runId, meter);
      noteOnce(snapshot.runId, snapshot.notices);
      if (terminal.live) {
        terminal.draw([...meters.values()].flatMap((each) => blockLines(each, terminal.columns)));
        return;
      }
      const last = printed.get(snapshot.runId);
      const state = `${snapshot.phase} ${snapshot.paused}`;
      if (last !== undefined && last.state === state && snapshot.atMs - last.atMs < plainEveryMs) return;
      const line = plainLine(meter);
      if (line !== last?.line) terminal.note(line);
      printed.set(snapshot.runId, { atMs: snapshot.atMs, state, line });
    },
    note,
    close() {
      terminal.draw([]);
    },
  };
}

/** One run as one line without control characters. */
export function plainLine(meter: ProgressMeter): string {
  const { latest } = meter;
  return latest === null ? '' : `${latest.runId}: ${facts(meter).join('  ')}`;
}

/** One run as the lines of the live block, none wider than the terminal. */
export function blockLines(meter: ProgressMeter, columns: number): readonly string[] {
  const { latest } = meter;
  if (latest === null) return [];
  const share = latest.rows > 0 ? latest.doneRows / latest.rows : 0;
  const width = Math.max(10, Math.min(40, columns - 40));
  const full = Math.floor(share * width);
  const bar = `${'█'.repeat(full)}${'░'.repeat(width - full)}`;
  const lines = [`${latest.runId}  ${bar} ${percent(latest)}`, `  ${facts(meter, 'block').join('  ')}`];
  return lines.map((line) => (line.length < columns ? line : `${line.slice(0, Math.max(0, columns - 2))}…`));
}

function facts(meter: ProgressMeter, form: 'line' | 'block' = 'line'): readonly string[] {
  const { latest } = meter;
  if (latest === null) return [];
  const phase = latest.paused ? `${latest.phase} (paused)` : latest.phase;
  if (latest.rows === 0) return [phase];
  const rate = rowsPerSecond(meter);
  const left = secondsLeft(meter);
  const { partitions, messages } = latest.aggregating;
  const working = WORKING.has(latest.phase);
  return [
    phase,
    `${formatCount(latest.doneRows)}/${formatCount(latest.rows)} ${latest.unit}`,
    ...(form === 'line' ? [percent(latest)] : []),
    ...(working && rate !== null ? [`${formatRate(rate)} ${latest.unit}/s`] : []),
    ...(working && left !== null ? [`ETA ${formatSeconds(left)}`] : []),
    ...(latest.elbo === null ? [] : [`ELBO ${latest.elbo.toPrecision(5)}`]),
    ...chainFacts(latest),
    ...(partitions > 0 && !working
      ? [`${plural(partitions, 'partition')}, ${formatCount(messages)} messages`]
      : []),
    ...lagFacts(latest),
    plural(latest.restarts, 'restart'),
  ];
}

/** Shown where there is a lag to speak of: a few messages are always on their way. */
function lagFacts({ aggregating: { lag }, waiting }: RunSnapshot): readonly string[] {
  if (waiting > 0) return [`lag ${formatCount(lag)} messages, ${plural(waiting, 'task')} waiting`];
  return lag >= LAG_SHOWN ? [`lag ${formatCount(lag)} messages`] : [];
}

/** What chains say so far: acceptance by kind of kernel, and R-hat and ESS at the last look. */
function chainFacts({ chains, phase }: RunSnapshot): readonly string[] {
  if (chains === null || phase === 'training') return [];
  const rates = new Map<string, { steps: number; accepted: number }>();
  for (const { kernel, steps, acceptance } of chains.kernels) {
    const kind = kernel.replace(/\d+$/, '');
    const sum = rates.get(kind) ?? { steps: 0, accepted: 0 };
    rates.set(kind, { steps: sum.steps + steps, accepted: sum.accepted + steps * acceptance });
  }
  const accepted = [...rates].map(
    ([kind, sum]) => `${kind} accepts ${((100 * sum.accepted) / sum.steps).toFixed(0)} %`,
  );
  if (chains.lookedAt === 0) return accepted;
  const { rHat, essBulk } = chains;
  const figures = [
    `R-hat ${rHat === null ? 'not defined' : rHat.toFixed(3)}`,
    `ESS ${essBulk === null ? 'not defined' : formatCount(Math.round(essBulk))}`,
  ];
  return [...accepted, `${figures.join(', ')} at draw ${formatCount(chains.lookedAt)}`];
}

/** Slow units need a digit behind the point. */
function formatRate(rate: number): string {
  return rate > 0 && rate < 10 ? rate.toFixed(1) : formatCount(rate);
}

function percent({ rows, doneRows }: RunSnapshot): string {
  return `${(rows > 0 ? (100 * doneRows) / rows : 0).toFixed(1)} %`;
}
