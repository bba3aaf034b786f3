// The bits of one tap along a path: a streaming scan over rows, in order, that finds every flip and every bend.

import type { ChordKernel } from './chord-kernel.ts';
import { type CrossingLog, flipFlags } from './crossing-events.ts';
import { type Kinks, type Piece, placeBetween } from './chord-state.ts';
import type { ReluUnits } from './piecewise-net.ts';

/** Where a scan puts what it finds. */
export interface ScanSink {
  readonly kinks: Kinks;
  readonly log: CrossingLog;
}

/**
 * A bit sequence per unit: the bit at the path's start, just behind and just before every row, and at the path's end. Its
 * changes are the crossings, so their parity is the difference of the ends' bits, and a touch is none.
 */
export class BitTrack {
  readonly units: ReluUnits;
  readonly #kernel: ChordKernel;
  readonly #width: number;
  readonly #bits: Uint8Array;
  readonly #startBits: Uint8Array;
  /** Levels at which the unit bends without a flip. */
  readonly #otherBends: readonly number[];

  constructor(kernel: ChordKernel, units: ReluUnits, width: number) {
    this.units = units;
    this.#kernel = kernel;
    this.#width = width;
    this.#bits = new Uint8Array(units.units);
    this.#startBits = new Uint8Array(units.units);
    this.#otherBends = units.bends.filter((bend) => bend !== 0);
  }

  /** The first row of a path. */
  start(piece: Piece, row: number, _tolerance: number): void {
    const values = this.#kernel.values;
    const at = this.#at(piece, row);
    for (let unit = 0; unit < this.#bits.length; unit++)
      this.#startBits[unit] = values[at + unit]! > 0 ? 1 : 0;
    this.#bits.set(this.#startBits);
  }

  /** The interval from `row` to the next; `tolerance` is negative where the next is the path's end. */
  scan(piece: Piece, row: number, tolerance: number, sink: ScanSink): void {
    const kernel = this.#kernel;
    const [from, to] = [this.#at(piece, row), this.#at(piece, row + 1)];
    for (const level of this.#otherBends) {
      const count = kernel.scanRow(from, to, this.#bits.length, level, tolerance);
      for (let i = 0; i < count; i++) this.#bend(from, to, row, kernel.found[i]!, level, sink);
    }
    const count = kernel.scanRow(from, to, this.#bits.length, 0, tolerance);
    for (let i = 0; i < count; i++) this.#cross(piece, row, kernel.found[i]!, sink);
  }

  /** The last row of a path. @returns how many bits differ from the start's. */
  end(piece: Piece, row: number, _tolerance: number, sink: ScanSink): number {
    const values = this.#kernel.values;
    const at = this.#at(piece, row);
    let hamming = 0;
    for (let unit = 0; unit < this.#bits.length; unit++) {
      const bit = values[at + unit]! > 0 ? 1 : 0;
      if (bit !== this.#bits[unit]) this.#flip(piece, row, unit, sink);
      if (bit !== this.#startBits[unit]) hamming++;
    }
    return hamming;
  }

  #cross(piece: Piece, row: number, unit: number, sink: ScanSink): void {
    const values = this.#kernel.values;
    const a = values[this.#at(piece, row) + unit]!;
    const b = values[this.#at(piece, row + 1) + unit]!;
    const left = a > 0 || (a === 0 && b > 0) ? 1 : 0;
    if (left !== this.#bits[unit]) this.#flip(piece, row, unit, sink);
    const right = b > 0 || (b === 0 && a > 0) ? 1 : 0;
    if (right === left) return;
    const u = rootBetween(a, b);
    const t = placeBetween(piece.t[row]!, piece.t[row + 1]!, u);
    sink.log.add(piece.path[row]!, this.units.tap, unit, t, flipFlags('relu', right === 1));
    sink.kinks.add(row, u, this.units.offset + unit, 0, b - a);
    this.#bits[unit] = right;
  }

  #bend(from: number, to: number, row: number, unit: number, level: number, { kinks }: ScanSink): void {
    const values = this.#kernel.values;
    const [a, b] = [values[from + unit]! - level, values[to + unit]! - level];
    if (a * b < 0) kinks.add(row, rootBetween(a, b), this.units.offset + unit, level, b - a);
  }

  /** A flip at a row itself. */
  #flip(piece: Piece, row: number, unit: number, { log }: ScanSink): void {
    const bit = 1 - this.#bits[unit]!;
    this.#bits[unit] = bit;
    log.add(piece.path[row]!, this.units.tap, unit, piece.t[row]!, flipFlags('relu', bit === 1));
  }

  #at(piece: Piece, row: number): number {
    return piece.at + row * this.#width + this.units.offset;
  }
}

/** Where the line from `a` to `b`, of opposite signs, is 0: above 0, at most 1. */
function rootBetween(a: number, b: number): number {
  return Math.max(a / (a - b), Number.MIN_VALUE);
}
