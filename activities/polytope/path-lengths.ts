// Lengths of the image of a path in every tap: exact sums, since between two kinks every unit moves along a line.

import type { ChordKernel } from './chord-kernel.ts';
import type { Kinks, Piece } from './chord-state.ts';
import type { TapLengths } from './crossing-events.ts';
import type { PiecewiseNet, ReluUnits, StageUnits } from './piecewise-net.ts';

/** Adds up one tap's lengths, interval by interval. */
export class LengthMeter {
  /** `[paths]` */
  readonly before: Float64Array;
  readonly after: Float64Array;
  readonly #kernel: ChordKernel;
  readonly #width: number;
  readonly #units: StageUnits;
  readonly #slopes: UnitSlopes | null;

  constructor(
    kernel: ChordKernel,
    { paths, stage, net, units }: { paths: number; stage: number; net: PiecewiseNet; units: StageUnits },
  ) {
    this.#kernel = kernel;
    this.#width = net.stages[stage]!.width;
    this.#units = units;
    this.#slopes = units.kind === 'pool' ? null : slopesOf(net, stage, units);
    this.before = new Float64Array(paths);
    this.after = new Float64Array(paths).fill(this.#slopes === null ? Number.NaN : 0);
  }

  /** The interval from `row` to the next, whose kinks are `kinks.order[firstKink]` up to the last. */
  add(piece: Piece, row: number, kinks: Kinks, firstKink: number): void {
    const { values } = this.#kernel;
    const from = piece.at + row * this.#width + this.#units.offset;
    const columns = this.#units.kind === 'pool' ? poolInputs(this.#units) : this.#units.units;
    let before = 0;
    let after = 0;
    for (let unit = 0; unit < columns; unit++) {
      const a = values[from + unit]!;
      const rise = values[from + this.#width + unit]! - a;
      before += rise * rise;
      if (this.#slopes !== null) after += (rise * this.#slopes.behind(unit, a, rise)) ** 2;
    }
    const path = piece.path[row]!;
    this.before[path]! += Math.sqrt(before);
    if (this.#slopes !== null) this.after[path]! += this.#bent(after, this.#slopes, kinks, firstKink);
  }

  /** Length of an interval whose squared speed starts at `squares` and changes at every kink. */
  #bent(squares: number, slopes: UnitSlopes, kinks: Kinks, firstKink: number): number {
    let length = 0;
    let u = 0;
    for (let i = firstKink; i < kinks.count; i++) {
      const at = kinks.order[i]!;
      const unit = kinks.column[at]! - this.#units.offset;
      if (kinks.column[at]! < 0 || unit < 0 || unit >= this.#units.units) continue;
      length += (kinks.u[at]! - u) * Math.sqrt(Math.max(squares, 0));
      u = kinks.u[at]!;
      squares += kinks.rise[at]! ** 2 * slopes.changeOfSquare(unit, kinks.level[at]!, kinks.rise[at]!);
    }
    return length + (1 - u) * Math.sqrt(Math.max(squares, 0));
  }
}

/** Lengths of one path in every tap. */
export function lengthsOf(meters: readonly (LengthMeter | undefined)[], path: number): TapLengths {
  return {
    before: Float64Array.from(meters, (meter) => meter?.before[path] ?? Number.NaN),
    after: Float64Array.from(meters, (meter) => meter?.after[path] ?? Number.NaN),
  };
}

/** Slopes of a ReLU-like unit: `negative` up to 0, then 1, and 0 again behind the last bend of Clip. */
class UnitSlopes {
  readonly #negative: Float64Array | null;
  readonly #top: number;

  constructor(negative: Float64Array | null, bends: readonly number[]) {
    this.#negative = negative;
    this.#top = bends.reduce((a, b) => Math.max(a, b), 0);
  }

  /** Slope just behind `z` on the way along `rise`. */
  behind(unit: number, z: number, rise: number): number {
    if (z < 0 || (z === 0 && rise <= 0)) return this.#negative?.[unit] ?? 0;
    return this.#top > 0 && (z > this.#top || (z === this.#top && rise > 0)) ? 0 : 1;
  }

  /** Squared slope behind the level less that before it. */
  changeOfSquare(unit: number, level: number, rise: number): number {
    const above = level === 0 ? 1 : 0;
    const below = level === 0 ? (this.#negative?.[unit] ?? 0) : 1;
    return Math.sign(rise) * (above - below * below);
  }
}

function slopesOf(net: PiecewiseNet, stage: number, { tap, offset, units }: ReluUnits): UnitSlopes | null {
  const { activation } = net.taps[tap]!;
  const bends = net.stages[stage]!.taps.find((other) => other.tap === tap);
  const levels = bends?.kind === 'relu' ? bends.bends : [];
  if (activation === 'Relu' || activation === 'Clip') return new UnitSlopes(null, levels);
  const step = net.dense(stage + 1);
  return step === null ? null : new UnitSlopes(step.negativeSlopes.subarray(offset, offset + units), levels);
}

function poolInputs({ windows }: { windows: Int32Array }): number {
  return windows.reduce((most, column) => Math.max(most, column + 1), 0);
}
