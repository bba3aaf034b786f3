// Is a density along paths higher near marked points than elsewhere on the same path? The marks are moved
// around each path to see what chance gives.

import { bootstrapRatioOfSums } from './bootstrap.ts';
import type { Estimate, ResamplingOptions, UnitValues } from './bootstrap.ts';
import { permutationPValue } from './permutation.ts';
import type { Tail } from './permutation.ts';
import { randomStream, shuffle } from './rng.ts';

/** Places t* in [0, 1], such as changes of class, in any order. */
type Marks = readonly number[];

/** One leg of a path, t running from 0 to 1. */
export interface DensityLeg {
  /** `[bins]` mean density in equal bins of t. */
  readonly density: ArrayLike<number>;
  readonly marks: Marks;
}

export interface ShiftTest {
  /** Mean density near marks. */
  readonly near: number;
  /** Mean density elsewhere on the same legs. */
  readonly elsewhere: number;
  /** near / elsewhere. */
  readonly ratio: number;
  /** Mean ratio when marks are shifted: what chance gives. */
  readonly nullRatio: number;
  readonly pValue: number;
  /** Legs with a mark; others say nothing and are left out. */
  readonly legs: number;
}

export interface ShiftOptions {
  readonly seed: number;
  /** Near is |t - t*| <= halfWidth. @default 0.05 */
  readonly halfWidth?: number;
  /** @default 1000 */
  readonly shifts?: number;
  /** @default 'greater' */
  readonly tail?: Tail;
}

const DEFAULT_HALF_WIDTH = 0.05;
const DEFAULT_SHIFTS = 1000;

/**
 * Mean density within `halfWidth` of marks over mean density elsewhere, pooled over legs, and its p-value:
 * in each shift all marks of a leg move by one uniform amount modulo 1, which keeps their spacing and the
 * leg's density. Density is constant within a bin and windows cut bins exactly; windows end at the leg's
 * ends.
 * @returns null where the ratio is undefined: no leg has a mark, or the density is 0 away from marks.
 * @see polytope-lens specification, E4.
 */
export function circularShiftTest(
  legs: readonly DensityLeg[],
  { seed, halfWidth = DEFAULT_HALF_WIDTH, shifts = DEFAULT_SHIFTS, tail = 'greater' }: ShiftOptions,
): ShiftTest | null {
  return randomised(legs, halfWidth, {
    count: shifts,
    tail,
    draw: (marked, shift) => {
      const { uniform } = randomStream(seed, shift);
      return marked.map(({ marks }) => moved(marks, uniform()));
    },
  });
}

/**
 * The same ratio when legs swap their marks: what marks at these places give, whichever leg they belong to. Where the
 * density depends on the place alone, such as a peak in the middle of every leg, this p-value is not small.
 * @returns null as {@link circularShiftTest}, and where fewer than two legs have marks.
 */
export function swappedMarksTest(
  legs: readonly DensityLeg[],
  { seed, halfWidth = DEFAULT_HALF_WIDTH, shifts = DEFAULT_SHIFTS, tail = 'greater' }: ShiftOptions,
): ShiftTest | null {
  const found = randomised(legs, halfWidth, {
    count: shifts,
    tail,
    draw: (marked, swap) => {
      const order = shuffle([...marked.keys()], randomStream(seed, swap));
      return order.map((leg) => marked[leg]!.marks);
    },
  });
  return found !== null && found.legs > 1 ? found : null;
}

/** The observed ratio against those of `count` random arrangements of the marks. */
function randomised(
  legs: readonly DensityLeg[],
  halfWidth: number,
  {
    count,
    tail,
    draw,
  }: { count: number; tail: Tail; draw: (marked: readonly DensityLeg[], n: number) => Marks[] },
): ShiftTest | null {
  const withMarks = legs.filter(({ marks }) => marks.length > 0);
  const marked = withMarks.map((leg) => new LegIntegral(leg, halfWidth));
  const observed = pooled(
    marked,
    withMarks.map(({ marks }) => marks),
  );
  if (Number.isNaN(observed.ratio)) return null;
  const ratios = Float64Array.from({ length: count }, (_, n) => pooled(marked, draw(withMarks, n)).ratio);
  const defined = ratios.filter((ratio) => !Number.isNaN(ratio));
  return {
    ...observed,
    nullRatio: defined.reduce((sum, ratio) => sum + ratio, 0) / defined.length,
    pValue: permutationPValue(observed.ratio, ratios, tail),
    legs: marked.length,
  };
}

/** Marks moved along their leg, modulo 1. */
function moved(marks: Marks, shift: number): Marks {
  return marks.map((mark) => (mark + shift <= 1 ? mark + shift : mark + shift - 1));
}

/**
 * The ratio of {@link circularShiftTest} under resampling of legs, or of what legs share, such as chains.
 * @returns null where no leg has a mark.
 */
export function bootstrapNearRatio(
  legs: readonly DensityLeg[],
  {
    halfWidth = DEFAULT_HALF_WIDTH,
    ...options
  }: ResamplingOptions & Partial<UnitValues> & { readonly halfWidth?: number },
): Estimate | null {
  const sums = legs.map((leg) => new LegIntegral(leg, halfWidth).sums(leg.marks));
  if (!legs.some(({ marks }) => marks.length > 0)) return null;
  const of = (value: (leg: NearSums) => number) =>
    Float64Array.from(sums, (leg, i) => (legs[i]!.marks.length > 0 ? value(leg) : 0));
  const near = bootstrapRatioOfSums(
    of((leg) => leg.near),
    of((leg) => leg.nearLength),
    options,
  );
  const elsewhere = bootstrapRatioOfSums(
    of((leg) => leg.total - leg.near),
    of((leg) => 1 - leg.nearLength),
    options,
  );
  // The same seed and stream draw the same units for both.
  const replicates = near.replicates.map((value, i) => value / elsewhere.replicates[i]!);
  return { value: near.value / elsewhere.value, replicates };
}

interface NearSums {
  readonly near: number;
  readonly nearLength: number;
  readonly total: number;
}

/** Integrals of one leg's density over windows around its marks. */
class LegIntegral {
  /** `[bins + 1]` integral of the density up to each bin's start. */
  readonly #upTo: Float64Array;
  readonly #density: ArrayLike<number>;
  readonly #halfWidth: number;

  constructor({ density }: DensityLeg, halfWidth: number) {
    this.#upTo = new Float64Array(density.length + 1);
    for (let bin = 0; bin < density.length; bin++) {
      this.#upTo[bin + 1] = this.#upTo[bin]! + density[bin]! / density.length;
    }
    this.#density = density;
    this.#halfWidth = halfWidth;
  }

  /** Sums around some marks. */
  sums(marks: Marks): NearSums {
    let near = 0;
    let nearLength = 0;
    let reached = 0;
    for (const mark of [...marks].sort((a, b) => a - b)) {
      const low = Math.max(reached, mark - this.#halfWidth);
      const high = Math.min(1, mark + this.#halfWidth);
      if (high <= low) continue;
      near += this.#integral(high) - this.#integral(low);
      nearLength += high - low;
      reached = high;
    }
    return { near, nearLength, total: this.#upTo.at(-1)! };
  }

  #integral(t: number): number {
    const bins = this.#density.length;
    const bin = Math.min(bins - 1, Math.floor(t * bins));
    return this.#upTo[bin]! + (t - bin / bins) * this.#density[bin]!;
  }
}

/** Ratio of means over all legs; NaN where nothing is near, or nothing elsewhere. */
function pooled(
  legs: readonly LegIntegral[],
  marks: readonly Marks[],
): { near: number; elsewhere: number; ratio: number } {
  let [near, nearLength, total] = [0, 0, 0];
  for (const [i, leg] of legs.entries()) {
    const sums = leg.sums(marks[i]!);
    near += sums.near;
    nearLength += sums.nearLength;
    total += sums.total;
  }
  const elsewhere = (total - near) / (legs.length - nearLength);
  const mean = near / nearLength;
  return { near: mean, elsewhere, ratio: elsewhere > 0 ? mean / elsewhere : Number.NaN };
}
