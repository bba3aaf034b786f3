// Everything that one stage's rows say: flips, kinks, differing bits and lengths, path after path.

import { BitTrack, type ScanSink } from './bit-track.ts';
import type { ChordKernel } from './chord-kernel.ts';
import { Kinks, PATH_END, PATH_START, type Piece } from './chord-state.ts';
import type { CrossingLog } from './crossing-events.ts';
import type { LengthMeter } from './path-lengths.ts';
import type { Stage } from './piecewise-net.ts';
import { PoolTrack } from './pool-track.ts';

/** Sums over all paths of a solve. */
export interface PathTotals {
  readonly log: CrossingLog;
  /** `[paths, taps]` differing bits or symbols of the end points. */
  readonly hamming: Int32Array;
  /** `[paths, taps]` values closer than this are equal. */
  readonly tolerance: Float64Array;
  readonly taps: number;
  /** `[taps]`, where lengths are asked for. */
  readonly meters: readonly (LengthMeter | undefined)[];
}

/** Scans one stage's pieces. They must come in order: paths one after the other, each from its start to its end. */
export class StageScan {
  readonly kinks: Kinks = new Kinks();
  readonly #tracks: readonly (BitTrack | PoolTrack)[];
  readonly #totals: PathTotals;
  readonly #sink: ScanSink;

  constructor(kernel: ChordKernel, { taps, width }: Stage, totals: PathTotals) {
    this.#totals = totals;
    this.#sink = { kinks: this.kinks, log: totals.log };
    this.#tracks = taps.map((units) =>
      units.kind === 'relu' ? new BitTrack(kernel, units, width) : new PoolTrack(kernel, units, width),
    );
  }

  /** Scans a piece; its kinks lie in {@link StageScan.kinks} until the next call. */
  scan(piece: Piece): void {
    this.kinks.clear();
    for (let row = 0; row < piece.rows; row++) {
      const mark = piece.marks[row]!;
      if ((mark & PATH_START) !== 0) {
        for (const track of this.#tracks) track.start(piece, row, this.#tolerance(piece, row, track));
      }
      if ((mark & PATH_END) !== 0) this.#end(piece, row);
      else if (row + 1 < piece.rows) this.#interval(piece, row);
    }
  }

  #interval(piece: Piece, row: number): void {
    const firstKink = this.kinks.count;
    const isLast = (piece.marks[row + 1]! & PATH_END) !== 0;
    for (const track of this.#tracks) {
      const tolerance = this.#tolerance(piece, row, track);
      // The bits of the path's ends are the network's own, so those rows stay as they are.
      track.scan(piece, row, isLast && track instanceof BitTrack ? -1 : tolerance, this.#sink);
    }
    this.kinks.closeInterval();
    for (const { units } of this.#tracks) {
      this.#totals.meters[units.tap]?.add(piece, row, this.kinks, firstKink);
    }
  }

  #end(piece: Piece, row: number): void {
    const { hamming, taps } = this.#totals;
    for (const track of this.#tracks) {
      const tolerance = this.#tolerance(piece, row, track);
      hamming[piece.path[row]! * taps + track.units.tap] = track.end(piece, row, tolerance, this.#sink);
    }
  }

  #tolerance(piece: Piece, row: number, { units }: BitTrack | PoolTrack): number {
    return this.#totals.tolerance[piece.path[row]! * this.#totals.taps + units.tap]!;
  }
}
