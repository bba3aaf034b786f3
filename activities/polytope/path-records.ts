// What a solve leaves of every path: flips, counts, breakpoints and outputs.

import { PATH_START, type Piece, type Refinement } from './chord-state.ts';
import { bitEvents, type PathCrossings } from './crossing-events.ts';
import { lengthsOf } from './path-lengths.ts';
import type { PiecewiseNet } from './piecewise-net.ts';
import type { PathTotals } from './stage-scan.ts';

/** Breakpoints and outputs as they come: in order, path after path. */
export class PathRecords {
  /** Outputs per breakpoint; 0 where they are not wanted. */
  readonly outputs: number;
  #breakpoints: Float64Array = new Float64Array(1024);
  #count = 0;
  #values: Float64Array = new Float64Array(0);
  #valueCount = 0;
  readonly #perPath: Int32Array;

  constructor(paths: number, outputs: number) {
    this.outputs = outputs;
    this.#perPath = new Int32Array(paths);
  }

  /** The breakpoints of a last-stage piece. Its first row, where it goes on with a path, is the last of the piece before. */
  addBreakpoints(piece: Piece, refinement: Refinement): void {
    const first = isContinuation(piece) ? 1 : 0;
    this.#breakpoints = roomFor(this.#breakpoints, this.#count + refinement.rows);
    for (let at = first; at < refinement.rows; at++) {
      this.#breakpoints[this.#count++] = refinement.t(piece, at);
      this.#perPath[piece.path[refinement.base[at]!]!]!++;
    }
  }

  /** `piece` holds outputs at breakpoints. */
  addOutputs(kernelValues: Float64Array, piece: Piece): void {
    const first = isContinuation(piece) ? 1 : 0;
    const from = piece.at + first * this.outputs;
    const to = piece.at + piece.rows * this.outputs;
    this.#values = roomFor(this.#values, this.#valueCount + to - from);
    this.#values.set(kernelValues.subarray(from, to), this.#valueCount);
    this.#valueCount += to - from;
  }

  /** The report of every path. */
  finish({ taps }: PiecewiseNet, { log, hamming, meters }: PathTotals): PathCrossings[] {
    let start = 0;
    return log.flips(this.#perPath.length).map((flips, path) => {
      const end = start + this.#perPath[path]!;
      const tapCrossings = new Int32Array(taps.length);
      for (const tap of flips.tap) tapCrossings[tap]!++;
      const tapHamming = hamming.slice(path * taps.length, (path + 1) * taps.length);
      const sumOf = (counts: Int32Array, isPool: boolean) =>
        counts.reduce((sum, count, tap) => sum + ((taps[tap]!.kind === 'pool') === isPool ? count : 0), 0);
      const found: PathCrossings = {
        exact: true,
        samples: 0,
        crossings: sumOf(tapCrossings, false),
        events: bitEvents(flips),
        poolCrossings: sumOf(tapCrossings, true),
        hamming: sumOf(tapHamming, false),
        tapCrossings,
        tapHamming,
        flips,
        breakpoints: this.#breakpoints.slice(start, end),
        outputs: this.outputs > 0 ? this.#values.slice(start * this.outputs, end * this.outputs) : null,
        lengths: meters.length > 0 ? lengthsOf(meters, path) : null,
      };
      start = end;
      return found;
    });
  }
}

function isContinuation(piece: Piece): boolean {
  return (piece.marks[0]! & PATH_START) === 0;
}

function roomFor(values: Float64Array, wanted: number): Float64Array {
  if (wanted <= values.length) return values;
  const wider = new Float64Array(Math.max(wanted, values.length * 2));
  wider.set(values);
  return wider;
}
