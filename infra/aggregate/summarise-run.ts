// The short result of a run, read back from its Parquet. (Signatures first; body follows.)

export interface SpanSummary {
  readonly span: string;
  readonly points: number;
  readonly regions: number;
  readonly singletons: number;
  readonly entropyBits: number | null;
  readonly correctedEntropyBits: number | null;
  readonly occupancy: number | null;
  /** Purity of regions with two or more points, weighted by points; null without labels. */
  readonly purity: number | null;
  /** The same under shuffled labels. */
  readonly chancePurity: number | null;
  readonly deadUnits: number | null;
  readonly units: number | null;
}

export interface RunSummary {
  readonly runId: string;
  readonly points: number;
  readonly spans: readonly SpanSummary[];
}

export declare function summariseRun(runDir: string): Promise<RunSummary>;
