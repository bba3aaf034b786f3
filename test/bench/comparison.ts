// What a bench has to say: ratios of two things measured in the same run. `run.ts` gathers them from every bench.

import { appendFileSync } from 'node:fs';

/** Names the file that gathers what benches found; set by `run.ts`. */
export const FOUND_FILE = 'TESSERA_BENCH_FOUND';

/** One measured thing. */
export interface Measured {
  readonly name: string;
  readonly value: number;
}

/** Ours against a baseline, in one unit: `rows/s` (more is better), or `s`, `MB` (less is better). */
export interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly ours: Measured;
  readonly baseline: Measured;
}

export interface FoundComparison extends Comparison {
  readonly bench: string;
  /** Ours divided by the baseline. */
  readonly ratio: number;
}

/** Prints a comparison, and hands it to `run.ts` where that started this bench. Never asserts anything. */
export function compared(bench: string, comparison: Comparison): void {
  const { what, unit, ours, baseline } = comparison;
  const ratio = ours.value / baseline.value;
  const side = ({ name, value }: Measured) => `${name} ${figure(value)} ${unit}`;
  console.log(`${what}: ${side(ours)}, ${side(baseline)}, ratio ${ratio.toFixed(3)}`);
  const file = process.env[FOUND_FILE];
  const found: FoundComparison = { bench, ...comparison, ratio };
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(found)}\n`);
}

/** Three significant digits, thousands grouped. */
export function figure(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 1e-9))));
  return value.toLocaleString('en', { maximumFractionDigits: Math.min(digits, 3) });
}

/** The middle value; the upper one of two. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
