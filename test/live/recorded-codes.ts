// What a sweep recorded, as the oracles need it.

import { join } from 'node:path';
import { type CodedPoint, settledCode, type UnitValues } from '../oracle/expected-codes.ts';
import type { ExpectedSpan } from './expect-tables.ts';
import { type LiveHome, REPOSITORY } from './live-home.ts';
import { tableRows } from './table-rows.ts';

export const EXAMPLES = join(REPOSITORY, 'examples');

/** Options of `tessera run` that set config keys. */
export function setOptions(sets: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(sets).flatMap(([key, value]) => ['--set', `${key}=${JSON.stringify(value)}`]);
}

/** Runs a config to its end; gives the run's folder. */
export async function finishedSweep(
  home: LiveHome,
  config: string,
  sets: Readonly<Record<string, unknown>>,
): Promise<string> {
  const end = await home.tessera(['run', config, '--out', home.runs, '--json', ...setOptions(sets)]);
  if (end.code !== 0) throw new Error(`exit code ${end.code}: ${end.stderr}`);
  return end.json!.output!;
}

/** One tap as the points table holds it, with `codes.keep: words`. */
export interface RecordedTap {
  /** Words of each point, null where the point lies on another grid. */
  readonly words: readonly (Uint8Array | null)[];
  readonly labels: readonly (number | null)[];
}

/** Reads one tap's column of the points table. */
export async function recordedTap(runDir: string, span: string): Promise<RecordedTap> {
  const rows = await tableRows(runDir, 'points', { columns: `label, "words_${span}" AS words` });
  return {
    words: rows.map(({ words }) => words as Uint8Array | null),
    labels: rows.map(({ label }) => label as number | null),
  };
}

/** Codes of one tap from pre-activations; `adopted` bits could not be told in float32 and were believed. */
export function codedPoints(
  { words, labels }: RecordedTap,
  units: number,
  zOf: (point: number) => UnitValues,
): { readonly points: CodedPoint[]; readonly adopted: number } {
  let adopted = 0;
  const points = words.flatMap((recorded, pointId) => {
    if (recorded === null) return [];
    const settled = settledCode(zOf(pointId), units, recorded);
    adopted += settled.adopted;
    return [{ pointId, label: labels[pointId]!, code: settled.bytes }];
  });
  return { points, adopted };
}

/** The span over all taps: their codes one behind the other. */
export function networkSpan(taps: readonly ExpectedSpan[], { digestOnly = false } = {}): ExpectedSpan {
  const points = taps[0]!.points.map((point, row) => ({
    ...point,
    code: Buffer.concat(taps.map((span) => span.points[row]!.code)),
  }));
  return { name: 'network', points, digestOnly };
}
