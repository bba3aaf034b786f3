// The two runs of a comparison, and what is said where they cannot be compared.

import { PipelineError } from '#schemas/errors.ts';
import type { LensConfig } from '#schemas/lens-config.ts';
import type { ReadTable } from './experiment.ts';

export type CompareConfig = Extract<LensConfig, { experiment: 'compare' }>;

/** Reads a table of the first or the second run. */
export type ReadSide = (side: 0 | 1, table: string, columns: readonly string[]) => Promise<ReadTable>;

/** The fault of two runs that cannot be compared. */
export function differ(what: string, runs: readonly [string, string], value: string): PipelineError {
  return new PipelineError({
    kind: 'config-invalid',
    what,
    where: `runs ${runs.join(' and ')}`,
    value,
    remedy: 'Compare runs of the same data, rows and taps that differ in their weights only.',
  });
}
