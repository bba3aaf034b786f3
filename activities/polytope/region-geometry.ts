// Regions of one layer among the points that were looked at: who lies in them, where, how spread, how many neighbours.

import { packSigns } from './sign-code.ts';
import { hammingOneNeighbours } from './hamming-neighbours.ts';
import { labelSpread } from './region-stats.ts';

/** Points of one layer. */
export interface LayerPoints {
  readonly rows: number;
  /** `[rows, units]` pre-activations, finite. */
  readonly pre: Float32Array;
  /** `[rows, units]` activations. */
  readonly activations: Float32Array;
  readonly units: number;
  /** `[rows]` class, -1 for none; null without labels. */
  readonly labels: Int32Array | null;
  /** `[units]` length of each unit's gradient, where the layer is affine in the space of the points. */
  readonly rowNorms: Float64Array | null;
}

export interface RegionGeometry {
  /** `[words]` of the code. */
  readonly words: Uint32Array;
  /** Rows in the region, ascending. */
  readonly members: readonly number[];
  /** `[units]` mean activation. */
  readonly centroid: Float32Array;
  /** Mean over the units of the activations' variance (over the number of points). */
  readonly varianceMean: number;
  /** Other regions of the layer whose code differs in one bit. */
  readonly neighbours: number;
  /** Points of each class, ascending; empty without labels. */
  readonly classes: ReadonlyMap<number, number>;
  readonly entropyBits: number | null;
  readonly purity: number | null;
  /** Least distance of a member to a boundary of the layer, in its input space; null without `rowNorms`. */
  readonly boundaryDistance: number | null;
}

/**
 * Regions by descending number of points, then by their first row.
 * @throws PipelineError `non-finite-input` as {@link packSigns} does.
 * @see Welford, "Note on a Method for Calculating Corrected Sums of Squares and Products", 1962.
 */
export function regionGeometry({
  rows,
  pre,
  activations,
  units,
  labels,
  rowNorms,
}: LayerPoints): RegionGeometry[] {
  const bytes = packSigns(pre, { rows, neurons: units });
  const all = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const wordsPerRow = all.length / Math.max(rows, 1);
  const found = new Map<string, number[]>();
  for (let row = 0; row < rows; row++) {
    const key = all.subarray(row * wordsPerRow, (row + 1) * wordsPerRow).join();
    const members = found.get(key) ?? [];
    members.push(row);
    found.set(key, members);
  }
  const regions = [...found.values()].sort((a, b) => b.length - a.length || a[0]! - b[0]!);
  const words = new Uint32Array(regions.length * wordsPerRow);
  const codeOf = (row: number) => all.subarray(row * wordsPerRow, (row + 1) * wordsPerRow);
  regions.forEach(([first], region) => {
    words.set(codeOf(first!), region * wordsPerRow);
  });
  const neighbours = hammingOneNeighbours({ words, rows: regions.length, wordsPerRow }, units);
  return regions.map((members, region) => ({
    words: codeOf(members[0]!),
    members,
    ...moments(activations, members, units),
    neighbours: neighbours[region]!,
    ...spreadOf(members, labels),
    boundaryDistance: rowNorms === null ? null : distanceOf(members, pre, rowNorms),
  }));
}

function moments(
  activations: Float32Array,
  members: readonly number[],
  units: number,
): { centroid: Float32Array; varianceMean: number } {
  const mean = new Float64Array(units);
  let squares = 0;
  members.forEach((row, before) => {
    for (let unit = 0; unit < units; unit++) {
      const value = activations[row * units + unit]!;
      const gap = value - mean[unit]!;
      mean[unit]! += gap / (before + 1);
      squares += gap * (value - mean[unit]!);
    }
  });
  return { centroid: Float32Array.from(mean), varianceMean: squares / (members.length * units) };
}

function spreadOf(
  members: readonly number[],
  labels: Int32Array | null,
): Pick<RegionGeometry, 'classes' | 'entropyBits' | 'purity'> {
  const counts = new Map<number, number>();
  for (const row of members) {
    const label = labels?.[row] ?? -1;
    if (label >= 0) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  const classes = new Map([...counts].sort(([a], [b]) => a - b));
  const spread = labelSpread(Int32Array.from(classes.values()), 0, classes.size);
  return { classes, entropyBits: spread?.entropyBits ?? null, purity: spread?.purity ?? null };
}

/** A unit that is constant has no boundary. */
function distanceOf(members: readonly number[], pre: Float32Array, rowNorms: Float64Array): number | null {
  const units = rowNorms.length;
  let least = Number.POSITIVE_INFINITY;
  for (const row of members) {
    for (let unit = 0; unit < units; unit++) {
      if (rowNorms[unit]! > 0) least = Math.min(least, Math.abs(pre[row * units + unit]!) / rowNorms[unit]!);
    }
  }
  return least === Number.POSITIVE_INFINITY ? null : least;
}
