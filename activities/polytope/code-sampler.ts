// Codes of a network at points of a curve, evaluated in batches and packed into words.

import { PipelineError } from '#schemas/errors.ts';
import type { SampledNet } from './piecewise-net.ts';
import { type Curve, pointAt } from './polyline.ts';

/** The code at one place of the curve: bits of all taps one after the other, LSB first. */
export interface BitRow {
  readonly t: number;
  readonly words: Uint32Array;
}

export class CodeSampler {
  /** Points evaluated so far. */
  samples = 0;
  readonly taps: number;
  readonly #net: SampledNet;
  readonly #curve: Curve;
  readonly #options: {
    readonly pointsPerEvaluate: number;
    readonly name: string;
    readonly signal: AbortSignal | undefined;
  };
  /** `[taps + 1]` first bit of each tap. */
  readonly #firstBit: Int32Array;

  constructor(
    net: SampledNet,
    curve: Curve,
    options: {
      readonly pointsPerEvaluate: number;
      readonly name: string;
      readonly signal: AbortSignal | undefined;
    },
  ) {
    this.#net = net;
    this.#curve = curve;
    this.#options = options;
    this.taps = net.taps.length;
    this.#firstBit = new Int32Array(this.taps + 1);
    net.taps.forEach(({ channels, height, width }, tap) => {
      this.#firstBit[tap + 1] = this.#firstBit[tap]! + channels * height * width;
    });
  }

  /** Codes at places of the curve, in the order given. */
  async codes(places: Float64Array): Promise<BitRow[]> {
    const { pointsPerEvaluate, signal } = this.#options;
    const rows: BitRow[] = [];
    for (let first = 0; first < places.length; first += pointsPerEvaluate) {
      signal?.throwIfAborted();
      const batch = places.subarray(first, first + pointsPerEvaluate);
      const points = new Float64Array(batch.length * this.#net.start.size);
      batch.forEach((t, i) => {
        points.set(pointAt(this.#curve, t), i * this.#net.start.size);
      });
      const { pre } = await this.#net.evaluate(points, batch.length, 'codes');
      batch.forEach((t, row) => {
        rows.push({ t, words: this.#pack(pre, row, t) });
      });
    }
    this.samples += places.length;
    return rows;
  }

  /** Calls `visit` for every bit that differs, with its value in the second row. */
  forEachDifference(a: BitRow, b: BitRow, visit: (tap: number, unit: number, isOn: boolean) => void): void {
    let tap = 0;
    for (let word = 0; word < a.words.length; word++) {
      for (let rest = (a.words[word]! ^ b.words[word]!) >>> 0; rest !== 0; rest = (rest & (rest - 1)) >>> 0) {
        const bit = word * 32 + 31 - Math.clz32(rest & -rest);
        while (bit >= this.#firstBit[tap + 1]!) tap++;
        visit(tap, bit - this.#firstBit[tap]!, ((b.words[word]! >>> (bit & 31)) & 1) === 1);
      }
    }
  }

  #pack(pre: readonly Float32Array[], row: number, t: number): Uint32Array {
    const words = new Uint32Array((this.#firstBit[this.taps]! + 31) >>> 5);
    pre.forEach((values, tap) => {
      const first = this.#firstBit[tap]!;
      const units = this.#firstBit[tap + 1]! - first;
      for (let unit = 0; unit < units; unit++) {
        const z = values[row * units + unit]!;
        if (!Number.isFinite(z)) throw this.#nonFinite(tap, z, t);
        if (z > 0) words[(first + unit) >>> 5]! |= 1 << ((first + unit) & 31);
      }
    });
    return words;
  }

  #nonFinite(tap: number, value: number, t: number): PipelineError {
    return new PipelineError({
      kind: 'non-finite-input',
      what: `a pre-activation of ${this.#net.taps[tap]!.name} is not finite`,
      where: `${this.#options.name}, t = ${t}`,
      value: String(value),
      remedy: 'Check the points and the weights for NaN and overflow.',
    });
  }
}

/** Bits on which two codes differ. */
export function differingBits(a: BitRow, b: BitRow): number {
  let bits = 0;
  for (let word = 0; word < a.words.length; word++) {
    let x = a.words[word]! ^ b.words[word]!;
    x -= (x >>> 1) & 0x55555555;
    x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
    x = (x + (x >>> 4)) & 0x0f0f0f0f;
    bits += Math.imul(x, 0x01010101) >>> 24;
  }
  return bits;
}
