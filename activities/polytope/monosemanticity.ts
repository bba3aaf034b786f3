// How much of one thing a set of points is: by labels, and by similarity in an embedding that the network
// under study did not make.

import { labelSpread } from './region-stats.ts';

/** Labels of all points that sets are drawn from. */
export interface Labels {
  /** `[points]` class of every point, -1 where it has none. */
  readonly classOf: Int32Array;
  /** Number of classes C; classes are 0 .. C - 1. */
  readonly classes: number;
}

export interface SetScores {
  readonly size: number;
  /** Members with a label: the scores are about these. */
  readonly labelled: number;
  /** Share of the commonest class. */
  readonly purity: number;
  /** The commonest class, the lowest of equals. */
  readonly topLabel: number;
  /** H of the members' classes. */
  readonly entropyBits: number;
  /**
   * H / log2(min(labelled, C)), from 0 (one class) to 1 (as mixed as can be); 0 where only one class is
   * possible.
   */
  readonly normalisedEntropy: number;
  /** 2^H. */
  readonly effectiveClasses: number;
}

/**
 * Scores of a set of points by their labels.
 * @param members - point numbers.
 * @returns null where no member has a label.
 * @throws RangeError for a member that is no point or a class out of range.
 * @see polytope-lens specification, section 4 (scores per set).
 */
export function setScores(members: ArrayLike<number>, { classOf, classes }: Labels): SetScores | null {
  const counts = new Int32Array(classes);
  for (let i = 0; i < members.length; i++) {
    const label = classOf[members[i]!];
    if (label === undefined || label >= classes) {
      throw new RangeError(`member ${members[i]} has no class below ${classes}`);
    }
    if (label >= 0) counts[label] = counts[label]! + 1;
  }
  const present = counts.filter((count) => count > 0);
  const spread = labelSpread(present, 0, present.length);
  if (spread === null) return null;
  const labelled = present.reduce((sum, count) => sum + count, 0);
  const topLabel = counts.reduce((top, count, label) => (count > counts[top]! ? label : top), 0);
  const most = Math.log2(Math.min(labelled, classes));
  return {
    size: members.length,
    labelled,
    purity: spread.purity,
    topLabel,
    entropyBits: spread.entropyBits,
    normalisedEntropy: most > 0 ? spread.entropyBits / most : 0,
    effectiveClasses: 2 ** spread.entropyBits,
  };
}

/** Directions of points in an embedding. */
export interface UnitEmbedding {
  /** `[rows, cols]` unit rows; a zero row stays zero and is similar to nothing. */
  readonly unit: Float64Array;
  readonly rows: number;
  readonly cols: number;
  /** Mean cosine over all pairs of points: what a random set of any size has on average. */
  readonly meanSimilarity: number;
}

/**
 * Prepares an external embedding.
 * @param values - `[rows, cols]`, finite.
 * @throws RangeError for fewer than two rows or values that do not fit the shape.
 */
export function unitEmbedding(
  values: Float32Array,
  { rows, cols }: { readonly rows: number; readonly cols: number },
): UnitEmbedding {
  if (rows < 2 || values.length !== rows * cols) {
    throw new RangeError(`an embedding of [${rows}, ${cols}] with ${values.length} values`);
  }
  const unit = Float64Array.from(values);
  for (let at = 0; at < unit.length; at += cols) {
    const row = unit.subarray(at, at + cols);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    for (let j = 0; j < cols; j++) row[j] = length > 0 ? row[j]! / length : 0;
  }
  const everything = Int32Array.from({ length: rows }, (_, i) => i);
  const embedding = { unit, rows, cols, meanSimilarity: 0 };
  return { ...embedding, meanSimilarity: meanPairSimilarity(everything, embedding) };
}

/**
 * Mean cosine over pairs of members, less what random sets of the same size have on average (which is
 * exactly the mean over all pairs of points).
 * @returns null for fewer than two members.
 * @see polytope-lens specification, section 4 (external embedding).
 */
export function excessSimilarity(members: ArrayLike<number>, embedding: UnitEmbedding): number | null {
  if (members.length < 2) return null;
  return meanPairSimilarity(members, embedding) - embedding.meanSimilarity;
}

/** From the sum s of unit rows: |s|^2 counts every pair twice and every row with itself. */
function meanPairSimilarity(members: ArrayLike<number>, { unit, cols }: UnitEmbedding): number {
  const sum = new Float64Array(cols);
  let own = 0;
  for (let i = 0; i < members.length; i++) {
    const at = members[i]! * cols;
    for (let j = 0; j < cols; j++) {
      sum[j] = sum[j]! + unit[at + j]!;
      own += unit[at + j]! ** 2;
    }
  }
  const all = sum.reduce((total, value) => total + value * value, 0);
  return (all - own) / (members.length * (members.length - 1));
}
