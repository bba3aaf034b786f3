// Merges a run's segments into its final tables. (Signatures first; body follows.)

import type { SweepPlan } from '#schemas/sweep.ts';

export interface CommitOptions {
  /** `<dir>/<run>`; segments lie in `segments/`, tables are written to `.commit-*` and renamed into place. */
  readonly runDir: string;
  readonly plan: SweepPlan;
  /** Version of the program, for runs.parquet. */
  readonly codeVersion: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (note: string) => void;
}

export interface CommitSummary {
  /** Rows per table. */
  readonly rows: { readonly points: number; readonly regions: number; readonly layers: number; readonly units: number; readonly runs: number };
  readonly regionsPerSpan: readonly { readonly span: string; readonly regions: number; readonly points: number }[];
}

/**
 * Writes every final table, then removes the segments. Repeating it after a crash, or after it finished, gives the same files.
 * @throws PipelineError `internal` naming the partition and batches that no segment holds.
 */
export declare function commitRun(options: CommitOptions): Promise<CommitSummary>;
