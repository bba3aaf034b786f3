// Statistics of regions: labels within a region, and the distribution of points over regions.

/** Labels of one region. */
export interface LabelSpread {
  /** Entropy of the labels in bits. */
  readonly entropyBits: number;
  /** Share of the most frequent label. */
  readonly purity: number;
}

/** Spread of the class counts `[from, to)`, or null where there are none. */
export function labelSpread(classCounts: Int32Array, from: number, to: number): LabelSpread | null {
  let total = 0;
  let most = 0;
  for (let entry = from; entry < to; entry++) {
    total += classCounts[entry]!;
    most = Math.max(most, classCounts[entry]!);
  }
  if (total === 0) return null;
  let entropyBits = 0;
  for (let entry = from; entry < to; entry++) {
    const share = classCounts[entry]! / total;
    entropyBits -= share * Math.log2(share);
  }
  return { entropyBits: Math.abs(entropyBits), purity: most / total };
}

/** How many regions have each number of points: a commutative monoid, and all that the code entropy needs. */
export class RegionSizes {
  readonly #regions = new Map<number, number>();

  add(count: number, regions = 1): void {
    this.#regions.set(count, (this.#regions.get(count) ?? 0) + regions);
  }

  merge(other: RegionSizes): void {
    for (const [count, regions] of other.entries()) this.add(count, regions);
  }

  /** (points, regions with that many points), ascending. */
  entries(): [count: number, regions: number][] {
    return [...this.#regions].sort(([a], [b]) => a - b);
  }
}

export interface CodeEntropy {
  readonly points: number;
  readonly regions: number;
  /** Regions of one point. */
  readonly singletons: number;
  /** Plug-in entropy of the code. */
  readonly bits: number;
  /**
   * With the Miller-Madow correction (regions - 1) / (2 points ln 2); not to be trusted where occupancy >
   * 0.5.
   */
  readonly correctedBits: number;
  /** Regions over points. */
  readonly occupancy: number;
}

/**
 * Entropy of the code, or null without points. Sizes are summed in ascending order, so the result does not
 * depend on theirs.
 * @see Miller, "Note on the bias of information estimates", 1955.
 */
export function codeEntropy(sizes: RegionSizes): CodeEntropy | null {
  let points = 0;
  let regions = 0;
  let sum = 0;
  for (const [count, frequency] of sizes.entries()) {
    points += count * frequency;
    regions += frequency;
    sum += frequency * count * Math.log2(count);
  }
  if (points === 0) return null;
  const bits = Math.max(0, Math.log2(points) - sum / points);
  const correctedBits = bits + (regions - 1) / (2 * points * Math.LN2);
  const singletons = sizes.entries().find(([count]) => count === 1)?.[1] ?? 0;
  return { points, regions, singletons, bits, correctedBits, occupancy: regions / points };
}

export interface PurityInput {
  /** Points with a label of each region that has two or more points. */
  readonly regionLabels: Int32Array;
  /** Points of each class over all regions of the span. */
  readonly classTotals: Int32Array;
  /** Uniform numbers in [0, 1). */
  readonly uniform: () => number;
  /** Shuffles to average. */
  readonly rounds: number;
}

/**
 * Purity, weighted by points, that regions of these sizes have when labels are dealt out at random; null
 * without labels.
 */
export function chancePurity({ regionLabels, classTotals, uniform, rounds }: PurityInput): number | null {
  const dealt = regionLabels.reduce((sum, labels) => sum + labels, 0);
  if (dealt === 0) return null;
  const labels = new Int32Array(classTotals.reduce((sum, total) => sum + total, 0));
  classTotals.reduce((at, total, classId) => {
    labels.fill(classId, at, at + total);
    return at + total;
  }, 0);
  const counts = new Int32Array(classTotals.length);
  let pure = 0;
  for (let round = 0; round < rounds; round++) {
    let at = 0;
    for (const size of regionLabels) {
      pure += mostFrequent(dealOut(labels, at, { size, uniform }), counts);
      at += size;
    }
  }
  return pure / (rounds * dealt);
}

/**
 * Draws `size` labels without replacement into the places from `at` on (one stretch of a Fisher-Yates
 * shuffle).
 */
function dealOut(
  labels: Int32Array,
  at: number,
  { size, uniform }: { size: number; uniform: () => number },
): Int32Array {
  for (let place = at; place < at + size; place++) {
    const other = place + Math.floor(uniform() * (labels.length - place));
    const label = labels[other]!;
    labels[other] = labels[place]!;
    labels[place] = label;
  }
  return labels.subarray(at, at + size);
}

function mostFrequent(labels: Int32Array, counts: Int32Array): number {
  let most = 0;
  for (const label of labels) {
    const count = counts[label]! + 1;
    counts[label] = count;
    if (count > most) most = count;
  }
  for (const label of labels) counts[label] = 0;
  return most;
}
