// What the codes of one layer look like over a set of points: the statistics columns of a layers table.

import { codeDimension } from './code-dimension.ts';
import { CodeSample } from './code-sample.ts';
import { unitStats } from './code-stats.ts';
import { digestRows } from './digest.ts';
import type { WordCodes } from './hamming.ts';
import { orderSeed } from './point-hash.ts';
import { codeEntropy, RegionSizes } from './region-stats.ts';
import { countUnits } from './unit-counts.ts';

/** Cells by column name; null without points. */
export type CodeStatistics = Readonly<
  Record<
    | 'dead_units'
    | 'always_on_units'
    | 'h_ind_bits'
    | 'h_code_bits'
    | 'h_code_corrected_bits'
    | 'occupancy'
    | 'participation_ratio'
    | 'two_nn_dim',
    number | null
  >
>;

export interface LayerCodes {
  readonly codes: WordCodes;
  readonly codeBits: number;
  /** `[rows]` numbers of the points: they decide which are sampled for the dimensions. */
  readonly points: Int32Array;
}

/**
 * Statistics of one layer's codes.
 * @param seed - of the sample of at most 1,000 points that the dimensions are taken from.
 * @see polytope-lens specification, 3.6.
 */
export function codeStatistics({ codes, codeBits, points }: LayerCodes, seed: number): CodeStatistics {
  const { words, rows, wordsPerRow } = codes;
  const on = countUnits(words, new Int32Array(rows), { rows, wordsPerRow, codeBits, classes: 1 });
  const units = unitStats([{ tap: 0, classId: -1, rows, on, soft: Number.NaN }]);
  const entropy = codeEntropy(regionSizes(codes));
  const options = { spanWords: [wordsPerRow], spanPoints: [rows], seed: orderSeed(seed) };
  const sample = new CodeSample(options);
  sample.addSample(0, { rows, pointId: points, words });
  const dimension = codeDimension(sample.sampled(0));
  return {
    dead_units: units?.dead ?? null,
    always_on_units: units?.alwaysOn ?? null,
    h_ind_bits: units?.independentBits ?? null,
    h_code_bits: entropy?.bits ?? null,
    h_code_corrected_bits: entropy?.correctedBits ?? null,
    occupancy: entropy?.occupancy ?? null,
    participation_ratio: dimension.participationRatio,
    two_nn_dim: dimension.twoNearest,
  };
}

/** How many points each distinct code has, told apart by their digests: wide codes would fill the memory as keys. */
function regionSizes({ words, rows, wordsPerRow }: WordCodes): RegionSizes {
  const digests = new Uint32Array(4 * rows);
  digestRows(words, { rows, wordsPerRow, seed: 0, out: digests });
  const counts = new Map<string, number>();
  for (let row = 0; row < rows; row++) {
    const key = digests.subarray(4 * row, 4 * row + 4).join();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const sizes = new RegionSizes();
  for (const count of counts.values()) sizes.add(count);
  return sizes;
}
