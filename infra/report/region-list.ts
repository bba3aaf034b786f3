// Regions of a sweep as lists to look at: the largest, the purest, the most mixed of a span.

import type { ReportRun, Row } from './report-run.ts';

export interface ListedRegion {
  readonly span: string;
  readonly digest: Uint8Array;
  /** Null for wide spans. */
  readonly words: Uint8Array | null;
  readonly count: number;
  readonly purity: number | null;
  readonly entropyBits: number | null;
  readonly classIds: readonly number[];
  readonly classCounts: readonly number[];
  readonly exemplars: readonly number[];
}

const ORDERS = {
  largest: '"count" DESC, digest',
  purest: 'purity DESC, "count" DESC, digest',
  mixed: 'entropy_bits DESC, "count" DESC, digest',
} as const;

export type RegionOrder = keyof typeof ORDERS;

/** The first `most` regions of a span in an order; all but `largest` are about shared, labelled regions. */
export async function listRegions(
  run: ReportRun,
  { span, order, most }: { readonly span: string; readonly order: RegionOrder; readonly most: number },
): Promise<ListedRegion[]> {
  const shared = order === 'largest' ? '' : 'AND "count" > 1 AND purity IS NOT NULL';
  const onlyMixed = order === 'mixed' ? 'AND purity < 1' : '';
  const rows = await run.rows(
    `SELECT * FROM {regions} WHERE span = '${span.replaceAll("'", "''")}' ${shared} ${onlyMixed} ORDER BY ${ORDERS[order]} LIMIT ${most}`,
  );
  return rows.map(regionOf);
}

/** Spans that have regions: taps in layer order, then network. */
export async function recordedSpans(run: ReportRun): Promise<string[]> {
  const rows = await run.rows(
    'SELECT name FROM {layers} WHERE h_code_bits IS NOT NULL OR name IN (SELECT DISTINCT span FROM {regions}) ORDER BY layer_id',
  );
  return rows.map(({ name }) => String(name));
}

function regionOf(row: Row): ListedRegion {
  return {
    span: String(row.span),
    digest: row.digest as Uint8Array,
    words: row.words as Uint8Array | null,
    count: Number(row.count),
    purity: row.purity as number | null,
    entropyBits: row.entropy_bits as number | null,
    classIds: row.class_ids as number[],
    classCounts: row.class_counts as number[],
    exemplars: row.exemplar_point_ids as number[],
  };
}
