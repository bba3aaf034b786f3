// The symbols of one max-pool along a path. A window's entries are lines between two rows, and the winner is their upper
// envelope.

import type { ChordKernel } from './chord-kernel.ts';
import type { ScanSink } from './bit-track.ts';
import { type Piece, placeBetween } from './chord-state.ts';
import { flipFlags } from './crossing-events.ts';
import { Envelope } from './pool-envelope.ts';
import type { PoolUnits } from './piecewise-net.ts';

/** Symbols per window: 0 where the maximum is not above 0, else 1 + index of the first entry that has it. */
export class PoolTrack {
  readonly units: PoolUnits;
  readonly #kernel: ChordKernel;
  readonly #width: number;
  readonly #envelope: Envelope;
  readonly #symbols: Int32Array;
  readonly #startSymbols: Int32Array;

  constructor(kernel: ChordKernel, units: PoolUnits, width: number) {
    this.units = units;
    this.#kernel = kernel;
    this.#width = width;
    this.#envelope = new Envelope(units.windowSize);
    this.#symbols = new Int32Array(units.units);
    this.#startSymbols = new Int32Array(units.units);
  }

  /** The first row of a path. */
  start(piece: Piece, row: number, tolerance: number): void {
    for (let window = 0; window < this.#symbols.length; window++)
      this.#startSymbols[window] = this.#symbolAt(piece, row, window, tolerance);
    this.#symbols.set(this.#startSymbols);
  }

  /** The interval from `row` to the next. */
  scan(piece: Piece, row: number, tolerance: number, sink: ScanSink): void {
    const from = piece.at + row * this.#width + this.units.offset;
    for (let window = 0; window < this.#symbols.length; window++) {
      if (this.#symbols[window]! > 0 && this.#keepsWinner(from, window, tolerance)) continue;
      if (this.#load(piece, row, window)) this.#walk(piece, row, window, tolerance, sink);
      else this.#become(piece, row, window, 0, piece.t[row]!, sink);
    }
  }

  /** The last row of a path. @returns how many symbols differ from the start's. */
  end(piece: Piece, row: number, tolerance: number, sink: ScanSink): number {
    let hamming = 0;
    for (let window = 0; window < this.#symbols.length; window++) {
      const symbol = this.#symbolAt(piece, row, window, tolerance);
      this.#become(piece, row, window, symbol, piece.t[row]!, sink);
      if (symbol !== this.#startSymbols[window]) hamming++;
    }
    return hamming;
  }

  /**
   * Whether the winner so far is above 0 and above every other entry at both rows, and so all the way between them: nearly all
   * windows, nearly always (bench: crossings).
   */
  #keepsWinner(from: number, window: number, tolerance: number): boolean {
    const { values } = this.#kernel;
    const { windows, windowSize } = this.units;
    const first = window * windowSize;
    const winner = this.#symbols[window]! - 1;
    const at = from + windows[first + winner]!;
    const left = values[at]!;
    const right = values[at + this.#width]!;
    if (!(left > 0 && right > 0)) return false;
    for (let i = 0; i < windowSize; i++) {
      const column = windows[first + i]!;
      if (column < 0 || i === winner) continue;
      if (!(values[from + column]! < left - tolerance)) return false;
      if (!(values[from + column + this.#width]! < right - tolerance)) return false;
    }
    return true;
  }

  #walk(piece: Piece, row: number, window: number, tolerance: number, sink: ScanSink): void {
    const envelope = this.#envelope;
    const [from, to] = [piece.t[row]!, piece.t[row + 1]!];
    envelope.trace(tolerance);
    for (let i = 0; i < envelope.count; i++) {
      const u = envelope.place[i]!;
      if (i > 0 && envelope.isKink[i] === 1) sink.kinks.add(row, u, -1, 0, 0);
      this.#become(piece, row, window, envelope.symbol[i]!, placeBetween(from, to, u), sink);
    }
  }

  #become(piece: Piece, row: number, window: number, symbol: number, t: number, { log }: ScanSink): void {
    if (symbol === this.#symbols[window]) return;
    this.#symbols[window] = symbol;
    log.add(piece.path[row]!, this.units.tap, window, t, flipFlags('pool', symbol !== 0));
  }

  /** Takes the window's lines into the envelope; false where every entry is 0 at both rows, as behind a ReLU that is off. */
  #load(piece: Piece, row: number, window: number): boolean {
    const { values } = this.#kernel;
    const { windows, windowSize, offset } = this.units;
    const from = piece.at + row * this.#width + offset;
    const { left, right } = this.#envelope;
    let isLive = false;
    for (let i = 0; i < windowSize; i++) {
      const column = windows[window * windowSize + i]!;
      const a = column < 0 ? Number.NEGATIVE_INFINITY : values[from + column]!;
      const b = column < 0 ? Number.NEGATIVE_INFINITY : values[from + this.#width + column]!;
      left[i] = a;
      right[i] = b;
      isLive ||= column >= 0 && (a !== 0 || b !== 0);
    }
    return isLive;
  }

  #symbolAt(piece: Piece, row: number, window: number, tolerance: number): number {
    const { values } = this.#kernel;
    const { windows, windowSize, offset } = this.units;
    const at = piece.at + row * this.#width + offset;
    let most = Number.NEGATIVE_INFINITY;
    let first = 0;
    for (let i = 0; i < windowSize; i++) {
      const column = windows[window * windowSize + i]!;
      if (column >= 0) most = Math.max(most, values[at + column]!);
    }
    if (!(most > 0)) return 0;
    for (let i = windowSize - 1; i >= 0; i--) {
      const column = windows[window * windowSize + i]!;
      if (column >= 0 && values[at + column]! >= most - tolerance) first = i;
    }
    return 1 + first;
  }
}
