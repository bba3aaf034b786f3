// How many dimensions a sample of codes has: participation ratio of the bit covariance, and
// two-nearest-neighbour dimension.

import type { SampledCodes } from './code-sample.ts';

export interface CodeDimension {
  /** (tr C)^2 / tr C^2 of the bit covariance C; null where no bit varies. */
  readonly participationRatio: number | null;
  /** Null with fewer than three distinct codes. */
  readonly twoNearest: number | null;
}

/**
 * Both need all pairwise Hamming distances, so one pass gives both.
 * @param sample - `[rows, wordsPerRow]` codes, pad bits zero.
 * @see Facco, d'Errico, Rodriguez, Laio, "Estimating the intrinsic dimension of datasets by a minimal
 * neighborhood information", 2017.
 */
export function codeDimension(sample: SampledCodes): CodeDimension {
  const width = sample.rows === 0 ? 0 : sample.words.length / sample.rows;
  const { codes, weights } = distinctCodes(sample, width);
  const gram = new GramSums(weights);
  const nearest = new NearestTwo(weights.length);
  const ones = weights.map((_, row) => hamming(codes, row * width, null, 0, width));
  for (let row = 0; row < weights.length; row++) {
    gram.add(row, row, ones[row]!);
    for (let other = 0; other < row; other++) {
      const distance = hamming(codes, row * width, codes, other * width, width);
      gram.add(row, other, (ones[row]! + ones[other]! - distance) / 2);
      nearest.offer(row, distance);
      nearest.offer(other, distance);
    }
  }
  return { participationRatio: gram.participationRatio(), twoNearest: nearest.dimension() };
}

/**
 * Distinct codes with how often each occurs: repeats have distance 0, which the two-nearest estimate cannot
 * use.
 */
function distinctCodes(
  { rows, words }: SampledCodes,
  width: number,
): { codes: Uint32Array; weights: number[] } {
  const seen = new Map<string, number>();
  const kept: number[] = [];
  const weights: number[] = [];
  for (let row = 0; row < rows; row++) {
    const key = words.subarray(row * width, (row + 1) * width).join();
    const at = seen.get(key);
    if (at !== undefined) {
      weights[at]!++;
      continue;
    }
    seen.set(key, kept.length);
    kept.push(row);
    weights.push(1);
  }
  const codes = new Uint32Array(kept.length * width);
  kept.forEach((row, i) => {
    codes.set(words.subarray(row * width, (row + 1) * width), i * width);
  });
  return { codes, weights };
}

/** Differing bits of two rows; with no second row, bits that are on. */
function hamming(a: Uint32Array, atA: number, b: Uint32Array | null, atB: number, width: number): number {
  let bits = 0;
  for (let word = 0; word < width; word++) {
    let x = b === null ? a[atA + word]! : a[atA + word]! ^ b[atB + word]!;
    x -= (x >>> 1) & 0x55555555;
    x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
    x = (x + (x >>> 4)) & 0x0f0f0f0f;
    bits += Math.imul(x, 0x01010101) >>> 24;
  }
  return bits;
}

/**
 * Traces of the covariance from inner products of samples: C and the centred Gram matrix share their
 * non-zero eigenvalues.
 */
class GramSums {
  readonly #weights: readonly number[];
  readonly #rowSums: Float64Array;
  #trace = 0;
  #squares = 0;

  constructor(weights: readonly number[]) {
    this.#weights = weights;
    this.#rowSums = new Float64Array(weights.length);
  }

  add(row: number, other: number, product: number): void {
    const [a, b] = [this.#weights[row]!, this.#weights[other]!];
    this.#rowSums[row]! += b * product;
    if (row !== other) this.#rowSums[other]! += a * product;
    else this.#trace += a * product;
    this.#squares += (row === other ? 1 : 2) * a * b * product * product;
  }

  participationRatio(): number | null {
    const n = this.#weights.reduce((sum, weight) => sum + weight, 0);
    let total = 0;
    let rowSquares = 0;
    this.#rowSums.forEach((sum, row) => {
      total += this.#weights[row]! * sum;
      rowSquares += this.#weights[row]! * sum * sum;
    });
    const trace = this.#trace - total / n;
    const squares = this.#squares - (2 * rowSquares) / n + (total / n) ** 2;
    return n < 2 || trace <= 1e-9 * this.#trace ? null : trace ** 2 / squares;
  }
}

/**
 * The two smallest distances of every row, and how many others have them. Hamming distances are whole
 * numbers and tie: `m` rows at
 * distance r are spread evenly over (r - 1/2, r + 1/2), as rounded distances would lie, so the i-th of them
 * counts as r - 1/2 + i / (m + 1).
 */
class NearestTwo {
  readonly #first: Float64Array;
  readonly #firstTies: Int32Array;
  readonly #second: Float64Array;
  readonly #secondTies: Int32Array;

  constructor(rows: number) {
    this.#first = new Float64Array(rows).fill(Number.POSITIVE_INFINITY);
    this.#second = new Float64Array(rows).fill(Number.POSITIVE_INFINITY);
    this.#firstTies = new Int32Array(rows);
    this.#secondTies = new Int32Array(rows);
  }

  offer(row: number, distance: number): void {
    if (distance > this.#second[row]!) return;
    if (distance < this.#first[row]!) {
      this.#second[row] = this.#first[row]!;
      this.#secondTies[row] = this.#firstTies[row]!;
      this.#first[row] = distance;
      this.#firstTies[row] = 1;
    } else if (distance === this.#first[row]) {
      this.#firstTies[row]!++;
    } else if (distance < this.#second[row]!) {
      this.#second[row] = distance;
      this.#secondTies[row] = 1;
    } else {
      this.#secondTies[row]!++;
    }
  }

  dimension(): number | null {
    const rows = this.#first.length;
    if (rows < 3) return null;
    let logRatios = 0;
    for (let row = 0; row < rows; row++) {
      const ties = this.#firstTies[row]!;
      const near = this.#first[row]! - 0.5 + 1 / (ties + 1);
      const next =
        ties > 1
          ? this.#first[row]! - 0.5 + 2 / (ties + 1)
          : this.#second[row]! - 0.5 + 1 / (this.#secondTies[row]! + 1);
      logRatios += Math.log(next / near);
    }
    return logRatios > 0 ? (rows - 1) / logRatios : null;
  }
}
