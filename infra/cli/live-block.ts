// What the live view draws of one run: its stages, a bar, its figures; lines that fit any width. Pure.

import type { RunConfig, RunPhase } from '#schemas/messages.ts';
import { formatSeconds } from './format.ts';
import { progressFacts } from './progress-facts.ts';
import { type ProgressMeter, type RunSnapshot, secondsLeft } from './progress.ts';

/** Stages of each kind of run, in order. */
const STAGES: Readonly<Record<RunConfig['kind'], readonly RunPhase[]>> = {
  sweep: ['planning', 'encoding', 'aggregating', 'committing'],
  lens: ['planning', 'computing', 'collecting', 'committing'],
  metflow: ['planning', 'training', 'sampling', 'collecting', 'diagnosing', 'committing'],
};

const STYLES = { bold: 1, dim: 2, green: 32, yellow: 33, cyan: 36 } as const;

/** A piece of a line that is never broken. */
export interface Cell {
  readonly text: string;
  readonly style?: keyof typeof STYLES;
}

export interface BlockOptions {
  readonly kind: RunConfig['kind'];
  readonly columns: number;
  readonly colours: boolean;
  readonly nowMs: number;
  /** The run's page at the Temporal server. */
  readonly page: string | null;
}

/** One run as lines, none as wide as the terminal. */
export function blockLines(meter: ProgressMeter, options: BlockOptions): readonly string[] {
  const { latest } = meter;
  if (latest === null) return [];
  const { columns, page } = options;
  const facts = progressFacts(meter).map((text): Cell => {
    const alarming = /^[1-9]\d* restart|paused/.test(text);
    return alarming ? { text, style: 'yellow' } : { text };
  });
  const lines = [
    ...titleLines(latest, options),
    ...(latest.rows > 0 ? [[{ text: '  ' }, ...barCells(meter, options)]] : []),
    ...wrapped(facts, columns),
    // Cut off it would lead nowhere; it was noted in full when the run was started.
    ...(page !== null && page.length + 3 < columns ? [[{ text: `  ${page}`, style: 'dim' } as const]] : []),
  ];
  return lines.map((line) => painted(cut(line, columns - 1), options.colours));
}

/** The run, its stages and its time on one line; stages on a line of their own where that is too long. */
function titleLines(
  { runId, phase, startedAtMs }: RunSnapshot,
  options: BlockOptions,
): readonly (readonly Cell[])[] {
  const { columns, nowMs } = options;
  const name = { text: runId, style: 'bold' } as const;
  const time = { text: formatElapsed(nowMs - startedAtMs), style: 'dim' } as const;
  const stages = stageCells(phase, options);
  const one = wrapped([name, ...stages, time], columns, '');
  return one.length === 1 ? one : [...wrapped([name, time], columns, ''), ...wrapped(stages, columns)];
}

function stageCells(phase: RunPhase, { kind, columns, nowMs }: BlockOptions): readonly Cell[] {
  const stages = STAGES[kind];
  const at = phase === 'done' ? stages.length : stages.indexOf(phase);
  if (at < 0) return [{ text: phase, style: 'yellow' }];
  if (at === stages.length) return [{ text: '✓ done', style: 'green' }];
  // The mark blinks, so that one sees that the command is alive while a stage counts nothing.
  const now = { text: `${nowMs % 1000 < 500 ? '●' : '○'} ${phase}`, style: 'cyan' } as const;
  const roomy = stages.join('').length + 4 * stages.length < columns;
  if (!roomy) return [now, { text: `${at + 1} of ${stages.length}`, style: 'dim' }];
  return stages.map((stage, i): Cell => {
    if (i === at) return now;
    return i < at ? { text: `✓ ${stage}`, style: 'green' } : { text: `· ${stage}`, style: 'dim' };
  });
}

function barCells(meter: ProgressMeter, { columns, nowMs }: BlockOptions): readonly Cell[] {
  const latest = meter.latest!;
  const share = Math.min(1, latest.doneRows / latest.rows);
  const left = secondsLeft(meter);
  const eta =
    left === null || share === 1
      ? ''
      : `  ETA ${formatSeconds(Math.max(0, left - (nowMs - latest.atMs) / 1000))}`;
  const figures = `${(100 * share).toFixed(1)} %${eta}`;
  const width = Math.max(4, Math.min(40, columns - figures.length - 6));
  const full = Math.floor(share * width);
  return [
    { text: '█'.repeat(full), style: 'cyan' },
    { text: '░'.repeat(width - full), style: 'dim' },
    { text: ` ${figures}` },
  ];
}

/** Cells on as many lines as they need, two spaces between them; a line that goes on is indented. */
function wrapped(cells: readonly Cell[], columns: number, indent = '  '): readonly (readonly Cell[])[] {
  const lines: Cell[][] = [];
  let width = 0;
  for (const cell of cells) {
    const line = lines.at(-1);
    if (line !== undefined && width + 2 + cell.text.length < columns) {
      line.push({ text: '  ' }, cell);
      width += 2 + cell.text.length;
    } else {
      const start = lines.length === 0 ? indent : '  ';
      lines.push([{ text: start }, cell]);
      width = start.length + cell.text.length;
    }
  }
  return lines;
}

/** A line that is too long even so, such as one long name, ends in an ellipsis. */
function cut(line: readonly Cell[], most: number): readonly Cell[] {
  let room = most;
  return line.flatMap((cell) => {
    const { length } = cell.text;
    if (room <= 0) return [];
    const text = length <= room ? cell.text : `${cell.text.slice(0, room - 1)}…`;
    room -= length;
    return [{ ...cell, text }];
  });
}

function painted(line: readonly Cell[], colours: boolean): string {
  return line
    .map(({ text, style }) =>
      colours && style !== undefined && text !== '' ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text,
    )
    .join('');
}

/** Whole seconds: tenths would run faster than anybody reads. */
function formatElapsed(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return seconds < 10 ? `${seconds} s` : formatSeconds(seconds);
}
