// A seeded uniform sample of the points of every span, with their codes: a commutative monoid like the region
// table.

import { pointHash, pointOfHash } from './point-hash.ts';
import type { CodeRows } from './region-rows.ts';

/** Points and codes of one span, in the seeded random order. */
export interface SampledCodes {
  readonly rows: number;
  readonly pointId: Int32Array; // [rows]
  readonly words: Uint32Array; // [rows, wordsPerRow]
}

/** Memory that one span's sample may take. */
const SAMPLE_BYTES = 4 * 2 ** 20;
const MOST_POINTS = 1000;
const FEWEST_POINTS = 200;

/**
 * Size of a span's sample: at most 1,000 points, fewer where codes are wide, none for spans without words.
 */
export function samplePoints(wordsPerRow: number): number {
  if (wordsPerRow === 0) return 0;
  return Math.max(FEWEST_POINTS, Math.min(MOST_POINTS, Math.floor(SAMPLE_BYTES / (wordsPerRow * 4))));
}

export interface SampleOptions {
  /** Words of one code by span; 0 for spans without words. */
  readonly spanWords: readonly number[];
  /** Points that the whole run has, by span. */
  readonly spanPoints: readonly number[];
  /** Seed of the order of points, as of `orderSeed`. */
  readonly seed: number;
}

/**
 * Largest hash that can be among the `wanted` smallest of `points`, but for one run in 10^15: the number of
 * smaller hashes is
 * close to Poisson, and this leaves eight standard deviations. Knowing it beforehand makes most rows cost
 * one comparison.
 */
function firstThreshold(wanted: number, points: number): number {
  if (wanted === 0) return -1;
  return Math.min(1, (wanted + 8 * Math.sqrt(wanted) + 32) / points) * 0xffffffff;
}

/** The points with the smallest seeded hash, per span. */
export class CodeSample {
  readonly #spans: readonly SpanSample[];
  readonly #seed: number;

  constructor({ spanWords, spanPoints, seed }: SampleOptions) {
    this.#seed = seed;
    this.#spans = spanWords.map(
      (words, span) => new SpanSample(words, samplePoints(words), spanPoints[span]!),
    );
  }

  addCodes(codes: CodeRows): void {
    const words = new Uint32Array(codes.words.buffer, codes.words.byteOffset, codes.words.byteLength >> 2);
    for (let row = 0; row < codes.rows; row++) {
      const span = this.#spans[codes.span[row]!]!;
      const hash = pointHash(codes.pointId[row]!, this.#seed);
      if (hash <= span.threshold) span.add(hash, words, codes.wordOffsets[row]! >> 2);
    }
  }

  /** Adds a sample of other points of the same span. */
  addSample(span: number, sample: SampledCodes): void {
    const target = this.#spans[span]!;
    for (let row = 0; row < sample.rows; row++) {
      const hash = pointHash(sample.pointId[row]!, this.#seed);
      if (hash <= target.threshold) target.add(hash, sample.words, row * target.wordsPerRow);
    }
  }

  sampled(span: number): SampledCodes {
    const { hashes, words, rows } = this.#spans[span]!.trim();
    const pointId = Int32Array.from(hashes.subarray(0, rows), (hash) => pointOfHash(hash, this.#seed));
    return { rows, pointId, words };
  }

  clear(): void {
    for (const span of this.#spans) span.clear();
  }
}

/** Keeps up to twice the wanted points and trims when full, so that adding costs constant time. */
class SpanSample {
  readonly wordsPerRow: number;
  readonly wanted: number;
  /** Only smaller hashes can still matter; -1 where nothing is wanted. */
  threshold: number;
  #hashes: Uint32Array = new Uint32Array(0);
  #words: Uint32Array = new Uint32Array(0);
  #rows = 0;
  readonly #firstThreshold: number;

  constructor(wordsPerRow: number, wanted: number, points: number) {
    this.wordsPerRow = wordsPerRow;
    this.wanted = wanted;
    this.#firstThreshold = this.threshold = firstThreshold(wanted, points);
  }

  add(hash: number, words: Uint32Array, at: number): void {
    if (this.#hashes.length === 0) {
      this.#hashes = new Uint32Array(this.wanted * 2);
      this.#words = new Uint32Array(this.wanted * 2 * this.wordsPerRow);
    }
    const to = this.#rows * this.wordsPerRow;
    this.#hashes[this.#rows++] = hash;
    for (let word = 0; word < this.wordsPerRow; word++) this.#words[to + word] = words[at + word]!;
    if (this.#rows === this.#hashes.length) this.trim();
  }

  /** Sorts by hash and keeps the wanted ones. */
  trim(): { hashes: Uint32Array; words: Uint32Array; rows: number } {
    const order = Int32Array.from({ length: this.#rows }, (_, row) => row);
    order.sort((a, b) => this.#hashes[a]! - this.#hashes[b]!);
    const kept = order.subarray(0, this.wanted);
    const width = this.wordsPerRow;
    const words = new Uint32Array(kept.length * width);
    kept.forEach((row, i) => {
      words.set(this.#words.subarray(row * width, (row + 1) * width), i * width);
    });
    this.#hashes.set(Uint32Array.from(kept, (row) => this.#hashes[row]!));
    this.#words.set(words);
    this.#rows = kept.length;
    if (kept.length === this.wanted && this.wanted > 0) this.threshold = this.#hashes[kept.length - 1]!;
    return { hashes: this.#hashes, words, rows: this.#rows };
  }

  clear(): void {
    this.#rows = 0;
    this.threshold = this.#firstThreshold;
  }
}
